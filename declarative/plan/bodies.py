"""The bodies that are compared: what is live, what we may have set, and what is wanted of the phase."""

from __future__ import annotations

from declarative.kinds.kind import Kind
from declarative.model.observed import Observed
from declarative.model.record import Operation, Record
from declarative.model.value import EMPTY, FrozenMap
from declarative.plan.diff import Comparison, compare
from declarative.plan.settle import without_phase
from declarative.plan.veil import Veil


def seen(kind: Kind, record: Record, observed: Observed, veil: Veil) -> FrozenMap:
    """The live body, veiled. Where the listing tells no spec, the spec cannot have changed since it was applied."""
    body = observed.body if observed.body is not None and kind.endpoint.updatable else record.applied or EMPTY
    if kind.has_phase:
        body = FrozenMap({**body, "desiredPhase": observed.desired_phase})
    return veil.over(body)


def veil_of(kind: Kind, wanted: FrozenMap | None, record: Record | None, key: bytes) -> Veil:
    """The veil over what is live of a resource: it hides what its manifest hides, and what its record does."""
    remembered = (record.applied, record.intent and record.intent.body) if record else ()
    return Veil(kind, (wanted, *remembered), key)


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


def compared(
    kind: Kind, wanted: FrozenMap, record: Record, observed: Observed, veil: Veil, ignored: tuple[str, ...]
) -> tuple[FrozenMap, Comparison]:
    """The live body, and how what is wanted differs from it."""
    before = seen(kind, record, observed, veil)
    desired, applied = phases(kind, wanted, prior(kind, record))
    if observed.readiness.finished:
        # A run that has ended is neither running nor stopped; its phase is no difference.
        before, desired, applied = (without_phase(body) for body in (before, desired, applied))
    return before, compare(kind, desired, before, applied, ignored)
