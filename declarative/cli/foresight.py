"""What a plan foresees: names that others hold, quotas and policies, read and told before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from declarative.cli import planning
from declarative.cli.console import Console
from declarative.diagnostics import Diagnostic, Severity
from declarative.errors import PlanError
from declarative.manifest import complaint
from declarative.manifest.compile import Compiled
from declarative.model.foresight import Finding, Unanswered
from declarative.model.plan import Plan
from declarative.plan import compliance, names, quota
from declarative.runai import foresight
from declarative.runai.transport import Transport
from declarative.view.text import counted


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What was found, at its places in the manifests, and what the control plane did not tell."""

    diagnostics: tuple[Diagnostic, ...] = ()
    unanswered: tuple[Unanswered, ...] = ()


async def foresee(transport: Transport, compiled: Compiled | None, plan: Plan) -> Foreseen:
    """Reads what concerns the trainings that a plan creates or resumes; nothing where it does neither."""
    touched, creating = quota.projects(plan)
    if not touched:
        return Foreseen()
    seen = await foresight.foresee(transport, touched, creating)
    found = [*names.held_elsewhere(plan, seen.neighbours), *quota.beyond_quota(plan, seen.quotas, seen.policies)]
    for change in filter(quota.creates, plan.changes):
        policy = seen.policies.get(str(change.after["metadata"]["projectId"])) if change.after else None
        found += compliance.violations(change, policy) if policy else ()
    return Foreseen(compliance.told_once(_placed(one, compiled) for one in found), seen.unanswered)


def _placed(finding: Finding, compiled: Compiled | None) -> Diagnostic:
    told = complaint.placed(finding.diagnostic, finding.change, compiled)
    return replace(told, severity=finding.diagnostic.severity)


def tell(console: Console, foreseen: Foreseen, as_json: bool) -> None:
    """Notes, then warnings; raises PlanError where the control plane would refuse what the plan asks for."""
    for one in foreseen.unanswered:
        text = f"The control plane did not tell the {one.what} of {counted(one.projects, 'project')} ({one.reason})."
        console.note(console.error_style.dim(f"Not checked: {text}"))
        if as_json:
            planning.tell(console, [Diagnostic("Not checked", text, severity=Severity.WARNING)])
    planning.warn(console, [one for one in foreseen.diagnostics if one.severity is Severity.WARNING], as_json)
    errors = [one for one in foreseen.diagnostics if one.severity is Severity.ERROR]
    if errors:
        raise PlanError(*errors)
