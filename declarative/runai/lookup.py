"""Names become ids: projects, clusters, departments and assets, each collection read once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from declarative import kinds
from declarative.diagnostics import Diagnostic, nearest
from declarative.kinds.kind import Reference
from declarative.model.resource import Resource
from declarative.model.value import FrozenMap, Path, Value, dig, put_in
from declarative.runai.observe import pages
from declarative.runai.transport import Transport


@dataclass(frozen=True, slots=True)
class Collection:
    """Where names of one sort are listed. `size` is the page size, None where the list is not paged."""

    path: str
    items: str
    size: int | None = None


COLLECTIONS: Mapping[str, Collection] = {
    "project": Collection("/api/v1/org-unit/projects", "projects", 500),
    "department": Collection("/api/v1/org-unit/departments", "departments", 500),
    "cluster": Collection("/api/v1/clusters", "clusters"),
    "environment": Collection("/api/v1/asset/environment", "entries"),
    "compute": Collection("/api/v1/asset/compute", "entries"),
    "datasource": Collection("/api/v1/asset/datasource", "entries"),
}


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A name that stands for no id, or for several: whose it is, where it stands, and what to say."""

    resource: Resource
    path: Path
    diagnostic: Diagnostic


Names = Mapping[str, Mapping[str, tuple[str, ...]]]


async def resolve(
    transport: Transport, resources: Iterable[Resource]
) -> tuple[tuple[Resource, ...], tuple[Unresolved, ...]]:
    """The resources with ids in place of names, and the names that could not be resolved."""
    resources = tuple(resources)
    needed = {reference.collection for resource in resources for reference, _, _ in _uses(resource)}
    found = await asyncio.gather(*(_names(transport, COLLECTIONS[collection]) for collection in sorted(needed)))
    names = dict(zip(sorted(needed), found, strict=True))
    unresolved: list[Unresolved] = []
    return tuple(_resolved(resource, names, unresolved) for resource in resources), tuple(unresolved)


async def _names(transport: Transport, collection: Collection) -> dict[str, tuple[str, ...]]:
    """All names of a collection, each with the ids that bear it."""
    found: dict[str, tuple[str, ...]] = {}
    async for row in pages(transport, collection.path, collection.items, {}, collection.size):
        about: Mapping[str, Any] = row.get("meta") or row
        name, identity = about.get("name"), about.get("id") or about.get("uuid")
        if name is not None and identity is not None:
            found[name] = (*found.get(name, ()), str(identity))
    return found


def _uses(resource: Resource) -> Iterator[tuple[Reference, Path, str]]:
    """The names in a resource: by which reference, at which path, which name."""
    for reference in kinds.kind_named(resource.address.kind).references:
        for path in _paths(resource.body, reference.path):
            name = dig(resource.body, path)
            if isinstance(name, str):
                yield reference, path, name


def _paths(body: FrozenMap, pattern: Path) -> Iterator[Path]:
    """The paths of a body that a pattern with `*` for every item of a list stands for."""
    if "*" not in pattern:
        yield pattern
        return
    at = pattern.index("*")
    items = dig(body, pattern[:at])
    for index in range(len(items) if isinstance(items, tuple) else 0):
        yield from _paths(body, (*pattern[:at], index, *pattern[at + 1 :]))


def _resolved(resource: Resource, names: Names, unresolved: list[Unresolved]) -> Resource:
    body: Value = resource.body
    for reference, path, name in _uses(resource):
        ids = names[reference.collection].get(name, ())
        if len(ids) == 1:
            body = _with_id(body, reference, path, ids[0])
        else:
            told = _unknown(reference, name, names) if not ids else _ambiguous(reference, name, ids)
            unresolved.append(Unresolved(resource, path, told))
    return resource if body is resource.body else replace(resource, body=body)


def _with_id(body: Value, reference: Reference, path: Path, identity: str) -> Value:
    parent = path[:-1]
    if reference.target is None:  # {name: ...} gives way to the id itself
        return put_in(body, parent, identity)
    rest = {key: value for key, value in dig(body, parent).items() if key != path[-1]}
    return put_in(body, parent, FrozenMap({**rest, reference.target: identity}))


def _unknown(reference: Reference, name: str, names: Names) -> Diagnostic:
    known = names[reference.collection]
    spelling = nearest(name, known)
    listed = ", ".join(sorted(known)[:8]) + (" and others" if len(known) > 8 else "")
    hint = f"did you mean `{spelling}`?" if spelling else f"there are {listed}" if known else "there is none at all"
    return Diagnostic("Unknown name", f"The control plane has no {reference.collection} {name}.", hint)


def _ambiguous(reference: Reference, name: str, ids: tuple[str, ...]) -> Diagnostic:
    detail = f"The {reference.collection} {name} exists {len(ids)} times: {', '.join(ids)}."
    return Diagnostic("Ambiguous name", detail, "write the id instead of the name")
