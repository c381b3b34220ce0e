"""The story: observe, plan, apply. What comes before is in `session`, what is refused in `plan.guard`."""

from __future__ import annotations

import asyncio
import shlex
import signal
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from declarative.adopting import Arrivals
from declarative.apply.applier import Applier
from declarative.apply.clock import SystemClock
from declarative.diagnostics import Diagnostic
from declarative.errors import PlanError
from declarative.manifest import complaint
from declarative.manifest.compile import Compiled
from declarative.manifest.project import DEFAULT_STATE
from declarative.model.address import Address
from declarative.model.event import Event
from declarative.model.observed import Observed, Presence
from declarative.model.plan import Change, Plan
from declarative.model.position import Position
from declarative.model.record import Record
from declarative.model.secret import Reference
from declarative.model.value import dotted
from declarative.plan import adoption, planfile, planner, settle, stale
from declarative.plan.drift import drift
from declarative.plan.guard import some
from declarative.plan.names import Conflict
from declarative.plan.planfile import PlanFile
from declarative.plan.selection import Needs, Selection
from declarative.plan.steps import steps
from declarative.runai import lookup
from declarative.runai.lookup import Unresolved
from declarative.runai.observe import observe
from declarative.runai.remote import Remote
from declarative.runai.transport import Transport
from declarative.session import Session
from declarative.state.store import Lease, Snapshot


class Listener(Protocol):
    """Hears what happens during an apply."""

    def event(self, event: Event) -> None: ...

    def interrupted(self) -> None: ...


async def observe_live(
    transport: Transport,
    addresses: Iterable[Address],
    records: Iterable[Record],
    wanted: Callable[[Observed], bool] = lambda _: False,
) -> planner.Live:
    """What is live of the kinds of `addresses` and `records`; with their bodies, though lists lack them, what is `wanted`."""
    records = tuple(records)
    pending = settle.pending_creates(records)
    kind_names = {address.kind for address in (*addresses, *(record.address for record in records))}
    seen = await observe(
        transport, kind_names, records, lambda one: wanted(one) or any(settle.may_be(record, one) for record in pending)
    )
    return planner.Live.of(seen.observed, records, seen.finished)


async def make_plan(session: Session, transport: Transport, compiled: Compiled, snapshot: Snapshot) -> PlanFile:
    """The plan that makes the control plane what the manifests say; raises PlanError for what forbids it."""
    looked_up = await lookup.resolve(transport, compiled.resources)
    resources = looked_up.resources
    _refuse(compiled, looked_up.unresolved)
    ledger = adoption.rearranged(compiled.statements, snapshot.records)
    chosen = chosen_of(session, compiled, snapshot)
    desired = [one for one in resources if one.address in chosen]
    arrivals = Arrivals.of(adoption.pending(compiled.statements, ledger.records), desired)
    live = await observe_live(transport, [one.address for one in resources], ledger.records, arrivals.wants)
    ledger, live = await arrivals.into(ledger.within(chosen), transport, live, snapshot.key)
    plan, conflicts = planner.plan(desired, ledger.records, live, _origin(session, snapshot), ledger)
    _refuse(compiled, conflicts)
    plan = replace(plan, selection=str(_selection(session)))
    names = planfile.used(looked_up.names, plan)
    return _filed(session, snapshot, PlanFile(plan, len(snapshot.records), len(resources), names=names))


def _selection(session: Session) -> Selection:
    return Selection(session.settings.targets, session.settings.excludes)


def chosen_of(
    session: Session, compiled: Compiled | None, snapshot: Snapshot, *, destroy: bool = False
) -> frozenset[Address]:
    """The addresses that a plan is about: all that stay or leave, or those that the selection leaves of them.

    Raises PlanError for a glob that matches none.
    """
    named: Needs = {one.address: one.depends_on for one in compiled.resources} if compiled is not None else {}
    ledger = adoption.rearranged(compiled.statements if compiled is not None and not destroy else (), snapshot.records)
    recorded = {one.address: one.depends_on for one in ledger.records}
    if destroy:
        leaving = {one: needs for one, needs in recorded.items() if compiled is None or one in named}
        return _selection(session).of({}, leaving)
    chosen = _selection(session).of(named, {one: needs for one, needs in recorded.items() if one not in named})
    # What moves also leaves its former address.
    return chosen | {former for address, former in ledger.moved.items() if address in chosen}


def _refuse(compiled: Compiled, found: Iterable[Unresolved | Conflict]) -> None:
    """Raises PlanError with everything that was found, each at its place in the manifests."""
    told = [replace(one.diagnostic, where=compiled.locate(one.resource, one.path)) for one in found]
    if told:
        raise PlanError(*sorted(told, key=lambda diagnostic: diagnostic.where or Position("")))


async def make_destruction(
    session: Session, transport: Transport, compiled: Compiled | None, snapshot: Snapshot
) -> PlanFile:
    """The plan that deletes what is recorded; with manifests, only what they name, and as their lifecycle says."""
    chosen = chosen_of(session, compiled, snapshot, destroy=True)
    records = tuple(one for one in snapshot.records if one.address in chosen)
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
    live = await observe_live(transport, (), snapshot.records)
    plan = planner.destruction(records, live, _origin(session, snapshot))
    plan = replace(plan, selection=str(_selection(session)))
    return _filed(session, snapshot, PlanFile(plan, len(records), 0))


def _filed(session: Session, snapshot: Snapshot, file: PlanFile) -> PlanFile:
    """With what tells later where the plan belongs, and which secrets it was made with."""
    return replace(
        file,
        environment=session.project.environment,
        state=None if snapshot.lineage else _state_name(session),
        secrets=planfile.secret_digests(file.plan, snapshot.key),
    )


def _state_name(session: Session) -> str:
    return session.settings.state or session.project.state or DEFAULT_STATE


def _origin(session: Session, snapshot: Snapshot) -> planner.Origin:
    return planner.Origin(session.endpoint, snapshot.lineage, snapshot.serial, snapshot.key)


async def find_drift(transport: Transport, snapshot: Snapshot) -> tuple[Change, ...]:
    """What is live and differs from what was last applied."""
    live = await observe_live(transport, (), snapshot.records)
    return drift(snapshot.records, live, snapshot.key)


def check_place(session: Session, saved: PlanFile, name: str) -> None:
    """Raises PlanError when a saved plan, by its `name`, was made for another environment or control plane."""
    if saved.environment != session.project.environment:
        detail = f"It was made {_with(saved.environment)}, but this is {_with(session.project.environment)}."
        hint = shlex.join(["declarative", "apply", *(("-e", saved.environment) if saved.environment else ()), name])
        raise PlanError(Diagnostic("Saved plan is for another environment", detail, hint))
    if saved.plan.endpoint != session.endpoint:
        detail = f"It was made for {saved.plan.endpoint}, but this is {session.endpoint}."
        raise PlanError(Diagnostic("Saved plan is for another control plane", detail, "name it with --endpoint or -e"))


def _with(environment: str | None) -> str:
    return f"with -e {environment}" if environment else "without an environment"


async def check_saved(session: Session, transport: Transport, saved: PlanFile, snapshot: Snapshot) -> PlanFile:
    """A saved plan with its secrets, ready to be carried out; raises PlanError when it was made from another state or
    with other secrets, or is stale."""
    elsewhere = _other_state(session, saved, snapshot)
    if elsewhere:
        raise PlanError(Diagnostic("Saved plan is for another state", elsewhere, "name the state with --state or -e"))
    others = planfile.other_secrets(saved, snapshot.key)
    if others:
        raise PlanError(*map(_other_secret, others))
    touched = saved.plan.addresses
    coming = {change.imports.id for change in saved.plan.changes if change.imports is not None}
    records = [one for one in snapshot.records if one.address in touched]
    live, renamed = await asyncio.gather(observe_live(transport, touched, records, lambda one: one.id in coming), _renamed(transport, saved))
    moved = stale.moved(saved.plan, records, live, snapshot.key)
    if renamed:
        raise PlanError(Diagnostic("Saved plan is stale", " ".join(renamed), "make a new one with plan --out"))
    if moved:
        detail = f"Since it was made, {', '.join(map(str, moved))} changed in the state or at the control plane."
        if snapshot.serial != saved.plan.serial and stale.is_in_place(saved.plan, records):
            detail += " The state has every change of it: it may have been applied already."
        raise PlanError(Diagnostic("Saved plan is stale", detail, "make a new one with plan --out"))
    return replace(saved, plan=stale.completed(saved.plan, records, live, snapshot.key))


async def _renamed(transport: Transport, saved: PlanFile) -> tuple[str, ...]:
    """What no longer holds of the names that a saved plan was made from: they are looked up again."""
    bodies = {change.address: change.after for change in saved.plan.changes}
    named = {one.address: after for one in saved.names if (after := bodies.get(one.address)) is not None}
    now = await lookup.again(transport, saved.names, named)
    lost = dict.fromkeys(one.diagnostic.detail for one in now.unresolved)
    return (*stale.renamed(saved.names, now.names), *lost)


def _other_state(session: Session, saved: PlanFile, snapshot: Snapshot) -> str | None:
    """What tells that a plan was made from another state. One that did not exist is known by its name and by what it holds."""
    if saved.plan.lineage:
        other = "The state has another lineage than the one that the plan was made from."
        return other if saved.plan.lineage != snapshot.lineage else None
    name = _state_name(session)
    if saved.state and _state_file(session, saved.state) != _state_file(session, name):
        return f"It was made for the state {saved.state}, but this is {name}."
    strangers = {record.address for record in snapshot.records} - {change.address for change in saved.plan.changes}
    if strangers:
        return f"It was made from an empty state, but this one holds {some(sorted(strangers))}."
    return None


def _state_file(session: Session, name: str) -> Path:
    return (session.settings.root / Path(name.removeprefix("sqlite:///")).expanduser()).resolve()


def _other_secret(reference: Reference) -> Diagnostic:
    path = dotted((reference.name, *reference.path))
    name = f"`secret('{path}')`" if reference.source == "secret" else f"Variable `{path}`"
    detail = f"{name} has another value than the one that the plan was made with."
    return Diagnostic(
        "Secret differs from the plan", detail, "give the value that the plan was made with, or make a new plan"
    )


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

    async def find_created(record: Record, records: Collection[Record]) -> Observed | None:
        """`records` are those of now also when the answer has come: what was answered meanwhile is owned."""
        seen = await observe(transport, (record.address.kind,), (), lambda one: settle.may_be(record, one))
        there = [one for one in seen.observed if one.readiness.presence is not Presence.GONE]
        return settle.created(record, records, there)

    records, parallelism = snapshot.by_address(), session.settings.parallelism
    applier = Applier(Remote(transport), lease, records, SystemClock(), tell, find_created, parallelism)
    with _interruptible(applier, listener.interrupted):
        return tuple(last[event.step.index] for event in await applier.run(steps(plan)))


def _placed(event: Event, compiled: Compiled | None) -> Event:
    change = event.step.change
    if change is None or not event.diagnostics:
        return event
    return replace(event, diagnostics=tuple(complaint.placed(one, change, compiled) for one in event.diagnostics))


@contextmanager
def _interruptible(applier: Applier, on_interrupt: Callable[[], None]) -> Iterator[None]:
    """Once: begin nothing new. Twice: stop now; the state then knows what was under way."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    asked = False

    def interrupted() -> None:
        nonlocal asked
        if asked and task is not None:
            task.cancel()
            return
        asked = True
        on_interrupt()
        applier.stop(Diagnostic("Not applied", "The apply was interrupted before this step began."))

    # What is ignored stays so: nohup asks for that.
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {one: found for one in numbers if (found := signal.getsignal(one)) is not signal.SIG_IGN}
    for one in before:
        loop.add_signal_handler(one, interrupted)
    try:
        yield
    finally:
        for one, handler in before.items():
            loop.remove_signal_handler(one)
            signal.signal(one, handler or signal.SIG_DFL)
