"""What has become of what was last applied, whoever did it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from declarative import kinds
from declarative.model.observed import Observed, Presence
from declarative.model.plan import Action, Change, FieldChange
from declarative.model.record import Record
from declarative.plan.bodies import compared, veil_of
from declarative.plan.planner import SUSPENDED, Live, is_suspended_by_others


def drift(records: Iterable[Record], live: Live, key: bytes = b"") -> tuple[Change, ...]:
    """Each resource that is no longer as it was applied, in order of address: an update by others, or a deletion.

    In these changes `before` is what was applied, `after` what is live. A run that has finished has not drifted, and what
    an interrupted call asked for is for the next apply to find out.
    """
    ordered = sorted(records, key=lambda record: record.address)
    found = (_drifted(record, live, key) for record in ordered if record.intent is None)
    return tuple(change for change in found if change is not None)


def left_alone(records: Iterable[Record], live: Live) -> tuple[Change, ...]:
    """What has not drifted although it stands still: somebody has suspended it, and its manifest leaves that to others."""
    ordered = sorted(records, key=lambda record: record.address)
    found = ((record, live.there(record)) for record in ordered if record.intent is None and record.applied is not None)
    return tuple(
        Change(record.address, Action.NO_OP, record.id, reason=SUSPENDED)
        for record, observed in found
        if observed is not None and record.applied is not None and is_suspended_by_others(record.applied, observed)
    )


def _drifted(record: Record, live: Live, key: bytes) -> Change | None:
    observed = live.there(record)
    if observed is not None and observed.readiness.presence is not Presence.DELETING:
        return _changed(record, observed, key)
    change = Change(record.address, Action.DELETE, record.id, before=record.applied)
    if observed is not None:
        return replace(change, reason="it is being deleted at the control plane")
    ran = record.finished or record.id in live.finished or _ended(live.by_id.get(record.id or ""))
    return None if ran else replace(change, reason=live.untold(record) or "it is gone from the control plane")


def _changed(record: Record, observed: Observed, key: bytes) -> Change | None:
    kind = kinds.kind_named(record.address.kind)
    assert record.applied is not None
    veil = veil_of(kind, record.applied, record, key)
    body, found = compared(kind, record.applied, record, observed, veil, record.ignored)
    if not found.fields:
        return None
    return Change(
        record.address,
        Action.UPDATE,
        record.id,
        before=record.applied,
        after=veil.shown(body),
        # The comparison says what would bring it back; what has happened is the other way round.
        fields=tuple(FieldChange(one.path, one.label, one.after, one.before) for one in found.fields),
        ignored=record.ignored,
    )


def _ended(observed: Observed | None) -> bool:
    return observed is not None and observed.readiness.finished
