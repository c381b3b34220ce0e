"""What a plan without a refresh goes by: the state's word for what is live.

A record is believed only as long as the plan leaves its object alone. What a plan changes or deletes is looked at first, so
that it is what it was held to be; and so is what an interrupted apply left in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from declarative import kinds
from declarative.diagnostics import Diagnostic, Severity
from declarative.model.address import Address
from declarative.model.observed import Observed, Presence, Progress, Readiness
from declarative.model.plan import Action, Plan
from declarative.model.record import Record
from declarative.model.value import EMPTY
from declarative.plan.guard import some
from declarative.plan.planner import Live


def in_doubt(record: Record) -> bool:
    """Whether the state itself does not know what is live: a call was interrupted, or has left an old object behind."""
    return record.id is None or record.intent is not None or record.previous_id is not None


def assumed(record: Record) -> Observed:
    """The object of a record as it was applied. Which phase it is in nobody knows, only whether it was to run or to stop."""
    kind, body = kinds.kind_named(record.address.kind), record.applied or EMPTY
    desired = body.get("desiredPhase") or kind.phases[0] if kind.has_phase else None
    progress = Progress.FINISHED if record.finished else Progress.STOPPED if desired == "Stopped" else Progress.READY
    return Observed(
        kind=kind.name,
        id=str(record.id),
        name=record.name,
        project=record.project,
        readiness=Readiness(Presence.LIVE, progress),
        namespace=kind.namespace(body),
        body=body,
        desired_phase=desired,
    )


def unseen(plan: Plan, live: Live) -> frozenset[Address]:
    """The addresses of what a plan touches at the control plane or in the state, though nobody has looked at it."""
    touched = (one for one in plan.changes if one.action is not Action.CREATE and (not one.is_nothing or one.adopts))
    return frozenset(one.address for one in touched if one.id in live.assumed)


def doubt(unsettled: Sequence[Address], elsewhere: str | None) -> Diagnostic:
    """What is not known of a plan that was made without a refresh.

    `unsettled` are the records that had to be looked at; with `elsewhere`, the control plane of the state, it was everything.
    """
    if elsewhere is not None:
        detail = f"The state was last applied to {elsewhere}, so everything was read to tell whether it belongs here."
        return Diagnostic("Refreshed all the same", detail, "leave out --no-refresh", severity=Severity.WARNING)
    detail = (
        "Only what this plan changes was looked at. What others did to the rest is not known, a name may be taken, and "
        "quotas and policies were not read."
    )
    if unsettled:
        detail += f" Looked at all the same, because an apply was interrupted: {some(unsettled)}."
    return Diagnostic("Not refreshed", detail, "leave out --no-refresh to see everything", severity=Severity.WARNING)


def unsettled(records: Iterable[Record]) -> tuple[Address, ...]:
    """The addresses whose records are in doubt."""
    return tuple(record.address for record in records if in_doubt(record))
