"""Which phase a workload is in: a pure function of when it was set on its course and of what the clock says now.

Two clocks run. Wall time stamps the objects and counts down to their automatic deletion. Sandbox time, which the speed
setting stretches, moves the phases; it never runs backwards, so that changing the speed cannot revive what was deleted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

GONE = "Gone"
FINISHED = ("Completed", "Failed")
GOING = ("Deleting", "Terminating")
DEFAULT_RETENTION_SECONDS = 30 * 24 * 3600
SOFT_DELETED_SECONDS = 14 * 24 * 3600

# A course is a row of phases, each with the seconds of sandbox time that it lasts; the last one stays.
_UP = (("Pending", 0.3), ("Initializing", 0.4), ("Running", math.inf))
COURSES: Mapping[str, tuple[tuple[str, float], ...]] = {
    "create": (("Creating", 0.2), *_UP),
    "resume": (("Resuming", 0.2), *_UP),
    "suspend": (("Stopping", 0.3), ("Stopped", math.inf)),
    "delete": (("Deleting", 0.3), (GONE, math.inf)),
}
# Put between two instants when the speed stops being `instant`: longer than any course takes.
_LONGEST = 2.0


class Moment(Struct, frozen=True):
    """Now, in seconds: `wall` since 1970, `sandbox` since the sandbox was made.

    `speed` is how fast sandbox time has run since the wall time `steady`; infinity leaves no time between phases.
    """

    wall: float
    sandbox: float
    speed: float = 1.0
    steady: float = 0.0

    def since(self, then: float) -> float:
        """Seconds of sandbox time since `then`."""
        return math.inf if self.speed == math.inf else max(0.0, self.sandbox - then)

    def since_wall(self, then: float) -> float:
        """Seconds of sandbox time since the wall time `then`; infinite where the speed was another one then."""
        return math.inf if self.speed == math.inf or then < self.steady else (self.wall - then) * self.speed


class Clock(Struct, frozen=True):
    """Sandbox time: at the wall time `wall` it was `sandbox`, and since then it has run at `speed`."""

    wall: float
    sandbox: float
    speed: float | str

    def at(self, wall: float) -> Moment:
        passed = max(0.0, wall - self.wall)
        if isinstance(self.speed, str):  # "instant", the only word
            return Moment(wall, self.sandbox + passed, math.inf, self.wall)
        return Moment(wall, self.sandbox + passed * self.speed, self.speed, self.wall)

    def turned(self, wall: float, speed: float | str) -> Clock:
        """The clock from `wall` on, at this speed."""
        if speed == self.speed:
            return self
        now = self.at(wall)
        return Clock(wall, now.sandbox + (_LONGEST if isinstance(self.speed, str) else 0.0), speed)


class Course(Struct, frozen=True):
    """What a workload was told last: `name` is a course, or a phase in which it was put to stay.

    `began` is sandbox time; `finished` and `deleted` are wall time, None where that has not happened; `retention` are
    the seconds from the end of the workload to its automatic deletion.
    """

    name: str
    began: float
    finished: float | None = None
    deleted: float | None = None
    retention: float = DEFAULT_RETENTION_SECONDS

    @property
    def expires(self) -> float:
        """The wall time at which its automatic deletion begins; infinity while it is not finished."""
        return math.inf if self.finished is None else self.finished + max(0.0, self.retention)

    def phase(self, now: Moment) -> str:
        if now.wall >= self.expires:
            return _along(COURSES["delete"], now.since_wall(self.expires))
        return _along(COURSES.get(self.name, ((self.name, math.inf),)), now.since(self.began))

    def passed(self, now: Moment) -> tuple[tuple[str, float], ...]:
        """The phases of its course until now, each with the seconds of sandbox time from the start of the course to its own."""
        found, seconds, since = [], 0.0, now.since(self.began)
        for phase, lasts in COURSES.get(self.name, ((self.name, math.inf),)):
            if seconds > since:
                break
            found.append((phase, seconds))
            seconds += lasts
        return tuple(found)

    def gone_at(self, now: Moment) -> float | None:
        """The wall time of the deletion, once the workload is gone."""
        if self.phase(now) != GONE:
            return None
        return self.deleted if self.name == "delete" else self.expires


def _along(course: tuple[tuple[str, float], ...], passed: float) -> str:
    for phase, seconds in course:
        if passed < seconds or seconds == math.inf:
            return phase
        passed -= seconds
    raise AssertionError(course)


def stamp(wall: float) -> str:
    """A wall time in seconds as an ISO 8601 time in UTC."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock_of(settings: Mapping[str, Any]) -> Clock:
    return Clock(settings["wall"], settings["sandbox"], settings["speed"])
