"""Creating objects, although any answer may be lost.

A create is sent again only where that cannot make a second object: once its object was looked for and not found, and its
name is one that only one object can have. One that gets a name of its own at every request waits until the request
before it can no longer be on its way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from declarative.apply.book import Book, bookkept
from declarative.apply.clock import Clock
from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError, Unintelligible
from declarative.kinds.kind import Kind
from declarative.model.observed import Observed
from declarative.model.plan import Action, Change, Step
from declarative.model.record import Intent, Operation, Record
from declarative.model.value import FrozenMap, digest
from declarative.plan.settle import has_own_name, lands_until, without_phase
from declarative.runai.remote import Remote

# How often a create is sent at most, and the seconds before the second time; each further pause is twice as long, up to the
# longest. With two fifths of all answers lost, one create in 60,000 is given up.
ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE = 12, 0.25, 3.0
# Seconds between two looks for an object that may still appear.
PAUSE = 2.0
# Seconds after which an object whose creation was accepted is in every list.
APPEARS = 10.0

Find = Callable[[Record], Awaitable[Observed | None]]


class Landed(ControlPlaneError):
    """A create that was held to be lost has happened after all, while something else was to be done."""


class Creation:
    """Sends creates, and looks up what became of those whose answer was lost.

    `find` looks for the object that a record's interrupted create made. `goes_on` says whether calls may still begin.
    """

    def __init__(self, remote: Remote, book: Book, clock: Clock, find: Find, goes_on: Callable[[], bool]) -> None:
        self._remote = remote
        self._book = book
        self._clock = clock
        self._find = find
        self._goes_on = goes_on

    def doubt(self, step: Step) -> Record | None:
        """The record whose interrupted create may still make an object that the step would lose sight of."""
        record = self._book.records.get(step.address)
        if record is None or (step.operation is Operation.ADOPT and step.id != record.id):
            return None  # adopting what was found is the end of all doubt
        body = step.body if step.operation is Operation.CREATE else None
        return record if lands_until(record, body) > self._clock.now() else None

    async def landing(self, record: Record, tell: Callable[[str | None], None]) -> Observed | None:
        """Waits until the object of an interrupted create is there, or can no longer be made."""
        until = lands_until(record)
        while True:
            found = await self._find(record)
            left = until - self._clock.now()
            if found is not None or left <= 0:
                return found
            tell("its interrupted create may still land")
            await self._clock.sleep(min(PAUSE, left))

    async def take_up(self, kind: Kind, step: Step, record: Record, made: Observed) -> str:
        """Records what an earlier create made, and gives its id; raises Landed unless the step asks for just that."""
        body = step.body if step.operation is Operation.CREATE else None
        request = kind.create_request(body) if body is not None else None
        if record.intent is None or request is None or digest(request) != record.intent.digest:
            detail = f"An interrupted create of {step.address} made {made.name} ({made.id}) after all."
            raise Landed(Diagnostic("Late object", detail, "run it again: it plans with this object"))
        return await self._done(step, record, made)

    async def create(self, kind: Kind, step: Step) -> str:
        """Makes the object of a step; its id."""
        assert step.body is not None
        before, change = self._book.records.get(step.address), _change_of(step)
        intent = self._book.intent(step, kind.create_request(step.body))
        earlier = _in_doubt(before)
        if earlier is not None and earlier.digest == intent.digest and has_own_name(step.body):
            intent = earlier  # what the first of two equal requests made counts as well
        pending = Record(
            step.address, None, str(step.body["metadata"]["name"]), _project(step.body), None, intent=intent
        )
        if before is not None and change.action is Action.CREATE_THEN_DELETE:
            pending = replace(before, intent=intent)  # the old object lives on until the new one is there
        pending = bookkept(pending, change)
        await self._book.put(pending)
        made = await self._made(kind, step.body, pending, before)
        return await self._done(step, pending, made)

    async def _done(self, step: Step, pending: Record, made: Observed) -> str:
        """Records that the object is there; its id."""
        assert step.body is not None
        done = replace(pending, id=made.id, name=made.name, applied=step.body, previous_id=pending.id, intent=None)
        if step.body.get("desiredPhase") == "Stopped":
            # It runs until it is suspended, which is the next thing to do, and was agreed to.
            suspend = Intent(Operation.SUSPEND, step.body, digest(step.body), self._clock.now())
            done = replace(done, applied=without_phase(step.body), intent=suspend)
        await self._book.put(bookkept(done, _change_of(step)))
        return made.id

    async def _made(self, kind: Kind, body: FrozenMap, pending: Record, before: Record | None) -> Observed:
        """The object, made now or found to have been made; raises ControlPlaneError."""
        in_doubt = _in_doubt(before) is not None
        for attempt in range(ATTEMPTS):
            try:
                return await self._remote.create(kind, body)
            except ControlPlaneError as error:
                if not (error.ambiguous or in_doubt or attempt):
                    await self._book.restore(pending.address, before)
                    raise
                found = await self._sought(pending, error)
                if found is not None:
                    return found
                if not error.ambiguous and not attempt:
                    await self._book.restore(pending.address, before)  # the doubt is the earlier request's alone
                repeatable = has_own_name(body) and error.ambiguous and not isinstance(error, Unintelligible)
                if not repeatable or attempt == ATTEMPTS - 1 or not self._goes_on():
                    raise  # the intent stays: the next run looks again
                pause = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
                await self._clock.sleep(max(pause, error.retry_after or 0.0))
                if not self._goes_on():
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _sought(self, pending: Record, error: ControlPlaneError) -> Observed | None:
        """What a create made that had no good answer. One that was accepted has made something, which lists may lack at first."""
        until = self._clock.now() + (APPEARS if isinstance(error, Unintelligible) else 0.0)
        while True:
            found = await self._find(pending)
            left = until - self._clock.now()
            if found is not None or left <= 0:
                return found
            await self._clock.sleep(min(PAUSE, left))


def _in_doubt(record: Record | None) -> Intent | None:
    """The interrupted create of a record, if there is one."""
    intent = record.intent if record is not None else None
    return intent if intent is not None and intent.operation is Operation.CREATE else None


def _change_of(step: Step) -> Change:
    assert step.change is not None
    return step.change


def _project(body: FrozenMap) -> str | None:
    project = body["metadata"].get("projectId")
    return None if project is None else str(project)
