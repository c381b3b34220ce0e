"""What is live: read in bulk, because requests are the cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from declarative import kinds
from declarative.errors import NotFound, Refused
from declarative.kinds.kind import Kind
from declarative.model.observed import Observed, Presence
from declarative.model.record import Record
from declarative.runai.transport import Transport


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that was seen, and the ids of recorded objects that are gone because they had finished."""

    observed: tuple[Observed, ...]
    finished: frozenset[str]


async def observe(
    transport: Transport, kind_names: Iterable[str], records: Iterable[Record], wants_body: Callable[[Observed], bool]
) -> Observation:
    """Reads all objects of the kinds. `wants_body` picks those whose whole body is needed, though the list has none."""
    records = tuple(records)
    observed: list[Observed] = []
    finished: set[str] = set()
    for name in sorted(set(kind_names)):
        kind = kinds.kind_named(name)
        mine = [record for record in records if record.address.kind == name and record.id]
        try:
            seen = [kind.read_row(row) async for row in rows(transport, kind)]
        except Refused as refused:
            if refused.status >= 500:
                raise
            # Old and locked-down tenants refuse the list; each object can still be asked for.
            seen = [one for one in await _each(transport, kind, [str(record.id) for record in mine]) if one]
        else:
            finished |= await _finished(transport, kind, mine, seen)
        observed += await _with_bodies(transport, kind, seen, wants_body)
    return Observation(tuple(observed), frozenset(finished))


async def rows(
    transport: Transport, kind: Kind, more: Mapping[str, str] | None = None
) -> AsyncIterator[Mapping[str, Any]]:
    """The rows of a kind's listing, all pages."""
    listing = kind.endpoint.listing
    async for row in pages(
        transport, listing.path, listing.items, {**dict(listing.parameters), **(more or {})}, listing.page_size
    ):
        yield row


async def pages(
    transport: Transport, path: str, items: str, parameters: Mapping[str, str], size: int | None
) -> AsyncIterator[Mapping[str, Any]]:
    """The items of a listing. With `size` it is read page by page; objects may move between pages, but not twice past us."""
    offset = 0
    seen: set[str] = set()
    while True:
        page = {"offset": offset, "limit": size} if size else {}
        answer = await transport.get(path, {**parameters, **page})
        found = answer if isinstance(answer, list) else (answer or {}).get(items) or []
        for row in found:
            identity = str(row.get("id") or row.get("uuid") or row.get("meta", {}).get("id"))
            if identity not in seen:
                seen.add(identity)
                yield row
        if not size or len(found) < size:
            return
        offset += len(found)


async def read(transport: Transport, kind: Kind, id: str) -> Observed | None:
    """One object, or None when there is none."""
    try:
        return kind.read(await transport.get(kind.endpoint.of(id)))
    except NotFound:
        return None


async def _each(transport: Transport, kind: Kind, ids: list[str]) -> list[Observed | None]:
    return await asyncio.gather(*(read(transport, kind, one) for one in ids))


async def _with_bodies(
    transport: Transport, kind: Kind, seen: list[Observed], wants_body: Callable[[Observed], bool]
) -> list[Observed]:
    lacking = [one for one in seen if one.body is None and wants_body(one)]
    full = {one.id: one for one in await _each(transport, kind, [one.id for one in lacking]) if one}
    return [full.get(one.id, one) for one in seen]


async def _finished(transport: Transport, kind: Kind, mine: list[Record], seen: list[Observed]) -> set[str]:
    """The recorded runs that are gone, but had finished: the list of deleted workloads still knows them."""
    there = {one.id for one in seen if one.readiness.presence is not Presence.GONE}
    missing = {str(record.id) for record in mine if record.id not in there and not record.finished}
    if not missing or not kind.has_phase:
        return set()
    try:
        deleted = [kind.read_row(row) async for row in rows(transport, kind, {"deleted": "true"})]
    except Refused:
        return set()
    return {one.id for one in deleted if one.id in missing and one.readiness.finished}
