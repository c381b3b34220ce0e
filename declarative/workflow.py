"""The story: observe, plan, apply. What comes before is in `session`, what is refused in `plan.guard`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from declarative.adopting import Arrivals
from declarative.apply.applier import Applier
from declarative.apply.clock import SystemClock
from declarative.apply.endings import in_full
from declarative.apply.interrupts import interruptible
from declarative.diagnostics import Diagnostic, Severity, by_place
from declarative.errors import PlanError
from declarative.manifest import complaint
from declarative.manifest.compile import Compiled
from declarative.model.address import Address
from declarative.model.event import Event
from declarative.model.observed import Observed, Presence
from declarative.model.plan import Change, Plan
from declarative.model.record import Record
from declarative.plan import adoption, place, planfile, planner, refresh, remembered, replacing, settle
from declarative.plan.adoption import Ledger
from declarative.plan.drift import drift, left_alone
from declarative.plan.names import Conflict
from declarative.plan.planfile import PlanFile
from declarative.plan.renames import renamed
from declarative.plan.selection import Needs, Selection
from declarative.plan.steps import steps
from declarative.review import state_name
from declarative.runai import lookup
from declarative.runai.lookup import Unresolved
from declarative.runai.observe import observe
from declarative.runai.remote import Remote
from declarative.runai.transport import Transport
from declarative.session import Session
from declarative.state.store import Lease, Snapshot
from declarative.survey import believed_of, look, misgivings, origin, unrefreshed, untold


class Listener(Protocol):
    """Hears what happens during an apply."""

    def event(self, event: Event) -> None: ...

    def interrupted(self) -> None: ...


def needs_manifests(session: Session, *, destroy: bool) -> bool:
    """Whether a plan needs manifests: a destroy and a refresh are about what the state has, unless paths say of which part."""
    return bool(session.settings.paths) or not (destroy or session.settings.refresh_only)


async def make(
    session: Session, transport: Transport, compiled: Compiled | None, snapshot: Snapshot, *, destroy: bool
) -> PlanFile:
    """The plan that is asked for, from the manifests as far as it needs some; raises PlanError."""
    if destroy:
        return await make_destruction(session, transport, compiled, snapshot)
    if session.settings.refresh_only:
        return await make_refresh(session, transport, compiled, snapshot)
    assert compiled is not None
    return await make_plan(session, transport, compiled, snapshot)


async def make_plan(session: Session, transport: Transport, compiled: Compiled, snapshot: Snapshot) -> PlanFile:
    """The plan that makes the control plane what the manifests say; raises PlanError for what forbids it."""
    ledger = adoption.rearranged(compiled.statements, snapshot.records)
    chosen = chosen_of(session, compiled, snapshot)
    asked = _asked(session, compiled, ledger, chosen)
    looked_up = await lookup.resolve(transport, [one for one in compiled.resources if one.address in chosen])
    desired = looked_up.resources
    arrivals = Arrivals.of(adoption.pending(compiled.statements, ledger.records), desired)
    believed = believed_of(session, snapshot, ledger.records)
    # Without a refresh, what is not recorded is looked for by whoever makes it, but for what is to be imported.
    addresses = [one.address for one in desired] if believed is None else arrivals.addresses
    while True:
        live = await look(transport, addresses, ledger.records, arrivals.wants, believed or frozenset())
        doubts = misgivings(session, snapshot, live)  # at another control plane, names would not be found either
        _refuse(compiled, looked_up.unresolved)
        complete, live = await arrivals.into(ledger.within(chosen), transport, live, snapshot.key)
        plan, conflicts = planner.plan(desired, complete.records, live, origin(session, snapshot), complete, asked)
        unseen = remembered.unseen(plan, live)
        if believed is None or not unseen:
            break
        believed -= unseen
    _refuse(compiled, conflicts)
    doubts += (
        *untold(plan, live),
        *unrefreshed(session, snapshot, ledger.records),
        *renamed(plan, ledger.records, ledger.removed, snapshot.key),
    )
    plan = replace(plan, selection=str(_selection(session)), is_refreshed=believed is None)
    plan = await in_full(transport, plan)
    names = planfile.used(looked_up.names, plan)
    changed = drift(complete.records, live, snapshot.key)
    file = PlanFile(plan, len(snapshot.records), len(compiled.resources), names=names, drift=changed, doubts=doubts)
    return _filed(session, snapshot, file)


def _asked(session: Session, compiled: Compiled, ledger: Ledger, chosen: Collection[Address]) -> frozenset[Address]:
    """What `--replace` names; raises PlanError for what cannot be replaced."""
    desired, recorded = ([one.address for one in some] for some in (compiled.resources, ledger.records))
    return replacing.requested(session.settings.replacing, desired, recorded, chosen)


def _selection(session: Session) -> Selection:
    return Selection(session.settings.targets, session.settings.excludes)


def chosen_of(
    session: Session, compiled: Compiled | None, snapshot: Snapshot, *, destroy: bool = False
) -> frozenset[Address]:
    """The addresses that a plan is about: all that stay or leave, or those that the selection leaves of them.

    Raises PlanError for a glob that matches none.
    """
    named: Needs = {one.address: one.depends_on for one in compiled.resources} if compiled is not None else {}
    if session.settings.refresh_only:
        recorded = {one.address: one.depends_on for one in snapshot.records}
        return _selection(session).of({one: recorded[one] for one in _named(recorded, compiled)}, {})
    ledger = adoption.rearranged(compiled.statements if compiled is not None else (), snapshot.records)
    recorded = {one.address: ledger.renamed(one.depends_on) for one in ledger.records}
    if destroy:
        chosen = _selection(session).of({}, {one: recorded[one] for one in _named(recorded, compiled)})
    else:
        chosen = _selection(session).of(named, {one: needs for one, needs in recorded.items() if one not in named})
    # What moves also leaves its former address.
    return chosen | {former for address, former in ledger.moved.items() if address in chosen}


def _named(recorded: Iterable[Address], compiled: Compiled | None) -> list[Address]:
    """What is recorded and has a manifest among those that were given; everything where none were."""
    named = {one.address for one in compiled.resources} if compiled is not None else None
    return [one for one in recorded if named is None or one in named]


def _refuse(compiled: Compiled, found: Iterable[Unresolved | Conflict]) -> None:
    """Raises PlanError with everything that was found, each at its place in the manifests."""
    told = [replace(one.diagnostic, where=compiled.locate(one.resource, one.path)) for one in found]
    if told:
        raise PlanError(*by_place(told))


async def make_destruction(
    session: Session, transport: Transport, compiled: Compiled | None, snapshot: Snapshot
) -> PlanFile:
    """The plan that deletes what is recorded; with manifests, only what they name, and as their lifecycle says.

    What has moved is called by its new address. All that is deleted is looked at, with or without a refresh.
    """
    ledger = adoption.rearranged(compiled.statements if compiled is not None else (), snapshot.records)
    chosen = chosen_of(session, compiled, snapshot, destroy=True)
    records = ledger.within(chosen).records
    if compiled is not None:
        named = {one.address: one.lifecycle for one in compiled.resources}
        records = tuple(
            replace(
                one,
                prevent_destroy=named[one.address].prevent_destroy,
                keep_on_destroy=named[one.address].keep_on_destroy,
            )
            for one in records
        )
    live = await look(transport, (), ledger.records)
    doubts = misgivings(session, snapshot, live)
    plan = planner.destruction(records, live, origin(session, snapshot))
    changes = tuple(map(ledger.noted, plan.changes))
    plan = await in_full(transport, replace(plan, changes=changes, selection=str(_selection(session))))
    changed = drift(records, live, snapshot.key)
    return _filed(session, snapshot, PlanFile(plan, len(records), 0, drift=changed, doubts=doubts))


async def make_refresh(
    session: Session, transport: Transport, compiled: Compiled | None, snapshot: Snapshot
) -> PlanFile:
    """The plan that makes the state follow what is live; with manifests, only of what they name. Raises PlanError.

    Where nothing of the state is there, it is more likely the wrong place than the end of everything: that is refused.
    """
    chosen = chosen_of(session, compiled, snapshot)
    live = await look(transport, (), snapshot.records)
    doubts = misgivings(session, snapshot, live)
    if doubts:
        hint = "name the right endpoint and credentials; if the objects are really gone, declarative state rm '*'"
        raise PlanError(*(replace(one, severity=Severity.ERROR, hint=hint) for one in doubts))
    records = [one for one in snapshot.records if one.address in chosen]
    plan = refresh.refreshed(records, live, origin(session, snapshot))
    plan = replace(plan, selection=str(_selection(session)))
    changed = tuple(refresh.changed_by_others(records, live, snapshot.key))
    changes = drift(records, live, snapshot.key)
    return _filed(session, snapshot, PlanFile(plan, len(records), len(records), drift=changes, doubts=changed))


def _filed(session: Session, snapshot: Snapshot, file: PlanFile) -> PlanFile:
    """With what tells later where the plan belongs, when it was made, and with which secrets."""
    return replace(
        file,
        environment=session.project.environment,
        state=None if snapshot.lineage else state_name(session),
        secrets=planfile.secret_digests(file.plan, snapshot.key),
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


class Drift(NamedTuple):
    """What is live and differs from what was last applied, what does not although it might seem so, what to warn of."""

    changes: tuple[Change, ...]
    same: tuple[Change, ...]
    doubts: tuple[Diagnostic, ...]


async def find_drift(session: Session, transport: Transport, snapshot: Snapshot) -> Drift:
    """Raises PlanError as a plan does."""
    live = await look(transport, (), snapshot.records)
    doubts = misgivings(session, snapshot, live)
    return Drift(drift(snapshot.records, live, snapshot.key), left_alone(snapshot.records, live), doubts)


async def carry_out(
    session: Session,
    transport: Transport,
    lease: Lease,
    plan: Plan,
    snapshot: Snapshot,
    listener: Listener,
    compiled: Compiled | None = None,
) -> tuple[Event, ...]:
    """Runs the steps of a plan; the last event of each. The first SIGINT, SIGTERM or SIGHUP begins no further step.

    With the manifests that the plan was made from, what is refused of a field is told at the field's place.
    """
    last: dict[int, Event] = {}

    def tell(event: Event) -> None:
        last[event.step.index] = _placed(event, compiled)
        listener.event(last[event.step.index])

    async def find_created(record: Record) -> Observed | None:
        seen = await observe(transport, (record.address.kind,), (), lambda one: settle.may_be(record, one))
        there = [one for one in seen.observed if one.readiness.presence is not Presence.GONE]
        # Read only now, and all of it: whatever was seen is recorded or pending there, should somebody else have made it.
        snapshot = await asyncio.to_thread(session.store.load)
        return settle.created(record, snapshot.records, there)

    if not place.is_same(snapshot.endpoint, session.endpoint):
        lease.belong_to(session.endpoint)
    records, parallelism = snapshot.by_address(), session.settings.parallelism
    applier = Applier(Remote(transport), lease, records, SystemClock(), tell, find_created, parallelism)
    with interruptible(applier, lease, listener.interrupted):
        return tuple(last[event.step.index] for event in await applier.run(steps(plan)))


def _placed(event: Event, compiled: Compiled | None) -> Event:
    change = event.step.change
    if change is None or not event.diagnostics:
        return event
    return replace(event, diagnostics=tuple(complaint.placed(one, change, compiled) for one in event.diagnostics))
