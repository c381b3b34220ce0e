"""What is live: read in bulk, because requests are the cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from msgspec import Struct, field

from declarative import kinds
from declarative.errors import ControlPlaneError, NotFound, Refused, Unintelligible
from declarative.kinds.kind import Kind
from declarative.model.observed import Observed, Presence
from declarative.model.record import Record
from declarative.runai.listing import pages
from declarative.runai.transport import Transport

# How tenants say that they do not offer a listing, or not to us, or not with these parameters.
NOT_LISTED = (400, 403, 404, 405, 501)
NOT_FOUND = 404
Answer = Mapping[str, Any]
Told = TypeVar("Told")


class Observation(Struct, frozen=True):
    """Everything that was seen, and the ids of recorded objects that are gone because they had finished.

    `absent` are the kinds whose listing was answered 404, so that this may be no control plane at all. `unasked` are the ids
    of those that are gone of which nobody tells whether they had finished, with the status that the question was answered.
    """

    observed: tuple[Observed, ...]
    finished: frozenset[str]
    absent: frozenset[str] = frozenset()
    unasked: Mapping[str, int] = field(default_factory=dict)


async def observe(
    transport: Transport, kind_names: Iterable[str], records: Iterable[Record], wants_body: Callable[[Observed], bool]
) -> Observation:
    """Reads all objects of the kinds. `wants_body` picks those whose whole body is needed, though the list has none."""
    records = tuple(records)
    seen = await asyncio.gather(
        *(
            _of_kind(
                transport, kinds.kind_named(name), [one for one in records if one.address.kind == name], wants_body
            )
            for name in sorted(set(kind_names))
        )
    )
    return Observation(
        tuple(one for observation in seen for one in observation.observed),
        frozenset(one for observation in seen for one in observation.finished),
        frozenset(one for observation in seen for one in observation.absent),
        {one: status for observation in seen for one, status in observation.unasked.items()},
    )


async def _of_kind(
    transport: Transport, kind: Kind, mine: list[Record], wants_body: Callable[[Observed], bool]
) -> Observation:
    absent: frozenset[str] = frozenset()
    try:
        seen = [row async for row in rows(transport, kind)]
    except Refused as refused:
        if refused.status not in NOT_LISTED:
            raise
        seen = []
        absent = frozenset({kind.name} if refused.status == NOT_FOUND else ())
    # Not every tenant has the list; and it may lag behind, or lose a row that moves from one page to another while it is
    # read. Before an object is believed gone, it is asked for by its id.
    seen += await _each(transport, kind, _owned(mine) - {one.id for one in seen})
    finished, unasked = await _finished(transport, kind, mine, seen)
    bodies = await _with_bodies(transport, kind, seen, wants_body)
    return Observation(tuple(bodies), finished, absent, unasked)


def _owned(records: Iterable[Record]) -> set[str]:
    """The ids of all objects that may still be there: not those of runs that are known to have ended."""
    kept = {str(record.id) for record in records if record.id and not record.finished}
    return kept | {record.previous_id for record in records if record.previous_id}


def understood(request: str, read: Callable[[Any], Told], answer: Any) -> Told:
    """What an answer tells; raises Unintelligible where it lacks what every such answer has."""
    try:
        return read(answer)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unintelligible.answer(request, f"without what was asked for ({type(error).__name__}: {error})") from error


async def rows(transport: Transport, kind: Kind, more: Mapping[str, str] | None = None) -> AsyncIterator[Observed]:
    """The rows of a kind's listing, all pages."""
    listing = kind.endpoint.listing
    parameters = {**dict(listing.parameters), **(more or {})}
    async for row in pages(transport, listing.path, listing.items, parameters, listing.page_size):
        yield understood(f"GET {listing.path}", kind.read_row, row)


async def read(transport: Transport, kind: Kind, id: str) -> Observed | None:
    """One object, or None when there is none."""
    path = kind.endpoint.of(id)
    try:
        return understood(f"GET {path}", kind.read, await transport.get(path))
    except Refused as refused:
        if await is_gone(transport, kind, id, refused):
            return None
        raise


async def is_gone(transport: Transport, kind: Kind, id: str, refused: Refused) -> bool:
    """Whether a refusal says that an object is gone.

    The documents give every 404 a body. Some releases leave bodies out of other answers, so that a 404 without one counts
    where the listing answers well and lacks the object: nothing that only stands before the control plane knows both.
    """
    if isinstance(refused, NotFound) or refused.status != NOT_FOUND or not refused.wordless:
        return isinstance(refused, NotFound)
    try:
        return id not in {row.id async for row in rows(transport, kind) if row.readiness.presence is not Presence.GONE}
    except ControlPlaneError:
        return False


async def _each(transport: Transport, kind: Kind, ids: Iterable[str]) -> list[Observed]:
    """The objects among `ids` that there are."""
    found = await asyncio.gather(*(read(transport, kind, one) for one in sorted(ids)))
    return [one for one in found if one is not None]


async def _with_bodies(
    transport: Transport, kind: Kind, seen: list[Observed], wants_body: Callable[[Observed], bool]
) -> list[Observed]:
    lacking = [one for one in seen if one.body is None and wants_body(one)]
    full = {one.id: one for one in await _each(transport, kind, [one.id for one in lacking])}
    return [full.get(one.id, one) for one in seen]


async def _finished(
    transport: Transport, kind: Kind, mine: list[Record], seen: list[Observed]
) -> tuple[frozenset[str], Mapping[str, int]]:
    """The recorded runs that are gone, but had finished; and those of which that could not be asked, with the status."""
    there = {one.id for one in seen if one.readiness.presence is not Presence.GONE}
    ended = {one.id for one in seen if one.readiness.finished}
    missing = {record.id for record in mine if record.id and record.id not in there and not record.finished}
    if not missing or not kind.has_phase:
        return frozenset(), {}
    deleted = await ended_among(transport, kind, missing)
    if isinstance(deleted, int):
        return frozenset(), dict.fromkeys(missing - ended, deleted)
    return frozenset(deleted), {}


async def ended_among(transport: Transport, kind: Kind, gone: Collection[str]) -> Mapping[str, Observed] | int:
    """Those of what is gone that had ended, as the list of the deleted still tells them; or the status that refuses the list.

    Raises ControlPlaneError where the list does not answer: it may answer later.
    """
    try:
        deleted = [row async for row in rows(transport, kind, {"deleted": "true"})]
    except Refused as refused:
        if refused.status not in NOT_LISTED:
            raise
        return refused.status
    return {one.id: one for one in deleted if one.id in gone and one.readiness.finished}
