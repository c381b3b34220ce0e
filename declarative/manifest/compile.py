"""Manifests become resources: rendered, parsed, checked; every mistake is found, not only the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from functools import lru_cache

from msgspec import Struct

from declarative import kinds
from declarative.diagnostics import Diagnostic, by_place, nearest, repeated
from declarative.errors import ProjectError
from declarative.kinds.rules import Violation
from declarative.manifest import bookkeeping
from declarative.manifest.cache import Cache, Known
from declarative.manifest.document import Document, Parsed, Reading, decode, read
from declarative.manifest.envelope import addresses, lifecycle
from declarative.manifest.files import ManifestFile
from declarative.manifest.findings import Cause, findings
from declarative.manifest.outline import Addresses, identity, outline, references
from declarative.manifest.rendered import Rendered
from declarative.manifest.template import Templates
from declarative.model.address import Address
from declarative.model.bookkeeping import Statement
from declarative.model.position import Position
from declarative.model.resource import Resource
from declarative.model.value import EMPTY, FrozenMap, Path


class Compiled(Struct, frozen=True):
    """The resources of a project in order of address, and everything that is wrong with its manifests.

    `statements` are its documents about the state. `outlines` are its manifests with mistakes, as far as they can be read.
    """

    resources: tuple[Resource, ...]
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[ManifestFile, ...]
    templates: Templates
    statements: tuple[Statement, ...] = ()
    outlines: tuple[Resource, ...] = ()

    def document(self, resource: Resource) -> Document | None:
        """The document of a resource, its file read anew: documents are too many to keep, and rarely asked for."""
        return _document(resource, self.files, self.templates)

    def locate(self, resource: Resource, path: Path) -> Position:
        """The place of a value of a resource."""
        document = self.document(resource)
        return document.locate(path) if document else resource.where

    def locate_reference(self, resource: Resource, field: Path, to: Address) -> Position:
        """The place where a resource refers to another; `field` is that of the addresses."""
        document = self.document(resource)
        found = references(document.value) if document else ()
        paths = (path for text, path in found if text == str(to) and path[:-1] == field)
        return self.locate(resource, next(paths, field))


def compile_files(files: Iterable[ManifestFile], templates: Templates, cache: Cache | None = None) -> Compiled:
    """Compiles all files but for those that the cache knows; never raises for what an author did."""
    files = tuple(files)
    compiler = _Compiler(files, templates, cache or Cache())
    for file in files:
        compiler.read(file)
    compiler.check_references()
    resources = tuple(sorted(compiler.resources.values(), key=lambda resource: resource.address))
    statements, outlines = tuple(compiler.statements), tuple(compiler.outlines.values())
    return Compiled(resources, compiler.told(), files, templates, statements, outlines)


def _document(resource: Resource, files: Iterable[ManifestFile], templates: Templates) -> Document | None:
    for file in sorted(files, key=lambda file: file.name != resource.where.file):
        if found := _by_place(file, templates).get((str(resource.address), resource.where)):
            return found
    return None


# What is asked for of one resource is soon asked for of the next one in its file. A loop makes many of them at one place.
@lru_cache(maxsize=1)
def _by_place(file: ManifestFile, templates: Templates) -> Mapping[tuple[str | None, Position], Document]:
    return {(address_text(document), document.where): document for document in documents_of(file, templates).documents}


def documents_of(file: ManifestFile, templates: Templates) -> Parsed:
    """All documents of a file, unchecked."""
    try:
        return read(_rendered(_bytes(file), file, templates), file.name)
    except ProjectError as error:
        return Parsed((), error.diagnostics, complete=False)


def _rendered(data: bytes, file: ManifestFile, templates: Templates) -> Rendered:
    return templates.render(decode(data, file.name), file.name)


def _bytes(file: ManifestFile) -> bytes:
    try:
        return file.path.read_bytes()
    except OSError as error:
        raise ProjectError(
            Diagnostic("Unreadable file", f"{file.name}: {error.strerror}.", None, Position(file.name))
        ) from error


class _Compiler:
    def __init__(self, files: tuple[ManifestFile, ...], templates: Templates, cache: Cache) -> None:
        self.files = files
        self.templates = templates
        self.cache = cache
        self.resources: dict[Address, Resource] = {}
        self.diagnostics: list[Diagnostic] = []
        # A loop makes the same mistake in every iteration, but the author made it once: the first of each cause counts.
        self.findings: dict[Cause, Diagnostic] = {}
        self.turns: Counter[Cause] = Counter()
        self.named: dict[tuple[str, str, str], Resource] = {}
        # Addresses that manifests refer to, each with whose and which value it is.
        self.references: list[tuple[str, Resource, Path]] = []
        self.statements: list[Statement] = []
        self.outlines: dict[Address, Resource] = {}
        self.addresses = Addresses()
        # Whether there are files of which nobody knows which manifests they would have had.
        self.unread = False

    def read(self, file: ManifestFile) -> None:
        """Checks and takes up all documents of a file, one after another."""
        try:
            data = _bytes(file)
            if (known := self.cache.recall(data)) is not None:
                for one in known:
                    self._take(one.value, Position(file.name, one.line, one.column))
                return
            reading = Reading(_rendered(data, file, self.templates), file.name)
        except ProjectError as error:
            self.diagnostics += error.diagnostics
            self.unread = True
            return
        is_broken = reading.rendered.is_broken
        taken = [self.add(document, reading.told, is_broken) for document in reading.documents()]
        self.diagnostics += reading.diagnostics
        self.unread = self.unread or not reading.complete
        if reading.complete and reading.rendered.is_verbatim and all(taken):
            self.cache.keep(data, [one for one in taken if one])

    def told(self) -> tuple[Diagnostic, ...]:
        """Everything that was found, each mistake once, sorted by place."""
        once = (repeated(one, self.turns[cause]) for cause, one in self.findings.items())
        found: dict[tuple[object, ...], Diagnostic] = {}
        for one in (*self.diagnostics, *once):
            found.setdefault((one.where, one.summary, one.detail), one)
        return by_place(found.values())

    def add(self, document: Document, told: Set[Position | None], is_broken: bool) -> Known | None:
        """Checks one document and takes it up where it is sound; what there is to know of it, where it is a sound manifest.

        `told` are places of known mistakes; `is_broken` says that some of its values may be unknown.
        """
        found = [(cause, one) for cause, one in findings(document) if one.where not in told]
        for cause, one in found:
            self.find(cause, one)
        about_state = bookkeeping.model_of(document.value) is not None
        if found or told or is_broken:
            if not about_state:
                self._sketch(document)
        elif about_state:
            self.statements.append(bookkeeping.statement(document))
        else:
            where = document.where
            self._take(document.value, where)
            return Known(where.line, where.column, document.value)
        return None

    def _take(self, value: FrozenMap, where: Position) -> None:
        metadata: FrozenMap = value["metadata"]
        given: FrozenMap = value.get("lifecycle") or EMPTY
        referred = tuple(references(value))
        resource = Resource(
            address=Address(value["kind"], metadata.get("key") or metadata["name"]),
            body=_body(value),
            lifecycle=lifecycle(given),
            depends_on=addresses(dict.fromkeys(text for text, _ in referred)),
            where=where,
        )
        self._relate(resource, referred, self.resources)

    def _sketch(self, document: Document) -> None:
        """Takes up a manifest with mistakes, as far as it can be read."""
        resource = outline(document)
        if resource is None:
            self.addresses.add(*identity(document.value))
        else:
            self._relate(resource, references(document.value), self.outlines)

    def _relate(self, resource: Resource, referred: Iterable[tuple[str, Path]], among: dict[Address, Resource]) -> None:
        self.addresses.add(resource.address.kind, resource.address.key)
        self.references += [(text, resource, path) for text, path in referred]
        if self._is_first(resource):
            among[resource.address] = resource

    def _is_first(self, resource: Resource) -> bool:
        metadata, other = resource.body.get("metadata"), self._holder(resource.address)
        if other is not None:
            self._report_twice(resource, "key", f"The address {resource.address}", other)
            return False
        if metadata is None or metadata.get("useGivenNameAsPrefix"):
            return True
        name = (resource.address.kind, kinds.kind_named(resource.address.kind).namespace(resource.body), resource.name)
        first = self.named.setdefault(name, resource)
        if first is not resource:
            self._report_twice(resource, "name", f"The name {resource.name}", first)
        return first is resource

    def _holder(self, address: Address) -> Resource | None:
        """The first manifest of an address."""
        return self.resources.get(address) or self.outlines.get(address)

    def _report_twice(self, resource: Resource, field: str, what: str, other: Resource) -> None:
        detail = f"{what} is already taken by the manifest at {other.where}."
        hint = f"give one of the two another `metadata.{field}`"
        if other.where == resource.where:
            detail = f"{what} is made more than once by the loop around this manifest."
            hint = "use the loop's variable in `metadata.name`, such as run-{{ loop.index }}"
        document = _document(resource, self.files, self.templates)
        key = field if document and field in document.value["metadata"] else "name"
        where = document.locate(("metadata", key)) if document else resource.where
        self.diagnostics.append(Diagnostic("Two manifests for one resource", detail, hint, where))

    def check_references(self) -> None:
        """Addresses that manifests refer to have to be there. Those of broken manifests are."""
        if self.unread:
            return
        for text, resource, path in self.references:
            if not self.addresses.may_have(text):
                missing = self._missing(text, resource, path, _meant_address(text, self.addresses))
                self.find((missing.where, missing.summary), missing)
        self.diagnostics += bookkeeping.contradictions(self.statements, self.addresses)

    def _missing(self, text: str, resource: Resource, path: Path, hint: str) -> Diagnostic:
        found = Violation(path, "Unknown address", f"There is no resource {text} in the manifests.", hint)
        document = _document(resource, self.files, self.templates)
        return document.diagnostic(found) if document else Diagnostic(found.summary, found.detail, hint, resource.where)

    def find(self, cause: Cause, found: Diagnostic) -> None:
        """Takes a mistake down, once for all the turns of a loop that make it."""
        self.turns[cause] += self.findings.setdefault(cause, found).notes != found.notes


def _meant_address(text: str, known: Iterable[str]) -> str:
    spelling = next((one for one in sorted(known) if one.partition(".")[2] == text), None) or nearest(text, known)
    return f"did you mean `{spelling}`?" if spelling else "addresses are written KIND.KEY, such as Training.resnet"


def address_text(document: Document) -> str | None:
    """The address of a manifest, as far as it can be read."""
    kind, key = identity(document.value)
    return f"{kind}.{key}" if kind and key else None


def _body(value: FrozenMap) -> FrozenMap:
    """The part of a manifest that the control plane knows; the key is the tool's own."""
    body = {"metadata": FrozenMap({k: v for k, v in value["metadata"].items() if k != "key"})}
    if value.get("desiredPhase") is not None:
        body["desiredPhase"] = value["desiredPhase"]
    return FrozenMap({**body, "spec": value["spec"]})
