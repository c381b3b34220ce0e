"""What a control plane has against a field is told where the author typed the field."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.cli.tool import Tool, documents, template, training
from tests.runai.wire import Asked, Reply, forward, wired

HERE = ("--auto-approve",)
LOOP = """{% for gpus in [1, 4] %}
apiVersion: runai/v1
kind: Training
metadata: {name: run-{{ gpus }}, project: vision, cluster: a100-prod}
spec:
  image: nvcr.io/nvidia/pytorch:24.08-py3
  compute:
    gpuDevicesRequest: {{ gpus }}
  environmentVariables:
    - {name: LEVEL, value: WARN}
    - {name: SIZE, value: "{{ gpus * 10 }}"}
---
{% endfor %}
"""
LIMITS = {"compute.gpuDevicesRequest": {"max": 2}, "environmentVariables.value": {"allowed": ["WARN", "10"]}}
ANSWER = "POST /api/v1/workloads/trainings answered 400: The policy does not allow this."


@pytest.fixture
def remote(tool: Tool, url: str) -> Tool:
    """The project against a sandbox over HTTP."""
    return Tool(tool.folder, {"DECLARATIVE_ENDPOINT": url, "DECLARATIVE_TOKEN": "sandbox"})


def limit(url: str, limits: dict[str, Any]) -> None:
    """Limits that no plan can foresee, so that it is the control plane that refuses."""
    settings = {"policy": {"limits": limits}, "refusePolicies": True}
    httpx.patch(f"{url}/_sandbox/settings", json=settings).raise_for_status()


def refused(tool: Tool, *arguments: str) -> list[dict[str, Any]]:
    """The errors in the stream of an apply that fails."""
    messages = [json.loads(line) for line in tool.run("apply", *arguments, "--json", code=1).out.splitlines()]
    found = [message["diagnostic"] for message in messages if message["type"] == "diagnostic"]
    return [one for one in found if one["severity"] == "error"]


def place(diagnostic: dict[str, Any]) -> str:
    start = diagnostic["range"]["start"]
    return f"{diagnostic['range']['filename']}:{start['line']}:{start['column']}"


def test_every_issue_points_at_its_field_in_the_loop_and_hides_no_other_resource(remote: Tool, url: str) -> None:
    """One turn of a loop is refused for two fields: both are shown as typed, and the other turn is applied."""
    remote.write({"manifests/all.yaml": LOOP, "manifests/base.yaml": template("base")})
    limit(url, LIMITS)
    said = remote.run("apply", *HERE, code=1).err
    assert "Apply incomplete. 2 steps done, 1 failed, 0 skipped." in said
    gpus = f"""
error: Training.run-4: Refused by policy
 --> manifests/all.yaml:8:24
  │
8 │     gpuDevicesRequest: {{{{ gpus }}}}
  │                        ^^^^^^^^^^
  `compute.gpuDevicesRequest`: value must be at most 2.
  {ANSWER}
"""
    size = f"""
error: Training.run-4: Refused by policy
  --> manifests/all.yaml:11:27
   │
11 │     - {{name: SIZE, value: "{{{{ gpus * 10 }}}}"}}
   │                           ^
  `environmentVariables[1].value`: value must be "WARN" or "10".
  {ANSWER}
"""
    assert gpus in said
    assert size in said
    assert remote.run("state", "list").out.split() == ["Training.run-1", "WorkloadTemplate.base"]


def test_the_stream_tells_the_places_too_and_what_the_template_made(remote: Tool, url: str) -> None:
    """Each issue is a diagnostic of its own, with its range, the resource and the value."""
    remote.write({"manifests/all.yaml": LOOP})
    limit(url, LIMITS)
    found = refused(remote, *HERE)
    assert [(place(one), one["address"]) for one in found] == [
        ("manifests/all.yaml:8:24", "Training.run-4"),
        ("manifests/all.yaml:11:27", "Training.run-4"),
    ]
    assert ["4" in str(one["notes"]) for one in found] == [True, True]


def test_two_resources_that_are_refused_are_both_told(remote: Tool, url: str) -> None:
    """Each failure has its own place, in its own file."""
    remote.write({"manifests/all.yaml": training("a"), "manifests/b.yaml": documents(training("b"), training("c"))})
    limit(url, {"image": {"allowed": ["nothing"]}})
    found = refused(remote, *HERE)
    assert sorted((one["address"], place(one)) for one in found) == [
        ("Training.a", "manifests/all.yaml:5:10"),
        ("Training.b", "manifests/b.yaml:5:10"),
        ("Training.c", "manifests/b.yaml:12:10"),
    ]


def test_a_refused_update_points_at_its_field(remote: Tool, url: str) -> None:
    """A PUT is refused as a POST is, and the object stays as it was."""
    remote.run("apply", *HERE)
    limit(url, {"specificEnv.environmentVariables.value": {"allowed": ["WARN"]}})
    remote.write({"manifests/all.yaml": documents(template("base", text="INFO"), training("a"), training("b"))})
    (found,) = refused(remote, *HERE)
    assert (place(found), found["address"]) == ("manifests/all.yaml:6:61", "WorkloadTemplate.base")
    assert "PUT /api/v1/asset/workload-template/" in found["detail"]
    limit(url, {})
    remote.run("apply", *HERE)
    remote.plan_is_empty()


def test_a_saved_plan_has_the_place_of_the_document_and_names_the_field(remote: Tool, url: str) -> None:
    """Without manifests the field cannot be shown, but it is named."""
    remote.write({"manifests/all.yaml": LOOP})
    remote.run("plan", "--out", "p")
    limit(url, {"compute.gpuDevicesRequest": {"max": 2}})
    (found,) = refused(remote, "p")
    assert place(found) == "manifests/all.yaml:2:1"
    assert "`compute.gpuDevicesRequest`: value must be at most 2." in found["detail"]


@pytest.mark.parametrize(
    ("field", "where"),
    [
        ("spec.compute.gpuDevicesRequest", "manifests/all.yaml:6:32"),
        ("projectId", "manifests/all.yaml:3:30"),
        ("compute.gpuMemoryRequest", "manifests/all.yaml:6:12"),
        ("unheard.of", "manifests/all.yaml:1:1"),
    ],
)
def test_other_control_planes_name_fields_in_other_ways(remote: Tool, url: str, field: str, where: str) -> None:
    """From the top of the request, by the names of the request, or fields that nobody typed: the nearest place counts."""
    remote.write({"manifests/all.yaml": training("a")})

    def answer(asked: Asked) -> Reply | None:
        if str(asked) != "POST /api/v1/workloads/trainings":
            return forward(url, asked)
        return Reply(400, {"code": 400, "message": "m", "complianceIssues": [{"field": field, "details": "d"}]})

    with wired(answer) as wire:
        (found,) = refused(remote, *HERE, "--endpoint", wire.url)
    assert place(found) == where
