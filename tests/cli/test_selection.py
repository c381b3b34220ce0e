"""Partial plans, applies and destroys from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from declarative.cli.main import run
from tests.project import Project


def training(name: str, *needs: str, image: str = "busybox") -> dict[str, Any]:
    return {
        "apiVersion": "runai/v1",
        "kind": "Training",
        "metadata": {"name": name, "project": "vision", "cluster": "a100-prod"},
        "dependsOn": [f"Training.{need}" for need in needs],
        "spec": {"image": image},
    }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write(training("a", "b"), training("b"), training("c"))
    return made


def addresses(project: Project) -> list[str]:
    return [str(record.address) for record in project.records()]


def test_a_target_applies_with_its_dependencies(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """The rest is not touched, and the plan says that it is partial."""
    command = ["-C", str(project.root), "apply", "--auto-approve", "--target", "Training.a"]
    assert run(command) == 0
    assert addresses(project) == ["Training.a", "Training.b"]
    assert "Partial plan\n  This plan is about `Training.a` alone; what else" in capsys.readouterr().err


def test_what_is_excluded_is_not_deleted(project: Project) -> None:
    """A resource that left the manifests stays while it is excluded, and what it needs stays with it."""
    project.apply()
    project.write(training("c"))
    command = ["-C", str(project.root), "apply", "--auto-approve", "--allow", "disruption", "--exclude", "Training.a"]
    assert run(command) == 0
    assert addresses(project) == ["Training.a", "Training.b", "Training.c"]


def test_a_partial_destroy_takes_the_dependants_along(project: Project) -> None:
    """Nothing is left behind that depends on what is gone."""
    project.apply()
    command = ["-C", str(project.root), "destroy", "--auto-approve", "--allow", "disruption", "--target", "Training.b"]
    assert run(command) == 0
    assert addresses(project) == ["Training.c"]


def test_a_saved_plan_stays_what_it_is(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """A partial plan can be saved, says in JSON that it is not complete, and takes no other selection."""
    root = ["-C", str(project.root)]
    assert run([*root, "plan", "--target", "Training.c", "--out", "p.plan"]) == 0
    capsys.readouterr()
    assert run([*root, "show", str(project.root / "p.plan"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["complete"] is False
    assert run([*root, "apply", "p.plan", "--target", "Training.a"]) == 1
    assert run([*root, "apply", "p.plan"]) == 0
    assert addresses(project) == ["Training.c"]


def test_a_typo_in_a_target_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest address is named."""
    assert run(["-C", str(project.root), "plan", "--target", "Training.aa"]) == 1
    assert "did you mean Training.a?" in capsys.readouterr().err


TEMPLATE = {
    "apiVersion": "runai/v1",
    "kind": "WorkloadTemplate",
    "metadata": {"name": "base", "scope": "project", "project": "vision"},
    "spec": {"assets": {"environment": {"name": "pytorch-24"}}},
}


def test_a_kind_is_selected_by_a_glob(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """`Training.*` is about all trainings, and `--exclude 'Training.*'` about everything else."""
    project.write(training("a", "b"), training("b"), TEMPLATE)
    root = ["-C", str(project.root)]
    assert run([*root, "apply", "--auto-approve", "--exclude", "Training.*"]) == 0
    assert addresses(project) == ["WorkloadTemplate.base"]
    assert "This plan leaves out `Training.*`; what else differs stays as it is." in capsys.readouterr().err
    assert run([*root, "apply", "--auto-approve", "--target", "Training.*"]) == 0
    assert addresses(project) == ["Training.a", "Training.b", "WorkloadTemplate.base"]


def test_an_exclusion_leaves_the_dependants_behind(project: Project) -> None:
    """What needs the excluded resource is not applied either."""
    assert run(["-C", str(project.root), "apply", "--auto-approve", "--exclude", "Training.b"]) == 0
    assert addresses(project) == ["Training.c"]
