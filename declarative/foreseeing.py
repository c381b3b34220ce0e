"""What a plan foresees: names that others hold, quotas and policies of the control plane, read before anything is sent."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from declarative.diagnostics import Diagnostic
from declarative.manifest import complaint
from declarative.manifest.compile import Compiled
from declarative.model.foresight import Finding, Unanswered
from declarative.model.plan import Plan
from declarative.plan import compliance, names, quota
from declarative.runai import foresight
from declarative.runai.transport import Transport


class Foreseen(Struct, frozen=True):
    """What was found, at its places in the manifests, and what the control plane did not tell."""

    diagnostics: tuple[Diagnostic, ...] = ()
    unanswered: tuple[Unanswered, ...] = ()

    def __add__(self, other: Foreseen) -> Foreseen:
        return Foreseen(self.diagnostics + other.diagnostics, self.unanswered + other.unanswered)


async def foresee(transport: Transport, compiled: Compiled | None, plan: Plan) -> Foreseen:
    """Reads what concerns the trainings that a plan creates or resumes; nothing where it does neither."""
    touched, creating = quota.projects(plan)
    if not touched:
        return Foreseen()
    seen = await foresight.foresee(transport, touched, creating)
    called = {project: told.name for project, told in seen.quotas.items()}
    found = [
        *names.held_elsewhere(plan, seen.neighbours, called),
        *quota.beyond_quota(plan, seen.quotas, seen.policies),
    ]
    for change in filter(quota.creates, plan.changes):
        policy = seen.policies.get(str(change.after["metadata"]["projectId"])) if change.after else None
        found += compliance.violations(change, policy) if policy else ()
    return Foreseen(compliance.told_once(_placed(one, compiled) for one in found), seen.unanswered)


def _placed(finding: Finding, compiled: Compiled | None) -> Diagnostic:
    told = complaint.placed(finding.diagnostic, finding.change, compiled)
    return replace(told, severity=finding.diagnostic.severity)
