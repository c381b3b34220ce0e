"""Something that stands before the control plane and knows of no objects: nothing is forgotten because of what it says."""

from __future__ import annotations

import pytest

from tests.apply.stage import Stage
from tests.cli.tool import template, training
from tests.runai.wire import Reply

TEXT = Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})
KONG = Reply(404, {"message": "no route"})


def test_a_delete_that_a_proxy_answers_is_no_delete(stage: Stage) -> None:
    stage.write(template("base"), training("a"))
    stage.tool.apply()
    stage.interfere = lambda asked: TEXT if asked.method == "DELETE" else stage.passed(asked)
    failed = stage.tool.run("destroy", "--auto-approve", "--allow", "disruption", code=1)
    assert "Destruction complete" not in failed.out
    assert "404 page not found" in " ".join(failed.err.split())
    stage.interfere = stage.passed
    stage.is_whole("base", "a")


@pytest.mark.parametrize("reply", [TEXT, Reply(404), Reply(404, b"<html>", {"Content-Type": "text/html"}), KONG])
def test_where_everything_is_404_no_plan_is_made_and_no_state_forgotten(stage: Stage, reply: Reply) -> None:
    """Even where the proxy answers as a control plane would: the lists are not there either. It is all one mistake."""
    stage.write(template("base"), training("a"))
    stage.tool.apply()
    stage.interfere = lambda _: reply
    elsewhere = ("--state", "empty.sqlite3")
    commands = (("plan",), ("plan", *elsewhere), ("plan", "--destroy"), ("drift",))
    for command in (*commands, ("destroy", "--auto-approve", "--allow", "disruption")):
        said = stage.tool.run(*command, code=1).err
        assert said.count("error:") == 1
        assert "error: No control plane found\n  Every read was answered 404.\n  hint: check the endpoint" in said
    stage.interfere = stage.passed
    stage.is_whole("base", "a")


def test_a_discovery_whose_list_is_refused_says_that_it_needs_it(stage: Stage) -> None:
    stage.settings(refuseLists=True)
    said = stage.tool.run("import", "--discover", "--out", "manifests/live", code=1).err
    assert "error: Discovery needs this list" in said
    assert "GET /api/v1/workloads was answered 403" in said


def test_a_blank_line_sets_warnings_and_errors_apart(stage: Stage) -> None:
    stage.write(training("a"), training("b", more="lifecycle: {preventDestroy: true}\n"))
    stage.tool.apply()
    stage.settings(quotas={"4501": {"default": {"deserved": 0}}})
    stage.write(training("a", image="other"), training("b", image="other", more="lifecycle: {preventDestroy: true}\n"))
    said = stage.tool.run("plan", code=1).err
    assert "\n\nwarning: " in said
    assert "\n\nerror: " in said
