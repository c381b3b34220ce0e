"""What a saved plan needs before it is carried out: proof that nothing has moved, and what it could not hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from declarative import kinds
from declarative.kinds.kind import Kind
from declarative.model.address import Address
from declarative.model.named import NamedId
from declarative.model.plan import Action, Change, Plan
from declarative.model.record import Record
from declarative.model.secret import alike
from declarative.plan.bodies import compared, veil_of
from declarative.plan.fingerprint import fingerprint
from declarative.plan.guard import some
from declarative.plan.planner import Live
from declarative.plan.settle import settled


def moved(plan: Plan, records: Iterable[Record], live: Live, key: bytes = b"") -> tuple[Address, ...]:
    """The addresses of a plan whose record or live object is no longer what the plan was made against."""
    recorded = {record.address: record for record in records}

    def now(change: Change) -> str:
        if change.address in recorded and (change.imports or change.moved_from):
            return ""  # what was to come to this address is there, or something else
        record = _record_of(change, recorded)
        there = live.there(settled(record, live.taken_up.get(change.address))) if record else None
        return fingerprint(record, there, veil_of(_kind(change), change.after, record, key))

    touched = (change for change in plan.changes if not change.is_nothing or change.adopts)
    return tuple(change.address for change in touched if now(change) != change.fingerprint)


def renamed(then: Iterable[NamedId], now: Iterable[NamedId]) -> tuple[str, ...]:
    """The names of a plan that mean something else by now, in words, each once."""
    found = {(one.address, one.path): one.id for one in now}
    told: dict[str, list[Address]] = {}
    for one in then:
        meant = found.get((one.address, one.path), one.id)
        if meant.lower() != one.id.lower():
            told.setdefault(f"The {one.collection} {one.name} was {one.id} and is {meant} now", []).append(one.address)
    return tuple(f"{what} ({some(dict.fromkeys(addresses))})." for what, addresses in told.items())


def is_in_place(plan: Plan, records: Iterable[Record]) -> bool:
    """Whether the state has every change of a plan already, as after an apply of it."""
    recorded = {record.address: record for record in records}

    def done(change: Change) -> bool:
        record = recorded.get(change.address)
        if change.action in (Action.DELETE, Action.FORGET):
            return record is None
        return record is not None and record.intent is None and alike(record.applied, change.after)

    return all(done(change) for change in plan.changes if change.action is not Action.NO_OP)


def completed(plan: Plan, records: Iterable[Record], live: Live, key: bytes = b"") -> Plan:
    """A plan of which nothing has moved, with the bodies to send: they hold what others set, and are not saved."""
    recorded = {record.address: record for record in records}

    def complete(change: Change) -> Change:
        if change.action is not Action.UPDATE or not change.fields:
            return change
        known = _record_of(change, recorded)
        assert known is not None
        record = settled(known, live.taken_up.get(change.address))
        observed = live.there(record)
        assert observed is not None
        veil = veil_of(_kind(change), change.after, known, key)
        assert change.after is not None
        _, found = compared(_kind(change), change.after, record, observed, veil, change.ignored)
        return replace(change, merged=found.merged)

    return replace(plan, changes=tuple(map(complete, plan.changes)))


def _record_of(change: Change, recorded: Mapping[Address, Record]) -> Record | None:
    """The record that a change is about: the one that comes in, or the state's, under its former address where it moves."""
    return change.imports or recorded.get(change.moved_from or change.address)


def _kind(change: Change) -> Kind:
    return kinds.kind_named(change.address.kind)
