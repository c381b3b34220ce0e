"""Templates: ids in, objects out, full replacement, scopes and filters."""

from __future__ import annotations

from typing import Any

import pytest

from declarative.sandbox import seeds
from tests.sandbox.plane import CODE, IMAGENET, JUPYTER, ONE_GPU, PYTORCH, TEMPLATES, Plane, template

NOBODY = "00000000-0000-4000-8000-000000000000"
ASSETS = {
    "environment": PYTORCH,
    "compute": ONE_GPU,
    "datasources": [
        {"id": IMAGENET, "kind": "pvc", "overrides": {"containerPath": "/in"}},
        {"id": CODE, "kind": "git"},
    ],
    "workloadVolumes": ["scratch"],
}


def test_requests_carry_ids_and_answers_objects(plane: Plane) -> None:
    made = plane.template(spec={"assets": ASSETS})
    assert made["spec"]["assets"] == {
        "environment": {"id": PYTORCH, "name": "pytorch-24", "toolTypes": ["tensorboard"]},
        "compute": {"id": ONE_GPU, "name": "one-gpu"},
        "datasources": [
            {"id": IMAGENET, "name": "imagenet", "kind": "pvc", "overrides": {"containerPath": "/in"}},
            {"id": CODE, "name": "code", "kind": "git", "overrides": None},
        ],
        "workloadVolumes": ["scratch"],
    }
    assert plane.get(f"{TEMPLATES}/{made['meta']['id']}") == made
    assert plane.get(TEMPLATES) == {"entries": [made]}


def test_ids_are_answered_in_lower_case_and_found_in_any(plane: Plane) -> None:
    assets = {
        "environment": PYTORCH.upper(),
        "compute": ONE_GPU.upper(),
        "datasources": [{"id": IMAGENET.upper(), "kind": "pvc"}],
    }
    made = plane.template(scope="cluster", clusterId=seeds.A100.upper(), spec={"assets": assets})
    told = made["spec"]["assets"]
    assert (
        made["meta"]["clusterId"],
        told["environment"]["id"],
        told["compute"]["id"],
        told["datasources"][0]["id"],
    ) == (
        seeds.A100,
        PYTORCH,
        ONE_GPU,
        IMAGENET,
    )
    url = f"{TEMPLATES}/{made['meta']['id'].upper()}"
    assert plane.get(url) == made
    assert plane.get(f"{TEMPLATES}?clusterId={seeds.A100.upper()}") == {"entries": [made]}
    plane.template(scope="cluster", clusterId=seeds.A100, status=409)
    changed = plane.put(url, {"meta": {"name": "base"}, "spec": {"assets": assets}})
    assert changed["spec"]["assets"] == told
    plane.delete(url)


def test_what_is_not_given_is_null(plane: Plane) -> None:
    made = plane.template(spec={"assets": {"environment": JUPYTER}, "specificEnv": {"command": "run"}})
    assert made["spec"]["assets"]["compute"] is None
    assert made["spec"]["distributed"] is None
    assert made["spec"]["specificEnv"]["args"] is None
    assert plane.template("bare")["spec"]["specificEnv"] is None


def test_a_put_replaces_all_that_can_be_changed_and_erases_what_is_not_sent(plane: Plane) -> None:
    full = {"assets": ASSETS, "specificEnv": {"command": "run", "labels": [{"name": "a", "value": "1"}]}}
    made = plane.template(description="old", spec=full, workloadSupportedTypes={"training": True})
    plane.now += 5
    body = {"meta": {"name": "new"}, "spec": {"assets": {"environment": JUPYTER}}}
    changed = plane.put(f"{TEMPLATES}/{made['meta']['id']}", body)
    assert changed["spec"]["specificEnv"] is None
    assert changed["spec"]["assets"]["datasources"] == []
    assert "description" not in changed["meta"]
    assert changed["meta"]["updatedAt"] > made["meta"]["updatedAt"]
    kept = ("id", "scope", "createdAt", "createdBy", "workloadSupportedTypes")
    assert [changed["meta"][name] for name in kept] == [made["meta"][name] for name in kept]
    assert plane.get(f"{TEMPLATES}/{made['meta']['id']}") == changed


def test_the_policy_adds_its_labels_again_on_every_put(plane: Plane) -> None:
    plane.settings(policy={"labels": {"team": "x"}})
    made = plane.template()
    assert made["spec"]["specificEnv"]["labels"] == [{"name": "team", "value": "x", "exclude": None}]
    own = {"assets": {"environment": PYTORCH}, "specificEnv": {"labels": [{"name": "z"}]}}
    changed = plane.put(f"{TEMPLATES}/{made['meta']['id']}", {"meta": {"name": "base"}, "spec": own})
    assert [label["name"] for label in changed["spec"]["specificEnv"]["labels"]] == ["team", "z"]


def test_a_name_is_unique_within_the_object_of_its_scope(plane: Plane) -> None:
    plane.template()
    plane.template(status=409)
    plane.template(scope="project", projectId=4501)
    plane.template(scope="project", projectId=4502)
    plane.template(scope="project", projectId=4501, status=409)
    other = plane.template("other")
    plane.put(f"{TEMPLATES}/{other['meta']['id']}", {"meta": {"name": "base"}, "spec": other_spec()}, 409)


def other_spec() -> dict[str, Any]:
    return {"assets": {"environment": PYTORCH}}


@pytest.mark.parametrize(
    "bad",
    [
        template(scope="project"),
        template(scope="project", projectId=1),
        template(scope="project", projectId="4501"),
        template(scope="cluster", clusterId=NOBODY),
        template(scope="department", departmentId="1"),
        template(id=NOBODY),
        template(createdBy="me"),
        template(name=""),
        template(description="x" * 251),
        template(spec={"assets": {}}),
        template(spec={"assets": {"environment": NOBODY}}),
        template(spec={"assets": {"environment": ONE_GPU}}),
        template(spec={"assets": {"environment": {"id": PYTORCH}}}),
        template(spec={"assets": {"environment": PYTORCH, "compute": NOBODY}}),
        template(spec={"assets": {"environment": PYTORCH, "datasources": [{"id": IMAGENET, "kind": "git"}]}}),
        template(spec={"assets": {"environment": PYTORCH, "datasources": [{"id": NOBODY, "kind": "pvc"}]}}),
        template(spec={"assets": {"environment": PYTORCH}, "distributed": None}),
    ],
)
def test_a_bad_template_is_refused(plane: Plane, bad: dict[str, Any]) -> None:
    plane.post(TEMPLATES, bad, 400)
    assert plane.get(TEMPLATES) == {"entries": []}


def test_a_put_takes_no_field_that_is_fixed_at_creation(plane: Plane) -> None:
    url = f"{TEMPLATES}/{plane.template()['meta']['id']}"
    plane.put(url, {"meta": {"name": "base", "scope": "tenant"}, "spec": other_spec()}, 400)


def test_a_deleted_template_is_gone_at_once(plane: Plane) -> None:
    url = f"{TEMPLATES}/{plane.template()['meta']['id']}"
    assert plane.delete(url) == {"code": 202, "message": "Accepted."}
    plane.get(url, 404)
    plane.delete(url, 404)
    plane.put(url, {"meta": {"name": "base"}, "spec": other_spec()}, 404)
    plane.template()


def test_a_malformed_id_is_the_id_of_nothing(plane: Plane) -> None:
    plane.get(f"{TEMPLATES}/x", 404)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "tenant department a100 h100 vision language"),
        ("name=a100", "a100"),
        ("name=an", "tenant language"),
        ("scope=project", "vision language"),
        ("projectId=4501", "tenant department a100 vision"),
        ("projectId=4501&scope=project", "vision"),
        ("projectId=4503", "tenant department h100"),
        ("departmentId=4500", "department"),
        (f"clusterId={seeds.H100}", "h100"),
        ("isTraining=true", "vision"),
        ("isTraining=false", "tenant department a100 h100 language"),
        ("isDistributed=true", "language"),
        ("isWorkspace=true", ""),
        ("distributedFramework=PyTorch", "language"),
        ("distributedFramework=MPI", ""),
    ],
)
def test_lists_are_filtered_as_documented(plane: Plane, query: str, found: str) -> None:
    plane.template("tenant")
    plane.template("department", scope="department", departmentId="4500")
    plane.template("a100", scope="cluster", clusterId=seeds.A100)
    plane.template("h100", scope="cluster", clusterId=seeds.H100)
    plane.template("vision", scope="project", projectId=4501, workloadSupportedTypes={"training": True})
    framework = {"distributed": True, "distFramework": "PyTorch"}
    plane.template("language", scope="project", projectId=4502, workloadSupportedTypes=framework)
    assert [entry["meta"]["name"] for entry in plane.get(f"{TEMPLATES}?{query}")["entries"]] == found.split()


def test_a_template_of_a_project_tells_the_project_s_name(plane: Plane) -> None:
    assert plane.template(scope="project", projectId=4501)["meta"]["projectName"] == "vision"


@pytest.mark.parametrize("query", ["isTraining=yes", "projectId=x", "projectId=99999999999", "clusterId=x"])
def test_a_filter_of_the_wrong_type_is_refused(plane: Plane, query: str) -> None:
    plane.get(f"{TEMPLATES}?{query}", 400)
