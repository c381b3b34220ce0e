"""A state and a control plane belong together: what belongs elsewhere is not created a second time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.tool import Tool, training
from tests.forked import sandbox
from tests.postgres import PostgresServer

APPLY = ("apply", "--auto-approve")


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def applied(request: pytest.FixtureRequest, tool: Tool, url: str, postgres: PostgresServer) -> Tool:
    """Applied over HTTP."""
    environ = {"DECLARATIVE_STATE": postgres.url()} if request.param == "PostgreSQL" else {}
    made = Tool(tool.folder, {"DECLARATIVE_ENDPOINT": url, "DECLARATIVE_TOKEN": "sandbox", **environ})
    made.run(*APPLY)
    return made


@pytest.fixture
def other(tmp_path: Path) -> Iterator[str]:
    """Another control plane."""
    with sandbox(tmp_path / "other" / "sandbox.sqlite3") as found:
        yield found


def pulled(tool: Tool) -> dict[str, object]:
    found: dict[str, object] = json.loads(tool.run("state", "pull").out)
    return found


def test_a_state_is_refused_at_another_control_plane(applied: Tool, url: str, other: str) -> None:
    """Whatever would plan; both places are named, nothing is changed, and where it belongs all is well."""
    before = pulled(applied)
    assert before["endpoint"] == url
    commands = (["plan"], ["plan", "--destroy"], ["plan", "--target", "Training.a"], [*APPLY], ["destroy"], ["drift"])
    for command in commands:
        said = " ".join(applied.run(*command, "--endpoint", other, code=1).err.split())
        assert "This state belongs to another control plane" in said
        assert f"It was last applied to {url}, and none of the 3 recorded objects exists at {other}." in said
        assert "declarative state rm '*'" in said
    assert pulled(applied) == before
    applied.plan_is_empty()


def test_once_the_state_is_empty_it_may_go_elsewhere(applied: Tool, other: str) -> None:
    """As the refusal says, and from then on it belongs there."""
    applied.run("state", "rm", "*")
    applied.run(*APPLY, "--endpoint", other)
    applied.plan_is_empty("--endpoint", other)
    assert pulled(applied)["endpoint"] == other


def test_another_name_of_the_same_control_plane_is_learnt_by_the_next_apply(applied: Tool, url: str) -> None:
    """A plan does not write it down; and a slash makes no other name."""
    alias = url.replace("127.0.0.1", "localhost")
    before = pulled(applied)
    applied.plan_is_empty("--endpoint", alias)
    applied.run(*APPLY, "--endpoint", f"{url}/")
    assert pulled(applied) == before
    applied.run(*APPLY, "--endpoint", alias)
    assert pulled(applied) == {**before, "endpoint": alias, "serial": int(str(before["serial"])) + 1}


def test_a_control_plane_that_forgot_everything_is_doubted(applied: Tool) -> None:
    """It may have been reset, or the credentials may see another tenant: whatever would plan warns, and goes on."""
    remembered = applied.run("state", "pull").out
    applied.run("destroy", "--auto-approve", "--allow", "disruption")
    applied.write({"state.json": remembered})
    applied.run("state", "push", "state.json", "--force")
    assert "warning: Nothing of the state is there" in applied.run("drift", code=2).err
    for command in (["plan", "--out", "p.plan"], ["apply", "p.plan"]):
        done = applied.run(*command)
        assert "3 to add" in done.out
        assert "warning: Nothing of the state is there" in done.err
    assert "Nothing of the state is there" not in applied.run("plan").err


def test_a_saved_plan_does_not_reach_a_state_that_went_elsewhere_meanwhile(applied: Tool, url: str, other: str) -> None:
    """What it touches is not recorded yet; but by now, the state has objects of another control plane."""
    applied.run("state", "rm", "*")
    applied.write({"there/all.yaml": training("there"), "here/all.yaml": training("here")})
    applied.run("plan", "there", "--endpoint", other, "--out", "p.plan")
    applied.run(*APPLY, "here")
    assert "belongs to another control plane" in applied.run("apply", "p.plan", "--endpoint", other, code=1).err
