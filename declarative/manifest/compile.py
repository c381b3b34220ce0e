"""Manifests become resources: rendered, parsed, checked; every mistake is found, not only the first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from declarative import kinds
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import ProjectError
from declarative.kinds.check import check
from declarative.kinds.kind import Kind
from declarative.manifest.document import Document, decode, parse
from declarative.manifest.envelope import API_VERSION, lifecycle, manifest_model
from declarative.manifest.files import ManifestFile
from declarative.manifest.template import Templates
from declarative.model.address import Address
from declarative.model.position import Position
from declarative.model.resource import Resource
from declarative.model.value import EMPTY, FrozenMap, Path


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
            documents, _ = _documents(file, self.templates)
            for document in documents:
                if document.where == resource.where:
                    return document.locate(path)
        return resource.where


def compile_files(files: Iterable[ManifestFile], templates: Templates) -> Compiled:
    """Compiles all files; never raises for what an author did."""
    files = tuple(files)
    compiler = _Compiler()
    for file in files:
        documents, diagnostics = _documents(file, templates)
        compiler.diagnostics += diagnostics
        for document in documents:
            compiler.add(document)
    compiler.check_references()
    resources = tuple(sorted(compiler.resources.values(), key=lambda resource: resource.address))
    # A loop makes the same mistake in every iteration, but the author made it once.
    diagnostics = tuple(dict.fromkeys(sorted(compiler.diagnostics, key=lambda one: one.where or Position(""))))
    return Compiled(resources, diagnostics, files, templates)


def _documents(file: ManifestFile, templates: Templates) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    try:
        text = _text(file)
        rendered = templates.render(text, file.name)
    except ProjectError as error:
        return (), error.diagnostics
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
        self.named: dict[tuple[str, str, str], Resource] = {}
        self.references: list[tuple[Document, Path, str]] = []

    def add(self, document: Document) -> None:
        """Checks one document and takes it up as a resource where it is sound."""
        found = tuple(self._findings(document))
        self.diagnostics += found
        if not found:
            self._take(document)

    def _findings(self, document: Document) -> Iterator[Diagnostic]:
        kind = _kind_of(document)
        if isinstance(kind, Diagnostic):
            yield kind
            return
        for violation in check(manifest_model(kind), document.value):
            yield document.diagnostic(violation)
        yield from _lifecycle_findings(document)

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
            depends_on=tuple(Address.parse(text) for text in depends_on),
            where=document.where,
        )
        if self._is_first(resource, document):
            self.resources[address] = resource

    def _is_first(self, resource: Resource, document: Document) -> bool:
        metadata = resource.body["metadata"]
        place = metadata.get("projectId") or metadata.get("project") or metadata.get("scope")
        name = (resource.address.kind, resource.name, str(place))
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
        where = document.locate(("metadata", field if field in document.value["metadata"] else "name"))
        self.diagnostics.append(Diagnostic("Two manifests for one resource", detail, hint, where))

    def check_references(self) -> None:
        """Addresses that manifests refer to have to be there. Skipped while manifests are broken: they may be the ones."""
        if self.diagnostics:
            return
        for document, path, text in self.references:
            if Address.parse(text) not in self.resources:
                spelling = nearest(text, map(str, self.resources))
                hint = f"did you mean `{spelling}`?" if spelling else "addresses are written KIND.KEY"
                self.diagnostics.append(
                    Diagnostic(
                        "Unknown address", f"There is no resource {text} in the manifests.", hint, document.locate(path)
                    )
                )


def _body(value: FrozenMap) -> FrozenMap:
    """The part of a manifest that the control plane knows; the key is the tool's own."""
    body = {"metadata": FrozenMap({k: v for k, v in value["metadata"].items() if k != "key"})}
    if value.get("desiredPhase") is not None:
        body["desiredPhase"] = value["desiredPhase"]
    return FrozenMap({**body, "spec": value["spec"]})


def _kind_of(document: Document) -> Kind | Diagnostic:
    value = document.value
    if not isinstance(value, FrozenMap):
        return Diagnostic(
            "Not a manifest", "A manifest is a mapping.", f"start with `apiVersion: {API_VERSION}`", document.where
        )
    version, name = value.get("apiVersion"), value.get("kind")
    names = [kind.name for kind in kinds.ALL]
    if version != API_VERSION:
        detail = (
            f"`apiVersion` is {version}, but {API_VERSION} is expected." if version else "`apiVersion` is required."
        )
        hint = f"write `apiVersion: {API_VERSION}`"
        return Diagnostic("Not a manifest", detail, hint, document.locate(("apiVersion",)))
    if name in names:
        return kinds.kind_named(str(name))
    spelling = nearest(str(name), names)
    detail = f"There is no kind {name}." if name else "`kind` is required."
    hint = f"did you mean {spelling}?" if spelling else f"the kinds are {', '.join(names)}"
    return Diagnostic("Unknown kind", detail, hint, document.locate(("kind",)))


def _lifecycle_findings(document: Document) -> Iterator[Diagnostic]:
    value = document.value
    given = value.get("lifecycle")
    if not isinstance(given, FrozenMap) or not isinstance(value.get("metadata"), FrozenMap):
        return
    prefixed = value["metadata"].get("useGivenNameAsPrefix")
    if given.get("createBeforeDestroy") and value["kind"] == "Training" and not prefixed:
        yield Diagnostic(
            "Missing field",
            "With `createBeforeDestroy` both trainings exist for a while, and their names collide.",
            "add `useGivenNameAsPrefix: true` to the metadata",
            document.locate(("lifecycle", "createBeforeDestroy")),
        )
