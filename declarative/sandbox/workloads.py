"""The list of all workloads: rows without a spec, filtered, sorted and paged."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from declarative.sandbox import seeds
from declarative.sandbox.events import so_far, told
from declarative.sandbox.phases import FINISHED, GOING, GONE, SOFT_DELETED_SECONDS, Moment, stamp
from declarative.sandbox.places import Places, places
from declarative.sandbox.trainings import course
from declarative.sandbox.wire import Answer, Call, Refusal, choice, missing, page, truth

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
_CATEGORIES = {"Workspace": "Build", "Inference": "Deploy"}
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
    rows = [one for one in _all(call) if one.is_listed(deleted) and all(term(one) for term in terms)]
    if sort_by:
        # They are newest first: turned around, equal rows come in the order of their making.
        rows.reverse()
        rows.sort(key=lambda one: _comparable(one.rank(sort_by)), reverse=order == "desc")
    return page(call.query, "workloads", rows, _Row.told)


# Columns that are told as they are, and as times. Whole rows are only made of what is on the page.
_COLUMNS = {"name": "name", "clusterId": "cluster", "projectId": "project", "submittedBy": "created_by"}
_TIMES = {"createdAt": "created", "phaseUpdatedAt": "turned"}


def _all(call: Call) -> list[_Row]:
    there = places(call.settings)
    # Without the specs, which make up most of the table.
    lines = call.rows.execute(
        "SELECT id, project, cluster, name, created_by, created, desired, course, began, turned, finished, deleted,"
        " retention, facts FROM workloads ORDER BY sequence DESC"
    )
    return [_Row.of(line, call.moment, there) for line in lines]


class _Row(Struct, frozen=True):
    """A workload in the list; `gone` is the wall time of its deletion, once it is gone."""

    line: sqlite3.Row
    now: Moment
    phase: str
    gone: float | None
    there: Places

    @classmethod
    def of(cls, line: sqlite3.Row, now: Moment, there: Places) -> _Row:
        way = course(line)
        phase = way.phase(now)
        return cls(line, now, phase, way.gone_at(now) if phase == GONE else None, there)

    def is_listed(self, deleted: bool) -> bool:
        """Whether it belongs into a list of (un)deleted workloads."""
        if self.gone is None:
            return not deleted
        return deleted and self.now.wall - self.gone <= SOFT_DELETED_SECONDS

    def value(self, field: str) -> Any:
        """What the row tells under a name."""
        if field in _COLUMNS:
            return self.line[_COLUMNS[field]]
        if field in _TIMES:
            return stamp(self.line[_TIMES[field]])
        if field == "type":
            return json.loads(self.line["facts"]).get("type", "Training")
        return self.told().get(field)

    def rank(self, field: str) -> Any:
        """What the row is sorted by under a name."""
        return self.line[_TIMES[field]] if field in _TIMES else self.value(field)

    def told(self) -> dict[str, Any]:
        """The row as it is told."""
        line, gone = self.line, self.gone
        phase = self.phase
        if gone is not None:
            phase = line["course"] if line["course"] in FINISHED else "Deleting"
        facts = json.loads(line["facts"])
        project = self.there.project(line["project"])
        finished = None if line["finished"] is None else stamp(line["finished"])
        return {
            "tenantId": seeds.TENANT,
            "type": facts.get("type", "Training"),
            "name": line["name"],
            "id": line["id"],
            "source": "Control-plane",
            "category": _CATEGORIES.get(facts.get("type"), "Train"),
            "priority": None,
            "priorityClassName": facts["priorityClassName"],
            "submittedBy": line["created_by"],
            "clusterId": line["cluster"],
            "projectName": project.name,
            "projectId": line["project"],
            "departmentName": self.there.departments.get(project.department, ("",))[0],
            "departmentId": project.department,
            "namespace": f"runai-{project.name}",
            "createdAt": stamp(line["created"]),
            "updatedAt": stamp(line["turned"]),
            "deletedAt": None if gone is None else stamp(gone),
            "completedAt": finished,
            "phase": phase,
            **({"phaseMessage": facts["message"]} if facts.get("message") and gone is None else {}),
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


def events(call: Call) -> Answer:
    """What happened to one workload, the latest first unless `sortOrder` asks otherwise."""
    workload = call.id("workloadId", "Workload")
    row = call.rows.execute("SELECT * FROM workloads WHERE id = ?", (workload,)).fetchone()
    if row is None:
        raise missing("Workload", workload)
    order = choice(call.query, "sortOrder", ("asc", "desc")) or "desc"
    happened = so_far(json.loads(row["facts"]), course(row), row["turned"], call.moment)
    namespace = f"runai-{places(call.settings).project(row['project']).name}"
    found = [told(one, number, row, namespace) for number, one in enumerate(happened)]
    return page(call.query, "events", found if order == "asc" else found[::-1])


def _terms(text: str | None) -> list[Callable[[_Row], bool]]:
    return [] if text is None else [_term(part) for part in text.split(",")]


def _term(text: str) -> Callable[[_Row], bool]:
    found = re.fullmatch(TERM[1:-1], text, re.DOTALL)
    if found is None:
        raise Refusal(400, "The query is not valid", f"filterBy has the term {text!r}; type==Training would be one.")
    field, operator = found[1], found[2]
    word = text[len(field) + len(operator) :]
    if field == "clusterId":
        word = word.lower()  # a UUID, told in lower case
    return lambda row: _OPERATORS[operator](str(found if (found := row.value(field)) is not None else ""), word)


def _comparable(value: Any) -> tuple[bool, float, str]:
    """Nulls last, numbers by amount, everything else as text."""
    number = float(value) if isinstance(value, (int, float)) else 0.0
    return value is None, number, "" if value is None else str(value)
