"""What a plan leaves for those who review it, and what an apply takes only after a review."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_prompt import typed
from tests.cli.tool import Tool, documents, template, training

COUNT = "Plan: 2 to add, 0 to change, 0 to destroy."


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    tool = Tool(tmp_path)
    tool.write({"manifests/all.yaml": documents(template("base"), training("run", needs=["WorkloadTemplate.base"]))})
    return tool


def lines(text: str) -> list[dict[str, Any]]:
    """The messages of a stream without their times."""
    return [{**json.loads(line), "@timestamp": None} for line in text.splitlines()]


def checksum(tool: Tool) -> str:
    found = re.search(r"checksum (\w{12})", tool.run("plan", "--out", "p.plan").err)
    assert found is not None
    return found[1]


def test_a_plan_is_written_for_its_reviewers(tool: Tool) -> None:
    done = tool.run("plan", "--markdown", "c.md", "--html", "p.html", "--out", "p.plan")
    assert COUNT in done.out
    assert (tool.folder / "c.md").read_text().startswith(f"### {COUNT}\n")
    assert f"<h1>{COUNT}</h1>" in (tool.folder / "p.html").read_text()
    shown = tool.run("show", "p.plan", "--markdown", "again.md", "--html", "again.html")
    assert COUNT in shown.out
    for one, other in (("c.md", "again.md"), ("p.html", "again.html")):
        assert (tool.folder / one).read_text() == (tool.folder / other).read_text()


def test_a_failure_is_written_too_with_every_error_at_its_place(tool: Tool) -> None:
    tool.write({"manifests/bad.yaml": training("x").replace("image:", "imagee:") + "  nonsense: 1\n"})
    (tool.folder / "c.md").write_text("the last one")
    tool.run("plan", "--markdown", "c.md", "--html", "p.html", "--json-into", "e.json", code=1)
    text = (tool.folder / "c.md").read_text()
    assert text.startswith("### The plan failed.\n")
    assert text.count("manifests/bad.yaml:") == 2
    assert (tool.folder / "p.html").read_text().count("class='finding error'") == 2
    told = lines((tool.folder / "e.json").read_text())
    assert [one["type"] for one in told] == ["version", "diagnostic", "diagnostic"]


def test_what_forbids_a_plan_stands_beside_it_with_all_that_was_found(tool: Tool) -> None:
    """A plan that could be made is shown, with errors and warnings, though the command fails."""
    tool.write(
        {"manifests/all.yaml": documents(training("a", more="lifecycle: {preventDestroy: true}\n"), training("b"))}
    )
    tool.apply()
    tool.write({"manifests/all.yaml": training("c")})
    tool.run("plan", "manifests/all.yaml", "--markdown", "c.md", code=1)
    text = (tool.folder / "c.md").read_text()
    assert text.startswith("### Plan: 1 to add, 0 to change, 2 to destroy.\n")
    assert text.count("> [!CAUTION]") == 1
    assert "warning: Paths are no filter" in text
    assert "owns 2 resources that manifests/all.yaml does not have; the plan deletes them." in text
    assert "deletes it." in tool.run("plan", "manifests/all.yaml", "--exclude", "Training.a").err


def test_the_stream_in_a_file_is_that_of_standard_output(tool: Tool) -> None:
    for command in (("plan",), ("plan", "--destroy")):
        printed = tool.run(*command, "--json", "--json-into", "e.json").out
        assert (tool.folder / "e.json").read_text() == printed
    beside = tool.run("apply", "--auto-approve", "--json-into", "a.json")
    assert "Apply complete! Resources: 2 added" in beside.out
    told = lines((tool.folder / "a.json").read_text())
    assert [one["type"] for one in told if one["type"].startswith("apply")].count("apply_complete") == 2
    assert told[-1]["changes"]["add"] == 2
    gone = tool.run("destroy", "--auto-approve", "--allow", "disruption", "--json-into", "a.json", "--json").out
    assert (tool.folder / "a.json").read_text() == gone


@pytest.mark.parametrize("option", ["--markdown", "--html", "--json-into", "--out"])
def test_a_file_that_cannot_be_written_is_told(tool: Tool, option: str) -> None:
    done = tool.run("plan", option, "missing/file", code=1)
    assert "error: Unwritable file" in done.err
    assert "missing/file: No such file or directory." in done.err


def test_a_document_replaces_the_old_one_as_a_whole_and_leaves_nothing_beside_it(tool: Tool) -> None:
    (tool.folder / "real.md").write_text("old")
    (tool.folder / "c.md").symlink_to("real.md")
    before = {*tool.folder.iterdir(), tool.folder / ".declarative"}
    tool.run("plan", "--markdown", "c.md")
    assert set(tool.folder.iterdir()) == before
    assert (tool.folder / "c.md").is_symlink()
    assert (tool.folder / "real.md").read_text().startswith("### Plan:")
    tool.run("plan", "--markdown", os.devnull)


def test_a_dash_is_standard_output_in_place_of_the_text(tool: Tool) -> None:
    done = tool.run("plan", "--markdown", "-", "--out", "p.plan")
    assert done.out.startswith(f"### {COUNT}\n")
    assert tool.run("show", "p.plan", "--markdown", "-").out == done.out
    assert tool.run("plan", "--html", "-").out.startswith("<!doctype html>")
    for pair in (("--json", "--markdown", "-"), ("--html", "-", "--markdown", "-")):
        assert "Standard output takes one of" in tool.run("plan", *pair, code=1).err


def test_links_lead_to_the_lines_of_the_commit(tool: Tool) -> None:
    tool.run(
        "plan", "--markdown", "c.md",
        GITLAB_CI="true", CI_PROJECT_URL="https://g.example/a", CI_COMMIT_SHA="abc", CI_PROJECT_DIR=str(tool.folder.parent),
    )  # fmt: skip
    text = (tool.folder / "c.md").read_text()
    assert f"(https://g.example/a/-/blob/abc/{tool.folder.name}/manifests/all.yaml#L1)" in text


def test_only_the_reviewed_plan_is_applied(tool: Tool) -> None:
    """Another plan is refused with both sums, and so is a sum without a plan."""
    reviewed = checksum(tool)
    tool.write({"manifests/all.yaml": template("other")})
    other = checksum(tool)
    assert other != reviewed
    done = tool.run("apply", "p.plan", "--checksum", reviewed, code=1)
    assert "Another plan than the reviewed one" in done.err
    assert reviewed in done.err
    assert other in done.err
    assert tool.run("apply", "p.plan", "--checksum", other[:8], code=1).out == ""
    assert tool.run("apply", "p.plan", "--checksum", "", code=1).out == ""
    assert "1 added" in tool.run("apply", "p.plan", "--checksum", other).out
    for nothing in ((), ("missing.plan",), ("manifests",)):
        told = tool.run("apply", *nothing, "--checksum", other, "--auto-approve", code=1).err
        assert "--checksum is that of a saved plan" in told


def test_a_concise_plan_has_a_line_for_each_change(tool: Tool) -> None:
    done = tool.run("plan", "--concise", "--out", "p.plan")
    assert done.out == f"  + Training.run           create\n  + WorkloadTemplate.base  create\n\n{COUNT}\n"
    assert tool.run("show", "p.plan", "--concise").out == done.out
    assert "PLANFILE" in tool.run("show", "--concise", code=1).err
    assert tool.run("apply", "--concise", "--auto-approve").out.startswith(done.out)
    tool.write({"manifests/all.yaml": documents(template("base", text="INFO"), training("run", image="a:2"))})
    told = tool.run("plan", "--concise").out.splitlines()
    assert told[:2] == [
        "-/+ Training.run           image nvcr.io/nvidia/p….08-py3 → a:2",
        "  ~ WorkloadTemplate.base  environmentVariables[LEVEL].value WARN → INFO",
    ]


def test_ids_have_the_names_of_the_manifest_beside_them(tool: Tool) -> None:
    done = tool.run("plan")
    assert re.search(r'projectId: "\d+"  # project vision\n', done.out)
    assert re.search(r"clusterId: [\w-]+  # cluster a100-prod\n", done.out)
    assert re.search(r"environment: [\w-]+  # environment pytorch-24\n", done.out)


def test_a_plan_that_nobody_reads_to_its_end_tells_a_terminal_of_the_concise_view(tool: Tool) -> None:
    hint = "With --concise, each change has one line."
    tool.write({"manifests/all.yaml": documents(*(template(f"t{number}") for number in range(101)))})
    assert hint in typed(tool, None, "plan")[1]
    assert hint not in typed(tool, None, "plan", "--concise")[1]
    assert hint not in tool.run("plan").err
    tool.write({"manifests/all.yaml": documents(*(template(f"t{number}") for number in range(100)))})
    assert hint not in typed(tool, None, "plan")[1]


def test_an_interruption_ends_the_stream_and_the_documents(tool: Tool) -> None:
    """A pipeline that gives up still posts what became of the plan."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        port = silent.getsockname()[1]
        arguments = ("--endpoint", f"http://127.0.0.1:{port}", "--markdown", "c.md", "--json-into", "e.json")
        running = replace(tool, environ={"DECLARATIVE_TOKEN": "sandbox"}).start("plan", *arguments)
        silent.settimeout(20)
        silent.accept()
        os.kill(running.process.pid, signal.SIGINT)
        assert running.ended().code == 1
    assert "error: Interrupted" in (tool.folder / "c.md").read_text()
    assert lines((tool.folder / "e.json").read_text())[-1]["@message"] == "Error: Interrupted"


@pytest.mark.parametrize(
    ("given", "width"), [({"COLUMNS": "60"}, 60), ({"COLUMNS": "200"}, 200), ({}, 100), ({"COLUMNS": "wide"}, 100)]
)
def test_a_width_that_is_asked_for_holds_for_a_pipe_too(tool: Tool, given: dict[str, str], width: int) -> None:
    """`COLUMNS` is the width wherever the text goes; without it a pipe is 100 columns wide."""
    tool.write({"manifests/all.yaml": training("No-Name-" * 4)})
    detail = tool.run("validate", code=1, **given).err.splitlines()[5:-1]
    assert len(" ".join(detail)) > 140
    assert len(detail) == {60: 3, 100: 2, 200: 1}[width]
    assert max(map(len, detail)) <= width
