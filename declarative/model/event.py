"""What happens during an apply, told as it happens."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from declarative.diagnostics import Diagnostic
from declarative.model.plan import Step


class EventType(StrEnum):
    STARTED = "apply_start"
    WAITING = "apply_progress"
    COMPLETED = "apply_complete"
    FAILED = "apply_errored"
    SKIPPED = "apply_skipped"


@dataclass(frozen=True, slots=True)
class Event:
    """One moment of a step; `elapsed` in seconds since the step began."""

    type: EventType
    step: Step
    elapsed: float = 0.0
    id: str | None = None
    phase: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
