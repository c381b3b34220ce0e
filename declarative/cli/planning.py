"""What `plan`, `apply` and `destroy` say alike."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from declarative.cli.console import Console
from declarative.cli.options import Context
from declarative.diagnostics import Diagnostic, Severity
from declarative.errors import DeclarativeError, PlanError
from declarative.manifest.compile import Compiled
from declarative.model.event import Event, EventType
from declarative.model.plan import Action, Plan
from declarative.plan.guard import ALLOWABLE, Guard, Refusal
from declarative.plan.planfile import PlanFile
from declarative.session import Session
from declarative.view.text import counted

Result = TypeVar("Result")


def announce(found: Context, session: Session) -> None:
    """Says which control plane and which environment a command works with."""
    place = f"the embedded control plane ({session.sandbox_file()})" if session.is_embedded else session.endpoint
    environment = f", environment {session.project.environment}" if session.project.environment else ""
    found.console.note(found.console.error_style.dim(f"Control plane: {place}{environment}"))


def completed(work: Coroutine[Any, Any, Result]) -> Result:
    """What the work comes to, done in an event loop of its own.

    The result is kept beside the task: Python 3.11 words the task, result and all, when the loop ends, which takes seconds
    for a large plan.
    """
    results: list[Result] = []

    async def keep() -> None:
        results.append(await work)

    asyncio.run(keep())
    return results[0]


def timestamp() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")


def begin(found: Context, as_json: bool) -> None:
    """The first message of a stream of events."""
    if as_json:
        from declarative.view.stream import version_event

        write_json_lines(found.console, [version_event(timestamp())])


def tell(console: Console, diagnostics: Iterable[Diagnostic]) -> None:
    """Diagnostics as messages of the stream."""
    from declarative.view.stream import diagnostic_event

    write_json_lines(console, (diagnostic_event(diagnostic, timestamp()) for diagnostic in diagnostics))


def write_json_lines(console: Console, messages: Iterable[dict[str, Any]]) -> None:
    for message in messages:
        console.json(message)


def show_plan(console: Console, plan: Plan, as_json: bool) -> None:
    """The plan on standard output."""
    if as_json:
        from declarative.view.stream import plan_events

        write_json_lines(console, plan_events(plan, timestamp()))
    else:
        from declarative.view.plan import plan_text

        console.out(plan_text(plan, console.style))


def refuse(refusals: Iterable[Refusal]) -> None:
    """Raises PlanError when anything is refused."""
    diagnostics = _together(tuple(refusals))
    if diagnostics:
        raise PlanError(*diagnostics)


def foretell(console: Console, refusals: Iterable[Refusal], as_json: bool) -> None:
    """What an apply of the plan would refuse: an error where nothing can allow it, otherwise a warning."""
    refusals = tuple(refusals)
    refuse(refusal for refusal in refusals if refusal.guard is Guard.PREVENT_DESTROY)
    warn(console, _together(refusals), as_json)


def _together(refusals: tuple[Refusal, ...]) -> list[Diagnostic]:
    """What is refused; where several guards can be allowed, the last has one hint with the options of all."""
    allowable = [refusal for refusal in refusals if refusal.guard in ALLOWABLE]
    if len(allowable) < 2:
        return [refusal.diagnostic for refusal in refusals]
    first = "check the paths, or " if any(refusal.guard is Guard.EMPTY for refusal in allowable) else ""
    hint = f"{first}allow them with {' '.join(f'--allow {refusal.guard}' for refusal in allowable)}"
    hints = {refusal.guard: None if refusal is not allowable[-1] else hint for refusal in allowable}
    return [
        replace(refusal.diagnostic, hint=hints[refusal.guard]) if refusal.guard in hints else refusal.diagnostic
        for refusal in refusals
    ]


def warn(console: Console, diagnostics: Iterable[Diagnostic], as_json: bool) -> None:
    """Diagnostics as warnings, for people and in the stream."""
    warnings = [replace(diagnostic, severity=Severity.WARNING) for diagnostic in diagnostics]
    if as_json:
        tell(console, warnings)
    console.diagnose(warnings)


def doubts(found: Context, file: PlanFile, compiled: Compiled | None) -> Iterator[Diagnostic]:
    """What a hurried user may have overlooked: that the plan is partial, or that paths leave recorded resources out."""
    yield from file.doubts
    if file.plan.selection:
        detail = f"This plan is about {file.plan.selection} alone; what else differs stays as it is."
        yield Diagnostic("Partial plan", detail, "plan without it soon, so that nothing is forgotten")
    paths = ", ".join(found.settings.paths)
    if compiled is not None and not compiled.files:
        yield Diagnostic("No manifests", f"There are no *.yaml or *.yml files in {paths or 'the manifest folders'}.")
    left_out = [change for change in file.plan.changes if change.action is Action.DELETE]
    if paths and left_out and file.desired and not file.plan.destroy:
        detail = (
            f"The state owns {counted(len(left_out), 'resource')} that {paths} does not have; the plan deletes them."
        )
        yield Diagnostic("Paths are no filter", detail, "name all manifests of this state, or use another --state")


def read_planfile(path: Path) -> str:
    """The text of a plan file; raises PlanError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        detail = f"{path}: {getattr(error, 'strerror', None) or 'it is no text'}."
        raise PlanError(Diagnostic("Unreadable plan file", detail)) from error


class Progress:
    """Tells the events of an apply as they happen. `unheard` is why they could not be written, should that happen.

    `accepted` are the steps that were done, each with the time, in seconds since the epoch.
    """

    def __init__(self, console: Console, as_json: bool) -> None:
        self._console = console
        self._as_json = as_json
        self.unheard: DeclarativeError | None = None
        self.accepted: list[tuple[Event, float]] = []

    def event(self, event: Event) -> None:
        if event.type is EventType.COMPLETED:
            self.accepted.append((event, time.time()))
        if self._as_json:
            from declarative.view.stream import event_messages

            try:
                write_json_lines(self._console, event_messages(event, timestamp()))
            except DeclarativeError as error:
                # What was begun is finished and recorded all the same.
                self.unheard = self.unheard or error
        else:
            from declarative.view.progress import event_text

            self._console.note(event_text(event, self._console.error_style))

    def interrupted(self) -> None:
        self._console.note(
            "\nInterrupted: no further step begins; those that run are finished and recorded. Again to stop at once."
        )
