"""What can be known before anything is sent: for the projects that a plan touches, each thing read once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeAlias, TypeVar

from declarative.errors import ControlPlaneError, Refused
from declarative.model.foresight import Foresight, Neighbour, Policy, Pool, Quota, Unanswered
from declarative.model.value import EMPTY, FrozenMap, freeze
from declarative.runai.listing import pages
from declarative.runai.transport import Transport

PROJECT = "/api/v1/org-unit/projects/{}"
POLICY = "/api/v2/policy/trainings"
WORKLOADS = "/api/v1/workloads"
GOING = ("Deleting", "Terminating")
# For all reads together: a plan without foresight beats one that nobody waits for.
SECONDS = 20.0

Answer: TypeAlias = Mapping[str, Any]
_Read = TypeVar("_Read")


async def foresee(
    transport: Transport, projects: Collection[str], creating: Collection[str], *, seconds: float = SECONDS
) -> Foresight:
    """Reads the quota of all `projects`, and of those where trainings are created their policy and neighbours.

    Never raises ControlPlaneError: what is not told within `seconds` is among what was not answered.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    (quotas, *first), (policies, *second), (neighbours, *third) = await asyncio.gather(
        _each("quotas", projects, lambda project: _quota(transport, project), deadline),
        _each("policies", creating, lambda project: _policy(transport, project), deadline),
        _each("names of other workloads", creating, lambda project: _neighbours(transport, project), deadline),
    )
    return Foresight(quotas, policies, neighbours, tuple(one for one in (*first, *second, *third) if one))


async def policies(transport: Transport, projects: Collection[str]) -> tuple[dict[str, Policy], Unanswered | None]:
    """The effective policies of projects by id, and what was not told; never raises ControlPlaneError."""
    deadline = asyncio.get_running_loop().time() + SECONDS
    return await _each("policies", projects, lambda project: _policy(transport, project), deadline)


async def _each(
    what: str, projects: Collection[str], read: Callable[[str], Awaitable[_Read]], deadline: float
) -> tuple[dict[str, _Read], Unanswered | None]:
    """What `read` tells of each project, and what it does not tell."""

    async def one(project: str) -> _Read | str:
        """What was read, or why it was not."""
        try:
            async with asyncio.timeout_at(deadline):
                return await read(project)
        except TimeoutError:
            return "no answer in time"
        except ControlPlaneError as error:
            return f"status {error.status}" if isinstance(error, Refused) else error.diagnostics[0].summary.lower()
        except (KeyError, TypeError, AttributeError, ValueError):
            return "an answer without what was asked for"

    wanted = sorted(projects)
    found = dict(zip(wanted, await asyncio.gather(*map(one, wanted)), strict=True))
    reasons = [told for told in found.values() if isinstance(told, str)]
    good = {project: told for project, told in found.items() if not isinstance(told, str)}
    return good, Unanswered(what, len(reasons), reasons[0]) if reasons else None


async def _quota(transport: Transport, project: str) -> Quota:
    row: Answer = await transport.get(PROJECT.format(project))
    status: Answer = row.get("status") or {}
    preferred = (row.get("effective") or {}).get("defaultNodePools") or row.get("defaultNodePools") or ("default",)
    statuses: list[Answer] = status.get("nodePoolQuotaStatuses") or []
    resources: list[Answer] = row.get("resources") or []
    pools = tuple(_pool(one, statuses, status, str(preferred[0])) for one in resources)
    return Quota(str(row["name"]), pools, tuple(map(str, preferred)))


def _pool(resources: Answer, statuses: list[Answer], status: Answer, default: str) -> Pool:
    """One node pool of a project. Some rows name it, some have its id alone, and some have one row without a pool."""
    about: Answer = resources.get("nodePool") or {}
    given = {about.get("name"), about.get("id")} - {None}
    named = [one for one in statuses if given & {one.get("nodePoolName"), one.get("nodePoolId")}]
    found: Answer = named[0] if named else {} if given else status.get("quotaStatus") or {}
    name = about.get("name") or found.get("nodePoolName") or about.get("id") or default
    gpu: Answer = resources.get("gpu") or {}
    allocated = (found.get("allocated") or {}).get("gpu")
    return Pool(str(name), _bound(gpu.get("deserved")), _bound(gpu.get("limit")), _number(allocated))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _bound(value: Any) -> float | None:
    """A bound in GPUs; a negative one stands for none."""
    number = _number(value)
    return number if number is None or number >= 0 else None


async def _policy(transport: Transport, project: str) -> Policy:
    answer: Answer | None = await transport.get(POLICY, {"scope": "project", "projectId": project})
    told = (answer or {}).get("effective") or (answer or {}).get("policy") or {}
    return Policy(_frozen(told.get("defaults")), _frozen(told.get("rules")))


def _frozen(value: Any) -> FrozenMap:
    found = freeze(value or {})
    return found if isinstance(found, FrozenMap) else EMPTY


async def _neighbours(transport: Transport, project: str) -> tuple[Neighbour, ...]:
    """The workloads of a project that are no trainings: names are unique across the types."""
    parameters = {
        "filterBy": f"type!=Training,projectId=={project}",
        "sortBy": "createdAt",
        "sortOrder": "asc",
    }
    return tuple(
        [
            Neighbour(str(row["type"]), str(row["id"]), str(row["name"]), row.get("phase") in GOING)
            async for row in pages(transport, WORKLOADS, "workloads", parameters, 500)
            if not row.get("deletedAt") and str(row["type"]) != "Training" and str(row["projectId"]) == project
        ]
    )
