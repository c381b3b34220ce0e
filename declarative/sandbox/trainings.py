"""Trainings: create, get, delete, suspend, resume. Their spec never changes."""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
import uuid
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from declarative.kinds.fields.container import pull_policy
from declarative.kinds.shape import shape_of
from declarative.kinds.training import TRAINING, TrainingCreateRequest, TrainingSpec
from declarative.model.value import FrozenMap
from declarative.sandbox import events
from declarative.sandbox.answers import filled, injected
from declarative.sandbox.phases import (
    DEFAULT_RETENTION_SECONDS,
    FINISHED,
    GOING,
    GONE,
    SOFT_DELETED_SECONDS,
    Course,
    stamp,
)
from declarative.sandbox.places import places
from declarative.sandbox.policy import comply, preset
from declarative.sandbox.wire import Answer, Call, Refusal, accepted, conforming, duplicate, missing, strict_object

# As Kubernetes generates names: the prefix is cut so that name and suffix fit,
# https://kubernetes.io/docs/reference/using-api/api-concepts/#generated-values
_SUFFIX_LENGTH, _NAME_LENGTH = 5, 63
_LETTERS = string.ascii_lowercase + string.digits


def create(call: Call) -> Answer:
    request = conforming(TrainingCreateRequest, strict_object(call), spec_issues=True)
    project, cluster = request["projectId"], request["clusterId"].lower()
    there = places(call.settings)
    if project not in there.projects:
        raise Refusal(400, "The project does not exist", f"There is no project with the id {project}.")
    if cluster not in there.clusters:
        raise Refusal(400, "The cluster does not exist", f"There is no cluster with the id {cluster}.")
    comply(request.get("spec") or {}, call.settings["policy"], submitted=True)
    name = free_name(call, project, request["name"], as_prefix=bool(request.get("useGivenNameAsPrefix")))
    spec = _spec(request.get("spec") or {}, name, call.settings["policy"])
    training = add(call, Workload(name, request["name"], project, cluster, call.user, _facts(spec), spec))
    return Answer(202, _told(_row(call, training), call))


class Workload(Struct, frozen=True):
    """A workload to add, by the ids of its project and cluster. `facts` are what lists tell of it."""

    name: str
    requested_name: str
    project: str
    cluster: str
    created_by: str
    facts: Mapping[str, Any]
    spec: Mapping[str, Any]


def add(call: Call, one: Workload) -> str:
    """Adds a workload, which is about to run from now on; its id."""
    workload = str(uuid.uuid4())
    call.rows.execute(
        "INSERT INTO workloads (id, project, cluster, name, requested_name, created_by, created, desired, course, began,"
        " turned, retention, facts, spec) VALUES (?, ?, ?, ?, ?, ?, ?, 'Running', 'create', ?, ?, ?, ?, ?)",
        (
            *(workload, one.project, one.cluster, one.name, one.requested_name, one.created_by, call.moment.wall),
            *(call.moment.sandbox, call.moment.wall, _retention(one.spec)),
            *(json.dumps(one.facts), json.dumps(one.spec)),
        ),
    )
    return workload


def get(call: Call) -> Answer:
    row, now, reading = _known(call), call.moment, call.settings["goneAnswers"]
    gone = course(row).gone_at(now)
    if gone is None:
        return Answer(200, _told(row, call))
    if reading == "404" or now.wall - gone > SOFT_DELETED_SECONDS:
        raise missing("Training", row["id"])
    return Answer(200, _told_gone(row, call, gone, reading))


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
    call: Call,
    id: str,
    name: str,
    desired: str,
    *,
    finished: float | None = None,
    deleted: float | None = None,
    message: str | None = None,
) -> None:
    """Sets a workload on a new course from now on; `message` is what there is to say about it."""
    facts = _facts_of_turn(call, id, message)
    call.rows.execute(
        "UPDATE workloads SET course = ?, desired = ?, began = ?, turned = ?, finished = ?, deleted = ?, facts = ?"
        " WHERE id = ?",
        (name, desired, call.moment.sandbox, call.moment.wall, finished, deleted, facts, id),
    )


def _facts_of_turn(call: Call, id: str, message: str | None) -> str:
    """The facts of a workload that gets a new course: with what happened on the old one."""
    row = _row(call, id)
    assert row is not None
    facts = json.loads(row["facts"])
    past = events.so_far(facts, course(row), row["turned"], call.moment)
    kept = {name: value for name, value in facts.items() if name != "message"}
    return json.dumps({**kept, "past": past, **({"message": message} if message else {})})


def course(row: sqlite3.Row) -> Course:
    return Course(row["course"], row["began"], row["finished"], row["deleted"], row["retention"])


def _row(call: Call, id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = call.rows.execute("SELECT * FROM workloads WHERE id = ?", (id,)).fetchone()
    return found


def _known(call: Call) -> sqlite3.Row:
    """The training that the path names, though it may be gone; 404 when it never was."""
    training = call.id("workloadId", "Training")
    row = _row(call, training)
    if row is None or "type" in json.loads(row["facts"]):
        raise missing("Training", training)
    return row


def _live(call: Call) -> sqlite3.Row:
    """The training that the path names; 404 when it is gone or never was."""
    row = _known(call)
    if course(row).phase(call.moment) == GONE:
        raise missing("Training", row["id"])
    return row


def _told(row: sqlite3.Row | None, call: Call) -> dict[str, Any]:
    assert row is not None
    phase = course(row).phase(call.moment)
    return {
        "name": row["name"],
        "requestedName": row["requested_name"],
        "workloadId": row["id"],
        "projectId": row["project"],
        "departmentId": places(call.settings).project(row["project"]).department,
        "clusterId": row["cluster"],
        "createdBy": row["created_by"],
        "createdAt": stamp(row["created"]),
        # While it is being deleted it is not deleted yet.
        "deletedAt": None,
        "desiredPhase": "Deleted" if phase in GOING else row["desired"],
        "actualPhase": phase,
        "spec": json.loads(row["spec"]),
    }


def _told_gone(row: sqlite3.Row, call: Call, gone: float, reading: str) -> dict[str, Any]:
    """A training that is gone since the wall time `gone`, by the one sign of it that `reading` names."""
    told = _told(row, call)
    if reading == "deletedAt":
        return {**told, "deletedAt": stamp(gone), "desiredPhase": "Running", "actualPhase": "Unknown"}
    del told["actualPhase"]
    return {**told, "desiredPhase": "Deleted"}


def free_name(call: Call, project: str, name: str, *, as_prefix: bool) -> str:
    """The name to take; refused when a workload of the project that is not gone yet has it."""
    if as_prefix:
        while _taken(call, project, candidate := _suffixed(name)):
            pass
        return candidate
    if _taken(call, project, name):
        owner = places(call.settings).project(project).name
        details = f"Project {owner} has a workload of this name."
        raise duplicate(call.settings["duplicateAnswers"], f"Workload {name}", details)
    return name


def _suffixed(name: str) -> str:
    suffix = "".join(secrets.choice(_LETTERS) for _ in range(_SUFFIX_LENGTH))
    return f"{name[: _NAME_LENGTH - _SUFFIX_LENGTH - 1]}-{suffix}"


def _taken(call: Call, project: str, name: str) -> bool:
    rows = call.rows.execute("SELECT * FROM workloads WHERE project = ? AND name = ?", (project, name))
    return any(course(row).phase(call.moment) != GONE for row in rows)


def _spec(given: Mapping[str, Any], name: str, policy: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The spec as answers carry it."""
    spec: dict[str, Any] = filled(shape_of(TrainingSpec), injected(preset(given, policy), policy))
    if spec["backoffLimit"] is None:
        spec["backoffLimit"] = 6
    spec["priorityClass"] = spec["priorityClass"] or "train"
    if spec["image"] and not spec["imagePullPolicy"]:
        spec["imagePullPolicy"] = pull_policy(spec)
    for index, claim in enumerate((spec["storage"] or {}).get("pvc") or ()):
        if not claim["existingPvc"] and not claim["claimName"]:
            claim["claimName"] = f"{name[:50]}-{index}-{secrets.token_hex(3)}"
    return spec


def _retention(spec: Mapping[str, Any]) -> float:
    seconds = spec.get("autoDeletionTimeAfterCompletionSeconds")
    return float(DEFAULT_RETENTION_SECONDS if seconds is None else seconds)


def _facts(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "priorityClassName": spec["priorityClass"],
        "images": [spec["image"]] if spec["image"] else [],
        "requestedNodePools": list(spec["nodePools"] or ()),
        "gpus": TRAINING.gpus(FrozenMap({"spec": spec})),
    }
