"""The commands that mend a state: under the lock, with a copy of what was before, and nothing live is touched."""

from __future__ import annotations

import io
import json
import re
import shlex
import stat
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from declarative.cli.main import run
from declarative.cli.state_changes import unknown
from declarative.model.plan import Plan
from declarative.session import open_session
from declarative.settings import Settings, without_password
from declarative.state.documents import keep
from declarative.state.sqlite import SqliteStore
from declarative.state.store import Holder, Snapshot
from declarative.state.transfer import load
from tests.cli.test_prompt import typed
from tests.cli.tool import Tool
from tests.cli.tool import training as manifest
from tests.postgres import PASSWORD, PostgresServer
from tests.project import Project
from tests.state.strategies import record


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
    assert capsys.readouterr().out == "Pushed 2 resources.\n"
    capsys.readouterr()
    assert state(project, "pull") == 0
    pulled = json.loads(capsys.readouterr().out)
    known = json.loads(document)
    assert {**pulled, "serial": 0} == {**known, "serial": 0}
    assert pulled["serial"] > known["serial"]


def test_one_resource_is_pushed_in_the_singular(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    state(project, "rm", "Training.b")
    capsys.readouterr()
    state(project, "pull")
    (project.root / "state.json").write_text(capsys.readouterr().out)
    assert state(project, "push", "state.json") == 0
    assert capsys.readouterr().out == "Pushed 1 resource.\n"


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


CHANGES = [("mv", "Training.a", "Training.c"), ("rm", "Training.*"), ("push", "other.json")]


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def shared(request: pytest.FixtureRequest, tool: Tool, postgres: PostgresServer) -> Tool:
    """A project of a template and two trainings that is applied, and a document of its state without one of them."""
    environ = {"DECLARATIVE_STATE": postgres.url()} if request.param == "PostgreSQL" else {}
    made = Tool(tool.folder, environ)
    made.apply()
    document = pulled(made)
    made.write({"other.json": json.dumps({**document, "serial": 100, "records": document["records"][1:]})})
    return made


def pulled(tool: Tool) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tool.run("state", "pull").out)
    return found


def way_back(said: str) -> str:
    return said.partition("To go back to it:\n")[2].strip()


def go_back(tool: Tool, command: str) -> None:
    """Runs a command as it was printed."""
    if command.startswith("declarative "):
        tool.run(*shlex.split(command)[1:])
    else:
        subprocess.run(["sh", "-euc", command], cwd=tool.folder, check=True)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
def test_the_way_back_that_a_change_names_undoes_it(shared: Tool, change: tuple[str, ...]) -> None:
    """Run as it is printed: the records are those of before, and the plan is empty again."""
    before = pulled(shared)
    command = way_back(shared.run("state", *change).err)
    assert pulled(shared)["records"] != before["records"]
    go_back(shared, command)
    after = pulled(shared)
    assert {**after, "serial": 0} == {**before, "serial": 0}
    shared.plan_is_empty()


def test_a_command_that_is_refused_costs_no_way_back(shared: Tool) -> None:
    """It keeps no copy, which would take the place of the one that an earlier command told the user to rely on."""
    before = pulled(shared)
    command = way_back(shared.run("state", "rm", "Training.a").err)
    left = pulled(shared)
    shared.write(
        {"foreign.json": json.dumps({**left, "lineage": "another"}), "older.json": json.dumps({**left, "serial": 0})}
    )
    for refused in (
        ("rm", "Training.typo"),
        ("rm", "Training.b", "Training.typo"),
        ("mv", "Training.typo", "Training.c"),
        ("mv", "Training.b", "WorkloadTemplate.b"),
        ("mv", "Training.b", "Training.b"),
        ("push", "foreign.json"),
        ("push", "older.json"),
    ):
        assert "To go back to it" not in shared.run("state", *refused, code=1).err
    assert pulled(shared) == left
    go_back(shared, command)
    assert {**pulled(shared), "serial": 0} == {**before, "serial": 0}
    shared.plan_is_empty()


def test_the_command_that_mends_a_damaged_state_can_be_pasted_from_a_narrow_terminal(tool: Tool) -> None:
    """It is printed on one line, longer than the terminal is wide, and run as it is."""
    deep = Tool(tool.folder / ("a folder with a long name " * 3).strip() / "and one within")
    deep.write({"manifests/all.yaml": manifest("a")})
    deep.apply()
    path = deep.folder / ".declarative" / "state.sqlite3"
    path.write_bytes(b"broken")
    code, seen = typed(deep, b"", "plan", COLUMNS="80")
    lines = seen.splitlines()
    (command,) = (after for line, after in pairwise(lines) if line.endswith("to go back to it:"))
    assert code == 1
    assert len(command) > 80
    assert all(len(line) <= 80 for line in lines if line.startswith(("  hint:", " " * 8)) and line != command)
    subprocess.run(["sh", "-euc", command], check=True)
    deep.plan_is_empty()


@pytest.mark.parametrize("form", ["postgresql://owner:{}@/postgres?", "postgresql://owner@/postgres?password={}&"])
def test_no_password_of_a_state_is_printed_or_saved(tool: Tool, postgres: PostgresServer, form: str) -> None:
    """The commands that are printed work where the password comes from elsewhere."""
    url = form.format(PASSWORD) + postgres.url().partition("?")[2]
    state = ("--state", url)
    done = [tool.run("plan", *state, "--out", "p.plan"), tool.run("apply", "p.plan", *state), tool.run("plan", *state)]
    before = pulled(Tool(tool.folder, {"DECLARATIVE_STATE": url}))
    done += [tool.run("plan", *state, "--out", "q.plan"), tool.run("state", "rm", "Training.*", *state)]
    done += [tool.run("apply", "p.plan", "--state", url.replace("schema_name=s", "schema_name=t"), code=None)]
    told = "".join(one.out + one.err for one in done) + (tool.folder / "p.plan").read_text()
    assert "--state postgresql://owner@/postgres?" in told.replace("'", "")
    assert PASSWORD not in told
    assert PASSWORD not in "".join(file.read_text() for file in (tool.folder / ".declarative" / "backups").iterdir())
    go_back(Tool(tool.folder, {"PGPASSWORD": PASSWORD}), way_back(done[4].err))
    assert pulled(Tool(tool.folder, {"DECLARATIVE_STATE": url}))["records"] == before["records"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@db/infra?sslmode=require", "postgresql://me@db/infra?sslmode=require"),
        ("postgresql://me:se?cr:et@db:5432/infra", "postgresql://me@db:5432/infra"),
        ("postgres://:secret@db", "postgres://@db"),
        ("postgresql://db:5432/infra?options=a@b&password=secret", "postgresql://db:5432/infra?options=a@b"),
        ("postgresql:///infra?password=secret", "postgresql:///infra"),
        ("postgresql://me@db/?pass%77ord=secret&sslpassword=secret&user=x", "postgresql://me@db/?user=x"),
        ("sqlite:///some/file?mode=x", "sqlite:///some/file?mode=x"),
        ("folder/state:secret@x.sqlite3", "folder/state:secret@x.sqlite3"),
    ],
)
def test_a_url_is_shown_without_its_password_and_otherwise_as_it_is(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("Training.helo", "did you mean Training.hello?"),
        ("training.Hello", "did you mean Training.hello?"),
        ("Workloadtemplate.bse", "did you mean WorkloadTemplate.base?"),
        ("helo", "did you mean Training.hello?"),
        ("Training.typo", "see declarative state list"),
        ("Training.base", "see declarative state list"),
        ("Workloadtemplate.other", "see declarative state list"),
    ],
)
def test_the_nearest_spelling_is_that_of_kind_and_key(address: str, hint: str) -> None:
    """What has only the kind in common is not what was meant."""
    assert unknown(address, ["Training.hello", "WorkloadTemplate.base"]).diagnostics[0].hint == hint


def test_two_states_of_one_lineage_keep_their_documents_apart(tmp_path: Path) -> None:
    """As after a push to another place: even of the same serial."""
    one = Snapshot("lineage", 7, (record("one"),))
    other = replace(one, records=(record("other"),))
    files = [keep(snapshot, tmp_path / "kept" / "backups") for snapshot in (one, other)]
    assert [load(file.read_text(), file.name).records for file in files] == [one.records, other.records]


@pytest.fixture
def remote(tool: Tool, postgres: PostgresServer) -> Tool:
    """A project whose state is on a server, and has one record."""
    made = Tool(tool.folder, {"DECLARATIVE_STATE": postgres.url()})
    made.write({"manifests/all.yaml": manifest("a")})
    made.apply()
    return made


def test_documents_of_before_are_for_their_owner_alone_and_the_last_ones_are_kept(remote: Tool) -> None:
    """Ten of them, beside the project where git ignores them; those of another state are not touched."""
    folder = remote.folder / ".declarative" / "backups"
    for number in range(12):
        remote.run("state", "mv", *(f"Training.{'ab'[(number + turn) % 2]}" for turn in range(2)))
        if not number:
            (folder / "state-00000000-1.json").touch()
    names = sorted(file.name for file in folder.iterdir())
    serials = [int(name.rpartition("-")[2].removesuffix(".json")) for name in names if "00000000" not in name]
    serial = pulled(remote)["serial"]
    assert sorted(serials) == list(range(serial - 10, serial))
    assert len(names) == 11
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in names if "00000000" not in name} == {0o600}
    assert (folder.parent / ".gitignore").read_text() == "*\n"


def test_without_a_copy_of_before_nothing_is_changed(remote: Tool) -> None:
    """A folder that cannot be written is told; and where nothing is recorded, there is nothing to keep."""
    before = pulled(remote)
    (remote.folder / ".declarative" / "backups").touch()
    assert "No backup can be made" in remote.run("state", "rm", "*", code=1).err
    assert pulled(remote) == before
    (remote.folder / ".declarative" / "backups").unlink()
    assert "To go back to it" in remote.run("state", "rm", "*").err
    remote.write({"state.json": json.dumps(before)})
    assert "To go back to it" not in remote.run("state", "push", "state.json").err


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
