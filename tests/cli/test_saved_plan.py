"""A saved plan is applied as it was made, where it was made for, and with the secrets that it was made with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import pytest

from tests.cli.tool import Tool, documents, template, training

PROJECT = """apiVersion: declarative/v1
kind: Project
environments:
  prod: {state: prod.sqlite3}
variables:
  img: {default: "nvcr.io/nvidia/pytorch:24.08-py3"}
  token: {sensitive: true, default: first-token}
"""
SECRETIVE = template("hidden", text="\"{{ secret('MYKEY') }}\"")
GIVEN = {"MYKEY": "first-secret-value"}


def said(text: str) -> str:
    """What was said, as one line."""
    return " ".join(text.split())


def following(text: str) -> list[str]:
    """The arguments of the command that is said to be next."""
    found = re.search(r"Next: declarative (.+)", text)
    assert found
    return shlex.split(found[1])


@pytest.fixture
def project(tool: Tool) -> Tool:
    """A project with an environment that differs only in its state."""
    tool.write({"declarative.yaml": PROJECT})
    return tool


@pytest.mark.parametrize(
    ("made", "applied", "detail", "hint"),
    [
        (("-e", "prod"), (), "made with -e prod, but this is without an environment", "declarative apply -e prod p"),
        ((), ("-e", "prod"), "made without an environment, but this is with -e prod", "declarative apply p"),
    ],
)
def test_a_plan_for_another_environment_is_refused(
    project: Tool, made: Sequence[str], applied: Sequence[str], detail: str, hint: str
) -> None:
    """Although neither state exists yet, so that nothing else could tell them apart."""
    next_one = following(project.run("plan", *made, "--out", "p").err)
    assert next_one == ["apply", *made, "p"]
    refused = said(project.run("apply", *applied, "p", code=1).err)
    assert "Saved plan is for another environment" in refused
    assert detail in refused
    assert f"hint: {hint}" in refused
    assert project.run("state", "list", *applied).out == ""
    project.run(*next_one)
    project.plan_is_empty(*made)


def test_a_plan_for_another_state_that_did_not_exist_is_refused(tool: Tool) -> None:
    """It is known by its name."""
    next_one = following(tool.run("plan", "--state", "my state.sqlite3", "--endpoint", "sandbox", "--out", "p").err)
    assert next_one == ["apply", "--endpoint", "sandbox", "--state", "my state.sqlite3", "p"]
    assert "made for the state my state.sqlite3" in said(tool.run("apply", "p", code=1).err)
    tool.run("apply", "--state", "sqlite:///my state.sqlite3", "p")


def test_a_plan_from_an_empty_state_is_refused_where_others_are_recorded(tool: Tool) -> None:
    tool.run("plan", "--out", "p")
    tool.write({"manifests/all.yaml": training("stranger")})
    tool.run("apply", "--auto-approve")
    refused = said(tool.run("apply", "p", code=1).err)
    assert "made from an empty state, but this one holds Training.stranger" in refused


def test_a_plan_that_was_applied_is_said_to_have_been(tool: Tool) -> None:
    tool.run("plan", "--out", "p")
    tool.run("apply", "p")
    assert "it may have been applied already" in said(tool.run("apply", "p", code=1).err)
    tool.write({"manifests/all.yaml": documents(template("base", text="x"), training("a"), training("b"))})
    tool.run("plan", "--out", "p")
    tool.write({"manifests/all.yaml": documents(template("base", text="y"), training("a"), training("b"))})
    tool.run("apply", "--auto-approve")
    assert "applied already" not in said(tool.run("apply", "p", code=1).err)


def test_a_secret_with_another_value_is_refused(project: Tool) -> None:
    """By the name of what it is looked up by; neither value is in the plan."""
    project.run("apply", "--auto-approve")
    project.write({"manifests/hidden.yaml": SECRETIVE, "manifests/token.yaml": template("t", text='"{{ var.token }}"')})
    project.run("plan", "--out", "p", **GIVEN)
    assert "first-" not in (project.folder / "p").read_text(encoding="utf-8")
    for arguments, environ, name in (
        ((), {"MYKEY": "second-secret-value"}, "`secret('MYKEY')`"),
        (("--var", "token=second-token"), GIVEN, "Variable `token`"),
    ):
        refused = said(project.run("apply", *arguments, "p", code=1, **environ).err)
        assert "Secret differs from the plan" in refused
        assert f"{name} has another value" in refused
        assert "second" not in refused
    project.run("apply", "p", **GIVEN)


def test_an_ordinary_variable_for_a_saved_plan_is_refused_by_name(project: Tool) -> None:
    """Also beside a sensitive one; a file may hold both."""
    project.write({"manifests/all.yaml": template("t", text='"{{ var.token }}"'), "both.yaml": "img: b:2\ntoken: x\n"})
    project.run("plan", "--out", "p", "--var", "token=x")
    refused = said(project.run("apply", "p", "--var", "img=b:2", "--var", "token=x", code=1).err)
    assert "p was planned with its own value of `img`; another cannot change it." in refused
    assert "leave out --var img, or plan anew" in refused
    project.run("apply", "p", "--var-file", "both.yaml")


def test_a_saved_plan_is_shown_in_the_order_of_the_manifest(tool: Tool) -> None:
    planned = tool.run("plan", "--out", "p").out
    assert planned.index("image:") < planned.index("compute:")
    assert tool.run("show", "p").out == planned
    assert tool.run("apply", "p").out.startswith(planned)


def test_one_hint_allows_what_several_guards_refuse(tool: Tool, url: str) -> None:
    remote = Tool(tool.folder, {"DECLARATIVE_ENDPOINT": url, "DECLARATIVE_TOKEN": "sandbox"})
    remote.write({"manifests/all.yaml": documents(*(template(f"t{number}") for number in range(10)), training("a"))})
    remote.run("apply", "--auto-approve")
    remote.write({"manifests/all.yaml": ""})
    for command, code in (("plan", 0), ("apply", 1)):
        refused = said(remote.run(command, code=code).err)
        flags = re.findall(r"--allow [a-z-]+", refused)
        assert refused.count("hint: check the paths, or allow them with --allow ") == 1
        assert flags[-2:] == ["--allow mass-change", "--allow empty"]
        assert len(flags) == len(set(flags))
    assert "May be repeated." in said(remote.run("apply", "--help").out)
