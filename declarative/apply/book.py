"""The state's records during an apply: every change of them is durable before anything else happens.

What several steps have to say at the same time is written in one commit: while one is under way, in a thread of its own,
the next is gathered. So a slow disk or a far database costs no step more than its turn, and does not stop the others.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from msgspec import Struct, field
from msgspec.structs import replace

from declarative.apply.clock import Clock
from declarative.model.address import Address
from declarative.model.plan import Change, Step
from declarative.model.record import Intent, Operation, Record
from declarative.model.value import digest
from declarative.state.store import Lease


class _Page(Struct):
    """What is written in one commit, by `commit`: None forgets."""

    entries: dict[Address, Record | None] = field(default_factory=dict)
    commit: Future[None] | None = None


class Book:
    """`records` are the state's, and follow what is written. It has to be closed."""

    def __init__(self, lease: Lease, records: dict[Address, Record], clock: Clock) -> None:
        self._lease = lease
        self.records = records
        self._clock = clock
        self._open = _Page()
        # Not the event loop's own threads: those look up names of hosts, and may be long about it.
        self._writer = ThreadPoolExecutor(1, "state")
        self._turning = threading.Lock()

    def close(self) -> None:
        """Waits until all that was said is written, also by steps that were cancelled since."""
        self._writer.shutdown()

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
        with self._turning:
            page = self._open
            page.entries.update(entries)
            if page.commit is None:
                page.commit = self._writer.submit(self._write, page)
        # A step that is cancelled takes back neither what it said nor what others have.
        await asyncio.shield(asyncio.wrap_future(page.commit))

    def _write(self, page: _Page) -> None:
        with self._turning:
            self._open = _Page()
        records = [record for record in page.entries.values() if record is not None]
        forgotten = [address for address, record in page.entries.items() if record is None]
        self._lease.write(*records, forget=forgotten)

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
