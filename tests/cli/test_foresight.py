"""What `plan` and `apply` foresee, over HTTP, before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.tool import Done, Tool, documents, template, training

READS = {
    "GET /api/v1/org-unit/projects/{projectId}",
    "GET /api/v2/policy/trainings",
}


class Tenant:
    """A control plane at `url`, and the tool that works with it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.admin = httpx.Client(base_url=f"{url}/_sandbox/", trust_env=False)
        self.tool = Tool(folder, {"DECLARATIVE_ENDPOINT": url, "DECLARATIVE_TOKEN": "sandbox"})

    def settings(self, **given: Any) -> None:
        self.admin.patch("settings", json=given).raise_for_status()

    def requests(self) -> dict[str, int]:
        """How often each operation was asked for."""
        rows = self.admin.get("requests").json()["requests"]
        return {f"{row['method']} {row['path']}": row["count"] for row in rows}

    def plan(self, *arguments: str, code: int = 0) -> Done:
        return self.tool.run("plan", *arguments, code=code)


@pytest.fixture
def tenant(url: str, tmp_path: Path) -> Iterator[Tenant]:
    folder = tmp_path / "project"
    folder.mkdir()
    made = Tenant(url, folder)
    made.settings(speed="instant")
    made.tool.write({"manifests/all.yaml": documents(template("base"), training("a"), training("b"))})
    yield made
    made.admin.close()


def diagnostics(done: Done) -> list[dict[str, Any]]:
    """The diagnostics of a stream of events."""
    messages = [json.loads(line) for line in done.out.splitlines()]
    return [message["diagnostic"] for message in messages if message["type"] == "diagnostic"]


# --- names ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("type", ["Workspace", "Inference", "Distributed"])
def test_a_name_that_a_workload_of_another_type_has_is_an_error_where_it_stands(tenant: Tenant, type: str) -> None:
    body = {"type": type, "name": "b", "projectId": "4501"}
    made = tenant.admin.post("workloads", json=body).json()
    tenant.admin.post("workloads", json={**body, "name": "a", "projectId": "4502"})
    for command in (("plan",), ("apply", "--auto-approve")):
        done = tenant.tool.run(*command, code=1)
        assert "error: Name already taken\n  --> manifests/all.yaml:17:18" in done.err
        assert f"a {type} of that name exists in project vision with the id {made['id']}" in " ".join(done.err.split())
        assert done.err.count("error:") == 1
    assert "POST /api/v1/workloads/trainings" not in tenant.requests()


def test_a_name_that_another_training_has_is_an_error_where_it_stands(tenant: Tenant, tmp_path: Path) -> None:
    other = Tool(tmp_path / "other", tenant.tool.environ)
    other.write({"manifests/all.yaml": training("a")})
    other.apply()
    assert "error: Name already taken" in tenant.plan(code=1).err


def test_a_name_that_gets_random_characters_is_taken_by_nobody(tenant: Tenant) -> None:
    tenant.admin.post("workloads", json={"type": "Workspace", "name": "a", "projectId": "4501"})
    text = training("a").replace("{name: a,", "{name: a, useGivenNameAsPrefix: true,")
    tenant.tool.write({"manifests/all.yaml": text})
    tenant.plan()


# --- quotas -----------------------------------------------------------------------------------------------------------
def test_more_gpus_than_the_quota_is_a_warning_with_figures_at_the_training_that_crosses_it(tenant: Tenant) -> None:
    tenant.settings(quotas={"4501": {"default": {"deserved": 4}}})
    tenant.admin.post("workloads", json={"type": "Workspace", "name": "lab", "projectId": "4501", "gpus": 3})
    done = tenant.plan()
    assert "warning: More GPUs than the quota\n  --> manifests/all.yaml:20:32" in done.err
    assert "vision/default: deserved 4, allocated 3, this plan adds 2 and frees 0: 5." in done.err
    (told,) = diagnostics(tenant.plan("--json"))
    assert (told["severity"], told["summary"]) == ("warning", "More GPUs than the quota")
    assert told["range"]["start"]["line"] == 20
    tenant.tool.apply()
    tenant.tool.plan_is_empty()


def test_what_the_plan_ends_makes_room(tenant: Tenant) -> None:
    tenant.settings(quotas={"4501": {"default": {"deserved": 2}}})
    tenant.tool.apply()
    tenant.tool.write({"manifests/all.yaml": documents(template("base"), training("a"), training("c"))})
    assert "More GPUs" not in tenant.plan().err
    tenant.tool.write({"manifests/all.yaml": documents(template("base"), training("b"), training("c"), training("d"))})
    told = tenant.plan().err
    assert "vision/default: deserved 2, allocated 2, this plan adds 2 and frees 1: 3." in told


def test_one_training_beyond_a_limit_is_an_error(tenant: Tenant) -> None:
    tenant.settings(quotas={"4501": {"default": {"deserved": 0, "limit": 0.5}}})
    done = tenant.plan("--out", "p.plan", code=1)
    assert done.err.count("error: More GPUs than the limit") == 2
    assert not (tenant.tool.folder / "p.plan").exists()


# --- policies ---------------------------------------------------------------------------------------------------------
POLICY = {
    "limits": {"compute.gpuDevicesRequest": {"max": 0.5}, "imagePullPolicy": {"required": True}},
    "lists": {"environmentVariables": {"canAdd": False}},
}


def test_violations_of_the_policy_are_errors_where_they_stand_all_at_once_and_nothing_is_sent(tenant: Tenant) -> None:
    tenant.settings(policy=POLICY)
    tenant.tool.write({"manifests/all.yaml": training("a") + "  environmentVariables: [{name: X, value: '1'}]\n"})
    for command in (("plan",), ("apply", "--auto-approve")):
        done = tenant.tool.run(*command, code=1)
        assert done.err.count("error: Against the policy") == 3
        for place in ("4:1", "6:32", "7:26"):
            assert f"--> manifests/all.yaml:{place}" in done.err
        assert "hint: write 0.5 or less" in done.err
    assert "POST /api/v1/workloads/trainings" not in tenant.requests()


def test_what_is_foreseen_is_what_the_control_plane_says_itself(tenant: Tenant) -> None:
    """The same fields are told when the plan could not read the policy."""
    tenant.settings(policy=POLICY, refusePolicies=True)
    tenant.tool.write({"manifests/all.yaml": training("a")})
    done = tenant.tool.apply(code=1)
    assert "`compute.gpuDevicesRequest`: value must be at most 0.5" in done.err
    assert "`imagePullPolicy`: value is required" in done.err


def test_violations_are_events_of_the_stream(tenant: Tenant) -> None:
    tenant.settings(policy=POLICY)
    found = diagnostics(tenant.plan("--json", code=1))
    assert {(one["severity"], one["summary"]) for one in found} == {("error", "Against the policy")}
    assert len(found) == 4


def test_a_loop_is_told_once(tenant: Tenant) -> None:
    tenant.settings(policy={"limits": {"compute.gpuDevicesRequest": {"max": 0.5}}})
    loop = "{% for n in range(30) %}\n---\n" + training("run-{{ n }}") + "{% endfor %}\n"
    tenant.tool.write({"manifests/all.yaml": loop})
    done = tenant.plan(code=1)
    assert done.err.count("error:") == 1
    assert "this line makes the same mistake 29 more times" in done.err


def test_secrets_are_neither_compared_nor_shown(tenant: Tenant) -> None:
    tenant.settings(
        policy={"limits": {"environmentVariables.value": {"allowed": ["plain"]}, "image": {"allowed": ["x"]}}}
    )
    item = "  environmentVariables: [{name: KEY, value: \"{{ secret('KEY') }}\"}]\n"
    tenant.tool.write({"manifests/all.yaml": training("a") + item})
    done = tenant.tool.run("plan", code=1, KEY="very-hidden-text")
    assert done.err.count("error:") == 1
    assert "spec.image" in done.err
    assert "very-hidden-text" not in done.err + done.out


def test_what_runs_already_is_not_held_against_a_new_policy(tenant: Tenant) -> None:
    tenant.tool.apply()
    tenant.settings(policy=POLICY)
    tenant.tool.plan_is_empty()


# --- what is not told -------------------------------------------------------------------------------------------------
def test_what_a_tenant_does_not_tell_is_noted_once_and_the_plan_goes_on(tenant: Tenant) -> None:
    tenant.settings(refuseQuotas=True, refusePolicies=True, policy=POLICY)
    other = training("c").replace("vision", "language")
    tenant.tool.write({"manifests/all.yaml": documents(training("a"), other)})
    done = tenant.plan()
    notes = [line for line in done.err.splitlines() if line.startswith("Not checked:")]
    assert notes == [
        "Not checked: The control plane did not tell the quotas of 2 projects (status 403).",
        "Not checked: The control plane did not tell the policies of 2 projects (status 403).",
    ]
    assert [one["summary"] for one in diagnostics(tenant.plan("--json"))] == ["Not checked", "Not checked"]


def test_a_tenant_without_a_list_of_workloads_does_not_tell_the_names(tenant: Tenant) -> None:
    tenant.settings(refuseLists=True)
    done = tenant.plan()
    assert "Not checked: The control plane did not tell the names of other workloads of 1 project" in done.err


# --- what it costs ----------------------------------------------------------------------------------------------------
def test_each_thing_is_read_once_for_each_project_that_is_touched(tenant: Tenant) -> None:
    many = [training(f"a{number}") for number in range(12)]
    tenant.tool.write({"manifests/all.yaml": documents(*many, training("z").replace("vision", "language"))})
    tenant.plan()
    found = tenant.requests()
    assert {name: found[name] for name in READS} == dict.fromkeys(READS, 2)
    assert {name.split()[0] for name in found} == {"GET"}


def test_a_plan_that_asks_for_nothing_reads_nothing_of_it(tenant: Tenant) -> None:
    tenant.tool.apply()
    before = tenant.requests()
    tenant.tool.plan_is_empty()
    tenant.tool.write({"manifests/all.yaml": documents(template("base", text="INFO"), training("a"))})
    tenant.plan()
    after = tenant.requests()
    assert {name: after[name] for name in READS} == {name: before[name] for name in READS}


def test_validate_asks_nobody(tenant: Tenant) -> None:
    tenant.settings(policy=POLICY)
    tenant.tool.run("validate")
    assert tenant.requests() == {}


@pytest.mark.parametrize("phase", ["Deleting", "Terminating"])
def test_a_name_whose_holder_is_being_deleted_is_a_warning(tenant: Tenant, phase: str) -> None:
    made = tenant.admin.post("workloads", json={"type": "Workspace", "name": "b", "projectId": "4501"}).json()
    tenant.admin.post(f"workloads/{made['id']}/phase", json={"phase": phase}).raise_for_status()
    said = tenant.plan().err
    assert "warning: Name not free yet" in said
    assert "delete the existing object" not in said


# --- saved plans ------------------------------------------------------------------------------------------------------
def test_an_apply_of_a_saved_plan_looks_ahead_too_and_ends_nothing_whose_successor_would_be_refused(
    tenant: Tenant,
) -> None:
    tenant.tool.apply()
    larger = training("a").replace("gpuDevicesRequest: 1", "gpuDevicesRequest: 2")
    manifests = documents(template("base"), larger, training("b"))
    tenant.tool.write({"manifests/all.yaml": manifests})
    tenant.plan("--out", "saved")
    tenant.settings(policy={"limits": {"compute.gpuDevicesRequest": {"max": 0}}})
    done = tenant.tool.apply("saved", code=1)
    assert "compute.gpuDevicesRequest" in done.err
    assert "DELETE /api/v1/workloads/trainings/{workloadId}" not in tenant.requests()
    tenant.settings(policy={"limits": {}})
    tenant.settings(quotas={"4501": {"default": {"deserved": 0, "limit": None}}})
    assert "warning:" in tenant.tool.apply("saved").err
