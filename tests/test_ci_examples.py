"""The pipelines of examples/ci do what they promise: each step of them is run, against a control plane that is served over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cli.tool import Tool, documents, template, training
from tests.fake_gitlab import gitlab
from tests.forked import sandbox
from tests.pipelines import EXAMPLE, NUMBER, GitHub, GitLab, Repository, keep
from tests.postgres import PASSWORD, PostgresServer

WORKFLOWS = sorted((EXAMPLE / "github").glob("*.yml"))
PROJECT = """apiVersion: declarative/v1
kind: Project
variables:
  image: {type: string}
  wandb_key: {type: string, sensitive: true}
environments:
  prod: {}
"""
# How the scripts know their comment; others may write the same.
MARKER = "<!-- plan by declarative 0123456789ab -->"
SECRET = "wandb-7f3a9c"
KEYED = training("keyed", image="{{ var.image }}").replace(
    "  compute", "  environmentVariables: [{name: KEY, value: '{{ var.wandb_key }}'}]\n  compute"
)
MANIFESTS = {
    "infra/declarative.yaml": PROJECT,
    "infra/manifests/all.yaml": documents(template("base"), training("a"), KEYED),
}


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[httpx.Client]:
    """A control plane over HTTP, whose phases move at once, and somebody who changes things there by hand."""
    known = {"Authorization": "Bearer sandbox"}
    with sandbox(tmp_path / "plane.sqlite3") as url, httpx.Client(base_url=url, headers=known) as client:
        client.patch("/_sandbox/settings", json={"speed": "instant"}).raise_for_status()
        yield client


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Everything that the tool needs to know comes from the environment."""
    given = {"DECLARATIVE_PARALLELISM": "4", "DECLARATIVE_VAR_image": "busybox", "DECLARATIVE_VAR_wandb_key": SECRET}
    return Repository.at(tmp_path, MANIFESTS, **given)


@pytest.fixture
def settings(tmp_path: Path, plane: httpx.Client) -> dict[str, str]:
    """What a host keeps as variables and secrets."""
    return {
        "DECLARATIVE_ENDPOINT": str(plane.base_url).rstrip("/"),
        "DECLARATIVE_STATE": str(tmp_path / "state.sqlite3"),
        "DECLARATIVE_ENVIRONMENT": "prod",
        "DECLARATIVE_CLIENT_ID": "sandbox",
        "DECLARATIVE_CLIENT_SECRET": "sandbox",
    }


@pytest.fixture(params=["github", "gitlab"])
def host(request: pytest.FixtureRequest, repository: Repository, settings: dict[str, str]) -> Iterator[GitHub | GitLab]:
    if request.param == "github":
        yield GitHub(repository, settings)
    else:
        with gitlab(repository.kept) as api:
            yield GitLab(repository, settings, api)


def merge(host: GitHub | GitLab) -> None:
    """The change is on the main branch now, and came with the pull request."""
    (host.repository.kept / "merged.json").write_text(json.dumps([{"number": NUMBER}]))


def comment(host: GitHub | GitLab) -> str:
    """The one comment on the pull request."""
    (one,) = host.repository.told("comments")
    return str(one["body"])


def checksum_in(host: GitHub | GitLab) -> str:
    """The checksum of the plan that was made last, which a reviewer can read as well as the scripts."""
    folder = host.repository.folder / "infra"
    found = (folder / "checksum").read_text().strip()
    assert re.fullmatch("[0-9a-f]{12}", found)
    assert f"Checksum <code>{found}</code>" in (folder / "plan.md").read_text()
    return found


def delete_training(plane: httpx.Client, name: str) -> None:
    """What a person does by hand."""
    rows = plane.get("/api/v1/workloads").json()["workloads"]
    (found,) = (row["id"] for row in rows if row["name"] == name)
    plane.delete(f"/api/v1/workloads/trainings/{found}").raise_for_status()


def applied(host: GitHub | GitLab) -> None:
    """The manifests as they are were applied before, from somewhere else."""
    tool = Tool(host.repository.folder / "infra", {**host.repository.environ, **host.settings})
    assert "Apply complete! Resources: 3 added" in tool.run("apply", "--auto-approve").out


def test_a_change_is_planned_in_a_comment_and_applied_when_it_is_merged(host: GitHub | GitLab) -> None:
    run = host.plan()
    assert run.succeeded, run.log
    assert "Plan: 3 to add, 0 to change, 0 to destroy." in comment(host)
    assert "infra/manifests/all.yaml#L" in comment(host)
    merge(host)
    assert "Apply complete! Resources: 3 added, 0 changed, 0 destroyed." in host.apply().log


def test_the_plan_that_was_reviewed_is_applied_whatever_the_checkout_says_by_then(host: GitHub | GitLab) -> None:
    host.plan()
    merge(host)
    host.repository.write({"infra/manifests/more.yaml": training("more")})
    assert "Apply complete! Resources: 3 added" in host.apply().log


def test_a_push_edits_the_comment_of_the_one_before(host: GitHub | GitLab) -> None:
    author = "somebody" if isinstance(host, GitHub) else {"id": 1}
    others = [{"id": str(n), "number": NUMBER, "author": author, "body": f"{MARKER}\n{n}"} for n in range(3)]
    (host.repository.kept / "comments.json").write_text(json.dumps(others))
    host.plan()
    host.repository.write({"infra/manifests/more.yaml": training("more")})
    host.plan()
    *before, last = host.repository.told("comments")
    assert before == others
    assert "Plan: 4 to add, 0 to change, 0 to destroy." in last["body"]


def test_nothing_to_change_is_a_success_that_says_so(host: GitHub | GitLab) -> None:
    applied(host)
    run = host.plan()
    assert run.succeeded
    assert "No changes." in comment(host)
    merge(host)
    assert "Apply complete! Resources: 0 added, 0 changed, 0 destroyed." in host.apply().log


def test_a_mistake_in_a_manifest_fails_the_plan_and_is_told_where_it_is(host: GitHub | GitLab) -> None:
    mistaken = training("b").replace("gpuDevicesRequest", "gpuDeviceRequest")
    host.repository.write({"infra/manifests/b.yaml": mistaken})
    run = host.plan()
    assert not run.succeeded
    assert "Unknown key" in comment(host)
    assert "infra/manifests/b.yaml#L6" in comment(host)
    if isinstance(host, GitHub):
        assert "\n::error file=infra/manifests/b.yaml,line=6,col=13,title=Unknown key::" in run.log
        assert run.outcomes["Keep the plan"] == "skipped"
    else:
        (found,) = json.loads((host.repository.folder / "gl-code-quality-report.json").read_text())
        assert found["location"] == {"path": "infra/manifests/b.yaml", "lines": {"begin": 6}}
        assert (found["check_name"], found["severity"]) == ("Unknown key", "blocker")
        assert "::error" not in run.log


def test_a_change_without_a_reviewed_plan_is_planned_and_waits_for_somebody(host: GitHub | GitLab) -> None:
    run = host.apply()
    assert not run.succeeded
    assert "by hand" in run.log
    assert "Plan: 3 to add, 0 to change, 0 to destroy." in run.log
    assert "Apply complete!" not in run.log
    assert "Apply complete! Resources: 3 added" in host.apply(checksum_in(host)).log


def test_a_stale_plan_is_refused_and_the_new_one_is_applied_by_hand(host: GitHub | GitLab, plane: httpx.Client) -> None:
    applied(host)
    host.repository.write({"infra/manifests/all.yaml": documents(template("base", text="INFO"), training("a"))})
    host.plan()
    before = checksum_in(host)
    merge(host)
    delete_training(plane, "keyed")
    run = host.apply()
    assert not run.succeeded
    assert "Saved plan is stale" in run.log
    anew = checksum_in(host)
    assert anew != before
    again = host.apply(anew)
    assert again.succeeded, again.log
    assert "Apply complete! Resources: 0 added, 1 changed, 0 destroyed." in again.log


def test_what_a_guard_refuses_is_allowed_by_hand(host: GitHub | GitLab) -> None:
    applied(host)
    host.repository.write({"infra/manifests/all.yaml": documents(template("base"), KEYED)})
    host.plan()
    reviewed = checksum_in(host)
    merge(host)
    assert "Running work would stop" in host.apply().log
    allowed = host.apply(reviewed, "disruption")
    assert "Apply complete! Resources: 0 added, 0 changed, 1 destroyed." in allowed.log


def test_another_plan_under_the_name_of_the_reviewed_one_is_refused(host: GitHub | GitLab) -> None:
    host.plan()
    reviewed = checksum_in(host)
    merge(host)
    host.repository.write({"infra/manifests/more.yaml": training("more")})
    assert host.repository.shell("PROJECT=infra ci/plan.sh", host.settings).returncode == 0
    keep(host.repository.kept, f"plan-{reviewed}", host.repository.folder / "infra" / "infra.plan")
    run = host.apply()
    assert not run.succeeded
    assert "Another plan than the reviewed one" in run.log
    assert "Apply complete!" not in run.log


def test_drift_fails_the_night_and_is_told_in_one_issue(host: GitHub | GitLab, plane: httpx.Client) -> None:
    applied(host)
    assert host.drift().succeeded
    assert host.repository.told("issues") == []
    delete_training(plane, "a")
    assert not host.drift().succeeded
    assert not host.drift().succeeded
    (issue,) = host.repository.told("issues")
    assert [("Training.a" in note) for note in issue["notes"]] == [True, True]


def test_a_night_on_which_drift_cannot_be_told_is_a_failure_and_no_issue(host: GitHub | GitLab) -> None:
    applied(host)
    host.settings = {**host.settings, "DECLARATIVE_ENDPOINT": "http://127.0.0.1:1"}
    assert not host.drift().succeeded
    assert host.repository.told("issues") == []


def test_the_state_may_be_in_postgresql_and_no_secret_is_kept_or_told(
    repository: Repository, settings: dict[str, str], postgres: PostgresServer, tmp_path: Path
) -> None:
    host = GitHub(repository, {**settings, "DECLARATIVE_STATE": postgres.url()})
    assert host.plan().succeeded
    merge(host)
    assert host.apply().succeeded
    said = [path for path in (*repository.kept.rglob("*"), *repository.folder.rglob("*")) if path.is_file()]
    assert [path for path in said if SECRET in path.read_text() or PASSWORD in path.read_text()] == []
    assert not (repository.folder / "infra" / ".declarative").exists()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_asks_for_little_pins_actions_and_has_a_time_limit(path: Path) -> None:
    workflow: dict[Any, Any] = yaml.safe_load(path.read_text())
    (job,) = workflow["jobs"].values()
    writes = {name for name, right in workflow["permissions"].items() if right != "read"}
    assert writes == {"plan": {"pull-requests"}, "apply": set(), "drift": {"issues"}}[path.stem]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)
    assert workflow["concurrency"]["cancel-in-progress"] is (path.stem != "apply")
    assert job["timeout-minutes"] <= 60
    # A value that is pasted into a script could be one: scripts get them as variables.
    assert not any("${{" in step.get("run", "") for step in job["steps"])
    # `pull_request_target` would give secrets to whoever opens a pull request.
    assert "pull_request_target" not in workflow[True]


def test_only_the_apply_gets_what_may_write() -> None:
    """Both hosts keep a second value of the secrets for the environment `production`."""
    jobs = {path.stem: next(iter(yaml.safe_load(path.read_text())["jobs"].values())) for path in WORKFLOWS}
    assert {name for name, job in jobs.items() if "environment" in job} == {"apply"}
    pipeline = yaml.safe_load((EXAMPLE / "gitlab" / ".gitlab-ci.yml").read_text())
    assert {name for name, job in pipeline.items() if "environment" in job} == {"apply"}
    assert pipeline["apply"]["resource_group"] == "production"
