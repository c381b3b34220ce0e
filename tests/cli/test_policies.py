"""The project's own rules: denied or noted before anything is changed, each finding with its address and place."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.tool import Tool, documents, template, training

SECRET = "hunter2-that-no-policy-sees"
CEL = """
  - cel: change.after.spec.compute.gpuDevicesRequest <= 8 || environment != "dev"
    message: no training over 8 GPUs in dev
    on: Training.*
"""


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """A project with a big training and a template, and the environments dev and prod, still without policies."""
    tool = Tool(tmp_path)
    big = training("big").replace("gpuDevicesRequest: 1", "gpuDevicesRequest: 9")
    tool.write({"manifests/all.yaml": documents(big, template("base"))})
    return tool


def with_policies(tool: Tool, policies: str, **files: str) -> Tool:
    head = "apiVersion: declarative/v1\nkind: Project\nmanifests: [manifests]\nenvironments: {dev: {}, prod: {}}\n"
    tool.write({"declarative.yaml": f"{head}policies:\n{policies.strip(chr(10))}\n"})
    for name, text in files.items():
        path = tool.folder / "policies" / name.replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    return tool


def with_python(tool: Tool, text: str) -> Tool:
    return with_policies(tool, "  - python: policies/rules.py", rules_py=text)


def with_command(tool: Tool, text: str, more: str = "") -> Tool:
    return with_policies(tool, f"  - command: [policies/check.sh]\n{more}", check_sh=f"#!/bin/sh\n{text}")


def test_no_training_over_8_gpus_in_dev(tool: Tool) -> None:
    """A rule in CEL knows the change and the environment; it is told at the manifest, with the rule's place."""
    with_policies(tool, CEL)
    done = tool.run("plan", "-e", "dev", code=1)
    assert "error: Denied by a policy\n --> manifests/all.yaml:1:1" in done.err
    assert "Training.big: no training over 8 GPUs in dev" in done.err
    assert "note: policy in CEL, at declarative.yaml:6:10" in done.err
    tool.run("plan", "-e", "prod")


@pytest.mark.parametrize("allowed", [(), ("--allow", "disruption", "--allow", "mass-change", "--allow", "empty")])
def test_nothing_allows_what_a_policy_denies(tool: Tool, allowed: tuple[str, ...]) -> None:
    with_policies(tool, CEL)
    done = tool.run("apply", "-e", "dev", "--auto-approve", *allowed, code=1)
    assert "Denied by a policy" in done.err
    assert tool.run("state", "list", "-e", "dev").out == ""


def test_a_denied_plan_is_not_saved(tool: Tool) -> None:
    with_policies(tool, CEL)
    said = tool.run("plan", "-e", "dev", "--out", "p", code=1).err
    assert said.count("note: the plan was not saved to p\n") == 1
    assert not (tool.folder / "p").exists()


def test_the_apply_of_a_saved_plan_asks_the_policies_again(tool: Tool) -> None:
    """A plan that was saved before the rule is refused by it."""
    with_policies(tool, CEL.replace("8", "9"))
    tool.run("plan", "-e", "dev", "--out", "p")
    with_policies(tool, CEL)
    done = tool.run("apply", "-e", "dev", "p", code=1)
    assert "Training.big: no training over 8 GPUs in dev" in done.err
    assert tool.run("state", "list", "-e", "dev").out == ""


def test_a_warning_lets_the_apply_pass(tool: Tool) -> None:
    with_policies(tool, CEL + "    effect: warn")
    done = tool.run("apply", "-e", "dev", "--auto-approve")
    assert "warning: Noted by a policy" in done.err
    assert "Apply complete! Resources: 2 added" in done.out


def test_a_destroy_keeps_the_policies_too(tool: Tool) -> None:
    """By default an expression is about what stays; with `actions` it is about what goes away."""
    with_policies(tool, "  - {cel: 'false', on: WorkloadTemplate.*, actions: [delete], message: keep it}")
    tool.run("apply", "--auto-approve")
    for command in ("plan --destroy", "destroy --auto-approve --allow disruption"):
        assert "WorkloadTemplate.base: keep it" in tool.run(*command.split(), code=1).err


def test_what_does_not_change_is_none_of_a_policys_business(tool: Tool) -> None:
    with_policies(tool, "  - {cel: 'false', effect: warn}")
    tool.run("apply", "--auto-approve")
    assert "policy" not in tool.run("plan").err


def test_an_expression_without_a_message_is_told_itself(tool: Tool) -> None:
    with_policies(tool, "  - {cel: 'change.kind != \"Training\"'}")
    assert 'Training.big: `change.kind != "Training"` is false.' in tool.run("plan", code=1).err


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("change.after.spec.compute.gpuDevicesRequest < 9", "there is no `compute` where the expression looks for it."),
        ("size(change.address)", "the expression gives 12, but true or false is expected."),
        ("change.address > 1", "No such overload"),
        ("nothing(change)", "Undefined variable or function: 'nothing'"),
    ],
)
def test_an_expression_that_cannot_be_asked_denies(tool: Tool, expression: str, told: str) -> None:
    """What a rule would have said is not known, so that nothing passes; the place is the rule's."""
    with_policies(tool, f"  - cel: {expression}\n    effect: warn")
    done = tool.run("plan", code=1)
    assert "error: Policy failed\n --> declarative.yaml:6:10" in done.err
    assert told in re.sub(r"\s+", " ", done.err)


def test_functions_that_deny_and_warn_are_asked_of_each_change_and_of_the_plan(tool: Tool) -> None:
    """The name says which; the parameters say what of. Several messages, one or none are fine, and helpers are not asked."""
    with_python(
        tool,
        """
from __future__ import annotations
from dataclasses import dataclass

@dataclass(frozen=True)
class Limit:
    gpus: int

def gpus(change):
    return change.after["spec"].get("compute", {}).get("gpuDevicesRequest", 0)

def deny_many_gpus(change, environment):
    if environment == "dev" and gpus(change) > Limit(8).gpus:
        yield f"{gpus(change)} GPUs"
        yield "and that is all"

def warn_of_new(plan):
    return f"{plan.to_add} new ones"

def deny_nothing(change): ...
""",
    )
    found = tool.run("plan", "-e", "dev", code=1).err
    assert "error: Denied by a policy\n --> manifests/all.yaml:1:1" in found
    assert "Training.big: 9 GPUs\n  note: policy deny_many_gpus of policies/rules.py, at declarative.yaml:6:13" in found
    assert "Training.big: and that is all" in found
    assert "warning: Noted by a policy\n --> declarative.yaml:6:13" in found
    assert "2 new ones" in found
    assert not list(tool.folder.rglob("__pycache__"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("yield change.after['spec']['computer']", "policies/rules.py:2: KeyError: 'computer'."),
        ("raise SystemExit(0)", "policies/rules.py:2: SystemExit: 0."),
        ("yield 3", "TypeError: it gives 3, but a policy gives messages, which are text."),
        ("return True", "TypeError: it gives True, but a policy gives messages, which are text."),
    ],
)
def test_a_function_that_fails_denies_at_its_place_in_the_project_file(tool: Tool, body: str, told: str) -> None:
    with_python(tool, f"def warn_of_it(change):\n    {body}\n")
    found = tool.run("apply", "--auto-approve", code=1).err
    assert "error: Policy failed\n --> declarative.yaml:6:13" in found
    assert f"warn_of_it for Training.big: {told}" in re.sub(r"\s+", " ", found)
    assert tool.run("state", "list").out == ""


def test_a_file_that_fails_when_it_is_run_is_told_by_plan_and_not_run_by_validate(tool: Tool) -> None:
    """`validate` reads policies only, so that it is safe for what a stranger proposes."""
    with_python(tool, "def deny_it(change): ...\n1 / 0\n")
    tool.run("validate")
    found = tool.run("plan", code=1).err
    assert "error: Policy cannot be loaded\n --> declarative.yaml:6:13" in found
    assert "policies/rules.py:2: ZeroDivisionError: division by zero." in found


def test_a_rule_that_comes_from_elsewhere_is_an_error_because_it_would_not_be_asked(tool: Tool) -> None:
    with_python(tool, "def deny_it(change): ...\nfrom shutil import copy as deny_copies\n")
    assert "gets deny_copies from elsewhere" in tool.run("plan", code=1).err


def test_what_a_function_prints_does_not_disturb_the_stream(tool: Tool) -> None:
    with_python(tool, "print('loaded')\ndef warn_of_it(change):\n    print('asked')\n")
    done = tool.run("plan", "--json")
    assert "planned_change" in [json.loads(line)["type"] for line in done.out.splitlines()]
    assert "loaded\n" in done.err
    assert "asked\n" in done.err


def test_a_command_reads_the_plan_as_terraforms_json(tool: Tool) -> None:
    """It gets on standard input what `show PLANFILE --json` prints, and runs in the project's folder."""
    with_command(tool, "cat > seen.json")
    tool.run("plan", "--out", "p")
    seen = json.loads((tool.folder / "seen.json").read_text())
    assert seen == json.loads(tool.run("show", "p", "--json").out)
    assert [one["address"] for one in seen["resource_changes"]] == ["Training.big", "WorkloadTemplate.base"]


def test_a_command_that_fails_denies_with_its_output_at_the_resource_that_it_names(tool: Tool) -> None:
    with_command(tool, "echo 'FAIL - Training.big wants 9 GPUs'\necho 'more' >&2\nexit 1")
    found = tool.run("plan", code=1).err
    assert "error: Denied by a policy\n --> manifests/all.yaml:1:1" in found
    assert "FAIL - Training.big wants 9 GPUs\n  more\n  note: policy policies/check.sh" in found


def test_a_command_that_names_several_resources_is_told_with_all_their_places(tool: Tool) -> None:
    with_command(tool, "echo 'Training.big, WorkloadTemplate.base'\nexit 2", "    effect: warn")
    found = tool.run("plan").err
    assert "warning: Noted by a policy\n --> declarative.yaml:6:14" in found
    assert "note: Training.big is at manifests/all.yaml:1:1" in found
    assert "note: WorkloadTemplate.base is at manifests/all.yaml:8:1" in found


def test_a_command_may_not_take_longer_than_its_timeout(tool: Tool) -> None:
    with_command(tool, "exec sleep 60", "    timeout: 1s\n    effect: warn")
    found = tool.run("plan", code=1).err
    assert "error: Policy failed\n --> declarative.yaml:6:14" in found
    assert "`policies/check.sh` did not end within 1 seconds." in found


def test_no_policy_sees_a_secret(tool: Tool) -> None:
    """Neither in the plan, nor in the JSON, nor in the environment of a command; they see that there is one."""
    secretive = training("big", more="", needs=()).replace(
        "  compute:", "  environmentVariables: [{name: KEY, value: \"{{ secret('KEY') }}\"}]\n  compute:"
    )
    tool.write({"manifests/all.yaml": secretive})
    policies = """
  - python: policies/rules.py
  - command: [policies/check.sh]
  - cel: change.after.spec.environmentVariables[0].value == "(sensitive)"
"""
    rules = "def warn_of_it(change, plan):\n    return repr([change.after, change.fields, plan])\n"
    with_policies(tool, policies, rules_py=rules, check_sh="#!/bin/sh\ncat; env; exit 1\n")
    environ = {"KEY": SECRET, "DECLARATIVE_TOKEN": f"token-{SECRET}"}
    done = tool.run("plan", code=1, **environ)
    assert done.err.count("Denied by a policy") == 1
    assert "Noted by a policy" in done.err
    assert "(sensitive)" in done.err
    assert SECRET not in done.out + done.err


def test_policies_that_are_wrong_are_told_before_anything_is_asked_of_the_control_plane(tool: Tool) -> None:
    with_policies(tool, "  - python: policies/rules.py")
    done = tool.run("plan", "--endpoint", "http://127.0.0.1:9", code=1, DECLARATIVE_TOKEN="t")
    assert "error: Unreadable policy\n --> declarative.yaml:6:13" in done.err
    assert "Unreachable" not in done.err


def test_a_wrong_policy_and_a_wrong_manifest_are_told_together(tool: Tool) -> None:
    with_policies(tool, "  - {cel: 'a +'}")
    tool.write({"manifests/all.yaml": training("Big")})
    found = tool.run("validate", code=1).err
    assert "Malformed policy" in found
    assert "Malformed value" in found
