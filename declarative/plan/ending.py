"""What a change takes from what is live: the run that it stops or ends, with its GPUs and volumes."""

from __future__ import annotations

from msgspec.structs import replace

from declarative import kinds
from declarative.kinds.kind import Kind
from declarative.model.observed import Observed
from declarative.model.plan import Action, Change, Disruption, Run
from declarative.model.record import Operation, Record
from declarative.model.value import EMPTY


def weighed(change: Change, record: Record, observed: Observed) -> Change:
    """The change with the live run that it ends or stops; as it is where it lets it run."""
    stops = any(field.path == ("desiredPhase",) and field.after == "Stopped" for field in change.fields)
    if not (_ends(change) or stops):
        return change
    kind = kinds.kind_named(change.address.kind)
    return with_volumes(replace(change, disruption=_disruption(kind, record, observed), run=_run(kind, observed)))


def with_volumes(change: Change) -> Change:
    """The change with the volumes that go with its run."""
    if change.run is None:
        return change
    kind = kinds.kind_named(change.address.kind)
    return replace(change, run=replace(change.run, volumes=kind.volumes(change.before or EMPTY, _ends(change))))


def _ends(change: Change) -> bool:
    return change.action is Action.DELETE or change.action.replaces


def told(change: Change, observed: Observed) -> Change:
    """A change that stops or ends a run, with what its object tells of itself in full."""
    if change.run is None or observed.body is None:
        return change
    run = replace(
        change.run, created=observed.created or change.run.created, creator=observed.creator or change.run.creator
    )
    disruption = change.disruption
    if disruption is not None:
        gpus = max(disruption.gpus or 0.0, observed.gpus or 0.0) or observed.gpus
        disruption = None if gpus == 0 else replace(disruption, gpus=gpus)
    return replace(change, run=run, disruption=disruption)


def _run(kind: Kind, observed: Observed) -> Run | None:
    if not kind.has_phase:
        return None
    return Run(observed.readiness.phase, observed.since, observed.created, observed.creator)


def _disruption(kind: Kind, record: Record, observed: Observed) -> Disruption | None:
    """What would be lost if the object stopped now. What is applied may be less than what is live: policies add to it."""
    if not observed.readiness.holds or _was_stopping(record):
        return None
    asked = kind.gpus(record.applied) if record.applied is not None else 0.0
    gpus = max(asked, observed.gpus or 0.0) or observed.gpus
    return None if gpus == 0 else Disruption(observed.readiness.phase or "Unknown", gpus)


def _was_stopping(record: Record) -> bool:
    """Whether its suspension was agreed to, but never heard of."""
    return record.intent is not None and record.intent.operation is Operation.SUSPEND
