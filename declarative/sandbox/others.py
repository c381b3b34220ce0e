"""Workloads of other types: they hold names and GPUs, and nobody but the admin API makes them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from declarative.kinds.fields.base import Fields, Text
from declarative.kinds.training import WorkloadName
from declarative.sandbox.places import places
from declarative.sandbox.trainings import Workload, add, free_name
from declarative.sandbox.wire import Answer, Call, Refusal, conforming, json_object

_USER = "somebody@sandbox"


class OtherWorkload(Fields):
    """A workload that is no training."""

    type: Literal["Workspace", "Inference", "Distributed"] = Field(description="What it is.")
    name: WorkloadName = Field(description="Name, which no other workload of the project has.")
    projectId: Text = Field(description="Id of the project.")
    gpus: float = Field(0, ge=0, le=1_000_000, description="GPUs that it holds while it runs.")
    nodePool: Text = Field("default", description="Node pool in which it runs.")


def create(call: Call) -> Answer:
    """Makes a workload, as if somebody else had."""
    given = conforming(OtherWorkload, json_object(call.body))
    project = given["projectId"]
    found = places(call.settings).projects.get(project)
    if found is None:
        raise Refusal(400, "The project does not exist", f"There is no project with the id {project}.")
    name = free_name(call, project, given["name"], as_prefix=False)
    facts = {
        "type": given["type"],
        "priorityClassName": "build",
        "images": [],
        "requestedNodePools": [given.get("nodePool") or "default"],
        "gpus": given.get("gpus") or 0.0,
    }
    workload = add(call, Workload(name, name, project, found.cluster, _USER, facts, {}))
    return Answer(202, {"id": workload, "name": name, "type": given["type"]})
