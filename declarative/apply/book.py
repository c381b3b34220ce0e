"""The state's records during an apply: every change of them is durable before anything else happens."""

from __future__ import annotations

from dataclasses import replace

from declarative.apply.clock import Clock
from declarative.model.address import Address
from declarative.model.plan import Change, Step
from declarative.model.record import Intent, Operation, Record
from declarative.model.value import FrozenMap, digest
from declarative.plan.settle import without_phase
from declarative.state.store import Lease


class Book:
    """`records` are the state's, and follow what is written."""

    def __init__(self, lease: Lease, records: dict[Address, Record], clock: Clock) -> None:
        self._lease = lease
        self.records = records
        self._clock = clock

    def put(self, record: Record) -> None:
        self._lease.put(record)
        self.records[record.address] = record

    def move(self, old: Address, new: Address) -> None:
        """Gives a record another address, in one commit."""
        record = replace(self.records[old], address=new)
        self._lease.move(old, record)
        del self.records[old]
        self.records[new] = record

    def forget(self, address: Address) -> None:
        self._lease.remove(address)
        self.records.pop(address, None)

    def restore(self, address: Address, before: Record | None) -> None:
        """Takes back the intent of a call that certainly was not carried out. An older one, still in doubt, comes back."""
        if before is None:
            self.forget(address)
        else:
            self.put(before)

    def intent(self, step: Step, request: object) -> Intent:
        """That a step asks for something now."""
        body = None if step.operation is Operation.DELETE else step.body
        return Intent(step.operation, body, digest(request), self._clock.now())


def bookkept(record: Record, change: Change) -> Record:
    """The record with what the manifest says about its life."""
    if change.after is None:
        return record
    return replace(
        record,
        depends_on=change.depends_on,
        keep_on_destroy=change.keep_on_destroy,
        prevent_destroy=change.prevent_destroy,
        ignored=change.ignored,
        finished=change.finished and record.id == change.id,
    )


def applied_by(record: Record, body: FrozenMap | None, operation: Operation) -> FrozenMap | None:
    """What is applied once the call has happened: suspending and resuming change the phase, and nothing else."""
    if body is None or record.applied is None or operation is Operation.UPDATE:
        return body
    phase = {"desiredPhase": body["desiredPhase"]} if "desiredPhase" in body else {}
    return FrozenMap({**without_phase(record.applied), **phase})
