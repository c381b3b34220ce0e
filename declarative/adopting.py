"""What exists comes under management: found at the control plane, and checked before it may come in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from declarative import kinds
from declarative.diagnostics import Diagnostic
from declarative.errors import PlanError
from declarative.kinds.fields.base import UUID
from declarative.model.address import Address
from declarative.model.bookkeeping import Import
from declarative.model.observed import Observed
from declarative.model.plan import Plan
from declarative.model.record import Record
from declarative.model.resource import Resource
from declarative.plan import adoption
from declarative.plan.adoption import Ledger
from declarative.plan.planner import Live, Origin, plan
from declarative.runai import observe
from declarative.runai.transport import Transport
from declarative.session import Session
from declarative.state.store import Snapshot


class Arrivals(Struct, frozen=True):
    """The imports that a plan still has to do, each with its resource, names resolved."""

    imports: tuple[tuple[Import, Resource], ...]

    @classmethod
    def of(cls, imports: Iterable[Import], resources: Iterable[Resource]) -> Arrivals:
        """Those whose resource is among `resources`."""
        known = {one.address: one for one in resources}
        return cls(tuple((one, known[one.to]) for one in imports if one.to in known))

    @property
    def addresses(self) -> list[Address]:
        """Where they come in."""
        return [one.to for one, _ in self.imports]

    def wants(self, row: Observed) -> bool:
        """Whether a row of a listing is one of the objects, so that its body is needed."""
        return any(
            row.id == one.id or adoption.named(resource, one.name or "", (row,)) for one, resource in self.imports
        )

    async def into(self, ledger: Ledger, transport: Transport, live: Live, key: bytes) -> tuple[Ledger, Live]:
        """The ledger with their records, and what is live with what no listing had; raises PlanError for what is wrong."""
        found = await asyncio.gather(*(_candidates(transport, one, resource, live) for one, resource in self.imports))
        imported: dict[Address, Record] = {}
        problems: list[Diagnostic] = []
        for (one, resource), candidates in zip(self.imports, found, strict=True):
            records = (*ledger.records, *imported.values())
            chosen = chosen_of(resource, one.id or str(one.name), candidates, live.by_id.values(), records)
            if isinstance(chosen, Diagnostic):
                problems.append(replace(chosen, where=one.where))
            else:
                imported[one.to] = adoption.record_of(resource, chosen, key)
        if problems:
            raise PlanError(*problems)
        seen = {one.id: one for candidates in found for one in candidates}
        records = tuple(sorted((*ledger.records, *imported.values()), key=lambda one: one.address))
        return replace(ledger, records=records, imported=imported), replace(live, by_id={**live.by_id, **seen})


async def _candidates(transport: Transport, one: Import, resource: Resource, live: Live) -> tuple[Observed, ...]:
    """The objects that may be meant, with their bodies."""
    if one.id is None:
        rows = adoption.named(resource, str(one.name), live.by_id.values())
    else:
        rows = tuple(row for row in live.by_id.values() if (row.kind, row.id) == (one.to.kind, one.id))
    if rows and all(row.body is not None for row in rows):
        return rows
    ids = [row.id for row in rows] or ([one.id] if one.id else [])
    return await with_bodies(transport, one.to.kind, ids)


async def with_bodies(transport: Transport, kind: str, ids: Iterable[str]) -> tuple[Observed, ...]:
    """The objects of these ids that there are, each asked for."""
    asked = (observe.read(transport, kinds.kind_named(kind), one) for one in ids)
    return tuple(one for one in await asyncio.gather(*asked) if one is not None)


def chosen_of(
    resource: Resource,
    given: str,
    candidates: tuple[Observed, ...],
    rows: Iterable[Observed],
    records: Iterable[Record],
) -> Observed | Diagnostic:
    """The object that comes in as `resource`, or why there is none. `rows` are all that are known to be live."""
    if not candidates:
        return adoption.missing(resource, given, rows)
    if len(candidates) > 1:
        return adoption.several(resource.address, given, candidates)
    return adoption.refusal(resource.address, candidates[0], records) or candidates[0]


def next_plan(session: Session, resource: Resource, record: Record, live: Observed, snapshot: Snapshot) -> Plan:
    """The plan of one resource, names resolved, with what is recorded and what is live of it."""
    origin = Origin(session.endpoint, snapshot.lineage, snapshot.serial, snapshot.key)
    return plan((resource,), (record,), Live.of((live,), (record,)), origin)[0]


async def find(transport: Transport, resource: Resource, given: str, records: Iterable[Record]) -> Observed:
    """The live object of an id, or of a name in the place of its manifest; raises PlanError where there is not exactly one."""
    kind = resource.address.kind
    records = tuple(records)
    rows: list[Observed] = []
    if UUID.fullmatch(given):
        candidates = await with_bodies(transport, kind, (given.lower(),))
        others = [one.name for one in kinds.ALL if one.name != kind]
        for other in others if not candidates else ():
            if await with_bodies(transport, other, (given.lower(),)):
                detail = f"{resource.address} would be {given}, which is a {other}."
                raise PlanError(Diagnostic("Different kinds", detail, f"import it as {other}.{resource.address.key}"))
    else:
        rows = [row async for row in observe.rows(transport, kinds.kind_named(kind))]
        candidates = adoption.named(resource, given, rows)
        if any(one.body is None for one in candidates):
            candidates = await with_bodies(transport, kind, (one.id for one in candidates))
    chosen = chosen_of(resource, given, candidates, rows, records)
    if isinstance(chosen, Diagnostic):
        raise PlanError(chosen)
    return chosen
