"""`--no-refresh` goes by the state and stays safe; `--refresh-only` changes the state and nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from declarative.cli.main import run
from declarative.model.record import Intent, Operation, Record
from declarative.model.value import digest
from declarative.session import open_session
from declarative.settings import Settings
from declarative.state.store import Holder
from tests.project import Project

CLUSTER = "71f69d83-ba66-4822-adf5-55ce55efd210"


def training(name: str, image: str = "busybox", **more: Any) -> dict[str, Any]:
    """A manifest without names to look up. The one called `a` deletes itself as soon as it has finished."""
    metadata = {"name": name, "projectId": "4501", "clusterId": CLUSTER}
    spec: dict[str, Any] = {"image": image, "compute": {"gpuDevicesRequest": 1}}
    if name == "a":
        spec["autoDeletionTimeAfterCompletionSeconds"] = 0
    return {"apiVersion": "runai/v1", "kind": "Training", "metadata": metadata, "spec": spec, **more}


def template(level: str = "WARN", **variables: str) -> dict[str, Any]:
    listed = [{"name": name, "value": value} for name, value in {"LEVEL": level, **variables}.items()]
    return {
        "apiVersion": "runai/v1",
        "kind": "WorkloadTemplate",
        "metadata": {"name": "base", "scope": "project", "project": "vision"},
        "spec": {"assets": {"environment": {"name": "pytorch-24"}}, "specificEnv": {"environmentVariables": listed}},
    }


class Desk:
    """A project with two trainings and a template that are applied, and what its commands said."""

    def __init__(self, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
        self.project = project
        self._capsys = capsys

    def run(self, *arguments: str, code: int = 0) -> str:
        """What a command said, on both streams."""
        self._capsys.readouterr()
        assert run(["-C", str(self.project.root), *arguments]) == code
        said = self._capsys.readouterr()
        assert "Traceback" not in said.err
        return said.out + said.err

    def apply(self, *arguments: str, code: int = 0) -> str:
        return self.run("apply", *arguments, "--auto-approve", "--allow", "disruption", code=code)

    def record(self, address: str) -> Record:
        return next(one for one in self.project.records() if str(one.address) == address)

    def records(self) -> list[str]:
        return [str(one.address) for one in self.project.records()]

    def remove(self, address: str) -> None:
        """Somebody deletes the object of an address."""
        self.project.admin("DELETE", f"workloads/{self.record(address).id}")

    def phase(self, address: str, phase: str) -> None:
        self.project.admin("POST", f"workloads/{self.record(address).id}/phase", {"phase": phase})

    def requests(self) -> dict[str, int]:
        """How often each operation was asked for since the last time; empties the count."""
        found = self.project.admin("GET", "requests")["requests"]
        self.project.admin("DELETE", "requests")
        return {f"{one['method']} {one['path']}": one["count"] for one in found}

    def rewrite(self, record: Record) -> None:
        """Puts a record into the state, as an apply that was killed left it."""
        store = open_session(Settings(self.project.root, environ={})).store
        with store.lock(Holder.current("test"), 0) as lease:
            lease.write(record)

    def elsewhere(self, *manifests: dict[str, Any]) -> None:
        """Another checkout applies other manifests with its own copy of the state; ours stays as it was."""
        state = self.project.root / ".declarative" / "state.sqlite3"
        manifest = self.project.root / "manifests" / "all.yaml"
        kept, text = state.read_bytes(), manifest.read_text(encoding="utf-8")
        self.project.write(*manifests)
        self.apply()
        state.write_bytes(kept)
        manifest.write_text(text, encoding="utf-8")


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(Project(tmp_path), capsys)
    made.project.write(training("a"), training("b"), template())
    made.apply()
    return made


# --- --no-refresh -----------------------------------------------------------------------------------------------------
def test_without_a_refresh_and_without_names_nothing_is_read(desk: Desk) -> None:
    desk.project.write(training("a"), training("b"))
    desk.apply()
    desk.requests()
    said = desk.run("plan", "--no-refresh")
    assert said.startswith("No changes. 2 resources match what was last applied.")
    assert "warning: Not refreshed" in said
    assert desk.requests() == {}


def test_what_others_did_is_seen_by_a_refresh_alone(desk: Desk) -> None:
    desk.remove("Training.a")
    assert "No changes." in desk.run("plan", "--no-refresh")
    assert "+ Training.a" in desk.run("plan")


def test_what_is_changed_is_looked_at_so_that_nothing_of_others_is_erased(desk: Desk) -> None:
    """A template is replaced as a whole: what others added to it has to be sent back."""
    desk.elsewhere(training("a"), training("b"), template(THEIRS="1"))
    desk.project.write(training("a"), training("b"), template("INFO"))
    assert "WARN → INFO" in desk.run("plan", "--no-refresh")
    desk.apply("--no-refresh")
    desk.project.write(training("a"), training("b"), template("INFO", THEIRS="1"))
    assert "No changes." in desk.run("plan")


def test_what_is_deleted_is_looked_at_and_forgotten_where_it_is_gone(desk: Desk) -> None:
    desk.remove("Training.b")
    desk.project.write(training("a"), template())
    assert "1 to forget" in desk.run("plan", "--no-refresh")
    desk.apply("--no-refresh")
    assert desk.records() == ["Training.a", "WorkloadTemplate.base"]


def test_running_work_is_guarded_without_a_refresh(desk: Desk) -> None:
    desk.project.write(training("a", "other"), training("b"), template())
    told = desk.run("apply", "--no-refresh", "--auto-approve", code=1)
    assert "Training.a (Running" in told
    assert "--allow disruption" in told


def test_a_finished_run_that_is_gone_is_not_run_again_by_an_apply_that_did_not_look(desk: Desk) -> None:
    """Its manifest asks for another phase now, which a run that has ended has no use for."""
    desk.phase("Training.a", "Completed")
    desk.project.write(training("a", desiredPhase="Stopped"), training("b"), template())
    desk.requests()
    desk.apply("--no-refresh")
    assert not [name for name in desk.requests() if name.startswith("POST")]


def test_a_name_that_is_taken_is_refused_by_the_control_plane(desk: Desk) -> None:
    """Nobody looked whose it is; the create fails, the state stays right, and a refresh tells."""
    desk.elsewhere(training("a"), training("b"), training("c"), template())
    desk.project.write(training("a"), training("b"), training("c"), template())
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in desk.run("plan", "--no-refresh")
    assert "Training.c" in desk.apply("--no-refresh", code=1)
    assert desk.records() == ["Training.a", "Training.b", "WorkloadTemplate.base"]
    assert "error: Name already taken" in desk.run("plan", code=1)


@pytest.mark.parametrize("moved", [False, True])
def test_a_plan_without_a_refresh_can_be_saved_and_is_stale_once_its_objects_moved(desk: Desk, moved: bool) -> None:
    desk.project.write(training("a", "other"), training("b"), template("INFO"))
    desk.run("plan", "--no-refresh", "--out", "p.plan")
    if moved:
        desk.elsewhere(training("a"), training("b"), template("DEBUG"))
        assert "error: Saved plan is stale" in desk.apply("p.plan", code=1)
        return
    assert "leave out --no-refresh" in desk.apply("p.plan", "--no-refresh", code=1)
    desk.apply("p.plan")
    assert "No changes." in desk.run("plan")


def test_what_an_interrupted_apply_left_is_looked_at_all_the_same(desk: Desk) -> None:
    known = desk.record("Training.a")
    assert known.applied is not None
    # The answer to the create was lost: the object is there, but the state does not know its id.
    intent = Intent(Operation.CREATE, known.applied, digest("x"), time.time() - 30)
    desk.rewrite(replace(known, id=None, applied=None, intent=intent))
    said = desk.run("plan", "--no-refresh")
    assert "because an apply was interrupted: Training.a." in " ".join(said.split())
    assert "No changes." in said
    desk.apply("--no-refresh")
    assert desk.record("Training.a").id == known.id


def test_a_state_of_another_control_plane_is_refreshed_all_the_same(desk: Desk) -> None:
    """Otherwise its objects would be taken to be there."""
    other = Project(desk.project.root / "other")
    other.write(training("a"), training("b"), template())
    document = json.loads(desk.run("state", "pull").partition("\nThe ")[0])
    pushed = {**document, "endpoint": "https://elsewhere.example"}
    (other.root / "s.json").write_text(json.dumps(pushed), encoding="utf-8")
    assert run(["-C", str(other.root), "state", "push", "s.json"]) == 0
    assert run(["-C", str(other.root), "plan", "--no-refresh"]) == 1


def test_a_destroy_looks_at_all_that_it_deletes(desk: Desk) -> None:
    told = desk.run("destroy", "--no-refresh", "--auto-approve", code=1)
    assert "--allow disruption" in told
    assert "Training.a (Running" in told


# --- --refresh-only ---------------------------------------------------------------------------------------------------
def test_a_refresh_forgets_what_is_gone_and_knows_what_has_ended(desk: Desk) -> None:
    desk.remove("Training.a")
    desk.phase("Training.b", "Completed")
    planned = desk.run("plan", "--refresh-only")
    assert ". Training.a" in planned
    assert "# it is gone from the control plane" in planned
    assert "# it is Completed by now" in planned
    assert "Plan: 0 to add, 0 to change, 0 to destroy." in planned
    assert desk.records() == ["Training.a", "Training.b", "WorkloadTemplate.base"]
    desk.requests()
    desk.apply("--refresh-only")
    assert all(name.startswith("GET") for name in desk.requests())
    assert desk.records() == ["Training.b", "WorkloadTemplate.base"]
    assert desk.record("Training.b").finished
    assert desk.run("plan", "--refresh-only").startswith("No changes. The state is up to date")


def test_a_run_that_finished_and_deleted_itself_is_not_forgotten(desk: Desk) -> None:
    """Forgetting it would run it again."""
    desk.phase("Training.a", "Completed")
    assert "# the run finished and deleted itself" in desk.run("plan", "--refresh-only")
    desk.apply("--refresh-only")
    assert desk.record("Training.a").finished
    assert "No changes." in desk.run("plan")


def test_a_refresh_needs_no_manifests_and_leaves_what_they_ask_for_to_the_next_plan(desk: Desk) -> None:
    (desk.project.root / "manifests" / "all.yaml").write_text("{{ broken", encoding="utf-8")
    assert "No changes." in desk.apply("--refresh-only")


def test_fields_that_others_changed_stay_a_difference(desk: Desk) -> None:
    """The state holds what was applied: the warning names them, and the next plan puts them back."""
    desk.elsewhere(training("a"), training("b"), template("DEBUG"))
    said = desk.apply("--refresh-only")
    assert "warning: Fields differ from what was applied" in said
    assert "WorkloadTemplate.base" in said
    assert "DEBUG → WARN" in desk.run("plan")


def test_a_new_name_is_taken_over(desk: Desk) -> None:
    renamed = template()
    renamed["metadata"] = {**renamed["metadata"], "name": "renamed", "key": "base"}
    desk.elsewhere(training("a"), training("b"), renamed)
    assert "# it is called renamed by now" in desk.run("plan", "--refresh-only")
    desk.apply("--refresh-only")
    assert desk.record("WorkloadTemplate.base").name == "renamed"


def test_interrupted_calls_are_settled(desk: Desk) -> None:
    """A delete that never happened, and a create whose answer was lost."""
    one, other = desk.record("Training.a"), desk.record("Training.b")
    desk.rewrite(replace(one, intent=Intent(Operation.DELETE, None, digest("x"), time.time() - 100)))
    intent = Intent(Operation.CREATE, other.applied, digest("y"), time.time() - 100)
    desk.rewrite(replace(other, id=None, applied=None, intent=intent))
    planned = desk.run("plan", "--refresh-only")
    assert "# its interrupted delete has not happened" in planned
    assert "# its interrupted create has made it" in planned
    desk.apply("--refresh-only")
    assert (desk.record("Training.a"), desk.record("Training.b")) == (one, other)


def test_a_refresh_is_about_what_is_selected(desk: Desk) -> None:
    desk.remove("Training.a")
    desk.remove("Training.b")
    said = desk.apply("--refresh-only", "--exclude", "Training.b")
    assert "Partial plan" in said
    assert desk.records() == ["Training.b", "WorkloadTemplate.base"]
    (desk.project.root / "other.yaml").write_text(json.dumps(training("b")), encoding="utf-8")
    desk.apply("other.yaml", "--refresh-only")
    assert desk.records() == ["WorkloadTemplate.base"]


def test_a_refresh_can_be_saved_and_is_refused_once_something_moved(desk: Desk) -> None:
    desk.remove("Training.a")
    desk.run("plan", "--refresh-only", "--out", "r.plan")
    desk.run("plan", "--refresh-only", "--out", "again.plan")
    desk.requests()
    desk.apply("r.plan")
    assert all(name.startswith("GET") for name in desk.requests())
    assert desk.records() == ["Training.b", "WorkloadTemplate.base"]
    assert "error: Saved plan is stale" in desk.apply("again.plan", code=1)


def test_a_state_whose_objects_are_all_gone_is_not_emptied(desk: Desk) -> None:
    """That is more likely a control plane that was reset, or the wrong one."""
    desk.project.admin("POST", "reset")
    told = desk.apply("--refresh-only", code=1)
    assert "error: Nothing of the state is there" in told
    assert "state rm" in " ".join(told.split())
    assert len(desk.records()) == 3


def test_what_says_two_things_is_wrong_usage(desk: Desk) -> None:
    for command in (["plan", "--refresh-only", "--no-refresh"], ["destroy", "--refresh-only"]):
        assert "error: Wrong usage" in desk.run(*command, code=1)
