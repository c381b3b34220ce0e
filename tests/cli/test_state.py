"""The commands that mend a state: under the lock, with a copy of what was before, and nothing live is touched."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from declarative.cli.main import run
from declarative.model.plan import Plan
from declarative.session import open_session
from declarative.settings import Settings
from declarative.state.sqlite import SqliteStore
from declarative.state.store import Holder
from tests.project import Project


def training(name: str, *needs: str, key: str = "") -> dict[str, Any]:
    metadata = {"name": name, "project": "vision", "cluster": "a100-prod", **({"key": key} if key else {})}
    more = {"dependsOn": [f"Training.{need}" for need in needs]} if needs else {}
    return {"apiVersion": "runai/v1", "kind": "Training", "metadata": metadata, **more, "spec": {"image": "busybox"}}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write(training("a"), training("b", "a"))
    made.apply()
    return made


def state(project: Project, *command: str) -> int:
    return run(["-C", str(project.root), "state", *command])


def is_empty(plan: Plan) -> bool:
    return plan.is_empty and not any(change.adopts for change in plan.changes)


def test_a_moved_address_is_known_by_its_new_name(project: Project) -> None:
    """With the manifest's new key a plan is empty, dependants included, and the object is the same."""
    before = {record.name: record.id for record in project.records()}
    assert state(project, "mv", "Training.a", "Training.first") == 0
    project.write(training("a", key="first"), training("b", "first"))
    assert is_empty(project.plan())
    assert {record.name: record.id for record in project.records()} == before


@pytest.mark.parametrize(
    ("source", "destination", "said"),
    [
        ("Training.x", "Training.y", "Unknown address"),
        ("Training.a", "Training.b", "Address is taken"),
        ("Training.a", "WorkloadTemplate.a", "Different kinds"),
        ("a", "Training.b", "Malformed address"),
    ],
)
def test_a_wrong_move_changes_nothing(
    project: Project, source: str, destination: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each mistake is told, and the state is as before."""
    before = project.records()
    assert state(project, "mv", source, destination) == 1
    assert said in capsys.readouterr().err
    assert project.records() == before


def test_what_is_removed_stays_live(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """The state forgets it, the control plane does not: the next plan finds the name taken."""
    assert state(project, "rm", "Training.b") == 0
    assert [str(record.address) for record in project.records()] == ["Training.a"]
    assert run(["-C", str(project.root), "plan"]) == 1
    assert "Name already taken" in capsys.readouterr().err


def test_globs_remove_many(project: Project) -> None:
    """All that match are forgotten."""
    assert state(project, "rm", "Training.*") == 0
    assert project.records() == ()


def test_a_state_can_be_pulled_and_pushed(project: Project, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Pushed into an empty state it is the same state: the plan is empty, and it pulls as the same records."""
    capsys.readouterr()
    assert state(project, "pull") == 0
    document = capsys.readouterr().out
    (project.root / "state.json").write_text(document)
    (project.root / ".declarative" / "state.sqlite3").unlink()
    assert state(project, "push", "state.json") == 0
    assert is_empty(project.plan())
    capsys.readouterr()
    assert state(project, "pull") == 0
    pulled = json.loads(capsys.readouterr().out)
    known = json.loads(document)
    assert {**pulled, "serial": 0} == {**known, "serial": 0}
    assert pulled["serial"] > known["serial"]


def test_a_foreign_or_older_document_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Another lineage never comes in; a lower serial only when it is forced."""
    capsys.readouterr()
    state(project, "pull")
    document = json.loads(capsys.readouterr().out)
    path = project.root / "state.json"
    path.write_text(json.dumps({**document, "lineage": "another"}))
    assert state(project, "push", "state.json") == 1
    assert "This is another state" in capsys.readouterr().err
    path.write_text(json.dumps({**document, "serial": 0}))
    assert state(project, "push", "state.json") == 1
    assert "Older than the state" in capsys.readouterr().err
    assert state(project, "push", "state.json", "--force") == 0


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "nonsense", '{"format": "declarative-state/99"}', '{"format": 1}']
)
def test_what_is_no_state_is_refused(project: Project, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else than what pull printed changes nothing, and is told without a traceback."""
    before = project.records()
    (project.root / "state.json").write_text(text)
    assert state(project, "push", "state.json") == 1
    assert "Unusable state document" in capsys.readouterr().err
    assert project.records() == before


@pytest.mark.parametrize("change", [("mv", "Training.b", "Training.c"), ("rm", "Training.b"), ("push", "state.json")])
def test_a_change_says_where_the_state_as_it_was_is_kept(
    project: Project, change: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """What it names is a state, and the one of before."""
    capsys.readouterr()
    state(project, "pull")
    (project.root / "state.json").write_text(capsys.readouterr().out)
    before = project.records()
    assert state(project, *change) == 0
    (named,) = re.findall("The state as it was before is in (.+)[.]", capsys.readouterr().err)
    assert SqliteStore(Path(named)).load().records == before


def test_changes_wait_for_the_lock(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """While an apply holds the lock nothing is moved, removed or pushed; the refusal names the lock for force-unlock."""
    store = open_session(Settings(project.root, environ={})).store
    with store.lock(Holder.current("test"), 0):
        assert state(project, "rm", "Training.a") == 1
        refusal = capsys.readouterr().err
        assert "The state is locked" in refusal
        lock = refusal.partition("lock ")[2].split(";")[0]
        assert run(["-C", str(project.root), "force-unlock", lock, "--force"]) == 0
        assert state(project, "rm", "Training.a") == 0


def test_an_unknown_lock_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """A typo in the id takes nobody's lock away."""
    assert run(["-C", str(project.root), "force-unlock", "nonsense", "--force"]) == 1
    assert "Unknown lock" in capsys.readouterr().err


def test_without_a_terminal_a_lock_is_left_alone(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody to ask means no."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run(["-C", str(project.root), "force-unlock", "nonsense"]) == 1
    assert "Lock was left alone" in capsys.readouterr().err
