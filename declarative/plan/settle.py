"""Which live objects are the work of creates whose answer never came.

An object is taken up only when it has the name that was asked for, was created after it was asked for, carries every
field of the request, and nobody owns it. Ids are never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from declarative import kinds
from declarative.model.address import Address
from declarative.model.observed import Observed
from declarative.model.record import Operation, Record
from declarative.model.value import EMPTY, FrozenMap
from declarative.plan.diff import compare

# Two clocks are compared: ours, and the control plane's.
CLOCK_SKEW = 120.0


def pending_creates(records: Iterable[Record]) -> tuple[Record, ...]:
    """The records whose last create may or may not have happened."""
    return tuple(one for one in records if one.intent is not None and one.intent.operation is Operation.CREATE)


def may_be(record: Record, observed: Observed) -> bool:
    """Whether the object's name, place and age fit the interrupted create of a record."""
    if record.intent is None or record.intent.body is None or observed.kind != record.address.kind:
        return False
    kind = kinds.kind_named(record.address.kind)
    metadata = record.intent.body["metadata"]
    name = str(metadata["name"])
    named = observed.name == name
    if metadata.get("useGivenNameAsPrefix"):
        named = observed.name.startswith(name)
    young = observed.created is None or observed.created >= record.intent.since - CLOCK_SKEW
    return named and young and observed.namespace == kind.namespace(record.intent.body)


def taken_up(records: Iterable[Record], observed: Iterable[Observed]) -> dict[Address, Observed]:
    """By address, the object that an interrupted create made; each object once."""
    records = tuple(records)
    pending = pending_creates(records)
    if not pending:
        return {}
    owned = {known for record in records for known in (record.id, record.previous_id) if known}
    free = [one for one in observed if one.id not in owned and one.body is not None]
    found: dict[Address, Observed] = {}
    for record in pending:
        match = next((one for one in free if may_be(record, one) and _carries(record, one)), None)
        if match is not None:
            free.remove(match)
            found[record.address] = match
    return found


def settled(record: Record, made: Observed | None) -> Record:
    """The record as it would stand had the answer come; `made` is the object that was taken up, if any."""
    if made is None or record.intent is None:
        return record
    asked = record.intent.body
    # One that is to be stopped runs until it is suspended; that was agreed to with its creation.
    suspends = asked is not None and asked.get("desiredPhase") == "Stopped"
    pending = replace(record.intent, operation=Operation.SUSPEND) if suspends else None
    return replace(record, id=made.id, previous_id=record.id, applied=asked, intent=pending)


def _carries(record: Record, observed: Observed) -> bool:
    assert record.intent is not None
    assert record.intent.body is not None
    assert observed.body is not None
    kind = kinds.kind_named(record.address.kind)
    asked = without_phase(record.intent.body)
    # The answer tells the name as it was asked for, but not whether it was a prefix.
    metadata = FrozenMap({k: v for k, v in asked["metadata"].items() if k in observed.body["metadata"]})
    return not compare(kind, FrozenMap({**asked, "metadata": metadata}), observed.body, EMPTY).fields


def without_phase(body: FrozenMap) -> FrozenMap:
    """A body without its desired phase."""
    return FrozenMap({name: value for name, value in body.items() if name != "desiredPhase"})
