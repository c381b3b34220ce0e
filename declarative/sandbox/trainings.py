"""Trainings: create, get, delete, suspend, resume. Their spec never changes."""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
import uuid
from collections.abc import Mapping
from typing import Any

from declarative.kinds.shape import shape_of
from declarative.kinds.training import TrainingCreateRequest, TrainingSpec
from declarative.sandbox import seeds
from declarative.sandbox.answers import filled, injected
from declarative.sandbox.phases import (
    DEFAULT_RETENTION_SECONDS,
    FINISHED,
    GOING,
    GONE,
    SOFT_DELETED_SECONDS,
    Course,
    Moment,
    stamp,
)
from declarative.sandbox.policy import comply
from declarative.sandbox.wire import Answer, Call, Refusal, accepted, conforming, missing, strict_object

# As Kubernetes generates names: the prefix is cut so that name and suffix fit,
# https://kubernetes.io/docs/reference/using-api/api-concepts/#generated-values
_SUFFIX_LENGTH, _NAME_LENGTH = 5, 63
_LETTERS = string.ascii_lowercase + string.digits


def create(call: Call) -> Answer:
    request = conforming(TrainingCreateRequest, strict_object(call), spec_issues=True)
    project, cluster = request["projectId"], request["clusterId"].lower()
    if project not in seeds.PROJECTS:
        raise Refusal(400, "The project does not exist", f"There is no project with the id {project}.")
    if cluster not in seeds.CLUSTERS:
        raise Refusal(400, "The cluster does not exist", f"There is no cluster with the id {cluster}.")
    comply(request.get("spec") or {}, call.settings["policy"])
    name = _free_name(call, project, request["name"], bool(request.get("useGivenNameAsPrefix")))
    spec = _spec(request.get("spec") or {}, name, call.settings["policy"])
    training = str(uuid.uuid4())
    call.rows.execute(
        "INSERT INTO workloads (id, project, cluster, name, requested_name, created_by, created, desired, course, began,"
        " turned, retention, facts, spec) VALUES (?, ?, ?, ?, ?, ?, ?, 'Running', 'create', ?, ?, ?, ?, ?)",
        (
            *(training, project, cluster, name, request["name"], call.user, call.moment.wall),
            *(call.moment.sandbox, call.moment.wall, _retention(spec), json.dumps(_facts(spec)), json.dumps(spec)),
        ),
    )
    return Answer(202, _told(_row(call, training), call.moment))


def get(call: Call) -> Answer:
    row, now, reading = _known(call), call.moment, call.settings["goneAnswers"]
    gone = course(row).gone_at(now)
    if gone is None:
        return Answer(200, _told(row, now))
    if reading == "404" or now.wall - gone > SOFT_DELETED_SECONDS:
        raise missing("Training", row["id"])
    return Answer(200, _told_gone(row, now, gone, reading))


def delete(call: Call) -> Answer:
    """Sets it on its way; one that is going already stays as it is."""
    row = _live(call)
    if course(row).phase(call.moment) not in GOING:
        turn(call, row["id"], "delete", "Deleted", deleted=call.moment.wall)
    return accepted()


def suspend(call: Call) -> Answer:
    """Stops the training; one that is stopped or stopping stays as it is."""
    return _steer(call, "suspend", "Stopped")


def resume(call: Call) -> Answer:
    """Starts a stopped training again; one that runs or is about to stays as it is."""
    return _steer(call, "resume", "Running")


def _steer(call: Call, name: str, desired: str) -> Answer:
    row = _live(call)
    phase = course(row).phase(call.moment)
    # The documents list no 400 and no 409 for these two; of what they list, 403 says best "not in this phase".
    if phase in (*FINISHED, *GOING):
        raise Refusal(403, f"The training cannot be {name.removesuffix('e')}ed", f"It is {phase}.")
    if row["desired"] != desired:
        turn(call, row["id"], name, desired)
    return accepted()


def turn(
    call: Call, id: str, name: str, desired: str, *, finished: float | None = None, deleted: float | None = None
) -> None:
    """Sets a workload on a new course from now on."""
    call.rows.execute(
        "UPDATE workloads SET course = ?, desired = ?, began = ?, turned = ?, finished = ?, deleted = ? WHERE id = ?",
        (name, desired, call.moment.sandbox, call.moment.wall, finished, deleted, id),
    )


def course(row: sqlite3.Row) -> Course:
    return Course(row["course"], row["began"], row["finished"], row["deleted"], row["retention"])


def _row(call: Call, id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = call.rows.execute("SELECT * FROM workloads WHERE id = ?", (id,)).fetchone()
    return found


def _known(call: Call) -> sqlite3.Row:
    """The training that the path names, though it may be gone; 404 when it never was."""
    training = call.id("workloadId", "Training")
    row = _row(call, training)
    if row is None:
        raise missing("Training", training)
    return row


def _live(call: Call) -> sqlite3.Row:
    """The training that the path names; 404 when it is gone or never was."""
    row = _known(call)
    if course(row).phase(call.moment) == GONE:
        raise missing("Training", row["id"])
    return row


def _told(row: sqlite3.Row | None, now: Moment) -> dict[str, Any]:
    assert row is not None
    phase = course(row).phase(now)
    return {
        "name": row["name"],
        "requestedName": row["requested_name"],
        "workloadId": row["id"],
        "projectId": row["project"],
        "departmentId": seeds.DEPARTMENT,
        "clusterId": row["cluster"],
        "createdBy": row["created_by"],
        "createdAt": stamp(row["created"]),
        # While it is being deleted it is not deleted yet.
        "deletedAt": None,
        "desiredPhase": "Deleted" if phase in GOING else row["desired"],
        "actualPhase": phase,
        "spec": json.loads(row["spec"]),
    }


def _told_gone(row: sqlite3.Row, now: Moment, gone: float, reading: str) -> dict[str, Any]:
    """A training that is gone since the wall time `gone`, by the one sign of it that `reading` names."""
    told = _told(row, now)
    if reading == "deletedAt":
        return {**told, "deletedAt": stamp(gone), "desiredPhase": "Running", "actualPhase": "Unknown"}
    del told["actualPhase"]
    return {**told, "desiredPhase": "Deleted"}


def _free_name(call: Call, project: str, name: str, as_prefix: bool) -> str:
    """The name to take; 409 when a workload of the project that is not gone yet has it."""
    if as_prefix:
        while _taken(call, project, candidate := _suffixed(name)):
            pass
        return candidate
    if _taken(call, project, name):
        raise Refusal(
            409, f"Workload {name} already exists", f"Project {seeds.PROJECTS[project][0]} has a workload of this name."
        )
    return name


def _suffixed(name: str) -> str:
    suffix = "".join(secrets.choice(_LETTERS) for _ in range(_SUFFIX_LENGTH))
    return f"{name[: _NAME_LENGTH - _SUFFIX_LENGTH - 1]}-{suffix}"


def _taken(call: Call, project: str, name: str) -> bool:
    rows = call.rows.execute("SELECT * FROM workloads WHERE project = ? AND name = ?", (project, name))
    return any(course(row).phase(call.moment) != GONE for row in rows)


def _spec(given: Mapping[str, Any], name: str, policy: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The spec as answers carry it."""
    spec: dict[str, Any] = filled(shape_of(TrainingSpec), injected(given, policy))
    if spec["backoffLimit"] is None:
        spec["backoffLimit"] = 6
    spec["priorityClass"] = spec["priorityClass"] or "train"
    if spec["image"] and not spec["imagePullPolicy"]:
        spec["imagePullPolicy"] = _pull_policy(spec["image"])
    for index, claim in enumerate((spec["storage"] or {}).get("pvc") or ()):
        if not claim["existingPvc"] and not claim["claimName"]:
            claim["claimName"] = f"{name[:50]}-{index}-{secrets.token_hex(3)}"
    return spec


def _pull_policy(image: str) -> str:
    """Kubernetes' own rule: https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting"""
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if "@" not in image and tag in ("", "latest") else "IfNotPresent"


def _retention(spec: Mapping[str, Any]) -> float:
    seconds = spec["autoDeletionTimeAfterCompletionSeconds"]
    return float(DEFAULT_RETENTION_SECONDS if seconds is None else seconds)


def _facts(spec: Mapping[str, Any]) -> dict[str, Any]:
    compute = spec["compute"] or {}
    return {
        "priorityClassName": spec["priorityClass"],
        "images": [spec["image"]] if spec["image"] else [],
        "requestedNodePools": list(spec["nodePools"] or ()),
        "gpus": compute.get("gpuDevicesRequest"),
    }
