"""`--replace ADDR` makes one resource anew, whether it differs or not, and nothing else does."""

from __future__ import annotations

import json

import pytest

from tests.cli.tool import Tool, documents, template, training

PREFIXED = "metadata: {name: a, useGivenNameAsPrefix: true, project: vision, cluster: a100-prod}"


@pytest.fixture
def applied(tool: Tool) -> Tool:
    tool.apply()
    return tool


def id_of(tool: Tool, address: str) -> str:
    """The id that the state has for an address."""
    return str(json.loads(tool.run("state", "show", address, "--json").out)["id"])


def test_what_does_not_differ_is_replaced_because_it_was_asked_for(applied: Tool) -> None:
    before = id_of(applied, "Training.a"), id_of(applied, "Training.b")
    planned = applied.run("plan", "--replace", "Training.a").out
    assert "-/+ Training.a" in planned
    assert "# asked for by --replace" in planned
    assert "Plan: 1 to add, 0 to change, 1 to destroy." in planned
    assert "Resources: 1 added, 0 changed, 1 destroyed." in applied.apply("--replace", "Training.a").out
    assert id_of(applied, "Training.a") != before[0]
    assert id_of(applied, "Training.b") == before[1]
    applied.plan_is_empty()


def test_an_update_becomes_a_replacement(applied: Tool) -> None:
    """The difference is made by the new object."""
    before = id_of(applied, "WorkloadTemplate.base")
    changed = documents(template("base", text="INFO"), training("a"), training("b"))
    applied.write({"manifests/all.yaml": changed})
    planned = applied.run("plan", "--replace", "WorkloadTemplate.base").out
    assert "-/+ WorkloadTemplate.base" in planned
    assert "WARN → INFO" in planned
    applied.apply("--replace", "WorkloadTemplate.base")
    assert id_of(applied, "WorkloadTemplate.base") != before
    applied.plan_is_empty()


def test_several_are_replaced_and_what_is_new_is_created(applied: Tool) -> None:
    """What is not there yet needs no replacement."""
    applied.write({"manifests/more.yaml": training("c")})
    given = ("--replace", "Training.a", "--replace", "Training.b", "--replace", "Training.c")
    assert "Plan: 3 to add, 0 to change, 2 to destroy." in applied.run("plan", *given).out


def test_a_finished_run_runs_again_when_asked(applied: Tool) -> None:
    """Also one that the control plane has deleted since: that is how an experiment is repeated."""
    before = id_of(applied, "Training.a")
    admin(applied, "POST", f"workloads/{before}/phase", {"phase": "Completed"})
    applied.apply()
    admin(applied, "DELETE", f"workloads/{before}")
    applied.plan_is_empty()
    applied.apply("--replace", "Training.a")
    assert id_of(applied, "Training.a") != before
    applied.plan_is_empty()


def admin(tool: Tool, method: str, path: str, body: object = None) -> None:
    """A call of the sandbox's admin API."""
    from tests.project import Project

    project = Project.__new__(Project)
    project.root = tool.folder
    project.admin(method, path, body)


@pytest.mark.parametrize(
    ("given", "summary", "hint"),
    [
        (["--replace", "Training.aa"], "Unknown address", "did you mean Training.a?"),
        (["--replace", "a"], "Unknown address", "did you mean Training.a?"),
        (["--replace", "Training.*"], "Unknown address", "hint:"),
        (["--replace", "Training.a", "--target", "Training.b"], "Not in this plan", "add --target Training.a"),
        (["--replace", "Training.b", "--exclude", "Training.b"], "Not in this plan", "leave out --replace Training.b"),
    ],
)
def test_what_cannot_be_replaced_is_told(applied: Tool, given: list[str], summary: str, hint: str) -> None:
    told = applied.run("plan", *given, code=1).err
    assert f"error: {summary}" in told
    assert hint in told


def test_what_has_no_manifest_cannot_be_made_anew(applied: Tool) -> None:
    applied.write({"manifests/all.yaml": documents(template("base"), training("a"))})
    told = applied.run("plan", "--replace", "Training.b", code=1).err
    assert "error: Nothing to replace it with" in told


def test_a_protected_resource_is_not_replaced(tool: Tool) -> None:
    tool.write({"manifests/all.yaml": training("a", more="lifecycle: {preventDestroy: true}\n")})
    tool.apply()
    for command in ("plan", "apply"):
        assert "error: Protected resource" in tool.run(command, "--replace", "Training.a", code=1).err


def test_what_runs_is_guarded(applied: Tool) -> None:
    admin(applied, "PATCH", "settings", {"speed": "instant"})
    told = applied.run("apply", "--replace", "Training.a", "--auto-approve", code=1).err
    assert "--allow disruption" in told


def test_a_replacement_comes_first_where_the_lifecycle_says_so(tool: Tool) -> None:
    made = training("a", more="lifecycle: {createBeforeDestroy: true}\n")
    made = "\n".join(PREFIXED if line.startswith("metadata") else line for line in made.splitlines())
    tool.write({"manifests/all.yaml": made})
    tool.apply()
    assert "+/- Training.a" in tool.run("plan", "--replace", "Training.a").out
    tool.apply("--replace", "Training.a")
    tool.plan_is_empty()


def test_what_asks_for_it_is_replaced_along(tool: Tool) -> None:
    """`replaceWhen` follows a replacement that was asked for; `dependsOn` does not."""
    along = training("a", more="lifecycle: {replaceWhen: [WorkloadTemplate.base]}\n")
    tool.write(
        {"manifests/all.yaml": documents(template("base"), along, training("b", needs=["WorkloadTemplate.base"]))}
    )
    tool.apply()
    planned = tool.run("plan", "--replace", "WorkloadTemplate.base").out
    assert "# replaceWhen: WorkloadTemplate.base changes" in planned
    assert "Plan: 2 to add, 0 to change, 2 to destroy." in planned


def test_a_saved_plan_keeps_the_replacement_and_says_it_in_terraforms_words(applied: Tool) -> None:
    before = id_of(applied, "Training.a")
    applied.run("plan", "--replace", "Training.a", "--out", "p.plan")
    document = json.loads(applied.run("show", "p.plan", "--json").out)
    (found,) = [one for one in document["resource_changes"] if one["address"] == "Training.a"]
    assert (found["change"]["actions"], found["action_reason"]) == (["delete", "create"], "replace_by_request")
    told = applied.run("apply", "p.plan", "--replace", "Training.b", code=1).err
    assert "leave out --replace" in told
    applied.apply("p.plan")
    assert id_of(applied, "Training.a") != before


@pytest.mark.parametrize("command", [["destroy"], ["plan", "--destroy"], ["plan", "--refresh-only"]])
def test_nothing_is_made_anew_where_nothing_is_made(tool: Tool, command: list[str]) -> None:
    assert "error: Wrong usage" in tool.run(*command, "--replace", "Training.a", code=1).err
