"""Control planes differ in what they offer and in how they say that an object is gone; every reading works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from declarative.cli.main import run
from declarative.model.plan import Action
from declarative.sandbox import seeds
from tests.project import Project


def training(image: str = "x", **more: Any) -> dict[str, Any]:
    metadata = {"name": "it", "projectId": 4501, "clusterId": seeds.A100}
    return {"apiVersion": "runai/v1", "kind": "Training", "metadata": metadata, "spec": {"image": image, **more}}


@pytest.mark.parametrize("gone", ["404", "deletedAt", "desiredPhase"])
@pytest.mark.parametrize("lists", [True, False], ids=["lists", "no lists"])
def test_a_training_is_made_replaced_finished_and_destroyed(tmp_path: Path, gone: str, lists: bool) -> None:
    project = Project(tmp_path / "project")
    project.admin("PATCH", "settings", {"goneAnswers": gone, "refuseLists": not lists})
    for image in ("x", "y"):
        project.write(training(image))
        project.apply()
        assert project.plan().is_empty
    (record,) = project.records()
    project.admin("POST", f"workloads/{record.id}/phase", {"phase": "Completed"})
    assert project.plan().is_empty
    assert run(["-C", str(project.root), "destroy", "--auto-approve", "--allow", "disruption"]) == 0
    assert project.records() == ()
    assert project.admin("GET", "")["counts"]["workloads"] == 0


def test_a_run_that_finished_and_deleted_itself_is_not_run_again(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.write(training(autoDeletionTimeAfterCompletionSeconds=0))
    project.apply()
    (record,) = project.records()
    project.admin("POST", f"workloads/{record.id}/phase", {"phase": "Completed"})
    (change,) = project.plan().changes
    assert (change.action, change.finished) == (Action.NO_OP, True)
    project.apply()
    assert project.records()[0].finished
    # The list of deleted runs forgets; the state does not.
    project.admin("PATCH", "settings", {"refuseDeletedList": True})
    assert project.plan().is_empty
