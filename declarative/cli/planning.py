"""What `plan`, `apply` and `destroy` say alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec.structs import replace

from declarative.cli.console import Console
from declarative.cli.options import Context
from declarative.cli.outputs import Stream, timestamp
from declarative.diagnostics import Diagnostic, Severity
from declarative.errors import PlanError
from declarative.manifest.compile import Compiled
from declarative.model.named import NamedId
from declarative.model.plan import Action, Change, Plan
from declarative.plan.guard import ALLOWABLE, Guard, Refusal
from declarative.plan.planfile import PlanFile
from declarative.session import Session
from declarative.view.text import counted

# Changes that nobody reads one by one.
_MANY = 100


def announce(found: Context, session: Session) -> None:
    """Says which control plane and which environment a command works with."""
    place = f"the embedded control plane ({session.sandbox_file()})" if session.is_embedded else session.endpoint
    environment = f", environment {session.project.environment}" if session.project.environment else ""
    found.console.note(found.console.error_style.dim(f"Control plane: {place}{environment}"))


def show_plan(
    console: Console,
    plan: Plan,
    names: Iterable[NamedId] = (),
    stream: Stream | None = None,
    *,
    concise: bool = False,
    drift: Iterable[Change] = (),
) -> None:
    """The plan on standard output, with a line a change where it is to be `concise`, and in the stream, after the drift."""
    if stream:
        from declarative.view.stream import drift_events, plan_events

        stream.write([*drift_events(drift, timestamp()), *plan_events(plan, timestamp())])
    if stream is not None and stream.replaces_text:
        return
    if concise:
        from declarative.view.concise import concise_text

        console.out(concise_text(plan, console.style))
        return
    from declarative.view.known import Known
    from declarative.view.plan import plan_text, shown_changes

    console.out(plan_text(plan, console.style, Known.of(names)))
    if console.is_interactive and len(shown_changes(plan)) > _MANY:
        console.note(console.error_style.dim("With --concise, each change has one line."))


def refuse(refusals: Iterable[Refusal]) -> None:
    """Raises PlanError when anything is refused."""
    fail(_together(tuple(refusals)))


def foretold(refusals: Iterable[Refusal]) -> list[Diagnostic]:
    """Warnings of what an apply of the plan would refuse until it is allowed, and errors for what nothing can allow."""
    refusals = tuple(refusals)
    final = [refusal for refusal in refusals if refusal.guard is Guard.PREVENT_DESTROY]
    allowable = _together(tuple(refusal for refusal in refusals if refusal not in final))
    return [*(replace(one, severity=Severity.WARNING) for one in allowable), *(one.diagnostic for one in final)]


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


def fail(errors: Iterable[Diagnostic]) -> None:
    """Raises PlanError when there are any."""
    found = tuple(errors)
    if found:
        raise PlanError(*found)


def tell(console: Console, findings: Iterable[Diagnostic], stream: Stream) -> list[Diagnostic]:
    """Tells all warnings at once, for people, who are told how many there are, and in the stream; the errors are left."""
    found = list(findings)
    warnings = [one for one in found if one.severity is Severity.WARNING]
    stream.tell(warnings)
    console.diagnose(warnings)
    return [one for one in found if one.severity is Severity.ERROR]


def doubts(found: Context, file: PlanFile, compiled: Compiled | None) -> Iterator[Diagnostic]:
    """What a hurried user may have overlooked: that the plan is partial, or that paths leave recorded resources out."""
    yield from file.doubts
    if file.plan.selection:
        detail = f"This plan {file.plan.selection}; what else differs stays as it is."
        yield _warning("Partial plan", detail, "plan everything soon, so that nothing is forgotten")
    paths = ", ".join(found.settings.paths)
    if compiled is not None and not compiled.files:
        yield _warning("No manifests", f"There are no *.yaml or *.yml files in {paths or 'the manifest folders'}.")
    left_out = [change for change in file.plan.changes if change.action is Action.DELETE]
    if paths and left_out and file.desired and not file.plan.destroy:
        owned, them = counted(len(left_out), "resource"), "it" if len(left_out) == 1 else "them"
        detail = f"The state owns {owned} that {paths} does not have; the plan deletes {them}."
        yield _warning("Paths are no filter", detail, "name all manifests of this state, or use another --state")


def _warning(summary: str, detail: str, hint: str | None = None) -> Diagnostic:
    return Diagnostic(summary, detail, hint, severity=Severity.WARNING)


def read_planfile(path: Path) -> str:
    """The text of a plan file; raises PlanError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        detail = f"{path}: {getattr(error, 'strerror', None) or 'it is no text'}."
        raise PlanError(
            Diagnostic("Unreadable plan file", detail, "save one with declarative plan --out FILE")
        ) from error
