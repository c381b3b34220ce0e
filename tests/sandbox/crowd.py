"""Thousands of objects in a sandbox at once, written into its storage."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from declarative.model.address import Address
from declarative.model.record import Record
from declarative.model.value import freeze
from declarative.sandbox import seeds
from declarative.sandbox.phases import stamp
from declarative.sandbox.store import Store

SINCE = 1_700_000_000.0
_FACTS = json.dumps({"priorityClassName": "train", "images": ["x:1"], "requestedNodePools": [], "gpus": 1})


@dataclass(frozen=True)
class Crowd:
    """The ids of what was written."""

    trainings: tuple[str, ...]
    templates: tuple[str, ...]

    def records(self) -> Iterator[Record]:
        """All of it, as a state would remember it."""
        for kind, ids in (("Training", self.trainings), ("WorkloadTemplate", self.templates)):
            for number, identity in enumerate(ids):
                body = freeze({"metadata": {"name": f"n{number}", "projectId": "4501"}, "spec": {}})
                yield Record(Address(kind, f"n{number}"), identity, f"n{number}", "4501", body)


def crowd(path: Path, trainings: int, templates: int) -> Crowd:
    """Fills the sandbox over the file `path`: trainings that run, made a second apart, and templates."""
    made = Crowd(_ids(trainings), _ids(templates))
    store = Store(path)
    with store.transaction() as rows:
        rows.executemany(
            "INSERT INTO workloads (id, project, cluster, name, requested_name, created_by, created, desired, course,"
            " began, turned, retention, facts, spec)"
            " VALUES (?, '4501', ?, ?, ?, 'sandbox', ?, 'Running', 'Running', 0, ?, 1e9, ?, '{}')",
            [
                (identity, seeds.A100, f"n{number}", f"n{number}", SINCE + number, SINCE + number, _FACTS)
                for number, identity in enumerate(made.trainings)
            ],
        )
        rows.executemany(
            "INSERT INTO templates (id, owner, name, body) VALUES (?, 'project/4501', ?, ?)",
            [(identity, f"n{number}", _template(identity, number)) for number, identity in enumerate(made.templates)],
        )
    store.close()
    return made


def _ids(count: int) -> tuple[str, ...]:
    return tuple(str(uuid.uuid4()) for _ in range(count))


def _template(identity: str, number: int) -> str:
    environment = next(iter(seeds.ENVIRONMENTS))
    when = {"createdAt": stamp(SINCE), "updatedAt": stamp(SINCE), "createdBy": "sandbox", "updatedBy": "sandbox"}
    meta = {"id": identity, "kind": "workload-template", "name": f"n{number}", "scope": "project", "projectId": 4501}
    assets = {"environment": {"id": environment, "name": "pytorch-24"}, "compute": None, "datasources": []}
    run = {"environmentVariables": [{"name": f"N{one}", "value": "x" * 20} for one in range(10)]}
    return json.dumps({"meta": {**meta, **when}, "spec": {"assets": assets, "specificEnv": run, "distributed": None}})
