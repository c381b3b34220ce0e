"""What `apply` and `destroy` do: lock, plan, show, ask, carry out, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from declarative import review, workflow
from declarative.apply.waiting import Wish, wishes
from declarative.cli import foresight, planning
from declarative.cli.console import ended_by_signals
from declarative.cli.options import Context, wait_of
from declarative.diagnostics import Diagnostic
from declarative.errors import PlanError
from declarative.manifest.compile import Compiled
from declarative.model.address import Address
from declarative.model.event import EventType
from declarative.model.plan import Plan
from declarative.plan import guard, planfile
from declarative.plan.guard import Guard
from declarative.runai.transport import Transport
from declarative.session import Session, compile_manifests, connected, look_up, open_session
from declarative.state.store import Holder, Lease, Snapshot
from declarative.view.failure import failure_text
from declarative.view.progress import apply_summary, destroy_summary, tally


@dataclass(frozen=True, slots=True)
class Approval:
    """How an apply is agreed to. `lock_timeout` in seconds; `wait` too, for each training, None for no wait."""

    auto: bool
    allowed: tuple[str, ...]
    lock_timeout: float
    as_json: bool
    wait: float | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Approval:
        """From the options that `apply_options` adds, and `wait_options` where the command has them."""
        wait = wait_of(given) if "wait" in given else None
        return cls(given["auto_approve"], given["allow"], given["lock_timeout"], given["as_json"], wait)


@dataclass(frozen=True, slots=True)
class _Carried:
    """What came of a plan: the exit code so far, how much was done, and what is on its way."""

    code: int
    counts: tuple[int, int, int, int]
    under_way: tuple[Wish, ...]


def run(found: Context, approval: Approval, *, saved: Path | None = None, destroy: bool = False) -> int:
    """Plans under the lock and carries the plan out; the exit code."""
    planning.begin(found, approval.as_json)
    session = open_session(found.settings)
    text = planning.read_planfile(saved) if saved and saved.is_file() else ""
    reviewed = planfile.load(text, str(saved)) if planfile.is_planfile(text) else None
    if reviewed is not None:
        _refuse_selection(session, str(saved))
        review.check_place(session, reviewed, found.settings.paths[0])
        reviewed = _with_secrets(session, reviewed, str(saved))
    compiled = None
    if reviewed is None and (not destroy or found.settings.paths):
        compiled = compile_manifests(session)
    planning.announce(found, session)
    work = _Work(found, session, approval, "destroy" if destroy else "apply")
    with ended_by_signals():
        return work.done(reviewed, compiled)


def _refuse_selection(session: Session, name: str) -> None:
    """A saved plan is carried out as it is; raises PlanError."""
    if session.settings.targets or session.settings.excludes:
        detail = f"{name} says itself what it is about."
        raise PlanError(
            Diagnostic("Selection for a saved plan", detail, "leave out --target and --exclude, or plan anew")
        )


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


@dataclass(frozen=True, slots=True)
class _Work:
    found: Context
    session: Session
    approval: Approval
    command: str

    def done(self, reviewed: planfile.PlanFile | None, compiled: Compiled | None) -> int:
        """Locks what the plan may be about, and carries it out; the exit code."""
        store, holder = self.session.store, Holder.current(self.command)
        scope = self._scope(store.load(), reviewed, compiled)
        while True:
            with store.lock(holder, self.approval.lock_timeout, scope) as lease:
                snapshot = store.load()
                needed = self._scope(snapshot, reviewed, compiled)
                if scope is None or (needed is not None and needed <= scope):
                    carried = planning.completed(self._under_lock(lease, snapshot, reviewed, compiled))
                    break
            # Somebody has applied meanwhile, and now the selection is about more.
            scope = needed
        # A wait only reads: others may apply meanwhile.
        return self._ended(carried)

    def _ended(self, carried: _Carried) -> int:
        """Waits where that was asked for, and reports; the exit code."""
        seconds, as_json = self.approval.wait, self.approval.as_json
        if carried.code:
            return carried.code
        if seconds is not None and carried.under_way:
            from declarative.cli.waiting import wait

            if not wait(self.found.console, self.session, carried.under_way, seconds, carried.counts, as_json=as_json):
                return 1
        self._report(carried.counts)
        return 0

    def _scope(
        self, snapshot: Snapshot, reviewed: planfile.PlanFile | None, compiled: Compiled | None
    ) -> frozenset[Address] | None:
        """What a partial plan may be about, by manifests and state alone; None is the whole state. Raises PlanError."""
        if reviewed is not None:
            return reviewed.plan.addresses if reviewed.plan.selection else None
        if not (self.session.settings.targets or self.session.settings.excludes):
            return None
        return workflow.chosen_of(self.session, compiled, snapshot, destroy=self.command == "destroy")

    async def _under_lock(
        self, lease: Lease, snapshot: Snapshot, reviewed: planfile.PlanFile | None, compiled: Compiled | None
    ) -> _Carried:
        async with connected(self.session, read_only=False) as transport:
            if reviewed is not None:
                file = await review.check_saved(self.session, transport, reviewed, snapshot)
            elif self.command == "destroy":
                file = await workflow.make_destruction(self.session, transport, compiled, snapshot)
            else:
                assert compiled is not None
                file = await workflow.make_plan(self.session, transport, compiled, snapshot)
            console, as_json = self.found.console, self.approval.as_json
            planning.show_plan(console, file.plan, as_json)
            if reviewed is None:
                planning.warn(console, planning.doubts(self.found, file, compiled), as_json)
                foresight.tell(console, await foresight.foresee(transport, compiled, file.plan), as_json)
            self._agree(file, was_reviewed=reviewed is not None)
            return await self._carry_out(transport, lease, file.plan, snapshot, compiled)

    def _agree(self, file: planfile.PlanFile, *, was_reviewed: bool) -> None:
        """Raises PlanError unless guards and user agree to the plan."""
        refusals = guard.refusals(file.plan, file.recorded, file.desired, self.approval.allowed)
        asks = not (self.approval.auto or was_reviewed or file.plan.is_empty)
        # Whoever reads what stops, and answers yes, has allowed it.
        consents = asks and all(refusal.guard is Guard.DISRUPTION for refusal in refusals)
        if not consents:
            planning.refuse(refusals)
        if not asks:
            return
        what = "destroy these resources" if self.command == "destroy" else "apply these changes"
        question = f"\nDo you want to {what}? Only yes is accepted: "
        if self.found.console.ask(question) != "yes":
            hint = None if self.found.console.is_interactive else "without a terminal, agree with --auto-approve"
            raise PlanError(Diagnostic(f"{self.command.capitalize()} cancelled", "Nothing was changed.", hint))

    async def _carry_out(
        self, transport: Transport, lease: Lease, plan: Plan, snapshot: Snapshot, compiled: Compiled | None
    ) -> _Carried:
        console = self.found.console
        progress = planning.Progress(console, self.approval.as_json)
        events = await workflow.carry_out(self.session, transport, lease, plan, snapshot, progress, compiled)
        counts = tally(events)
        if progress.unheard is not None:
            raise progress.unheard
        failed = any(event.type is not EventType.COMPLETED for event in events)
        if failed and not self.approval.as_json:
            console.note("\n" + failure_text(events, console.error_style, self.command, console.source))
        return _Carried(int(failed), counts, wishes(progress.accepted))

    def _report(self, counts: tuple[int, int, int, int]) -> None:
        console, destroys = self.found.console, self.command == "destroy"
        if self.approval.as_json:
            from declarative.view.stream import applied_event

            planning.write_json_lines(console, [applied_event(*counts, planning.timestamp(), destroy=destroys)])
        else:
            summary = destroy_summary(counts[2]) if destroys else apply_summary(*counts)
            console.out("\n" + console.style.green(summary))
