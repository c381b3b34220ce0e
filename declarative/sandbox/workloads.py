"""The list of all workloads: rows without a spec, filtered, sorted and paged."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from declarative.sandbox import seeds
from declarative.sandbox.phases import FINISHED, GOING, SOFT_DELETED_SECONDS, Moment, stamp
from declarative.sandbox.trainings import course
from declarative.sandbox.wire import Answer, Call, Refusal, choice, page, truth

# Fields by which can be sorted and filtered; those that only other kinds of workloads have are always null here.
FIELDS = (
    "type", "name", "clusterId", "projectId", "projectName", "departmentId", "departmentName", "createdAt", "deletedAt",
    "submittedBy", "phase", "completedAt", "nodepool", "distributedFramework", "allocatedGPU", "idleGpus",
    "idleAllocatedGpus", "phaseUpdatedAt", "category", "priority",
)  # fmt: skip
_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "==": lambda found, word: found == word,
    "!=": lambda found, word: found != word,
    "<=": lambda found, word: found <= word,
    ">=": lambda found, word: found >= word,
    "=@": lambda found, word: word in found,
    "!@": lambda found, word: word not in found,
    "=^": lambda found, word: found.startswith(word),
    "=$": lambda found, word: found.endswith(word),
}
TERM = rf"^({'|'.join(FIELDS)})(==|!=|<=|>=|=@|!@|=\^|=\$)[^,]+$"


def listed(call: Call) -> Answer:
    """Rows in no promised order unless `sortBy` asks for one."""
    if call.settings["refuseLists"]:
        raise Refusal(403, "The list of workloads is not allowed", "The setting refuseLists of the sandbox is on.")
    terms = _terms(call.query.get("filterBy"))
    order = choice(call.query, "sortOrder", ("asc", "desc")) or "asc"
    sort_by = choice(call.query, "sortBy", FIELDS)
    deleted = truth(call.query, "deleted") or False
    if deleted and call.settings["refuseDeletedList"]:
        raise Refusal(400, "The query is not valid", "The setting refuseDeletedList of the sandbox is on.")
    found = call.rows.execute("SELECT * FROM workloads ORDER BY sequence DESC").fetchall()
    rows = [row for line in found if (row := _row(line, call.moment, deleted)) and all(term(row) for term in terms)]
    if sort_by:
        # `found` is newest first: turned around, equal rows come in the order of their making.
        rows.reverse()
        rows.sort(key=lambda row: _comparable(row.get(sort_by)), reverse=order == "desc")
    return page(call.query, "workloads", rows)


def _terms(text: str | None) -> list[Callable[[Mapping[str, Any]], bool]]:
    return [] if text is None else [_term(part) for part in text.split(",")]


def _term(text: str) -> Callable[[Mapping[str, Any]], bool]:
    found = re.fullmatch(TERM[1:-1], text, re.DOTALL)
    if found is None:
        raise Refusal(400, "The query is not valid", f"filterBy has the term {text!r}; type==Training would be one.")
    field, operator = found[1], found[2]
    word = text[len(field) + len(operator) :]
    if field == "clusterId":
        word = word.lower()  # a UUID, told in lower case
    return lambda row: _OPERATORS[operator](str(row.get(field) if row.get(field) is not None else ""), word)


def _comparable(value: Any) -> tuple[bool, float, str]:
    """Nulls last, numbers by amount, everything else as text."""
    number = float(value) if isinstance(value, (int, float)) else 0.0
    return value is None, number, "" if value is None else str(value)


def _row(line: sqlite3.Row, now: Moment, deleted: bool) -> dict[str, Any] | None:
    """The row as it is told; None where it does not belong in a list of (un)deleted workloads."""
    way = course(line)
    gone = way.gone_at(now)
    if (gone is not None) != deleted or (gone is not None and now.wall - gone > SOFT_DELETED_SECONDS):
        return None
    phase = way.phase(now) if gone is None else (line["course"] if line["course"] in FINISHED else "Deleting")
    facts = json.loads(line["facts"])
    project = seeds.PROJECTS[line["project"]][0]
    finished = None if line["finished"] is None else stamp(line["finished"])
    return {
        "tenantId": seeds.TENANT,
        "type": "Training",
        "name": line["name"],
        "id": line["id"],
        "source": "Control-plane",
        "category": "Train",
        "priority": None,
        "priorityClassName": facts["priorityClassName"],
        "submittedBy": line["created_by"],
        "clusterId": line["cluster"],
        "projectName": project,
        "projectId": line["project"],
        "departmentName": "default",
        "departmentId": seeds.DEPARTMENT,
        "namespace": f"runai-{project}",
        "createdAt": stamp(line["created"]),
        "updatedAt": stamp(line["turned"]),
        "deletedAt": None if gone is None else stamp(gone),
        "completedAt": finished,
        "phase": phase,
        "phaseUpdatedAt": stamp(line["turned"]),
        "k8sPhase": phase,
        "k8sPhaseUpdatedAt": stamp(line["turned"]),
        "conditions": [],
        "runningPods": 1 if phase == "Running" else 0,
        "images": facts["images"],
        "requestedNodePools": facts["requestedNodePools"],
        "allocatedResources": {"gpu": float(facts["gpus"] or 0) if phase == "Running" else 0.0},
        "actionsSupport": {"delete": gone is None, "suspend": phase not in (*FINISHED, *GOING)},
    }
