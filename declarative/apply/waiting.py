"""Waiting, after an apply, until what it started runs and what it stopped has stopped. Reads only; nothing is recorded.

The control plane has accepted every step by then and the state knows of it, so that a wait may end at any time: nothing
is lost, and no lock is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from declarative import kinds
from declarative.apply.clock import Clock
from declarative.apply.history import happenings
from declarative.apply.settle import look
from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError, Unauthorized
from declarative.kinds.kind import Kind
from declarative.model.event import Event, EventType
from declarative.model.observed import Observed, Presence, Progress
from declarative.model.plan import Action, Plan, Step
from declarative.model.record import Operation
from declarative.model.value import EMPTY
from declarative.runai.observe import ended_among
from declarative.runai.remote import Remote

# Seconds. Scheduling takes minutes, so that looks may soon become rare.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
# Seconds between two signs of life of one object; many that wait tell of themselves less often, so many a second in all.
HEARTBEAT, MOST_SIGNS = 10.0, 5
# Of how many objects that did not get there the events are read.
EXPLAINED = 20
_STARTING = (Operation.CREATE, Operation.RESUME)
_GOALS = {"Running": Progress.READY, "Stopped": Progress.STOPPED}


class Wish(Struct, frozen=True):
    """An object that is to get into a phase: `goal` is Running or Stopped. `accepted` in seconds since the epoch."""

    step: Step
    id: str
    goal: str
    accepted: float

    @property
    def kind(self) -> Kind:
        return kinds.kind_named(self.step.address.kind)


def wishes(events: Iterable[tuple[Event, float]]) -> tuple[Wish, ...]:
    """What the completed steps of an apply have set on its way, each with the time of its completion.

    What has no phases is ready at once. A create that is suspended at once waits for Stopped alone.
    """
    found: dict[str, Wish] = {}
    for event, moment in events:
        step = event.step
        if event.type is not EventType.COMPLETED or not kinds.kind_named(step.address.kind).has_phase:
            continue
        identity = event.id or step.id
        if identity and (step.operation in _STARTING or step.operation is Operation.SUSPEND):
            goal = "Stopped" if step.operation is Operation.SUSPEND else "Running"
            found[str(step.address)] = Wish(step, identity, goal, moment)
    return tuple(found.values())


def unchanged(plan: Plan, now: float) -> tuple[Wish, ...]:
    """What a plan leaves as it is and that may not be where it should be yet: an apply before it set that on its way.

    `now` in seconds since the epoch.
    """
    found = []
    for number, change in enumerate(plan.changes):
        goal = (change.before or EMPTY).get("desiredPhase")
        if change.action is Action.NO_OP and change.id and not change.finished and goal in _GOALS:
            step = Step(number, change.address, Operation.ADOPT, change.id, change=change)
            found.append(Wish(step, change.id, goal, now))
    return tuple(found)


async def lacking(remote: Remote, wanted: Iterable[Wish]) -> tuple[Wish, ...]:
    """The wishes for objects that are on their way: what is there, has ended or is gone is nothing to wait for.

    Raises ControlPlaneError.
    """
    wanted, found = tuple(wanted), list[Wish]()
    for kind in dict.fromkeys(one.kind for one in wanted):
        there = await look(remote, kind, [one.id for one in wanted if one.kind is kind])
        live = {known: one.readiness for known, one in there.items() if one is not None and not _is_gone(one)}
        found += [
            one
            for one in wanted
            if one.id in live and not live[one.id].finished and live[one.id].progress is not _GOALS[one.goal]
        ]
    return tuple(found)


class _Sight(Struct, frozen=True):
    """One look: what is there by id, None for what is gone without having ended; or why nothing could be seen.

    `untold` is the status that refuses to tell of what is gone whether it had ended.
    """

    seen: Mapping[str, Observed | None]
    trouble: ControlPlaneError | None = None
    untold: int | None = None


class Waiting:
    """Looks at objects until each is where it should be, has failed, or its time is over.

    `seconds` are the time that each object has from its acceptance on. `emit` hears signs of life and how each wait ends.
    """

    def __init__(self, remote: Remote, clock: Clock, emit: Callable[[Event], None], seconds: float) -> None:
        self._remote = remote
        self._clock = clock
        self._emit = emit
        self._seconds = seconds
        self._signs: dict[str, tuple[float, str | None]] = {}
        self._explained = 0
        # What the list says of phases, read once a look at most.
        self._messages: dict[Kind, dict[str, str | None]] = {}

    async def until_there(self, wanted: Iterable[Wish]) -> tuple[Event, ...]:
        """The last event of every wish: reached, or FAILED with what the control plane tells about it."""
        waiting, ended, pause = {one.id: one for one in wanted}, list[Event](), FIRST_PAUSE
        while waiting:
            sight = await self._look(waiting.values())
            over = [(one, event) for one in waiting.values() if (event := await self._judged(one, sight))]
            for one, event in over:
                self._emit(event)
                ended.append(event)
                del waiting[one.id]
            for one in waiting.values():
                self._sign(one, sight, len(waiting))
            if waiting:
                await self._clock.sleep(pause)
                pause = FIRST_PAUSE if over else min(pause * 1.6, LONGEST_PAUSE)
        return tuple(ended)

    async def _look(self, waiting: Collection[Wish]) -> _Sight:
        """What is there of them now. A control plane that cannot be asked may be able to answer before the time is over."""
        seen: dict[str, Observed | None] = {}
        untold: int | None = None
        self._messages.clear()
        try:
            for kind in dict.fromkeys(one.kind for one in waiting):
                there = await look(self._remote, kind, [one.id for one in waiting if one.kind is kind])
                seen |= there
                # A run may end and delete itself between two looks.
                gone = {known for known, one in there.items() if _is_gone(one)}
                ended = await ended_among(self._remote.transport, kind, gone) if gone else {}
                if isinstance(ended, int):
                    untold = ended
                else:
                    seen |= ended
        except Unauthorized:
            raise
        except ControlPlaneError as error:
            return _Sight({}, error)
        return _Sight(seen, untold=untold)

    async def _judged(self, wish: Wish, sight: _Sight) -> Event | None:
        """The last event of a wish; None while it goes on."""
        event, observed = self._event(wish, sight), sight.seen.get(wish.id)
        progress = observed.readiness.progress if observed else None
        gone = wish.id in sight.seen and _is_gone(observed)
        if progress is Progress.FINISHED or (progress is _GOALS[wish.goal] and not gone):
            return replace(event, reached=True)
        if gone or progress is Progress.FAILED or event.elapsed >= self._seconds:
            # What ends for its time alone ends then, whenever it was looked at.
            spent = event.elapsed if gone or progress is Progress.FAILED else min(event.elapsed, self._seconds)
            why = await self._why(wish, sight, gone=gone)
            return replace(event, type=EventType.FAILED, elapsed=spent, diagnostics=(why,))
        return None

    def _event(self, wish: Wish, sight: _Sight) -> Event:
        observed = sight.seen.get(wish.id)
        phase = observed.readiness.phase if observed else None
        elapsed = max(0.0, self._clock.now() - wish.accepted)
        return Event(EventType.WAITING, wish.step, elapsed, wish.id, phase, goal=wish.goal)

    def _sign(self, wish: Wish, sight: _Sight, waiting: int) -> None:
        """Tells of a wait that goes on: each new phase, and otherwise now and then."""
        event, now = self._event(wish, sight), self._clock.now()
        last, phase = self._signs.get(wish.id, (-math.inf, None))
        if event.phase != phase or now - last >= max(HEARTBEAT, waiting / MOST_SIGNS):
            self._signs[wish.id] = (now, event.phase)
            self._emit(event)

    async def _why(self, wish: Wish, sight: _Sight, *, gone: bool) -> Diagnostic:
        """Why a wait ended without its goal: the phase, what is said of it, and what happened last."""
        self._explained += 1
        explains = self._explained <= EXPLAINED
        observed = sight.seen.get(wish.id)
        phase = (observed.readiness.phase if observed else None) or "without a phase"
        message = await self._message(wish, observed) if explains else observed and observed.message
        words = f": {message.rstrip('.')}" if message else ""
        hint = "it is recorded and stays as it is; look at it in the control plane"
        if observed is not None and observed.readiness.progress is Progress.FAILED:
            summary, detail = "Training failed", f"It is {phase}{words}."
        elif gone:
            summary, detail = "Training went away", f"It is gone, and was not {wish.goal} before{words}."
            hint = "run apply again: it plans with what is there"
            if sight.untold is not None:
                detail = f"It is gone; whether it had finished could not be asked ({sight.untold})."
        elif sight.trouble is not None:
            told = "; ".join(one.detail or one.summary for one in sight.trouble.diagnostics)
            summary, detail = "Wait is over", f"The control plane could not be asked. {told}"
        else:
            summary = "Wait is over"
            detail = f"It is {phase} after {self._seconds:g} s, and not {wish.goal}{words}."
            hint += ", or give it longer with --wait-timeout"
        notes = await happenings(self._remote.transport, wish.kind, wish.id) if explains else ()
        change = wish.step.change
        return Diagnostic(summary, detail, hint, change.where if change else None, notes=notes)

    async def _message(self, wish: Wish, observed: Observed | None) -> str | None:
        """The control plane's words about the phase. Some releases have them in the rows of the list alone."""
        if observed is None or observed.message:
            return observed.message if observed else None
        if wish.kind not in self._messages:
            try:
                listed = await self._remote.listed(wish.kind)
            except ControlPlaneError:
                listed = []
            self._messages[wish.kind] = {one.id: one.message for one in listed}
        return self._messages[wish.kind].get(wish.id)


def _is_gone(observed: Observed | None) -> bool:
    return observed is None or observed.readiness.presence is not Presence.LIVE
