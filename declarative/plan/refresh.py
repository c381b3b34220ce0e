"""What a state learns from what is live, without a change of anything but the state.

The state holds what this tool applied last, so that it takes over no field that others have changed: that is drift, which the
next plan tells and puts back. It follows what has become of its objects: those that are gone are forgotten, runs that have
ended are known to have ended, interrupted calls are settled where it can be seen what came of them, and new names are taken over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from declarative import kinds
from declarative.diagnostics import Diagnostic, Severity
from declarative.model.observed import Observed, Presence
from declarative.model.plan import Action, Change, Plan
from declarative.model.record import Operation, Record
from declarative.plan.bodies import compared, veil_of
from declarative.plan.drift import drift
from declarative.plan.fingerprint import fingerprint
from declarative.plan.guard import some
from declarative.plan.planner import Live, Origin, ran
from declarative.plan.settle import applied_by, settled
from declarative.plan.veil import Veil


def refreshed(records: Iterable[Record], live: Live, origin: Origin) -> Plan:
    """The plan that makes the records follow what is live, in order of address."""
    ordered = sorted(records, key=lambda record: record.address)
    changes = tuple(_followed(record, live, origin.key) for record in ordered)
    return Plan(changes, origin.endpoint, origin.lineage, origin.serial, refresh_only=True)


def changed_by_others(records: Iterable[Record], live: Live, key: bytes) -> Iterator[Diagnostic]:
    """That fields differ from what was applied, which a refresh leaves to the next plan."""
    changed = [one.address for one in drift(records, live, key) if one.action is Action.UPDATE]
    if changed:
        detail = (
            f"Others have changed {some(changed)}. The state keeps what was applied, and the next plan puts it back."
        )
        hint = "declarative drift shows them"
        yield Diagnostic("Fields differ from what was applied", detail, hint, severity=Severity.WARNING)


def _followed(record: Record, live: Live, key: bytes) -> Change:
    """What the state has to learn of one record."""
    veil = veil_of(kinds.kind_named(record.address.kind), None, record, key)
    found = settled(record, live.taken_up.get(record.address))
    observed = live.there(found)
    known = found.applied and veil.shown(found.applied)
    change = Change(
        address=record.address,
        action=Action.NO_OP,
        id=found.id,
        before=known,
        after=known,
        depends_on=record.depends_on,
        prevent_destroy=record.prevent_destroy,
        keep_on_destroy=record.keep_on_destroy,
        ignored=record.ignored,
        fingerprint=fingerprint(record, observed, veil),
    )
    new, reasons = _old_object(found, live)
    if found is not record:
        reasons.append("its interrupted create has made it")
    if observed is not None:
        new = _with_presence(new, observed, change, veil, reasons)
    elif ran(found, live):
        new = replace(new, finished=True, intent=None)
        reasons += [] if record.finished else ["the run finished and deleted itself"]
    elif live.untold(found):
        reasons.append(f"{live.untold(found)}; the state keeps it")
    elif new.previous_id is None:
        reason = "it is gone from the control plane" if found.id else "its interrupted create made nothing"
        return replace(change, action=Action.FORGET, after=None, reason=reason)
    if new == record:
        return replace(change, reason="; ".join(reasons) or None)
    return replace(change, remembers=new, adopts=True, reason="; ".join(reasons) or None)


def _old_object(record: Record, live: Live) -> tuple[Record, list[str]]:
    """The record without the old object of a replacement, once that is gone."""
    old = live.by_id.get(record.previous_id or "")
    if record.previous_id is None or (old is not None and old.readiness.presence is not Presence.GONE):
        return record, []
    return replace(record, previous_id=None), ["the old object of its replacement is gone"]


def _with_presence(record: Record, observed: Observed, change: Change, veil: Veil, reasons: list[str]) -> Record:
    """The record of an object that is there; says in `reasons` what is new."""
    new = _with_outcome(record, observed, change, veil)
    if new is not record and record.intent is not None:
        happened = "has happened" if new.applied != record.applied else "has not happened, or changed nothing"
        reasons.append(f"its interrupted {record.intent.operation} {happened}")
    if observed.readiness.finished != record.finished:
        new = replace(new, finished=observed.readiness.finished)
        reasons.append(f"it is {observed.readiness.phase} by now")
    if observed.name != record.name:
        new = replace(new, name=observed.name)
        reasons.append(f"it is called {observed.name} by now")
    return new


def _with_outcome(record: Record, observed: Observed, change: Change, veil: Veil) -> Record:
    """The record without its interrupted call, where what is live tells whether that has happened; else as it is."""
    intent = record.intent
    if intent is None or observed.readiness.presence is not Presence.LIVE:
        return record
    if intent.operation in (Operation.DELETE, Operation.CREATE):
        # It is there, and was not taken up: neither was the object deleted, nor another one made in its place.
        return replace(record, intent=None)
    kind = kinds.kind_named(record.address.kind)
    asked = applied_by(record, intent.body, intent.operation)
    for body in (asked, record.applied):
        assert body is not None
        _, found = compared(kind, body, record, observed, veil, change.ignored)
        if not found.fields:
            return replace(record, applied=body, intent=None)
    return record  # somebody else has changed it, too: the next apply sets everything that was ever asked for
