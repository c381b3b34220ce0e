"""What `apply` and `destroy` do: lock, plan, show, ask, carry out, report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from declarative import review
from declarative.apply.waiting import Wish, unchanged, wishes
from declarative.cli import foresight, planning, policies
from declarative.cli.console import ended_by_signals
from declarative.cli.options import Context, wait_of
from declarative.cli.outputs import Stream, stream_of, timestamp
from declarative.cli.progress import Progress
from declarative.diagnostics import Diagnostic
from declarative.errors import PlanError
from declarative.library import Applied, Plan, Project, carry_out
from declarative.plan import guard, planfile
from declarative.plan.guard import Guard
from declarative.plan.steps import steps
from declarative.session import Session, look_up, open_session
from declarative.view.failure import failure_text
from declarative.view.plan import stopping_text
from declarative.view.progress import apply_summary, destroy_summary, tally


class Approval(Struct, frozen=True):
    """How an apply is agreed to. `lock_timeout` in seconds; `wait` too, for each training, None for no wait."""

    auto: bool
    allowed: tuple[str, ...]
    lock_timeout: float
    as_json: bool
    json_into: str | None = None
    concise: bool = False
    wait: float | None = None
    checksum: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Approval:
        """From the options that `apply_options` adds, and `wait_options` where the command has them."""
        wait = wait_of(given) if "wait" in given else None
        names = ("as_json", "json_into", "concise")
        return cls(
            given["auto_approve"],
            given["allow"],
            given["lock_timeout"],
            wait=wait,
            checksum=given.get("checksum"),
            **{name: given[name] for name in names},
        )


class _Carried(Struct, frozen=True):
    """What came of a plan: the exit code so far, how much was done, what is on its way, and what may still be from before."""

    code: int
    counts: tuple[int, int, int, int]
    under_way: tuple[Wish, ...]
    unchanged: tuple[Wish, ...]


def run(found: Context, approval: Approval, *, saved: Path | None = None, destroy: bool = False) -> int:
    """Plans under the lock and carries the plan out; the exit code."""
    with stream_of(found, approval.as_json, approval.json_into) as stream:
        return _run(found, approval, stream, saved, destroy=destroy)


def _run(found: Context, approval: Approval, stream: Stream, saved: Path | None, *, destroy: bool) -> int:
    session = open_session(found.settings)
    text = planning.read_planfile(saved) if saved and saved.is_file() else ""
    reviewed = planfile.load(text, str(saved)) if planfile.is_planfile(text) else None
    if approval.checksum is not None:
        _check_sum(reviewed, approval.checksum)
    if reviewed is not None:
        _refuse_selection(session, str(saved))
        review.check_place(session, reviewed, found.settings.paths[0])
        reviewed = _with_secrets(session, reviewed, str(saved))
    with policies.beside_data():
        project = Project.of(session, destroy=destroy, reviewed=reviewed is not None)
    planning.announce(found, session)
    work = _Work(found, project, approval, stream, "destroy" if destroy else "apply")
    with ended_by_signals():
        return work.done(reviewed)


def _check_sum(reviewed: planfile.PlanFile | None, given: str) -> None:
    """Raises UsageError where there is no saved plan, PlanError where it is another than the one that was reviewed."""
    if reviewed is None:
        raise click.UsageError("--checksum is that of a saved plan: declarative apply PLANFILE --checksum SUM.")
    found = planfile.checksum(reviewed)
    if found != given:
        detail = f"The checksum of this plan is {found}, and not {given}: it is not the plan that was reviewed."
        raise PlanError(
            Diagnostic("Another plan than the reviewed one", detail, "have this plan reviewed, or apply the other")
        )


def _refuse_selection(session: Session, name: str) -> None:
    """A saved plan is carried out as it is; raises PlanError."""
    settings = session.settings
    given = {
        "--target": settings.targets,
        "--exclude": settings.excludes,
        "--replace": settings.replacing,
        "--no-refresh": not settings.refresh,
        "--refresh-only": settings.refresh_only,
    }
    options = " and ".join(option for option, value in given.items() if value)
    if options:
        detail = f"{name} says itself what it is about."
        raise PlanError(Diagnostic("Selection for a saved plan", detail, f"leave out {options}, or plan anew"))


def _with_secrets(session: Session, reviewed: planfile.PlanFile, name: str) -> planfile.PlanFile:
    """A saved plan with the values of its secrets, which are given again; raises DeclarativeError."""
    needed = {reference.source for reference in planfile.references(reviewed)}
    if "variable" not in needed and (session.settings.variables or session.settings.variable_files):
        detail = f"{name} was planned with its own variables; others cannot change it."
        raise PlanError(
            Diagnostic("Variables for a saved plan", detail, "leave out --var and --var-file, or plan anew")
        )
    # Files may hold more than the sensitive ones; what is typed is meant to have an effect.
    declared = session.project.variables
    given = dict.fromkeys(option.partition("=")[0] for option in session.settings.variables)
    ordinary = [one for one in given if one in declared and not declared[one].get("sensitive")]
    if ordinary:
        detail = f"{name} was planned with its own value of {_listed('`{}`', ordinary)}; another cannot change it."
        hint = f"leave out {_listed('--var {}', ordinary)}, or plan anew"
        raise PlanError(Diagnostic("Variables for a saved plan", detail, hint))
    return planfile.filled(reviewed, cache(partial(look_up, session))) if needed else reviewed


def _listed(form: str, names: list[str]) -> str:
    return " and ".join(form.format(name) for name in names)


class _Work(Struct, frozen=True):
    found: Context
    project: Project
    approval: Approval
    stream: Stream
    command: str

    def done(self, reviewed: planfile.PlanFile | None) -> int:
        """Locks what the plan may be about, and carries it out; the exit code."""
        heard: list[Progress] = []

        @contextmanager
        def agree(plan: Plan) -> Iterator[Progress]:
            self._show(plan, was_reviewed=reviewed is not None)
            self._agree(plan.file, was_reviewed=reviewed is not None)
            with Progress(self.found.console, self.stream, len(steps(plan.file.plan))) as progress:
                heard.append(progress)
                yield progress

        applied = carry_out(
            self.project,
            agree,
            self.approval.lock_timeout,
            destroy=self.command == "destroy",
            reviewed=reviewed,
            reading=partial(policies.reading, self.found.console),
        )
        # A wait only reads: others may apply meanwhile.
        return self._ended(self._carried(applied, *heard))

    def _ended(self, carried: _Carried) -> int:
        """Waits where that was asked for, and reports; the exit code."""
        seconds = self.approval.wait
        if carried.code:
            return carried.code
        if seconds is not None and (carried.under_way or carried.unchanged):
            from declarative.cli.waiting import under_way, wait

            session = self.project.session
            wanted = carried.under_way + under_way(session, carried.unchanged)
            if wanted and not wait(self.found.console, session, wanted, seconds, carried.counts, self.stream):
                return 1
        self._report(carried.counts)
        return 0

    def _show(self, plan: Plan, *, was_reviewed: bool) -> None:
        """Shows the plan and what is to be said about it; raises PlanError for what nothing can allow."""
        console, stream, file = self.found.console, self.stream, plan.file
        planning.show_plan(console, file.plan, file.names, stream, concise=self.approval.concise, drift=file.drift)
        doubts = file.doubts if was_reviewed else planning.doubts(self.found, file, self.project.compiled)
        foresight.admit(console, plan.foreseen, stream)
        planning.fail(planning.tell(console, (*doubts, *plan.foreseen.diagnostics), stream))

    def _agree(self, file: planfile.PlanFile, *, was_reviewed: bool) -> None:
        """Raises PlanError unless guards and user agree to the plan."""
        refusals = guard.refusals(file.plan, file.recorded, file.desired, self.approval.allowed)
        asks = not (self.approval.auto or was_reviewed or file.plan.is_empty)
        # Whoever reads what stops, and answers yes, has allowed it.
        consents = asks and all(refusal.guard is Guard.DISRUPTION for refusal in refusals)
        if not consents:
            planning.refuse(refusals)
        if stops := stopping_text(file.plan, self.found.console.error_style):
            self.found.console.note(f"\n{stops}")
        if not asks:
            return
        what = "destroy these resources" if self.command == "destroy" else "apply these changes"
        if file.plan.refresh_only:
            what = "record this in the state, and leave the control plane as it is"
        question = f"\nDo you want to {what}? Only yes is accepted: "
        if self.found.console.ask(question) != "yes":
            hint = None if self.found.console.is_interactive else "without a terminal, agree with --auto-approve"
            raise PlanError(Diagnostic(f"{self.command.capitalize()} cancelled", "Nothing was changed.", hint))

    def _carried(self, applied: Applied, progress: Progress) -> _Carried:
        console, events = self.found.console, applied.events
        if progress.unheard is not None:
            raise progress.unheard
        if not applied.is_complete and not self.stream.replaces_text:
            console.note("\n" + failure_text(events, console.error_style, self.command, console.source))
        left = unchanged(applied.plan.file.plan, time.time())
        return _Carried(int(not applied.is_complete), tally(events), wishes(progress.accepted), left)

    def _report(self, counts: tuple[int, int, int, int]) -> None:
        console, destroys = self.found.console, self.command == "destroy"
        if self.stream:
            from declarative.view.stream import applied_event

            self.stream.write([applied_event(*counts, timestamp(), destroy=destroys)])
        if not self.stream.replaces_text:
            summary = destroy_summary(counts[2]) if destroys else apply_summary(*counts)
            console.out("\n" + console.style.green(summary))
