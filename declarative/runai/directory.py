"""What there is to refer to by name: projects, departments, clusters and assets, each collection read once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from declarative.errors import Refused, Unintelligible
from declarative.runai.listing import pages
from declarative.runai.observe import NOT_LISTED
from declarative.runai.transport import Transport

# In the order of their making, so that what is made meanwhile moves nothing from one page to another.
_IN_ORDER = {"sortBy": "createdAt", "sortOrder": "asc"}
# From the widest to the narrowest.
SCOPES = ("system", "tenant", "cluster", "department", "project")


class Collection(Struct, frozen=True):
    """Where names of one sort are listed; `what` one of them is called. `size` is the page size, None for unpaged lists."""

    what: str
    path: str
    items: str
    size: int | None = None

    @property
    def parameters(self) -> Mapping[str, str]:
        return _IN_ORDER if self.size else {}


COLLECTIONS: Mapping[str, Collection] = {
    "project": Collection("project", "/api/v1/org-unit/projects", "projects", 500),
    "department": Collection("department", "/api/v1/org-unit/departments", "departments", 500),
    "cluster": Collection("cluster", "/api/v1/clusters", "clusters"),
    "environment": Collection("environment", "/api/v1/asset/environment", "entries"),
    "compute": Collection("compute resource", "/api/v1/asset/compute", "entries"),
    "datasource": Collection("data source", "/api/v1/asset/datasource", "entries"),
}


class Entry(Struct, frozen=True):
    """What bears a name, and where it belongs, by ids. What its row does not tell is None, or empty.

    A department belongs to itself, a project to its department and to those that this one is in.
    """

    name: str
    id: str
    scope: str | None = None
    kind: str | None = None
    cluster: str | None = None
    departments: frozenset[str] = frozenset()
    project: str | None = None


class Directory(Struct):
    """What has been read so far. `refused` are the statuses with which collections refused to be listed."""

    refused: dict[str, int] = field(default_factory=dict)
    _by_name: dict[str, dict[str, list[Entry]]] = field(default_factory=dict)
    _by_id: dict[str, dict[str, Entry]] = field(default_factory=dict)

    async def read(self, transport: Transport, collections: Iterable[str]) -> None:
        """Reads the collections that have not been read yet; raises ControlPlaneError."""
        new = sorted(set(collections) - self._by_name.keys() - self.refused.keys())
        for name, found in zip(new, await asyncio.gather(*(_entries(transport, one) for one in new)), strict=True):
            if isinstance(found, int):
                self.refused[name] = found
                continue
            self._by_id[name] = {normal(entry.id): entry for entry in found}
            self._by_name[name] = defaultdict(list)
            for entry in found:
                self._by_name[name][entry.name].append(entry)

    def named(self, collection: str, name: str) -> list[Entry]:
        """Everything that bears the name, exactly."""
        return self._by_name.get(collection, {}).get(name, [])

    def with_id(self, collection: str, identity: Any) -> Entry | None:
        """What has the id; None where there is nothing, and where nobody knows."""
        return self._by_id.get(collection, {}).get(normal(identity)) if identity is not None else None

    def all(self, collection: str) -> Iterator[Entry]:
        """Everything that there is."""
        yield from self._by_id.get(collection, {}).values()

    def told(self, collection: str, identity: Any) -> str:
        """An id for people: by its name where that is known."""
        entry = self.with_id(collection, identity)
        return entry.name if entry else str(identity)


def normal(identity: Any) -> str:
    """An id as it compares: neither its type nor its case means anything."""
    return str(identity).lower()


async def _entries(transport: Transport, name: str) -> list[Entry] | int:
    """A whole collection, or the status with which it refused to be listed."""
    collection = COLLECTIONS[name]
    try:
        rows = pages(transport, collection.path, collection.items, collection.parameters, collection.size)
        return [entry async for row in rows if (entry := entry_of(row, collection)) is not None]
    except Refused as refused:
        if refused.status not in NOT_LISTED:
            raise
        return refused.status


def entry_of(row: Mapping[str, Any], collection: Collection) -> Entry | None:
    """What a row tells; None where it is of something that is gone, or has no name."""
    about = row.get("meta") or row
    if not isinstance(about, dict):
        raise Unintelligible.answer(f"GET {collection.path}", f"with {collection.items} of another form")
    name, identity = about.get("name"), about.get("id") or about.get("uuid")
    if name is None or identity is None or about.get("deletedAt"):
        return None
    return Entry(
        name=str(name),
        id=str(identity),
        scope=about.get("scope"),
        kind=about.get("kind"),
        cluster=_normal(about.get("clusterId")),
        departments=frozenset({normal(identity)} if collection.what == "department" else _departments(about)),
        project=_normal(about.get("projectId")),
    )


def _normal(identity: Any) -> str | None:
    return None if identity is None else normal(identity)


def _departments(about: Mapping[str, Any]) -> Iterator[str]:
    """The department of something, and those that this one is in, as newer releases tell them."""
    for name in ("departmentId", "parentId"):
        if about.get(name) is not None:
            yield normal(about[name])
    above = about.get("parent")
    while isinstance(above, dict) and above.get("id") is not None:
        yield normal(above["id"])
        above = above.get("parent")
