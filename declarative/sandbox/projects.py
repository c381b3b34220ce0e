"""Projects with their quotas: what they deserve is a setting, what they hold is counted from their trainings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from declarative.kinds.fields.base import Fields
from declarative.sandbox import seeds
from declarative.sandbox.phases import FINISHED, GONE
from declarative.sandbox.places import places
from declarative.sandbox.trainings import course
from declarative.sandbox.wire import Answer, Call, Refusal, missing

# Nothing has been given to a workload before its pods are made.
_HOLDING = ("Initializing", "Running", "Degraded", "Updating")
_DEFAULT_POOL = "default"
_START = {_DEFAULT_POOL: {"deserved": 8.0}}
# GPUs by project and node pool.
_Gpus = dict[tuple[str, str], float]


class Quota(Fields):
    """What a project is given of one node pool."""

    deserved: float = Field(ge=0, le=1_000_000, description="GPUs that it has a right to.")
    limit: float | None = Field(
        None, ge=0, le=1_000_000, description="Most GPUs that it can get; without it, whatever is free."
    )


def get(call: Call) -> Answer:
    """One project."""
    if call.settings["refuseQuotas"]:
        raise Refusal(403, "The project is not for you", "The setting refuseQuotas of the sandbox is on.")
    project = call.path["projectId"]
    if project not in places(call.settings).projects:
        raise missing("Project", project)
    held, requested = _counted(call)
    return Answer(200, _row(call, project, held, requested))


def rows(call: Call) -> list[dict[str, Any]]:
    """All projects."""
    held, requested = _counted(call)
    return [_row(call, project, held, requested) for project in places(call.settings).projects]


def _counted(call: Call) -> tuple[_Gpus, _Gpus]:
    """The GPUs that trainings hold, and those that they hold or wait for."""
    held: _Gpus = {}
    requested: _Gpus = {}
    for line in call.rows.execute("SELECT project, facts, course, began, finished, deleted, retention FROM workloads"):
        phase, facts = course(line).phase(call.moment), json.loads(line["facts"])
        key, gpus = (line["project"], (facts["requestedNodePools"] or [_DEFAULT_POOL])[0]), float(facts["gpus"] or 0)
        if phase in _HOLDING:
            held[key] = held.get(key, 0.0) + gpus
        if phase not in (*FINISHED, GONE, "Stopped"):
            requested[key] = requested.get(key, 0.0) + gpus
    return held, requested


def _row(call: Call, project: str, held: _Gpus, requested: _Gpus) -> dict[str, Any]:
    given: Mapping[str, Any] = call.settings["quotas"].get(project) or _START
    ids = {name: str(100_000 + number) for number, name in enumerate(given)}
    row = seeds.project(project, *places(call.settings).projects[project])
    pools = [
        {"nodePoolName": name, "nodePoolId": ids[name], **_status(held, requested, project, name)} for name in given
    ]
    return {
        **row,
        "totalResources": {**row["totalResources"], "gpuQuota": sum(one["deserved"] for one in given.values())},
        "resources": [
            {
                "nodePool": {"id": ids[name], "name": name},
                "gpu": {"deserved": one["deserved"], "limit": one.get("limit"), "overQuotaWeight": None},
            }
            for name, one in given.items()
        ],
        "status": {**row["status"], "nodePoolQuotaStatuses": pools, "quotaStatus": _total(pools)},
    }


def _status(held: _Gpus, requested: _Gpus, project: str, pool: str) -> dict[str, Any]:
    return {
        # Trainings can be preempted.
        "allocatedNonPreemptible": {"gpu": 0.0},
        "allocated": {"gpu": held.get((project, pool), 0.0)},
        "requested": {"gpu": requested.get((project, pool), 0.0)},
    }


def _total(pools: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("allocated", "allocatedNonPreemptible", "requested")
    return {name: {"gpu": sum(pool[name]["gpu"] for pool in pools)} for name in names}
