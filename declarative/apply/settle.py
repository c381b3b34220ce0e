"""Waiting for what the control plane does in its own time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from declarative.apply.clock import Clock
from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError, Refused, Unreachable
from declarative.kinds.kind import Kind
from declarative.model.observed import Observed, Presence
from declarative.runai.remote import Remote

# Seconds. A pod may take its whole grace period to end.
DEADLINE = 600.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
# Up to so many objects are looked at one by one; more of them in one list.
FEW = 3


async def look(remote: Remote, kind: Kind, ids: list[str]) -> dict[str, Observed | None]:
    """What is there of these objects, None for those that are gone: a few one by one, more of them by one list."""
    listed = (await _listed(remote, kind) if len(ids) > FEW else None) or {}
    # A listing may lag behind: what it lacks is asked for before it is believed gone.
    asked = [one for one in ids if one not in listed]
    answers = await asyncio.gather(*(remote.read(kind, one) for one in asked))
    return {**{one: listed[one] for one in ids if one in listed}, **dict(zip(asked, answers, strict=True))}


async def _listed(remote: Remote, kind: Kind) -> dict[str, Observed] | None:
    """The list, by ids; None where it is refused."""
    try:
        return {one.id: one for one in await remote.listed(kind)}
    except Refused as refused:
        if refused.ambiguous:
            raise
        return None


class StillThere(ControlPlaneError):
    """A deletion was accepted, but the object was not seen to go: not in time, or nobody could look."""


class _Wait(Struct, frozen=True):
    """Somebody waits for an object to go; with `frees`, for its name too. `tell` hears the phase at every look."""

    future: asyncio.Future[None]
    end: float
    tell: Callable[[str | None], None]
    frees: bool


class Departures:
    """Tells when deleted objects are gone and their names are free. All that wait share the looks at the control plane.

    An object whose name a create waits for is asked for by its id. One that is only to end is believed gone, too, when two
    lists in a row, both begun after its deletion was accepted, lack it: a list that lags shows what is gone rather than the
    other way round, and a row that slips from page to page while rows before it go slips past one list. Were both wrong,
    the object would still be on its way out, and a later create of its name would be told by the control plane.
    """

    def __init__(self, remote: Remote, clock: Clock) -> None:
        self._remote = remote
        self._clock = clock
        self._waits: dict[Kind, dict[str, _Wait]] = {}
        self._watchers: dict[Kind, asyncio.Task[None]] = {}

    async def of(self, kind: Kind, id: str, tell: Callable[[str | None], None], *, frees: bool) -> None:
        """Returns once the object is gone; raises StillThere after `DEADLINE` seconds, or when looking is of no use."""
        wait = _Wait(asyncio.get_running_loop().create_future(), self._clock.now() + DEADLINE, tell, frees)
        waits = self._waits.setdefault(kind, {})
        waits[id] = wait
        if kind not in self._watchers or self._watchers[kind].done():
            self._watchers[kind] = asyncio.create_task(self._watch(kind, waits))
        try:
            await wait.future
        finally:
            waits.pop(id, None)

    async def _watch(self, kind: Kind, waits: dict[str, _Wait]) -> None:
        pause, lacking = FIRST_PAUSE, frozenset[str]()
        while waits:
            number = len(waits)
            try:
                seen, lacking = await self._look(kind, waits, lacking)
            except ControlPlaneError as error:
                seen, lacking = {}, frozenset()
                for wait in waits.values():
                    self._not_seen(wait, error)
            for awaited, wait in list(waits.items()):
                self._settle(kind, awaited, wait, seen)
            await self._clock.sleep(pause)
            # As long as objects go, it is worth looking again soon.
            pause = min(pause * 1.6, LONGEST_PAUSE) if len(waits) >= number else FIRST_PAUSE

    async def _look(
        self, kind: Kind, waits: dict[str, _Wait], lacked: frozenset[str]
    ) -> tuple[dict[str, Observed | None], frozenset[str]]:
        """What is there of the objects that are waited for; and those that the list lacks now, and not in the last look."""
        ending = [one for one, wait in waits.items() if not wait.frees]
        freeing = [one for one, wait in waits.items() if wait.frees]
        listed = await _listed(self._remote, kind) if len(ending) > FEW else None
        if listed is None:
            return await look(self._remote, kind, [*ending, *freeing]), frozenset()
        seen: dict[str, Observed | None] = {one: listed.get(one) for one in ending if one in listed or one in lacked}
        return {**seen, **await look(self._remote, kind, freeing)}, frozenset(ending) - seen.keys()

    def _not_seen(self, wait: _Wait, error: ControlPlaneError) -> None:
        """What came between may pass, as a restart does: as long as there is time, the next look may tell."""
        passes = error.ambiguous or isinstance(error, Unreachable)
        if wait.future.done():
            return
        if passes and self._clock.now() < wait.end:
            wait.tell(None)
        else:
            wait.future.set_exception(StillThere(*error.diagnostics))

    def _settle(self, kind: Kind, id: str, wait: _Wait, seen: dict[str, Observed | None]) -> None:
        if wait.future.done() or id not in seen:
            return
        found = seen[id]
        if found is None or found.readiness.presence is Presence.GONE:
            wait.future.set_result(None)
        elif self._clock.now() >= wait.end:
            detail = f"{kind.name} {found.name} ({id}) is still {found.readiness.phase} after {DEADLINE:g} s."
            hint = "look at it in the control plane; the next apply goes on from here"
            wait.future.set_exception(StillThere(Diagnostic("Object does not go away", detail, hint)))
        else:
            wait.tell(found.readiness.phase)
