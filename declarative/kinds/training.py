"""Training: a workload that trains a model. Its spec is fixed when it is created; only its phase can be changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec.structs import replace
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from declarative.kinds.endpoint import Endpoint, Listing, seconds
from declarative.kinds.fields.base import AnyId, DateTime, Fields, Text, Uuid
from declarative.kinds.fields.compute import Compute
from declarative.kinds.fields.connectivity import Connectivity
from declarative.kinds.fields.container import Container
from declarative.kinds.fields.scheduling import Execution, Placement
from declarative.kinds.fields.security import Security
from declarative.kinds.fields.storage import Storage
from declarative.kinds.kind import Kind, Reference
from declarative.kinds.rules import ExactlyOne
from declarative.kinds.shape import known, shape_of
from declarative.model.observed import Observed, Presence, Progress, Readiness
from declarative.model.value import FrozenMap, freeze, put

WORKLOAD_NAME = r"^[a-z][a-z0-9-]*$"


def _workload_name(value: str) -> str:
    if not re.fullmatch(WORKLOAD_NAME[1:-1], value) or len(value) > 63:
        raise PydanticCustomError(
            "format",
            "{expected}",
            {"expected": "a name of at most 63 lower-case letters, digits and '-' that begins with a letter"},
        )
    return value


WorkloadName = Annotated[
    str,
    AfterValidator(_workload_name),
    Field(min_length=1, json_schema_extra={"pattern": WORKLOAD_NAME, "maxLength": 63}),
]


class TrainingMetadata(Fields):
    """Which training this is, and where it runs."""

    rules = (ExactlyOne(("projectId", "project")), ExactlyOne(("clusterId", "cluster")))

    name: WorkloadName = Field(description="Name at the control plane: lower-case letters, digits and '-'.")
    key: Text | None = Field(None, description="Key of the address; the name when not given.")
    useGivenNameAsPrefix: bool = Field(
        False, description="True lets the control plane add random characters to the name."
    )
    projectId: AnyId | None = Field(None, description="Id of the project.")
    project: Text | None = Field(None, description="Name of the project, instead of its id.")
    clusterId: Uuid | None = Field(None, description="Id of the cluster.")
    cluster: Text | None = Field(None, description="Name of the cluster, instead of its id.")


class TrainingSpec(Container, Placement, Execution, Connectivity):
    """What the training runs, and with what."""

    rules = Container.rules

    compute: Compute | None = Field(None, description="GPUs, CPUs and memory.")
    storage: Storage | None = Field(None, description="Volumes to mount.")
    security: Security | None = Field(None, description="Users, groups and privileges.")


class TrainingCreateRequest(Fields):
    """Body of the POST that creates a training."""

    name: WorkloadName = Field(description="Name of the training.")
    useGivenNameAsPrefix: bool = Field(False, description="Whether random characters are added to the name.")
    projectId: str = Field(description="Id of the project.")
    clusterId: Uuid = Field(description="Id of the cluster.")
    spec: TrainingSpec | None = Field(None, description="What the training runs.")


Phase = Literal[
    "Creating", "Initializing", "Resuming", "Pending", "Deleting", "Running", "Updating", "Stopped", "Stopping",
    "Degraded", "Failed", "Completed", "Terminating", "Unknown",
]  # fmt: skip


class TrainingAnswer(Fields):
    """A training as the control plane tells it."""

    name: Text = Field(description="Name, with the random characters where asked for.")
    requestedName: str = Field(description="Name as asked for.")
    workloadId: Uuid = Field(description="Id of the training.")
    projectId: str = Field(description="Id of the project.")
    departmentId: Text | None = Field(None, description="Id of the project's department.")
    clusterId: Uuid = Field(description="Id of the cluster.")
    createdBy: str = Field(description="Who created it.")
    createdAt: DateTime = Field(description="When it was created.")
    deletedAt: DateTime | None = Field(None, description="When it was deleted.")
    desiredPhase: Literal["Running", "Stopped", "Deleted"] = Field(description="Phase that was asked for.")
    actualPhase: Phase | None = Field(None, description="Phase that it is in.")
    spec: TrainingSpec | None = Field(None, description="What the training runs, with defaults filled in.")


def _create_request(body: FrozenMap) -> Mapping[str, Any]:
    metadata = body["metadata"]
    request = {name: metadata[name] for name in ("name", "useGivenNameAsPrefix", "clusterId") if name in metadata}
    return {**request, "projectId": str(metadata["projectId"]), "spec": body["spec"]}


_PROGRESS = {
    "Running": Progress.READY,
    "Degraded": Progress.READY,
    "Stopped": Progress.STOPPED,
    "Completed": Progress.FINISHED,
    "Failed": Progress.FAILED,
}


# Before these are over, nothing has been given to it.
_WAITING = ("Creating", "Pending", "Resuming")


def _readiness(phase: str | None, desired: str | None, deleted_at: str | None) -> Readiness:
    # A phase that this release does not know is on its way to somewhere; it must never stop the tool.
    progress = _PROGRESS.get(phase or "", Progress.MOVING)
    presence = Presence.LIVE
    if phase in ("Deleting", "Terminating"):
        presence = Presence.DELETING
    elif desired == "Deleted":
        # While it still does something it is on its way out; otherwise this is how some releases say that it is gone.
        presence = Presence.DELETING if phase and progress in (Progress.MOVING, Progress.READY) else Presence.GONE
    if deleted_at:
        presence = Presence.GONE
    return Readiness(
        presence, progress, phase, holds=progress in (Progress.MOVING, Progress.READY) and phase not in _WAITING
    )


def _read(answer: Mapping[str, Any]) -> Observed:
    asked = answer.get("requestedName") or answer["name"]
    body = {
        "metadata": {
            "name": asked,
            **({"useGivenNameAsPrefix": True} if asked != answer["name"] else {}),
            "projectId": answer["projectId"],
            "clusterId": answer["clusterId"],
        },
        "desiredPhase": answer.get("desiredPhase"),
        "spec": known(shape_of(TrainingSpec), answer.get("spec") or {}),
    }
    frozen = freeze(body)
    return Observed(
        kind="Training",
        id=answer["workloadId"],
        name=answer["name"],
        project=str(answer["projectId"]),
        readiness=_readiness(answer.get("actualPhase"), answer.get("desiredPhase"), answer.get("deletedAt")),
        namespace=f"project {answer['projectId']}",
        body=frozen,
        desired_phase=answer.get("desiredPhase"),
        created=seconds(answer.get("createdAt")),
        since=_when(answer.get("phaseUpdatedAt")),
        creator=_words(answer.get("createdBy")),
        message=_words(answer.get("phaseMessage")),
        gpus=_gpus(frozen) if answer.get("spec") else None,
    )


def _read_row(row: Mapping[str, Any]) -> Observed:
    readiness = _readiness(row.get("phase"), None, row.get("deletedAt"))
    if readiness.presence is Presence.GONE and not readiness.finished and _when(row.get("completedAt")):
        # It had ended before it was deleted, though its phase is that of its deletion.
        readiness = replace(readiness, progress=Progress.FINISHED)
    stopped = row.get("phase") in ("Stopped", "Stopping")
    return Observed(
        kind="Training",
        id=row["id"],
        name=row["name"],
        project=str(row["projectId"]),
        readiness=readiness,
        namespace=f"project {row['projectId']}",
        desired_phase="Stopped" if stopped else "Running",
        created=seconds(row.get("createdAt")),
        since=_when(row.get("phaseUpdatedAt")),
        creator=_words(row.get("submittedBy")),
        message=_words(row.get("phaseMessage")),
        gpus=_allocated(row),
    )


def _allocated(row: Mapping[str, Any]) -> float | None:
    """The GPUs of a row. That it has none yet, or that nobody counted them, says nothing of those that it asks for."""
    resources = row.get("allocatedResources")
    found = resources.get("gpu") if isinstance(resources, Mapping) else None
    return float(found) if isinstance(found, (int, float)) and found > 0 else None


def _when(value: Any) -> float | None:
    """A time in seconds since the epoch; the year 1, which some answers have in place of none, is none."""
    found = seconds(_words(value))
    return found if found is not None and found > 0 else None


def _words(value: Any) -> str | None:
    """Text that some releases leave empty, or out."""
    return value if isinstance(value, str) and value else None


def _authored(body: FrozenMap) -> FrozenMap:
    """The body without the names of claims that were generated: those of new ones, made from the training's and a token."""
    name, storage = str(body["metadata"]["name"]), body["spec"].get("storage") or {}
    generated = re.compile(rf"{re.escape(name[:40])}.*-(?=[a-z]*[0-9])[a-z0-9]{{5,}}")

    def claim(one: FrozenMap) -> FrozenMap:
        made_up = not one.get("existingPvc") and generated.fullmatch(str(one.get("claimName")))
        return FrozenMap({key: value for key, value in one.items() if not (made_up and key == "claimName")})

    if not storage.get("pvc"):
        return body
    return put(body, ("spec", "storage", "pvc"), tuple(map(claim, storage["pvc"])))


def _gpus(body: FrozenMap) -> float:
    compute = body["spec"].get("compute") or {}
    devices = compute.get("gpuDevicesRequest")
    if devices is None:
        # A share of a device is asked for without saying how many: it is one.
        devices = 1 if compute.get("gpuRequestType") else 0
    portion = compute.get("gpuPortionRequest")
    pods = body["spec"].get("parallelism")
    return float(devices * (portion if portion is not None else 1) * (pods if pods is not None else 1))


def _volumes(body: FrozenMap, ends: bool) -> tuple[str, ...]:
    """Claims that were made for the training go with it; the ephemeral ones of them whenever it stops."""
    claims = ((body.get("spec") or {}).get("storage") or {}).get("pvc") or ()
    own = (one for one in claims if not (one.get("existingPvc") or one.get("exclude")))
    return tuple(
        str(one.get("claimName") or one.get("name") or one.get("path")) for one in own if ends or one.get("ephemeral")
    )


TRAINING = Kind(
    name="Training",
    summary="A workload that trains a model and then ends.",
    metadata=TrainingMetadata,
    spec=TrainingSpec,
    endpoint=Endpoint(
        path="/api/v1/workloads/trainings",
        # Trainings have no list of their own; the list of all workloads tells their phase, but not their spec.
        listing=Listing(
            path="/api/v1/workloads",
            items="workloads",
            parameters=(("filterBy", "type==Training"), ("sortBy", "createdAt"), ("sortOrder", "asc")),
            page_size=500,
        ),
        deletes_slowly=True,
    ),
    replaced_by=(("metadata",), ("spec",)),
    create_request=_create_request,
    update_request=None,
    read=_read,
    read_row=_read_row,
    namespace=lambda body: f"project {body['metadata'].get('projectId') or body['metadata'].get('project')}",
    references=(
        Reference(("metadata", "project"), "project", "projectId"),
        Reference(("metadata", "cluster"), "cluster", "clusterId"),
    ),
    phases=("Running", "Stopped"),
    gpus=_gpus,
    authored=_authored,
    volumes=_volumes,
    events=lambda workload: f"/api/v1/workloads/{workload}/events",
)
