"""The bodies that are compared: what is live, what we may have set, and what is wanted of the phase."""

from __future__ import annotations

from declarative.kinds.kind import Kind
from declarative.model.observed import Observed
from declarative.model.record import Operation, Record
from declarative.model.value import EMPTY, FrozenMap
from declarative.plan.diff import compare
from declarative.plan.settle import without_phase


def seen(kind: Kind, record: Record, observed: Observed) -> FrozenMap:
    """The live body. Where the listing tells no spec, the spec cannot have changed since it was applied."""
    body = observed.body if observed.body is not None and kind.endpoint.updatable else record.applied or EMPTY
    if kind.has_phase:
        body = FrozenMap({**body, "desiredPhase": observed.desired_phase})
    return body


def prior(kind: Kind, record: Record) -> FrozenMap:
    """Everything that we may have set: what was last applied, and what an interrupted call asked for.

    An interrupted create is no part of it: it asked for another object.
    """
    applied = record.applied or EMPTY
    if record.intent is None or record.intent.body is None or record.intent.operation is Operation.CREATE:
        return applied
    return compare(kind, record.intent.body, applied, EMPTY).merged


def phases(kind: Kind, desired: FrozenMap, prior: FrozenMap) -> tuple[FrozenMap, FrozenMap]:
    """A phase that the manifest does not mention is not managed; one that it no longer mentions goes back to Running."""
    if not kind.has_phase or desired.get("desiredPhase") is not None:
        return desired, prior
    if prior.get("desiredPhase") == "Stopped":
        return FrozenMap({**desired, "desiredPhase": "Running"}), prior
    return desired, without_phase(prior)
