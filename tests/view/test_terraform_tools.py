"""What reads Terraform's plans reads ours: an OPA policy as conftest runs it, and a published summarizer, both unchanged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from regopy import Interpreter

from declarative.model.plan import Action
from declarative.view.terraform import plan_json
from tests.cli.tool import Tool, documents, template, training
from tests.view import samples

# A policy as teams have them for Terraform's plans. conftest runs `deny` of the package `main`.
POLICY = """
package main

deny[msg] {
  change := input.resource_changes[_]
  change.type == "Training"
  change.change.actions[_] == "create"
  gpus := change.change.after.spec.compute.gpuDevicesRequest
  gpus > 8
  msg := sprintf("%s wants %v GPUs", [change.address, gpus])
}

deny[msg] {
  change := input.resource_changes[_]
  change.change.actions[_] == "delete"
  input.environment == "prod"
  msg := sprintf("%s goes away in prod", [change.address])
}

deny[msg] {
  drifted := input.resource_drift[_]
  msg := sprintf("%s has drifted", [drifted.address])
}
"""


def denied(document: Any) -> set[str]:
    opa = Interpreter()
    opa.add_module("main", POLICY)
    opa.set_input(document)
    answer = opa.query("data.main.deny")
    return set(answer.results[0].expressions[0])


@pytest.fixture
def project(tmp_path: Path) -> Tool:
    tool = Tool(tmp_path)
    big = training("big").replace("gpuDevicesRequest: 1", "gpuDevicesRequest: 9")
    tool.write({"manifests/all.yaml": documents(training("small"), big, template("base"))})
    tool.run("plan", "--out", "p")
    return tool


def test_an_opa_policy_judges_a_saved_plan(project: Tool) -> None:
    """`show PLANFILE --json` is input for a policy that was written for Terraform."""
    assert denied(json.loads(project.run("show", "p", "--json").out)) == {"Training.big wants 9 GPUs"}


def test_an_opa_policy_sees_deletions_the_environment_and_drift() -> None:
    document = plan_json(samples.plan(samples.DELETE), drift=[samples.TEMPLATE], environment="prod")
    assert denied(document) == {
        f"{samples.DELETE.address} goes away in prod",
        f"{samples.TEMPLATE.address} has drifted",
    }


def summary(document: str) -> str:
    """What tf-peek makes of a plan: https://pypi.org/project/tf-peek/"""
    done = subprocess.run(
        [sys.executable, "-m", "tf_peek", "-"], input=document, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_published_summarizer_summarizes_a_saved_plan(project: Tool) -> None:
    """It counts by action and kind, and lists every resource with its values."""
    text = summary(project.run("show", "p", "--json").out)
    assert "| **Σ Total** |  | **3** |  | **3** |" in text
    for address in ("Training.small", "Training.big", "WorkloadTemplate.base"):
        assert f"<b>{address}</b>" in text
    assert '"gpuDevicesRequest": 9' in text


def test_a_published_summarizer_knows_every_action_and_what_forces_a_replacement() -> None:
    # `forget` is Terraform's, too, but this release of the summarizer knows no such action.
    known = [change for change in samples.FULL_PLAN.changes if change.action is not Action.FORGET]
    text = summary(json.dumps(plan_json(samples.plan(*known))))
    for action in ("Create", "Update", "Replace", "Delete"):
        assert f" {action} |" in text
    assert "forces replacement: <code>spec." in text
