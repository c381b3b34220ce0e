"""`drift` tells what others changed, ends with 2 for it, and leaves no trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from declarative.cli.main import run
from tests.project import Project

TEMPLATE = {
    "apiVersion": "runai/v1",
    "kind": "WorkloadTemplate",
    "metadata": {"name": "base", "scope": "project", "project": "vision", "workloadSupportedTypes": {"training": True}},
    "spec": {
        "assets": {"environment": {"name": "pytorch-24"}, "compute": {"name": "one-gpu"}},
        "specificEnv": {"environmentVariables": [{"name": "LEVEL", "value": "INFO"}]},
    },
}
TRAINING = {
    "apiVersion": "runai/v1",
    "kind": "Training",
    "metadata": {"name": "hello", "project": "vision", "cluster": "a100-prod"},
    "spec": {"image": "busybox"},
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write(TEMPLATE, TRAINING)
    made.apply()
    return made


def drift(project: Project, *more: str) -> int:
    return run(["-C", str(project.root), "drift", *more])


def changed_elsewhere(project: Project, level: str) -> None:
    """Another checkout of the project, with a state of its own that has forgotten nothing, applies something else."""
    manifest: dict[str, Any] = json.loads(json.dumps(TEMPLATE))
    manifest["spec"]["specificEnv"]["environmentVariables"][0]["value"] = level
    applied_elsewhere(project, manifest, TRAINING)


def applied_elsewhere(project: Project, *manifests: dict[str, Any]) -> None:
    state = project.root / ".declarative" / "state.sqlite3"
    kept = state.read_bytes()
    project.write(*manifests)
    project.apply()
    state.write_bytes(kept)
    project.write(TEMPLATE, TRAINING)


def files(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (project.root / ".declarative").glob("state*")}


def test_nothing_has_drifted_after_an_apply(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Right after an apply everything is as applied: exit 0."""
    capsys.readouterr()
    assert drift(project) == 0
    assert capsys.readouterr().out == "No drift. 2 resources are as applied (sandbox).\n"


def test_a_changed_field_is_drift(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """What was applied stands left of what is live, the exit code is 2, and the state is byte for byte what it was."""
    changed_elsewhere(project, "DEBUG")
    before = files(project)
    capsys.readouterr()
    assert drift(project) == 2
    shown = capsys.readouterr().out
    assert "~ spec.specificEnv.environmentVariables[LEVEL].value: INFO → DEBUG" in shown
    assert shown.endswith("Drift: 1 of 2 resources differs from what was applied.\n")
    assert files(project) == before


def test_what_the_manifest_ignores_is_no_drift(project: Project) -> None:
    """The state remembers which differences the manifest leaves alone, from the next apply on."""
    ignoring = {**TEMPLATE, "lifecycle": {"ignoreChanges": ["spec.specificEnv.environmentVariables[LEVEL].value"]}}
    project.write(ignoring, TRAINING)
    project.apply()
    changed_elsewhere(project, "DEBUG")
    assert drift(project) == 0


def test_what_is_gone_is_drift(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """An object that somebody deleted is told as gone, in the event stream as a deletion."""
    (training,) = (one for one in project.records() if one.address.kind == "Training")
    project.admin("DELETE", f"workloads/{training.id}")
    capsys.readouterr()
    assert drift(project, "--json") == 2
    messages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [one["change"] for one in messages if one["type"] == "resource_drift"]
    assert [(one["resource"]["addr"], one["action"]) for one in found] == [("Training.hello", "delete")]
    assert messages[-1]["@message"] == "Drift: 1 of 2 resources differs from what was applied."
    assert messages[-1]["changes"] == {"add": 0, "change": 0, "import": 0, "remove": 1, "operation": "drift"}


def test_the_stream_ends_with_a_summary_also_where_nothing_has_drifted(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert drift(project, "--json") == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["type"], last["changes"]["change"], last["changes"]["remove"]) == ("change_summary", 0, 0)
    assert last["@message"] == "No drift. 2 resources are as applied (sandbox)."


def test_what_somebody_has_suspended_is_mentioned_where_the_manifest_leaves_that_to_others(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no drift, but it stands still: a plan says so, and so does this."""
    applied_elsewhere(project, TEMPLATE, {**TRAINING, "desiredPhase": "Stopped"})
    capsys.readouterr()
    assert drift(project) == 0
    assert "\n  Training.hello: suspended; desiredPhase is not managed.\n" in capsys.readouterr().out


@pytest.mark.parametrize("phase", ["Completed", "Failed", "Pending", "Running"])
def test_a_run_that_goes_its_way_has_not_drifted(project: Project, phase: str) -> None:
    """Finishing, failing and being preempted is what runs do."""
    (training,) = (one for one in project.records() if one.address.kind == "Training")
    project.admin("POST", f"workloads/{training.id}/phase", {"phase": phase})
    assert drift(project) == 0


@pytest.mark.parametrize("refresh", [(), ("--no-refresh",)])
def test_a_plan_tells_the_drift_that_it_reacts_to(
    project: Project, refresh: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A saved plan and the stream have what others changed, from the applied to the live value; unseen, there is none."""
    changed_elsewhere(project, "DEBUG")
    capsys.readouterr()
    run(["-C", str(project.root), "plan", "--json", "--out", "p", *refresh])
    messages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [one["change"]["resource"]["addr"] for one in messages if one["type"] == "resource_drift"]
    run(["-C", str(project.root), "show", "p", "--json"])
    document = json.loads(capsys.readouterr().out)
    expected = [] if refresh else ["WorkloadTemplate.base"]
    assert [one["address"] for one in document["resource_drift"]] == told == expected
    if not refresh:
        change = document["resource_drift"][0]["change"]
        levels = [change[side]["spec"]["specificEnv"]["environmentVariables"][0] for side in ("before", "after")]
        assert [one["value"] for one in levels] == ["INFO", "DEBUG"]
        place = ["spec", "specificEnv", "environmentVariables", 0, "value"]
        assert document["relevant_attributes"] == [{"resource": "WorkloadTemplate.base", "attribute": place}]
    assert document["timestamp"].endswith("Z")
