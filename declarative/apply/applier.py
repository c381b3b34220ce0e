"""Runs steps, as many at a time as allowed, in the order that they need.

Every call is between two durable commits: the intent before it, the outcome after it. Whatever ends the process, the next
run knows what was asked and looks up what became of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from declarative import kinds
from declarative.apply.book import Book, bookkept
from declarative.apply.clock import Clock
from declarative.apply.creation import Creation, Find
from declarative.apply.settle import Departures, StillThere
from declarative.apply.turns import Turn
from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError, DeclarativeError, Refused, StateError
from declarative.kinds.kind import Kind
from declarative.model.address import Address
from declarative.model.event import Event, EventType
from declarative.model.plan import Action, Change, Step
from declarative.model.record import Operation, Record
from declarative.plan.settle import applied_by
from declarative.plan.veil import Veil
from declarative.runai.remote import Remote
from declarative.state.store import Lease

Awaited = TypeVar("Awaited")
# Seconds between two signs of life of a step that waits.
HEARTBEAT = 2.0
FORBIDDEN = 403


_WITHOUT_CALL = (Operation.ADOPT, Operation.FORGET)


class _Stopped(Exception):
    """No call may begin any more."""


class Applier:
    """Carries out steps.

    `records` are the state's records at the start. `find_created` looks up the object that a create with a lost answer
    made, given its record. `emit` hears every event as it happens. At most `parallelism` steps are at work at a time.
    """

    def __init__(
        self,
        remote: Remote,
        lease: Lease,
        records: dict[Address, Record],
        clock: Clock,
        emit: Callable[[Event], None],
        find_created: Find,
        parallelism: int,
    ) -> None:
        self._remote = remote
        self._clock = clock
        self._emit = emit
        self._book = Book(lease, records, clock)
        self._creation = Creation(remote, self._book, clock, find_created, lambda: not self._stopping)
        self._departures = Departures(remote, clock)
        self._turns = asyncio.Semaphore(parallelism)
        # The deletes for whose objects' names somebody waits.
        self._freeing: frozenset[int] = frozenset()
        self._stopping: Diagnostic | None = None
        self._stopped = asyncio.Event()

    def stop(self, why: Diagnostic) -> None:
        """Begins no further step; those that run are finished and recorded."""
        self._stopping = self._stopping or why
        self._stopped.set()

    async def run(self, steps: Sequence[Step]) -> tuple[Event, ...]:
        """The last event of every step, in the order of `steps`."""
        tasks: list[asyncio.Task[Event]] = []
        at_once = {lead: step for step in steps if (lead := _lead(step, steps)) is not None}
        done_at_once: dict[int, Event] = {}
        self._freeing = frozenset(index for step in steps if step.operation is Operation.CREATE for index in step.needs)
        self._remote.transport.expect(sum(step.operation not in _WITHOUT_CALL for step in steps))

        async def when_ready(step: Step) -> Event:
            before = [await asyncio.shield(tasks[index]) for index in step.needs]
            failed = next((event for event in before if event.type is not EventType.COMPLETED), None)
            if failed is not None:
                return self._skipped(step, failed)
            if step.index in done_at_once:
                return done_at_once[step.index]
            async with Turn(self._turns) as turn:
                event = await self._run(step, turn)
                follower = at_once.get(step.index)
                if follower is not None and event.type is EventType.COMPLETED:
                    done_at_once[follower.index] = await self._run(follower, turn)
                return event

        # A task only looks at `tasks` once it runs, and then the list is complete.
        tasks += [asyncio.create_task(when_ready(step)) for step in steps]
        try:
            return tuple(await asyncio.gather(*tasks))
        finally:
            self._book.close()

    def _skipped(self, step: Step, failed: Event) -> Event:
        return self._told(
            Event(EventType.SKIPPED, step, diagnostics=(Diagnostic("Not applied", _cause(step, failed)),))
        )

    def _told(self, event: Event) -> Event:
        self._emit(event)
        return event

    async def _run(self, step: Step, turn: Turn) -> Event:
        if self._stopping is not None:
            return self._told(Event(EventType.SKIPPED, step, diagnostics=(self._stopping,)))
        began = self._clock.now()
        self._emit(Event(EventType.STARTED, step, id=step.id))
        try:
            identity = await self._perform(step, began, turn)
        except _Stopped:
            assert self._stopping is not None
            return self._told(Event(EventType.SKIPPED, step, diagnostics=(self._stopping,)))
        except DeclarativeError as error:
            if isinstance(error, StateError):
                # What cannot be recorded may not be done.
                self.stop(Diagnostic("Not applied", "The state can no longer be written."))
            elapsed = self._clock.now() - began
            accepted = isinstance(error, StillThere) and step.operation is Operation.DELETE
            told = _explained(step, error)
            return self._told(Event(EventType.FAILED, step, elapsed, step.id, diagnostics=told, accepted=accepted))
        return self._told(Event(EventType.COMPLETED, step, self._clock.now() - began, identity))

    async def _perform(self, step: Step, began: float, turn: Turn) -> str | None:
        """Does what the step says; the id of its object."""
        kind = kinds.kind_named(step.address.kind)
        doubt = self._creation.doubt(step)
        if doubt is not None:
            made = await self._before(self._creation.landing(doubt, self._teller(step, began)))
            if made is not None:
                return await self._creation.take_up(kind, step, doubt, made)
        match step.operation:
            case Operation.ADOPT:
                await self._adopt(kind, step)
            case Operation.FORGET:
                await self._book.forget(step.address)
            case Operation.CREATE:
                return await self._create(kind, step, began)
            case Operation.DELETE:
                await self._delete(kind, step, began, turn)
            case Operation.UPDATE | Operation.SUSPEND | Operation.RESUME:
                await self._change(kind, step)
        record = self._book.records.get(step.address)
        return step.id or (record.id if record is not None else None)

    async def _adopt(self, kind: Kind, step: Step) -> None:
        """Records what is known without a call: an object that came in, another address, or bookkeeping that changed."""
        change = _change_of(step)
        if change.remembers is not None:
            await self._book.put(change.remembers)
            return
        if change.imports is not None:
            await self._book.put(bookkept(change.imports, change))
            return
        if change.moved_from is not None:
            await self._book.move(change.moved_from, step.address)
            if not change.adopts:
                return
        record = self._book.records[step.address]
        if record.intent is not None and record.intent.operation is Operation.CREATE and record.id != step.id:
            record = replace(record, id=step.id, previous_id=record.id, applied=record.intent.body)
        elif record.intent is not None and not change.fields and step.body is not None:
            # The interrupted call has happened: nothing differs any more.
            record = replace(record, applied=applied_by(record, step.body, record.intent.operation))
        if change.deposed is None and change.action is not Action.CREATE_THEN_DELETE:
            record = replace(record, previous_id=None)  # the old object of an earlier replacement is gone
        applied = record.applied and Veil(kind, (change.after,)).over(record.applied)  # it may be secret by now
        await self._book.put(bookkept(replace(record, applied=applied, intent=None), change))

    async def _create(self, kind: Kind, step: Step, began: float) -> str:
        if step.awaits:
            await self._before(self._departures.of(kind, step.awaits, self._teller(step, began), frees=True))
        return await self._creation.create(kind, step)

    async def _change(self, kind: Kind, step: Step) -> None:
        record = self._book.records[step.address]
        identity, body = str(record.id), step.merged if step.merged is not None else step.body
        assert body is not None
        await self._book.put(replace(record, intent=self._book.intent(step, body)))
        try:
            match step.operation:
                case Operation.UPDATE:
                    await self._remote.update(kind, identity, body)
                case Operation.SUSPEND:
                    await self._remote.suspend(kind, identity)
                case _:
                    await self._remote.resume(kind, identity)
        except ControlPlaneError as error:
            if not error.ambiguous:
                await self._book.restore(step.address, record)
            raise
        name = str(body["metadata"]["name"]) if step.operation is Operation.UPDATE else record.name
        applied = applied_by(record, step.body, step.operation)
        await self._book.put(bookkept(replace(record, name=name, applied=applied, intent=None), _change_of(step)))

    async def _delete(self, kind: Kind, step: Step, began: float, turn: Turn) -> None:
        assert step.id is not None
        record = self._book.records[step.address]
        await self._book.put(replace(record, intent=self._book.intent(step, step.id)))
        try:
            await self._remote.delete(kind, step.id)
        except ControlPlaneError as error:
            if not error.ambiguous:
                await self._book.restore(step.address, record)
            raise
        # What is left to do is no call, so others may take the turn.
        turn.end()
        if kind.endpoint.deletes_slowly:
            frees = step.index in self._freeing
            await self._departures.of(kind, step.id, self._teller(step, began), frees=frees)
        if step.id == record.previous_id:
            await self._book.put(replace(record, previous_id=None))
        else:
            await self._book.forget(step.address)

    async def _before(self, waiting: Coroutine[Any, Any, Awaited]) -> Awaited:
        """Waits for what comes before a call, while others take the turn; raises _Stopped once no call may begin."""
        self._turns.release()
        task, stopped = asyncio.create_task(waiting), asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
            if self._stopping is not None:
                raise _Stopped
            return task.result()
        finally:
            task.cancel()
            stopped.cancel()
            await self._turns.acquire()

    def _teller(self, step: Step, began: float) -> Callable[[str | None], None]:
        """Emits a sign of life now and then while a step waits."""
        last = self._clock.now()

        def tell(phase: str | None) -> None:
            nonlocal last
            now = self._clock.now()
            if now - last >= HEARTBEAT:
                last = now
                self._emit(Event(EventType.WAITING, step, now - began, step.id, phase))

        return tell


def _explained(step: Step, error: DeclarativeError) -> tuple[Diagnostic, ...]:
    """What an error says; of a run that may not be touched, whose it is: some may be changed by their creators alone."""
    run = step.change.run if step.change is not None else None
    touches = step.operation in (Operation.DELETE, Operation.SUSPEND, Operation.RESUME)
    if not (isinstance(error, Refused) and error.status == FORBIDDEN and touches and run and run.creator):
        return error.diagnostics
    note = f"it was created by {run.creator}, and some control planes let nobody else change it"
    return tuple(replace(one, notes=(*one.notes, note)) for one in error.diagnostics)


def _cause(step: Step, event: Event) -> str:
    """Why a step is left out after another has failed."""
    failed = event.step
    if failed.address != step.address:
        return f"It needs {failed.address}, which was not applied."
    if failed.operation is Operation.DELETE:
        return "Its old object was not seen to go." if event.accepted else "Its old object was not deleted."
    if step.operation is Operation.DELETE and failed.operation is not Operation.ADOPT:
        return "Its replacement is not in place."
    return "Its earlier step was not done."


def _lead(step: Step, steps: Sequence[Step]) -> int | None:
    """The create after which a step has to come at once: what is to be stopped runs until it is suspended."""
    if step.operation is not Operation.SUSPEND:
        return None
    leads = (index for index in step.needs if steps[index].operation is Operation.CREATE)
    return next((index for index in leads if steps[index].address == step.address), None)


def _change_of(step: Step) -> Change:
    assert step.change is not None
    return step.change
