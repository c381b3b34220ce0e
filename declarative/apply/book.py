"""The state's records during an apply: every change of them is durable before anything else happens.

What several steps have to say at the same time is written in one commit: while one is under way, in a thread of its own,
the next is gathered. So a slow disk or a far database costs no step more than its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from declarative.apply.clock import Clock
from declarative.errors import StateError
from declarative.model.address import Address
from declarative.model.plan import Change, Step
from declarative.model.record import Intent, Operation, Record
from declarative.model.value import digest
from declarative.state.store import Lease


@dataclass(slots=True)
class _Page:
    """What is written in one commit, by `commit`: None forgets. `failure` is why it could not be."""

    entries: dict[Address, Record | None] = field(default_factory=dict)
    commit: asyncio.Task[None] | None = None
    failure: StateError | None = None


class Book:
    """`records` are the state's, and follow what is written."""

    def __init__(self, lease: Lease, records: dict[Address, Record], clock: Clock) -> None:
        self._lease = lease
        self.records = records
        self._clock = clock
        self._open = _Page()
        self._pen = asyncio.Lock()

    async def put(self, record: Record) -> None:
        """Writes a record; raises StateError where that fails."""
        await self._commit({record.address: record})
        self.records[record.address] = record

    async def move(self, old: Address, new: Address) -> None:
        """Gives a record another address, in one commit."""
        record = replace(self.records[old], address=new)
        await self._commit({old: None, new: record})
        del self.records[old]
        self.records[new] = record

    async def forget(self, address: Address) -> None:
        """Writes that an address has no record any more."""
        await self._commit({address: None})
        self.records.pop(address, None)

    async def restore(self, address: Address, before: Record | None) -> None:
        """Takes back the intent of a call that certainly was not carried out. An older one, still in doubt, comes back."""
        if before is None:
            await self.forget(address)
        else:
            await self.put(before)

    async def _commit(self, entries: Mapping[Address, Record | None]) -> None:
        page = self._open
        page.entries.update(entries)
        if page.commit is None:
            page.commit = asyncio.create_task(self._write(page))
        # One step that is cancelled does not take back what others have said.
        await asyncio.shield(page.commit)
        if page.failure is not None:
            raise page.failure

    async def _write(self, page: _Page) -> None:
        async with self._pen:
            self._open = _Page()
            records = [record for record in page.entries.values() if record is not None]
            forgotten = [address for address, record in page.entries.items() if record is None]
            try:
                await asyncio.to_thread(self._lease.write, *records, forget=forgotten)
            except StateError as error:
                page.failure = error

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
