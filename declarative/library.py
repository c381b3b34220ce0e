"""`declarative` as a library: `load` a project, `plan` it, `apply` the plan. The command line is made of the same functions.

Everything here is called from the outside of an event loop, and from the main thread where Ctrl-C shall be obeyed. What goes
wrong raises a DeclarativeError with `diagnostics`. Nothing is printed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from declarative import review, workflow
from declarative.diagnostics import Diagnostic, Severity
from declarative.errors import PlanError
from declarative.event_loop import completed, completed_under_lock
from declarative.foreseeing import Foreseen, foresee
from declarative.manifest.compile import Compiled
from declarative.model.address import Address
from declarative.model.event import Event, EventType
from declarative.model.plan import Change
from declarative.model.resource import Resource
from declarative.plan import guard, planfile
from declarative.plan.planfile import PlanFile
from declarative.runai.transport import Transport
from declarative.session import Session, compile_manifests, connected, open_session
from declarative.settings import Settings
from declarative.state.store import Holder, Lease, Snapshot
from declarative.workflow import Listener

if TYPE_CHECKING:
    from declarative.policy.rule import Rule


class Project(Struct, frozen=True):
    """A project whose manifests are right. `compiled` is None where none are needed, `rules` are its policies."""

    session: Session
    compiled: Compiled | None
    rules: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, session: Session, *, destroy: bool = False, reviewed: bool = False) -> Project:
        """What a command works with: no manifests for a plan that was `reviewed`. Raises DeclarativeError."""
        rules = _rules(session)
        needed = not reviewed and workflow.needs_manifests(session, destroy=destroy)
        return cls(session, compile_manifests(session) if needed else None, rules)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What should exist, in order of address. Each has an `address` and a `body`: metadata, desiredPhase, spec."""
        return self.compiled.resources if self.compiled else ()

    @property
    def endpoint(self) -> str:
        """The URL of the control plane; `sandbox` for the embedded one."""
        return self.session.endpoint

    def plan(
        self, *, destroy: bool = False, reading: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> Plan:
        """What an apply would do now. Sends only reads, takes no lock. `reading` surrounds the time that it takes.

        Raises DeclarativeError where there can be no plan.
        """
        # Before the event loop, which would only take note of Ctrl-C while a server does not answer.
        snapshot = self.session.store.load()

        async def made() -> Plan:
            async with connected(self.session, read_only=True) as transport:
                with reading():
                    return await _made(self, transport, snapshot, destroy)

        return completed(made())


class Plan(Struct, frozen=True):
    """What an apply would do. `foreseen` is what the control plane's quotas, policies and names have to say to it."""

    project: Project
    file: PlanFile
    foreseen: Foreseen = field(default_factory=Foreseen)
    destroys: bool = False

    @property
    def changes(self) -> tuple[Change, ...]:
        """What happens to each resource that does not stay as it is."""
        return tuple(change for change in self.file.plan.changes if not change.is_nothing)

    @property
    def is_empty(self) -> bool:
        """Whether an apply would do nothing at all."""
        return self.file.plan.is_empty

    @property
    def checksum(self) -> str:
        """What the plan is known by to those who review it."""
        return planfile.checksum(self.file)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What is doubtful about the plan, and what may keep its trainings waiting."""
        return (*self.file.doubts, *(one for one in self.foreseen.diagnostics if one.severity is Severity.WARNING))

    def refusals(self, allow: Collection[str] = ()) -> tuple[Diagnostic, ...]:
        """Why an apply would refuse the plan: guards that are not in `allow`, and what the control plane would not take."""
        refused = guard.refusals(self.file.plan, self.file.recorded, self.file.desired, allow)
        errors = (one for one in self.foreseen.diagnostics if one.severity is Severity.ERROR)
        return (*(one.diagnostic for one in refused), *errors)

    def save(self, file: str | Path) -> None:
        """Writes what `declarative apply FILE` and `declarative show FILE` take. Raises OSError."""
        Path(file).write_text(planfile.dump(self.file), encoding="utf-8")

    def apply(
        self,
        on_event: Callable[[Event], None] | None = None,
        *,
        allow: Collection[str] = (),
        lock_timeout: float = 0.0,
    ) -> Applied:
        """Carries the plan out as it is; it is refused when what it touches has moved since.

        `on_event` hears of every step as it happens, `allow` names guards to pass, `lock_timeout` is in seconds. Raises
        DeclarativeError before anything is sent where the plan is refused; what fails later is in the events.
        """

        def agree(checked: Plan) -> AbstractContextManager[Listener]:
            refusals = checked.refusals(allow)
            if refusals:
                raise PlanError(*refusals)
            return nullcontext(_Hearing(on_event))

        return carry_out(self.project, agree, lock_timeout, destroy=self.destroys, reviewed=self.file)


class Applied(Struct, frozen=True):
    """What came of an apply: the plan, and how each of its steps ended."""

    plan: Plan
    events: tuple[Event, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every step was done. If not, the `diagnostics` of events say why."""
        return all(event.type is EventType.COMPLETED for event in self.events)


def load(
    folder: str | Path = ".",
    *,
    paths: Iterable[str] = (),
    environment: str | None = None,
    endpoint: str | None = None,
    state: str | None = None,
    variables: Mapping[str, Any] | None = None,
    targets: Iterable[str] = (),
    excludes: Iterable[str] = (),
) -> Project:
    """The project of a folder, its manifests rendered and checked; the arguments are the options of the command line.

    Secrets, credentials and `DECLARATIVE_VAR_...` come from the process environment. Raises DeclarativeError with all mistakes.
    """
    settings = Settings(
        root=Path(folder),
        environment=environment,
        endpoint=endpoint,
        state=state,
        paths=tuple(paths),
        variables=tuple(f"{name}={_text(value)}" for name, value in (variables or {}).items()),
        targets=tuple(targets),
        excludes=tuple(excludes),
    )
    return Project.of(open_session(settings))


def _text(value: Any) -> str:
    """A value as the command line would have it."""
    return value if isinstance(value, str) else json.dumps(value)


async def _made(project: Project, transport: Transport, snapshot: Snapshot, destroy: bool) -> Plan:
    file = await workflow.make(project.session, transport, project.compiled, snapshot, destroy=destroy)
    # What is not refreshed is not foreseen either: the plan says so.
    sees = project.session.settings.refresh and not destroy
    foreseen = await foresee(transport, project.compiled, file.plan) if sees else Foreseen()
    return Plan(project, file, foreseen + _judged(project, file), destroy)


def _rules(session: Session) -> tuple[Rule, ...]:
    """The policies of a project, ready to be asked."""
    if not session.project.policies:
        return ()
    from declarative.policy import rules

    return rules.load(session.project)


def _judged(project: Project, file: PlanFile) -> Foreseen:
    """What the project's policies have to say about a plan."""
    if not project.rules:
        return Foreseen()
    from declarative.policy import rules

    found = rules.ask(project.rules, file, project.session.project.root)
    return Foreseen(tuple(finding.diagnostic for finding in found))


# Looks at a plan when nothing can come between any more; raises to stop it, or gives who hears of what happens then.
Agreement = Callable[[Plan], AbstractContextManager[Listener]]


class _Hearing(Struct, frozen=True):
    heard: Callable[[Event], None] | None

    def event(self, event: Event) -> None:
        if self.heard:
            self.heard(event)

    def interrupted(self) -> None: ...


def carry_out(
    project: Project,
    agree: Agreement,
    lock_timeout: float,
    *,
    destroy: bool = False,
    reviewed: PlanFile | None = None,
    reading: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Applied:
    """Locks what the plan is about, plans or checks the `reviewed` plan, and carries it out once `agree` has let it pass."""
    session = project.session
    refreshes = reviewed.plan.refresh_only if reviewed is not None else session.settings.refresh_only

    async def work(lease: Lease, snapshot: Snapshot) -> Applied:
        async with connected(session, read_only=refreshes) as transport:
            with reading():
                if reviewed is None:
                    found = await _made(project, transport, snapshot, destroy)
                else:
                    file = await review.check_saved(session, transport, reviewed, snapshot)
                    # Policies, quotas and names may be others than when the plan was made.
                    foreseen = await foresee(transport, project.compiled, file.plan)
                    found = Plan(project, file, foreseen + _judged(project, file), destroy)
            with agree(found) as listener:
                steps = (transport, lease, found.file.plan, snapshot, listener, project.compiled)
                return Applied(found, await workflow.carry_out(session, *steps))

    holder = Holder.current("destroy" if destroy else "apply")
    scope_of = _scope_of(project, reviewed, destroy)
    return completed_under_lock(work, session.store, holder, lock_timeout, scope_of)


def _scope_of(
    project: Project, reviewed: PlanFile | None, destroy: bool
) -> Callable[[Snapshot], frozenset[Address]] | None:
    """What a partial plan may be about, by manifests and a state alone; None for a plan about the whole state.

    What it gives raises PlanError.
    """
    if reviewed is not None:
        addresses = reviewed.plan.addresses
        return (lambda _: addresses) if reviewed.plan.selection else None
    if not (project.session.settings.targets or project.session.settings.excludes):
        return None
    return partial(workflow.chosen_of, project.session, project.compiled, destroy=destroy)
