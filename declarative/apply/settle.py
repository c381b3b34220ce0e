"""Waiting for what the control plane does in its own time."""

from __future__ import annotations

from collections.abc import Callable

from declarative.apply.clock import Clock
from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError
from declarative.kinds.kind import Kind
from declarative.model.observed import Observed, Presence
from declarative.runai.remote import Remote

# Seconds. A pod may take its whole grace period to end.
DEADLINE = 600.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0


class StillThere(ControlPlaneError):
    """A deleted object did not go away in time."""


async def until_gone(remote: Remote, clock: Clock, kind: Kind, id: str, tell: Callable[[str | None], None]) -> None:
    """Returns once the object is gone and its name is free; raises StillThere after `DEADLINE` seconds.

    `tell` hears the phase at every look.
    """
    end = clock.now() + DEADLINE
    pause = FIRST_PAUSE
    while True:
        seen = await remote.read(kind, id)
        if is_gone(seen):
            return
        assert seen is not None
        if clock.now() >= end:
            detail = f"{kind.name} {seen.name} ({id}) is still {seen.readiness.phase} after {DEADLINE:g} s."
            hint = "look at it in the control plane; the next apply goes on from here"
            raise StillThere(Diagnostic("Object does not go away", detail, hint))
        tell(seen.readiness.phase)
        await clock.sleep(pause)
        pause = min(pause * 1.6, LONGEST_PAUSE)


def is_gone(seen: Observed | None) -> bool:
    """Whether an answer says that the object is no more."""
    return seen is None or seen.readiness.presence is Presence.GONE
