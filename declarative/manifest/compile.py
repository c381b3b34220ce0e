"""Manifests become resources: rendered, parsed, checked; every mistake is found, not only the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from functools import lru_cache

from declarative import kinds
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import ProjectError
from declarative.kinds.rules import Violation
from declarative.manifest import bookkeeping
from declarative.manifest.document import Document, Parsed, Reading, decode, read
from declarative.manifest.envelope import addresses, lifecycle
from declarative.manifest.files import ManifestFile
from declarative.manifest.findings import Cause, findings
from declarative.manifest.rendered import Rendered
from declarative.manifest.template import Templates
from declarative.model.address import Address
from declarative.model.bookkeeping import Statement
from declarative.model.position import Position
from declarative.model.resource import Resource
from declarative.model.value import EMPTY, FrozenMap, Path, dig


@dataclass(frozen=True, slots=True)
class Compiled:
    """The resources of a project in order of address, and everything that is wrong with its manifests.

    `statements` are its documents about the state.
    """

    resources: tuple[Resource, ...]
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[ManifestFile, ...]
    templates: Templates
    statements: tuple[Statement, ...] = ()

    def document(self, resource: Resource) -> Document | None:
        """The document of a resource, its file compiled anew: documents are too many to keep, and rarely asked for."""
        for file in sorted(self.files, key=lambda file: file.name != resource.where.file):
            # A loop makes many resources at one place.
            found = _by_address(file, self.templates).get(str(resource.address))
            if found is not None and found.where == resource.where:
                return found
        return None

    def locate(self, resource: Resource, path: Path) -> Position:
        """The place of a value of a resource."""
        document = self.document(resource)
        return document.locate(path) if document else resource.where


# What is asked for of one resource is soon asked for of the next one in its file.
@lru_cache(maxsize=1)
def _by_address(file: ManifestFile, templates: Templates) -> Mapping[str | None, Document]:
    return {address_text(document): document for document in documents_of(file, templates).documents}


def compile_files(files: Iterable[ManifestFile], templates: Templates) -> Compiled:
    """Compiles all files; never raises for what an author did."""
    files = tuple(files)
    compiler = _Compiler()
    for file in files:
        compiler.read(file, templates)
    compiler.check_references()
    resources = tuple(sorted(compiler.resources.values(), key=lambda resource: resource.address))
    return Compiled(resources, compiler.told(), files, templates, tuple(compiler.statements))


def documents_of(file: ManifestFile, templates: Templates) -> Parsed:
    """All documents of a file, unchecked."""
    try:
        return read(_rendered(file, templates), file.name)
    except ProjectError as error:
        return Parsed((), error.diagnostics, complete=False)


def _rendered(file: ManifestFile, templates: Templates) -> Rendered:
    return templates.render(_text(file), file.name)


def _text(file: ManifestFile) -> str:
    try:
        return decode(file.path.read_bytes(), file.name)
    except OSError as error:
        raise ProjectError(
            Diagnostic("Unreadable file", f"{file.name}: {error.strerror}.", None, Position(file.name))
        ) from error


class _Compiler:
    def __init__(self) -> None:
        self.resources: dict[Address, Resource] = {}
        self.diagnostics: list[Diagnostic] = []
        # A loop makes the same mistake in every iteration, but the author made it once: the first of each cause counts.
        self.findings: dict[Cause, Diagnostic] = {}
        self.turns: Counter[Cause] = Counter()
        self.named: dict[tuple[str, str, str], Resource] = {}
        # Addresses that manifests refer to, each with what is to be said if it is not there.
        self.references: list[tuple[str, Diagnostic]] = []
        self.statements: list[Statement] = []
        # Addresses of manifests that are there, but broken; None where it cannot even be told which one it is.
        self.broken: set[str | None] = set()
        # Whether there are files of which nobody knows which manifests they would have had.
        self.unread = False

    def read(self, file: ManifestFile, templates: Templates) -> None:
        """Checks and takes up all documents of a file, one after another."""
        try:
            reading = Reading(_rendered(file, templates), file.name)
        except ProjectError as error:
            self.diagnostics += error.diagnostics
            self.unread = True
            return
        is_broken = reading.rendered.is_broken
        for document in reading.documents():
            self.add(document, reading.told, is_broken)
        self.diagnostics += reading.diagnostics
        self.unread = self.unread or not reading.complete

    def told(self) -> tuple[Diagnostic, ...]:
        """Everything that was found, each mistake once, sorted by place."""
        repeated = (_with_repeats(one, self.turns[cause]) for cause, one in self.findings.items())
        found: dict[tuple[object, ...], Diagnostic] = {}
        for one in (*self.diagnostics, *repeated):
            found.setdefault((one.where, one.summary, one.detail), one)
        return tuple(sorted(found.values(), key=lambda one: one.where or Position("")))

    def add(self, document: Document, told: Set[Position | None], is_broken: bool) -> None:
        """Checks one document and takes it up as a resource where it is sound.

        `told` are places of known mistakes; `is_broken` says that some of its values may be unknown.
        """
        found = [(cause, one) for cause, one in findings(document) if one.where not in told]
        for cause, one in found:
            self.find(cause, one)
        about_state = bookkeeping.model_of(document.value) is not None
        if found or told or is_broken:
            self.broken.update(() if about_state else (address_text(document),))
        elif about_state:
            self.statements.append(bookkeeping.statement(document))
        else:
            self._take(document)

    def _take(self, document: Document) -> None:
        value: FrozenMap = document.value
        metadata: FrozenMap = value["metadata"]
        address = Address(value["kind"], metadata.get("key") or metadata["name"])
        given: FrozenMap = value.get("lifecycle") or EMPTY
        depends_on = value.get("dependsOn") or ()
        for path, texts in ((("dependsOn",), depends_on), (("lifecycle", "replaceWhen"), given.get("replaceWhen", ()))):
            self.references += [(text, _missing(document, (*path, index), text)) for index, text in enumerate(texts)]
        resource = Resource(
            address=address,
            body=_body(value),
            lifecycle=lifecycle(given),
            # What is replaced along with another comes after it.
            depends_on=tuple(dict.fromkeys((*addresses(depends_on), *addresses(given.get("replaceWhen") or ())))),
            where=document.where,
        )
        if self._is_first(resource, document):
            self.resources[address] = resource

    def _is_first(self, resource: Resource, document: Document) -> bool:
        metadata = resource.body["metadata"]
        name = (resource.address.kind, kinds.kind_named(resource.address.kind).namespace(resource.body), resource.name)
        if resource.address in self.resources:
            self._report_twice(document, "key", f"The address {resource.address}", self.resources[resource.address])
            return False
        first = resource if metadata.get("useGivenNameAsPrefix") else self.named.setdefault(name, resource)
        if first is not resource:
            self._report_twice(document, "name", f"The name {resource.name}", first)
        return first is resource

    def _report_twice(self, document: Document, field: str, what: str, other: Resource) -> None:
        detail = f"{what} is already taken by the manifest at {other.where}."
        hint = f"give one of the two another `metadata.{field}`"
        if other.where == document.where:
            detail = f"{what} is made more than once by the loop around this manifest."
            hint = "use the loop's variable in `metadata.name`, such as run-{{ loop.index }}"
        where = document.locate(("metadata", field if field in document.value["metadata"] else "name"))
        self.diagnostics.append(Diagnostic("Two manifests for one resource", detail, hint, where))

    def check_references(self) -> None:
        """Addresses that manifests refer to have to be there. Those of broken manifests are."""
        if None in self.broken or self.unread:
            return
        known = {str(address) for address in self.resources} | {text for text in self.broken if text}
        for text, missing in self.references:
            if text not in known:
                self.find((missing.where, missing.summary), replace(missing, hint=_meant_address(text, known)))
        self.diagnostics += bookkeeping.contradictions(self.statements, known)

    def find(self, cause: Cause, found: Diagnostic) -> None:
        """Takes a mistake down, once for all the turns of a loop that make it."""
        self.turns[cause] += self.findings.setdefault(cause, found).notes != found.notes


def _missing(document: Document, path: Path, text: str) -> Diagnostic:
    detail = f"There is no resource {text} in the manifests."
    return document.diagnostic(Violation(path, "Unknown address", detail))


def _with_repeats(diagnostic: Diagnostic, more: int) -> Diagnostic:
    """The first of a mistake that a loop repeats, with how often it does."""
    if not more:
        return diagnostic
    again = "once more" if more == 1 else f"{more} more times"
    return replace(diagnostic, notes=(*diagnostic.notes, f"the same {again}"))


def _meant_address(text: str, known: Iterable[str]) -> str:
    spelling = next((one for one in sorted(known) if one.partition(".")[2] == text), None) or nearest(text, known)
    return f"did you mean `{spelling}`?" if spelling else "addresses are written KIND.KEY, such as Training.resnet"


def address_text(document: Document) -> str | None:
    """The address of a manifest, as far as it can be read."""
    metadata = dig(document.value, ("metadata",)) or EMPTY
    key = (metadata.get("key") or metadata.get("name")) if isinstance(metadata, FrozenMap) else None
    kind = dig(document.value, ("kind",))
    return f"{kind}.{key}" if key and isinstance(kind, str) else None


def _body(value: FrozenMap) -> FrozenMap:
    """The part of a manifest that the control plane knows; the key is the tool's own."""
    body = {"metadata": FrozenMap({k: v for k, v in value["metadata"].items() if k != "key"})}
    if value.get("desiredPhase") is not None:
        body["desiredPhase"] = value["desiredPhase"]
    return FrozenMap({**body, "spec": value["spec"]})
