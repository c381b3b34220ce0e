"""Names, from the manifest to the request: what a person sees when they mean one thing, none, or several."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from declarative.sandbox import seeds
from tests.cli.tool import Tool, documents, training
from tests.runai.wire import Asked, Reply, forward, wired

IMAGES = [f"{number}0000000-0000-4000-8000-00000000000{number}" for number in range(1, 5)]
TENANT, VISION, ROBOTICS, H100 = IMAGES


def image(identity: str, scope: str, **owner: Any) -> dict[str, Any]:
    return {"id": identity, "kind": "environment", "name": "torch", "scope": scope, **owner}


@pytest.fixture
def remote(tool: Tool, url: str) -> Tool:
    return Tool(tool.folder, {"DECLARATIVE_ENDPOINT": url, "DECLARATIVE_TOKEN": "sandbox"})


def admin(url: str, method: str, path: str, body: Any = None) -> Any:
    answer = httpx.request(method, f"{url}/_sandbox/{path}", json=body, trust_env=False)
    return answer.raise_for_status().json()


def has(url: str, **lists: Any) -> None:
    """Makes these what the sandbox has to refer to."""
    admin(url, "PUT", "directory", lists)


def template(project: str, name: str = "base") -> str:
    return f"""apiVersion: runai/v1
kind: WorkloadTemplate
metadata: {{name: {name}, scope: project, project: {project}}}
spec:
  assets:
    environment: {{name: torch}}
"""


def live(url: str, path: str) -> list[Any]:
    headers = {"Authorization": "Bearer sandbox"}
    found: list[Any] = httpx.get(f"{url}/api/v1/{path}", headers=headers, trust_env=False).json()["entries"]
    return found


def said(text: str) -> str:
    return " ".join(text.split())


def test_a_template_gets_the_asset_that_its_own_project_can_see(remote: Tool, url: str) -> None:
    """Also where only the cluster of the project decides; and the project goes out as a number."""
    has(url, assets=[image(VISION, "project", projectId=4501), image(H100, "cluster", clusterId=seeds.H100)])
    remote.write({"manifests/all.yaml": documents(template("vision", "one"), template("robotics", "two"))})
    remote.apply()
    found = {one["meta"]["name"]: one for one in live(url, "asset/workload-template")}
    assert {name: one["spec"]["assets"]["environment"]["id"] for name, one in found.items()} == {
        "one": VISION,
        "two": H100,
    }
    assert {name: one["meta"]["projectId"] for name, one in found.items()} == {"one": 4501, "two": 4503}
    remote.plan_is_empty()


def test_an_ambiguous_name_is_an_error_at_its_line_with_the_candidates(remote: Tool, url: str) -> None:
    has(
        url,
        assets=[
            image(TENANT, "tenant"),
            image(VISION, "project", projectId=4501),
            image(ROBOTICS, "project", projectId=4503),
        ],
    )
    remote.write({"manifests/all.yaml": template("vision")})
    refused = said(remote.run("plan", code=1).err)
    assert "manifests/all.yaml:6:25" in refused
    assert f"torch exists 2 times: {TENANT} (tenant), {VISION} (project vision)." in refused
    assert "hint: write the id instead of the name: `environment: ID`" in refused
    assert ROBOTICS not in refused
    remote.write({"manifests/all.yaml": template("vision").replace("{name: torch}", VISION)})
    remote.apply()


def test_a_project_that_is_not_in_the_named_cluster_is_an_error_at_its_line(remote: Tool) -> None:
    remote.write({"manifests/all.yaml": training("a").replace("a100-prod", "h100-lab")})
    refused = said(remote.run("plan", code=1).err)
    assert "manifests/all.yaml:3:30" in refused
    assert "The project vision is in the cluster a100-prod, not in h100-lab." in refused
    assert "hint: write `cluster: a100-prod`, or name another project" in refused


def test_every_wrong_name_is_told_at_once(remote: Tool) -> None:
    remote.write({"manifests/all.yaml": documents(training("a").replace("vision", "vison"), template("langage"))})
    refused = said(remote.run("plan", code=1).err)
    assert "did you mean `vision`?" in refused
    assert "did you mean `language`?" in refused
    assert refused.count("Unknown name") == 3


@pytest.mark.parametrize("wraps", [False, True])
def test_clusters_are_found_whether_their_list_is_bare_or_wrapped(remote: Tool, url: str, wraps: bool) -> None:
    admin(url, "PATCH", "settings", {"wrapClusters": wraps})
    remote.apply()
    remote.plan_is_empty()


@pytest.mark.parametrize("status", [403, 404])
def test_a_tenant_that_refuses_a_list_takes_ids(tool: Tool, url: str, status: int) -> None:
    def answer(asked: Asked) -> Reply | None:
        if asked.path.startswith("/api/v1/org-unit/"):
            return Reply(status, {"code": status, "message": "not for you"})
        return forward(url, asked)

    with wired(answer) as wire:
        remote = Tool(tool.folder, {"DECLARATIVE_ENDPOINT": wire.url, "DECLARATIVE_TOKEN": "sandbox"})
        remote.write({"manifests/all.yaml": training("a")})
        refused = said(remote.run("plan", code=1).err)
        assert "manifests/all.yaml:3:" in refused
        assert f"vision cannot be looked up: GET /api/v1/org-unit/projects was answered {status}." in refused
        assert "hint: write the id instead of the name: `projectId: ID`" in refused
        remote.write({"manifests/all.yaml": training("a").replace("project: vision", 'projectId: "4501"')})
        remote.apply()


# --- saved plans ------------------------------------------------------------------------------------------------------
def test_a_saved_plan_is_stale_when_one_of_its_names_means_something_else(remote: Tool, url: str) -> None:
    """The project was deleted, and made anew under the same name."""
    remote.run("plan", "--out", "p")
    cluster = {"clusterId": seeds.A100, "departmentId": seeds.DEPARTMENT}
    has(url, projects=[{"id": "4999", "name": "vision", **cluster}])
    refused = said(remote.run("apply", "p", code=1).err)
    assert "Saved plan is stale" in refused
    assert "The project vision was 4501 and is 4999 now (Training.a, Training.b, WorkloadTemplate.base)." in refused
    assert remote.run("state", "list").out == ""
    has(url)
    remote.run("apply", "p")


def test_a_saved_plan_is_stale_when_one_of_its_names_means_nothing_any_more_or_too_much(remote: Tool, url: str) -> None:
    remote.write({"manifests/all.yaml": template("vision")})
    has(url, assets=[image(VISION, "project", projectId=4501)])
    remote.run("plan", "--out", "p")
    has(url, assets=[image(VISION, "project", projectId=4501), image(TENANT, "tenant")])
    assert "The environment torch exists 2 times" in said(remote.run("apply", "p", code=1).err)
    has(url, assets=[image(ROBOTICS, "project", projectId=4503)])
    assert "only elsewhere" in said(remote.run("apply", "p", code=1).err)


def test_only_names_of_what_a_saved_plan_changes_are_looked_up_again(remote: Tool, url: str) -> None:
    """An id has no name, and what stays as it is needs none."""
    remote.apply()
    changed = training("a", image="x:2").replace("project: vision", 'projectId: "4501"')
    changed = changed.replace("cluster: a100-prod", f"clusterId: {seeds.A100}")
    manifests = (remote.folder / "manifests/all.yaml").read_text(encoding="utf-8")
    remote.write({"manifests/all.yaml": documents(changed, *re.split(r"---\n", manifests)[::2])})
    remote.run("plan", "--out", "p")
    before = asked(url)
    remote.run("apply", "p", "--allow", "disruption")
    assert asked(url) == before


def asked(url: str) -> int:
    """How many lists of names have been asked for."""
    counts = admin(url, "GET", "requests")["requests"]
    lists = ("/api/v1/org-unit/", "/api/v1/clusters", "/api/v1/asset/environment")
    return sum(one["count"] for one in counts if one["path"].startswith(lists) and "{" not in one["path"])
