"""Tells an apply as it happens, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable

from declarative.model.event import Event, EventType
from declarative.model.plan import Step
from declarative.model.record import Operation
from declarative.view.style import Style
from declarative.view.text import columns, duration

# How each operation is told: begun, going on, and done.
VERBS = {
    Operation.CREATE: ("Creating", "Creation"),
    Operation.UPDATE: ("Modifying", "Modifications"),
    Operation.SUSPEND: ("Suspending", "Suspension"),
    Operation.RESUME: ("Resuming", "Resumption"),
    Operation.DELETE: ("Destroying", "Destruction"),
    Operation.FORGET: ("Forgetting", "Forgetting"),
    Operation.ADOPT: ("Recording", "Recording"),
}
DONE = {
    Operation.CREATE: "created",
    Operation.UPDATE: "modified",
    Operation.SUSPEND: "suspended",
    Operation.RESUME: "resumed",
    Operation.DELETE: "destroyed",
    Operation.FORGET: "forgotten",
    Operation.ADOPT: "recorded",
}
# After these, nothing more is heard of a step.
FINAL = (EventType.COMPLETED, EventType.FAILED, EventType.SKIPPED)
# What touches the state alone is done as soon as it is begun.
_AT_ONCE = (Operation.ADOPT, Operation.FORGET)


def event_text(event: Event, style: Style, room: int | None = None) -> str:
    """One line for one moment of a step; "" where that is not worth a line.

    What is skipped is told at the end, once, with what it was skipped for.
    Where it would take more than `room` columns, it goes without the id: the state knows that.
    """
    begins_at_once = event.type is EventType.STARTED and event.step.operation in _AT_ONCE
    if begins_at_once or event.type is EventType.SKIPPED:
        return ""
    address = style.bold(style.safe(str(event.step.address)) + ":")
    message = style.safe(event_message(event))
    if room is not None and columns(f"{event.step.address}: {message}") > room:
        message = message.partition(" [id=")[0]
    if event.type is EventType.FAILED:
        message = style.red(message)
    return f"{address} {message}"


def event_message(event: Event) -> str:
    """The same without the address: `Creation complete after 1s [id=...]`."""
    if event.goal:
        return _goal_message(event)
    begun, noun = VERBS[event.step.operation]
    known_id = event.id or event.step.id
    tail = f" [id={known_id}]" if known_id else ""
    match event.type:
        case EventType.STARTED:
            return f"{begun}...{tail}"
        case EventType.WAITING:
            phase = f", {event.phase}" if event.phase else ""
            return f"Still {doing(event)}... [{duration(event.elapsed)}{phase}]"
        case EventType.COMPLETED:
            if event.step.operation in _AT_ONCE:
                return f"{_recorded(event.step)}{tail}"
            gone = event.step.operation is Operation.DELETE
            return f"{noun} complete after {duration(event.elapsed)}{'' if gone else tail}"
        case EventType.FAILED:
            why = f": {event.diagnostics[0].summary}" if event.diagnostics else ""
            return f"{noun} failed after {duration(event.elapsed)}{why}"
        case EventType.SKIPPED:
            reason = skip_reason(event)
            return f"{noun} skipped: {reason}" if reason else f"{noun} skipped"


def _recorded(step: Step) -> str:
    """What was done to the state alone."""
    if _is_import(step):
        return "Imported"
    former = step.change.moved_from if step.operation is Operation.ADOPT and step.change else None
    return f"Moved from {former}" if former else DONE[step.operation].capitalize()


def _goal_message(event: Event) -> str:
    """How the wait after a step goes on: `Still waiting for Running... [12s, Pending]`, and `Running after 15s`."""
    took = duration(event.elapsed)
    if event.type is EventType.FAILED:
        why = f": {event.diagnostics[0].summary}" if event.diagnostics else ""
        return f"Waiting for {event.goal} ended after {took}{why}"
    if event.reached:
        return f"{event.phase or event.goal} after {took}"
    return f"Still {doing(event)}... [{took}{f', {event.phase}' if event.phase else ''}]"


def doing(event: Event) -> str:
    """What goes on, as far as an event tells: `creating`, `waiting for Running`."""
    if event.goal:
        return f"waiting for {event.goal}"
    # The phase is that of the object that still has the name, until a create tells the id of its own.
    if event.step.awaits and event.id == event.step.id:
        return "waiting for its name to be free"
    return VERBS[event.step.operation][0].lower()


def skip_reason(event: Event) -> str | None:
    """Why a step was skipped, as its event says it; without a full stop."""
    if not event.diagnostics:
        return None
    diagnostic = event.diagnostics[0]
    return (diagnostic.detail or diagnostic.summary).removesuffix(".")


def replaces(step: Step) -> bool:
    """Whether the step is one half of a replacement."""
    return step.change is not None and step.change.action.replaces


def apply_summary(added: int, changed: int, destroyed: int, imported: int = 0) -> str:
    """The words that scripts look for at the end of an apply."""
    first = f"{imported} imported, " if imported else ""
    return f"Apply complete! Resources: {first}{added} added, {changed} changed, {destroyed} destroyed."


def destroy_summary(destroyed: int) -> str:
    """The words that scripts look for at the end of a destroy."""
    return f"Destroy complete! Resources: {destroyed} destroyed."


def tally(events: Iterable[Event]) -> tuple[int, int, int, int]:
    """How many resources were added, changed, destroyed and imported, from the events of all steps.

    A resource whose fields and phase both change is one change.
    """
    done = [event.step for event in events if event.type is EventType.COMPLETED]
    added = sum(step.operation is Operation.CREATE for step in done)
    destroyed = sum(step.operation is Operation.DELETE for step in done)
    in_place = (Operation.UPDATE, Operation.SUSPEND, Operation.RESUME)
    fresh = {step.address for step in done if step.operation is Operation.CREATE}
    changed = {step.address for step in done if step.operation in in_place} - fresh
    imported = sum(_is_import(step) for step in done)
    return added, len(changed), destroyed, imported


def _is_import(step: Step) -> bool:
    return step.operation is Operation.ADOPT and step.change is not None and step.change.imports is not None
