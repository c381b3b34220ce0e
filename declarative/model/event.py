"""What happens during an apply, told as it happens."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from declarative.diagnostics import Diagnostic
from declarative.model.plan import Step


class EventType(StrEnum):
    STARTED = "apply_start"
    WAITING = "apply_progress"
    COMPLETED = "apply_complete"
    FAILED = "apply_errored"
    SKIPPED = "apply_skipped"


class Event(Struct, frozen=True):
    """One moment of a step; `elapsed` in seconds since the step began.

    With a `goal` the step is done, and its object is waited for: to get into the phase of that name. `reached` says that it
    got there, or to its end. Then `elapsed` counts from the end of the step.

    `accepted` says of a deletion that failed that the control plane had agreed to it: its object goes, or is gone.
    """

    type: EventType
    step: Step
    elapsed: float = 0.0
    id: str | None = None
    phase: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    goal: str | None = None
    reached: bool = False
    accepted: bool = False
