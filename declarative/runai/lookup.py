"""Names become ids: each is looked up among what its resource can see, and has to mean one thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from declarative import kinds
from declarative.diagnostics import Diagnostic
from declarative.kinds.check import check
from declarative.kinds.kind import Reference
from declarative.model.address import Address
from declarative.model.named import NamedId
from declarative.model.position import Position
from declarative.model.resource import Lifecycle, Resource
from declarative.model.value import FrozenMap, Path, Value, dig, put_in
from declarative.runai import misnamed
from declarative.runai.directory import SCOPES, Directory, Entry, normal
from declarative.runai.transport import Transport

# Later ones need earlier ones: a project is looked for in the cluster that is named beside it. Assets come last.
_FIRST = ("cluster", "department", "project")


class Unresolved(Struct, frozen=True):
    """A name that stands for no id, or for several: whose it is, where it stands, and what to say."""

    resource: Resource
    path: Path
    diagnostic: Diagnostic


class Resolution(Struct, frozen=True):
    """Resources with ids in place of names, what could not be resolved, and what became of the names that could."""

    resources: tuple[Resource, ...]
    unresolved: tuple[Unresolved, ...]
    names: tuple[NamedId, ...]


async def resolve(transport: Transport, resources: Iterable[Resource]) -> Resolution:
    """Looks all names up, each collection once; none where there are only ids. Raises ControlPlaneError."""
    resources = tuple(resources)
    directory = Directory()
    uses = [use for resource in resources for use in _uses(resource)]
    await directory.read(transport, {use.reference.collection for use in uses})
    await directory.read(transport, {needed for use in uses for needed in _needed(directory, use)})
    resolver = _Resolver(directory)
    return Resolution(
        tuple(resolver.resolved(resource) for resource in resources),
        tuple(resolver.unresolved),
        tuple(resolver.names),
    )


async def again(transport: Transport, names: Iterable[NamedId], bodies: Mapping[Address, FrozenMap]) -> Resolution:
    """Looks names up once more, each in the body of its resource, which has the id that it meant. Raises ControlPlaneError."""
    asked = dict(bodies)
    for one in names:
        if one.address in asked:
            asked[one.address] = _with_name(asked[one.address], one)
    return await resolve(
        transport, [Resource(address, body, Lifecycle(), (), Position("")) for address, body in asked.items()]
    )


def with_names(directory: Directory, resource: Resource) -> Resource:
    """The resource with names in place of ids, each where the name means the same id again to the resource."""
    for reference in _references(resource.address.kind):
        for path in _paths(resource.body, reference.path):
            at = path[:-1] if reference.target is None else (*path[:-1], reference.target)
            identity = dig(resource.body, at)
            entry = directory.with_id(reference.collection, identity) if isinstance(identity, (str, int)) else None
            if entry is None:
                continue
            meant = NamedId(resource.address, path, reference.collection, entry.name, entry.id)
            named = replace(resource, body=_with_name(resource.body, meant))
            resolver = _Resolver(directory)
            again = resolver.resolved(named)
            if not resolver.unresolved and normal(dig(again.body, at)) == normal(identity):
                resource = named
    return resource


class _Use(Struct, frozen=True):
    """A name in a resource: by which reference, at which path."""

    resource: Resource
    reference: Reference
    path: Path
    name: str


def _uses(resource: Resource) -> Iterator[_Use]:
    for reference in _references(resource.address.kind):
        for path in _paths(resource.body, reference.path):
            name = dig(resource.body, path)
            if isinstance(name, str):
                yield _Use(resource, reference, path, name)


@cache
def _references(kind: str) -> tuple[Reference, ...]:
    """The references of a kind in the order in which they are looked up."""

    def place(reference: Reference) -> int:
        return _FIRST.index(reference.collection) if reference.collection in _FIRST else len(_FIRST)

    return tuple(sorted(kinds.kind_named(kind).references, key=place))


def _paths(body: FrozenMap, pattern: Path) -> Iterator[Path]:
    """The paths of a body that a pattern with `*` for every item of a list stands for."""
    if "*" not in pattern:
        yield pattern
        return
    at = pattern.index("*")
    items = dig(body, pattern[:at])
    for index in range(len(items) if isinstance(items, tuple) else 0):
        yield from _paths(body, (*pattern[:at], index, *pattern[at + 1 :]))


def _needed(directory: Directory, use: _Use) -> Iterator[str]:
    """What has to be known to tell which of the assets of a name can be seen, where the template's own scope belongs, and
    by what those of one name differ."""
    found = {entry.scope for entry in directory.named(use.reference.collection, use.name)}
    if use.reference.collection == "project" and len(directory.named("project", use.name)) > 1:
        yield "department"  # to tell them apart
    scope = use.resource.body["metadata"].get("scope")
    if scope == "project" and found & {"cluster", "department"}:
        yield "project"
    if scope == "department" and "cluster" in found:
        yield "department"


def _with_id(body: Value, reference: Reference, path: Path, identity: str) -> Value:
    parent = path[:-1]
    if reference.target is None:  # {name: ...} gives way to the id itself
        return put_in(body, parent, identity)
    rest = {key: value for key, value in dig(body, parent).items() if key != path[-1]}
    return put_in(body, parent, FrozenMap({**rest, reference.target: identity}))


def _with_name(body: FrozenMap, named: NamedId) -> FrozenMap:
    """The inverse of `_with_id`. A body of another form, as another release may have saved it, stays as it is."""
    parent = named.path[:-1]
    references = kinds.kind_named(named.address.kind).references
    targets = [one.target for one in references if one.collection == named.collection]
    held = dig(body, parent)
    if held is None or not targets:
        return body
    rest = held if isinstance(held, FrozenMap) else {}
    kept = {key: value for key, value in rest.items() if key != targets[0]}
    found: FrozenMap = put_in(body, parent, FrozenMap({**kept, str(named.path[-1]): named.name}))
    return found


class _Resolver(Struct, frozen=True):
    """Resolves one resource after the other, and collects what came of it."""

    directory: Directory
    unresolved: list[Unresolved] = field(default_factory=list)
    names: list[NamedId] = field(default_factory=list)

    def resolved(self, resource: Resource) -> Resource:
        body: Value = resource.body
        uses = tuple(_uses(resource))
        for use in uses:
            found = self._found(use, body["metadata"])
            if isinstance(found, Diagnostic):
                self.unresolved.append(Unresolved(resource, use.path, found))
                continue
            body = _with_id(body, use.reference, use.path, found.id)
            self.names.append(NamedId(resource.address, use.path, use.reference.collection, use.name, found.id))
        if uses:  # ids alone are taken as they are, whatever was read for the names of others
            self._check_places(resource, body)
        return resource if body is resource.body else replace(resource, body=body)

    def _found(self, use: _Use, metadata: Mapping[str, Any]) -> Entry | Diagnostic:
        """The one thing that a name means to its resource, or why there is none."""
        collection, name, directory = use.reference.collection, use.name, self.directory
        if collection in directory.refused:
            return misnamed.unlisted(directory, use.reference, name)
        all_named = directory.named(collection, name)
        view = View.of(metadata, directory)
        seen = [entry for entry in all_named if view.shows(entry)]
        kind = dig(use.resource.body, (*use.path[:-1], "kind"))
        found = [entry for entry in seen if kind is None or entry.kind in (None, kind)]
        if not found:
            if seen:
                return misnamed.of_another_kind(seen, kind)
            if all_named:
                return misnamed.elsewhere(directory, use.reference, name, all_named, metadata)
            return misnamed.unknown(
                use.reference, name, [one.name for one in directory.all(collection) if view.shows(one)]
            )
        # Where the scope's own name means nothing, which asset is meant cannot be told, and need not be.
        if len(found) > 1 and (use.path[0] == "metadata" or metadata.get("scope", "project") not in metadata):
            return misnamed.ambiguous(directory, use.reference, name, found)
        target = use.reference.target
        if (
            target is not None
            and use.path[0] == "metadata"
            and not _fits(use.resource.address.kind, target, found[0].id)
        ):
            return misnamed.unfit(use.reference, found[0])
        return found[0]

    def _check_places(self, resource: Resource, body: FrozenMap) -> None:
        """That project, department and cluster, where written as ids, belong together as far as their rows were read."""
        metadata = body["metadata"]
        for collection in ("department", "project"):
            entry = self.directory.with_id(collection, metadata.get(f"{collection}Id"))
            # A name that belongs elsewhere is not among those that can be seen.
            if entry is not None and collection not in metadata and not View.of(metadata, self.directory).shows(entry):
                reference = Reference(("metadata", f"{collection}Id"), collection)
                told = misnamed.elsewhere(self.directory, reference, entry.name, [entry], metadata)
                self.unresolved.append(Unresolved(resource, reference.path, told))


@cache
def _fits(kind: str, target: str, identity: str) -> bool:
    """Whether an id has the form that the kind wants: assets know projects by number."""
    wrong = check(kinds.kind_named(kind).metadata, FrozenMap({target: identity}))
    return not any(one.path == (target,) for one in wrong)


class View(Struct, frozen=True):
    """What a resource can see, by the ids of what it belongs to. What nobody tells rules nothing out."""

    reach: int
    cluster: str | None = None
    departments: frozenset[str] = frozenset()
    project: str | None = None

    @classmethod
    def of(cls, metadata: Mapping[str, Any], directory: Directory) -> View:
        """From where a resource stands; without a scope it stands in its project."""

        def given(name: str) -> str | None:
            return None if metadata.get(name) is None else normal(metadata[name])

        scope = metadata.get("scope", "project")
        department, project = given("departmentId"), given("projectId")
        row = directory.with_id(scope, given(f"{scope}Id")) if scope in ("department", "project") else None
        departments = frozenset({department} if department else ()) or (row.departments if row else frozenset())
        return cls(
            # The platform's own assets, and those of the whole tenant, are there for everybody.
            max(SCOPES.index(scope), SCOPES.index("tenant")),
            given("clusterId") or (row.cluster if row else None),
            departments,
            project,
        )

    def shows(self, entry: Entry) -> bool:
        """Whether something can be seen: it is where the resource is, or above it."""
        if entry.scope in SCOPES and SCOPES.index(entry.scope) > self.reach:
            return False
        return (
            (None in (self.cluster, entry.cluster) or self.cluster == entry.cluster)
            and (not self.departments or not entry.departments or bool(self.departments & entry.departments))
            and (None in (self.project, entry.project) or self.project == entry.project)
        )
