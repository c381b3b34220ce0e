"""Manifests become resources: rendered, parsed, checked; every mistake is found, not only the first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from declarative import kinds
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import ProjectError
from declarative.kinds.check import check, described, shown
from declarative.kinds.kind import Kind
from declarative.manifest.document import Document, Parsed, decode, parse
from declarative.manifest.envelope import API_VERSION, addresses, lifecycle, manifest_model
from declarative.manifest.files import ManifestFile
from declarative.manifest.template import Templates
from declarative.model.address import Address
from declarative.model.position import Position
from declarative.model.resource import Resource
from declarative.model.value import EMPTY, FrozenMap, Path, dig

_TOP = frozenset({"apiVersion", "kind", "metadata", "desiredPhase", "lifecycle", "dependsOn", "spec"})


@dataclass(frozen=True, slots=True)
class Compiled:
    """The resources of a project in order of address, and everything that is wrong with its manifests."""

    resources: tuple[Resource, ...]
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[ManifestFile, ...]
    templates: Templates

    def locate(self, resource: Resource, path: Path) -> Position:
        """The place of a value of a resource. Compiles its file anew: places are too many to keep, and rarely asked for."""
        for file in self.files:
            for document in _documents(file, self.templates).documents:
                # A loop makes many resources at one place.
                if document.where == resource.where and _address_text(document) == str(resource.address):
                    return document.locate(path)
        return resource.where


def compile_files(files: Iterable[ManifestFile], templates: Templates) -> Compiled:
    """Compiles all files; never raises for what an author did."""
    files = tuple(files)
    compiler = _Compiler()
    for file in files:
        found = _documents(file, templates)
        compiler.diagnostics += found.diagnostics
        compiler.unread = compiler.unread or not found.complete
        for document in found.documents:
            compiler.add(document, {one.where for one in found.diagnostics})
    compiler.check_references()
    resources = tuple(sorted(compiler.resources.values(), key=lambda resource: resource.address))
    told = dict.fromkeys((*compiler.diagnostics, *compiler.findings.values()))
    return Compiled(resources, tuple(sorted(told, key=lambda one: one.where or Position(""))), files, templates)


def _documents(file: ManifestFile, templates: Templates) -> Parsed:
    try:
        text = _text(file)
        rendered = templates.render(text, file.name)
    except ProjectError as error:
        return Parsed((), error.diagnostics, complete=False)
    return parse(rendered.text, file.name, rendered.source_map)


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
        self.findings: dict[tuple[object, ...], Diagnostic] = {}
        self.named: dict[tuple[str, str, str], Resource] = {}
        self.references: list[tuple[Document, Path, str]] = []
        # Addresses of manifests that are there, but broken; None where it cannot even be told which one it is.
        self.broken: set[str | None] = set()
        # Whether there are files of which nobody knows which manifests they would have had.
        self.unread = False

    def add(self, document: Document, told: Set[Position | None]) -> None:
        """Checks one document and takes it up as a resource where it is sound. `told` are places of known mistakes."""
        findings = [(cause, one) for cause, one in _findings(document) if one.where not in told]
        for cause, one in findings:
            self.findings.setdefault(cause, one)
        if findings or told:
            self.broken.add(_address_text(document))
        else:
            self._take(document)

    def _take(self, document: Document) -> None:
        value: FrozenMap = document.value
        metadata: FrozenMap = value["metadata"]
        address = Address(value["kind"], metadata.get("key") or metadata["name"])
        given: FrozenMap = value.get("lifecycle") or EMPTY
        depends_on = value.get("dependsOn") or ()
        self.references += [(document, ("dependsOn", i), text) for i, text in enumerate(depends_on)]
        self.references += [
            (document, ("lifecycle", "replaceWhen", i), text) for i, text in enumerate(given.get("replaceWhen", ()))
        ]
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
        for document, path, text in self.references:
            if text not in known:
                detail = f"There is no resource {text} in the manifests."
                where = document.locate(path)
                self.findings[where, text] = Diagnostic("Unknown address", detail, _meant_address(text, known), where)


def _meant_address(text: str, known: Iterable[str]) -> str:
    spelling = next((one for one in sorted(known) if one.partition(".")[2] == text), None) or nearest(text, known)
    return f"did you mean `{spelling}`?" if spelling else "addresses are written KIND.KEY, such as Training.resnet"


def _address_text(document: Document) -> str | None:
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


def _findings(document: Document) -> Iterator[tuple[tuple[object, ...], Diagnostic]]:
    """What is wrong with a document, each with its cause: what makes two findings the same mistake of the author."""
    kind = _kind_of(document)
    if isinstance(kind, Diagnostic):
        yield (kind.where, kind.summary), kind
        return
    for violation in check(manifest_model(kind), document.value):
        diagnostic = document.diagnostic(violation)
        names = tuple(step for step in violation.path if isinstance(step, str))
        hint = diagnostic.hint if violation.summary == "Missing field" else None
        yield (diagnostic.where, violation.summary, names, hint), diagnostic
    if misfit := _lifecycle_misfit(document):
        yield (misfit.where, misfit.summary), misfit


def _kind_of(document: Document) -> Kind | Diagnostic:
    value = document.value
    if not isinstance(value, FrozenMap):
        detail = f"A manifest is a mapping, but this is {described(value)}."
        return Diagnostic("Not a manifest", detail, f"start with `apiVersion: {API_VERSION}`", document.where)
    names = [kind.name for kind in kinds.ALL]
    name = value.get("kind")
    if name in names:
        return kinds.kind_named(str(name))
    for key in ("kind", "apiVersion"):
        unknown = [other for other in value if other not in _TOP]
        if key not in value and (typed := nearest(key, unknown)):
            detail = f"`{typed}` is not a field of a manifest."
            return Diagnostic("Unknown key", detail, f"did you mean `{key}`?", document.locate((typed,), on_key=True))
    if name in ("Moved", "Removed", "Import"):
        detail = f"Documents of the kind {name} are not in this release."
        return Diagnostic("Unknown kind", detail, f"the kinds are {', '.join(names)}", document.locate(("kind",)))
    if (version := value.get("apiVersion")) != API_VERSION:
        given = f"is {shown(version)}" if version is not None else "is missing"
        detail = f"`apiVersion` {given}, but {API_VERSION} is expected."
        return Diagnostic(
            "Not a manifest", detail, f"write `apiVersion: {API_VERSION}`", document.locate(("apiVersion",))
        )
    if name is None:
        hint = f"add `kind:` with one of {', '.join(names)}"
        return Diagnostic("Missing field", "`kind` is required.", hint, document.locate(("kind",)))
    spelling = nearest(str(name), names)
    hint = f"did you mean `{spelling}`?" if spelling else f"the kinds are {', '.join(names)}"
    return Diagnostic("Unknown kind", f"There is no kind {shown(name)}.", hint, document.locate(("kind",)))


def _lifecycle_misfit(document: Document) -> Diagnostic | None:
    value = document.value
    given = value.get("lifecycle")
    if not isinstance(given, FrozenMap) or not isinstance(value.get("metadata"), FrozenMap):
        return None
    prefixed = value["metadata"].get("useGivenNameAsPrefix")
    if given.get("createBeforeDestroy") is not True or value["kind"] != "Training" or prefixed:
        return None
    return Diagnostic(
        "Missing field",
        "With `createBeforeDestroy` both trainings exist for a while, and their names collide.",
        "add `useGivenNameAsPrefix: true` to the metadata",
        document.locate(("lifecycle", "createBeforeDestroy")),
    )
