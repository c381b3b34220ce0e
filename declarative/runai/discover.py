"""What is live and nobody of ours: read for the first time, to be written down."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from msgspec import Struct

from declarative import kinds
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import PlanError, Refused
from declarative.kinds.kind import Kind
from declarative.model.observed import Observed, Presence
from declarative.runai import observe
from declarative.runai.directory import Directory, Entry, normal
from declarative.runai.transport import Transport


class Strangers(Struct, frozen=True):
    """The objects to take over, with their bodies, and how many of what else there is.

    `finished` are runs that have ended, `leaving` objects that are being deleted, `built_in` the platform's own.
    """

    found: tuple[Observed, ...]
    finished: int = 0
    leaving: int = 0
    built_in: int = 0


async def directory(transport: Transport) -> Directory:
    """Everything that bodies may refer to by name. Collections that refuse to be listed are left out."""
    made = Directory()
    await made.read(transport, {reference.collection for kind in kinds.ALL for reference in kind.references})
    return made


def project_of(known: Directory, given: str) -> Entry:
    """The project of an id or a name; raises PlanError where there is not exactly one."""
    by_id = known.with_id("project", given)
    found = [by_id] if by_id else known.named("project", given)
    if len(found) == 1:
        return found[0]
    if found:
        detail = f"There are several projects {given}: {', '.join(one.id for one in found)}."
        raise PlanError(Diagnostic("Ambiguous name", detail, "give the id instead of the name"))
    names = [one.name for one in known.all("project")]
    spelling = nearest(given, names)
    hint = f"did you mean {spelling}?" if spelling else f"there are {', '.join(sorted(names)[:8])}" if names else None
    raise PlanError(Diagnostic("Unknown name", f"The control plane shows no project {given}.", hint))


async def strangers(transport: Transport, owned: Collection[str], project: str | None) -> Strangers:
    """What is live, but not among the `owned` ids; with a project's id only what belongs to that."""
    listed = await asyncio.gather(*(_rows(transport, kind) for kind in kinds.ALL))
    rows = [one for found in listed for one in found if one.id not in owned]
    if project is not None:
        rows = [one for one in rows if one.project is not None and normal(one.project) == normal(project)]
    there = [one for one in rows if one.readiness.presence is Presence.LIVE]
    running = [one for one in there if not one.readiness.finished]
    own = [one for one in running if not _is_built_in(one)]
    return Strangers(
        found=await _whole(transport, own),
        finished=len(there) - len(running),
        leaving=sum(one.readiness.presence is Presence.DELETING for one in rows),
        built_in=len(running) - len(own),
    )


async def _rows(transport: Transport, kind: Kind) -> list[Observed]:
    try:
        return [row async for row in observe.rows(transport, kind)]
    except Refused as refused:
        if refused.status not in observe.NOT_LISTED:
            raise
        path = kind.endpoint.listing.path
        detail = (
            f"GET {path} was answered {refused.status}: what is live of the kind {kind.name} shows in this list alone."
        )
        hint = "ask for the right to read it, or import one by one: declarative import ADDR ID"
        raise PlanError(Diagnostic("Discovery needs this list", detail, hint)) from refused


def _is_built_in(one: Observed) -> bool:
    return one.body is not None and one.body["metadata"].get("scope") == "system"


async def _whole(transport: Transport, rows: Iterable[Observed]) -> tuple[Observed, ...]:
    """The objects with their bodies, in the order of the rows; without what went away or ended meanwhile."""

    async def whole(row: Observed) -> Observed | None:
        if row.body is not None:
            return row
        found = await observe.read(transport, kinds.kind_named(row.kind), row.id)
        alive = found is not None and found.readiness.presence is Presence.LIVE and not found.readiness.finished
        return found if alive else None

    return tuple(one for one in await asyncio.gather(*map(whole, rows)) if one is not None)
