"""Which live objects are the work of creates whose answer never came.

An object is taken up only when it has the name that was asked for, was created after it was asked for, carries every
field of the request, and nobody owns it. Ids are never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from declarative import kinds
from declarative.model.address import Address
from declarative.model.observed import Observed
from declarative.model.record import Operation, Record
from declarative.model.value import EMPTY, FrozenMap
from declarative.plan.diff import compare

# Seconds. Two clocks are compared: ours, and the control plane's.
CLOCK_SKEW = 120.0
# Seconds after which a request whose answer was lost is no longer on its way: as long as an answer is waited for.
LANDING = 60.0


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
    free = _free(records, observed)
    found: dict[Address, Observed] = {}
    for record in pending:
        match = _made_for(record, free)
        if match is not None:
            free.remove(match)
            found[record.address] = match
    return found


def created(record: Record, records: Iterable[Record], observed: Iterable[Observed]) -> Observed | None:
    """The object that one record's interrupted create made; None where another create under way may as well have."""
    records = tuple(records)
    found = _made_for(record, _free(records, observed))
    rivals = (one for one in pending_creates(records) if one.address != record.address)
    return None if found and any(may_be(one, found) for one in rivals) else found


def _free(records: Iterable[Record], observed: Iterable[Observed]) -> list[Observed]:
    """What nobody owns, as far as its body is known."""
    owned = {known for record in records for known in (record.id, record.previous_id) if known}
    return [one for one in observed if one.id not in owned and one.body is not None]


def _made_for(record: Record, free: Iterable[Observed]) -> Observed | None:
    return next((one for one in free if may_be(record, one) and _carries(record, one)), None)


def lands_until(record: Record, body: FrozenMap | None = None) -> float:
    """Until when (seconds since the epoch) the interrupted create of a record may still make an object.

    0 where that does no harm: the next create, of `body`, takes the same name, which only one of them can get.
    """
    if record.intent is None or record.intent.operation is not Operation.CREATE or record.intent.body is None:
        return 0.0
    if body is not None and has_own_name(body) and _place(record, record.intent.body) == _place(record, body):
        return 0.0
    return record.intent.since + LANDING


def has_own_name(body: FrozenMap) -> bool:
    """Whether the object has its name for itself, so that it cannot be made twice."""
    return not body["metadata"].get("useGivenNameAsPrefix")


def _place(record: Record, body: FrozenMap) -> tuple[str, str, bool]:
    """The name that a body asks for, where, and whether for itself."""
    return kinds.kind_named(record.address.kind).namespace(body), str(body["metadata"]["name"]), has_own_name(body)


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


def applied_by(record: Record, body: FrozenMap | None, operation: Operation) -> FrozenMap | None:
    """What is applied once the call has happened: suspending and resuming change the phase, and nothing else."""
    if body is None or record.applied is None or operation is Operation.UPDATE:
        return body
    phase = {"desiredPhase": body["desiredPhase"]} if "desiredPhase" in body else {}
    return FrozenMap({**without_phase(record.applied), **phase})


def without_phase(body: FrozenMap) -> FrozenMap:
    """A body without its desired phase."""
    return FrozenMap({name: value for name, value in body.items() if name != "desiredPhase"})
