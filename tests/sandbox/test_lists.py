"""The list of workloads, and the lists by which names become ids."""

from __future__ import annotations

import pytest

from declarative.sandbox import seeds
from tests.sandbox.plane import JUPYTER, TRAININGS, Plane

WORKLOADS = "/api/v1/workloads"


def names(plane: Plane, query: str = "") -> list[str]:
    return [row["name"] for row in plane.get(f"{WORKLOADS}?{query}")["workloads"]]


def test_pages_join_to_the_whole_list_and_the_last_one_has_no_next(plane: Plane) -> None:
    for number in range(7):
        plane.train(f"t{number}")
    found, offset, sizes = [], 0, []
    while offset is not None:
        answer = plane.get(f"{WORKLOADS}?sortBy=createdAt&limit=3&offset={offset}")
        found += [row["name"] for row in answer["workloads"]]
        sizes.append(len(answer["workloads"]))
        offset = answer.get("next")
    assert (found, sizes) == ([f"t{number}" for number in range(7)], [3, 3, 1])
    assert plane.get(f"{WORKLOADS}?offset=7") == {"workloads": []}


def test_a_page_has_fifty_rows_unless_asked_otherwise(plane: Plane) -> None:
    for number in range(51):
        plane.train(f"t{number}")
    answer = plane.get(WORKLOADS)
    assert (len(answer["workloads"]), answer["next"]) == (50, 50)


def test_a_row_tells_the_phase_but_no_spec(plane: Plane) -> None:
    made = plane.train()
    plane.now += 2
    (row,) = plane.get(WORKLOADS)["workloads"]
    assert (row["id"], row["phase"], row["type"], row["deletedAt"]) == (made["workloadId"], "Running", "Training", None)
    assert (row["projectId"], row["projectName"], row["clusterId"]) == ("4501", "vision", seeds.A100)
    assert "spec" not in row


def test_a_deleted_training_moves_to_the_list_of_deleted_ones_for_two_weeks(plane: Plane) -> None:
    training = plane.train()["workloadId"]
    plane.delete(f"{TRAININGS}/{training}")
    assert [row["phase"] for row in plane.get(WORKLOADS)["workloads"]] == ["Deleting"]
    assert names(plane, "deleted=true") == []
    plane.now += 1
    assert names(plane, "deleted=false") == []
    (row,) = plane.get(f"{WORKLOADS}?deleted=true")["workloads"]
    assert row["deletedAt"] is not None
    plane.now += 15 * 86400
    assert names(plane, "deleted=true") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("filterBy=type==Training", "b a c"),
        ("filterBy=type==Workspace", ""),
        ("filterBy=name==a", "a"),
        ("filterBy=name!=a", "b c"),
        ("filterBy=projectId==4502", "c"),
        ("filterBy=projectName==vision,type==Training", "b a"),
        ("filterBy=name==a,projectId==4502", ""),
        ("filterBy=phase==Stopping", "a"),
        (f"filterBy=clusterId=={seeds.H100}", ""),
        (f"filterBy=clusterId=={seeds.A100.upper()}", "b a c"),
        ("filterBy=name=@a", "a"),
        ("filterBy=name=^b", "b"),
        ("filterBy=name>=b", "b c"),
        ("sortBy=name", "a b c"),
        ("sortBy=name&sortOrder=desc", "c b a"),
    ],
)
def test_rows_are_filtered_and_sorted(plane: Plane, query: str, found: str) -> None:
    plane.train("b")
    plane.post(f"{TRAININGS}/{plane.train('a')['workloadId']}/suspend")
    plane.train("c", projectId="4502")
    assert names(plane, query if "sortBy" in query else f"sortBy=createdAt&{query}") == found.split()


@pytest.mark.parametrize(
    "query",
    [
        "limit=501",
        "limit=0",
        "limit=x",
        "offset=-1",
        "offset=1.5",
        "sortBy=spec",
        "sortOrder=up",
        "deleted=1",
        "filterBy=",
        "filterBy=label==x",
        "filterBy=name",
        "filterBy=name=a",
        "filterBy=name==",
        "filterBy=type==Training,",
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(plane: Plane, query: str) -> None:
    plane.get(f"{WORKLOADS}?{query}", 400)


def test_a_locked_down_tenant_refuses_the_list_of_workloads(plane: Plane) -> None:
    plane.settings(refuseLists=True)
    plane.get(WORKLOADS, 403)
    plane.get(f"{WORKLOADS}?deleted=true", 403)
    plane.get("/api/v1/clusters")
    plane.settings(refuseLists=False)
    plane.get(WORKLOADS)


def test_an_old_tenant_refuses_the_list_of_deleted_workloads_only(plane: Plane) -> None:
    plane.settings(refuseDeletedList=True)
    plane.get(f"{WORKLOADS}?deleted=true", 400)
    plane.get(f"{WORKLOADS}?deleted=false")
    plane.get(WORKLOADS)


def test_projects_and_departments_are_paged(plane: Plane) -> None:
    first = plane.get("/api/v1/org-unit/projects?limit=2")
    rest = plane.get(f"/api/v1/org-unit/projects?limit=2&offset={first['next']}")
    found = {project["name"]: project["id"] for project in first["projects"] + rest["projects"]}
    assert found == {"vision": "4501", "language": "4502", "robotics": "4503"}
    assert "next" not in rest
    assert [each["name"] for each in plane.get("/api/v1/org-unit/departments")["departments"]] == ["default"]
    plane.get("/api/v1/org-unit/projects?limit=501", 400)


def test_clusters_are_a_bare_list(plane: Plane) -> None:
    found = {cluster["name"]: cluster["uuid"] for cluster in plane.get("/api/v1/clusters")}
    assert found == {"a100-prod": "71f69d83-ba66-4822-adf5-55ce55efd210", "h100-lab": seeds.H100}


def test_some_deployments_wrap_the_list_of_clusters(plane: Plane) -> None:
    bare = plane.get("/api/v1/clusters")
    plane.settings(wrapClusters=True)
    assert plane.get("/api/v1/clusters") == {"clusters": bare}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sortBy=name", "language robotics vision"),
        ("sortBy=name&sortOrder=desc", "vision robotics language"),
        ("sortBy=createdAt&sortOrder=asc", "vision language robotics"),
    ],
)
def test_projects_are_sorted_as_asked(plane: Plane, query: str, found: str) -> None:
    told = plane.get(f"/api/v1/org-unit/projects?{query}")["projects"]
    assert [each["name"] for each in told] == found.split()
    plane.get("/api/v1/org-unit/departments?sortBy=phases", 400)


DIRECTORY = "/_sandbox/directory"


def test_other_projects_and_assets_take_the_place_of_those_of_the_start(plane: Plane) -> None:
    """Names may be ambiguous then, and what was there before is no longer to be referred to."""
    start = plane.get(DIRECTORY, token=None)
    cluster = {"clusterId": seeds.H100, "departmentId": "7"}
    projects = [{"id": "1", "name": "vision", **cluster}, {"id": "2", "name": "vision", **cluster}]
    environment = {"id": JUPYTER.upper(), "kind": "environment", "name": "torch", "scope": "project", "projectId": 2}
    given = {"projects": projects, "assets": [environment]}
    assert plane.put(DIRECTORY, given, 200) == {**start, **given}
    told = plane.get("/api/v1/org-unit/projects")["projects"]
    assert [(one["id"], one["name"], one["clusterId"], one["parentId"]) for one in told] == [
        (one["id"], "vision", seeds.H100, "7") for one in projects
    ]
    (asset,) = plane.get("/api/v1/asset/environment?projectId=2")["entries"]
    assert (asset["meta"]["id"], asset["meta"]["scope"], asset["meta"]["projectId"]) == (JUPYTER, "project", 2)
    assert asset["spec"] == seeds.ENVIRONMENTS[JUPYTER]["spec"]
    assert plane.get("/api/v1/asset/environment?projectId=1") == {"entries": []}
    plane.train(status=400)
    assert plane.train(projectId="2")["departmentId"] == "7"
    plane.template(status=400)
    plane.template(spec={"assets": {"environment": JUPYTER}})
    assert plane.put(DIRECTORY, {}, 200) == start
    assert plane.template("other")["spec"]["assets"]["environment"]["name"] == "pytorch-24"


def test_what_is_left_of_a_project_that_was_taken_away_is_still_told(plane: Plane) -> None:
    training = plane.train()["workloadId"]
    plane.put(DIRECTORY, {"projects": []}, 200)
    assert plane.get(f"{TRAININGS}/{training}")["projectId"] == "4501"
    assert names(plane) == ["resnet"]


@pytest.mark.parametrize(
    "bad",
    [
        {"projects": [{"id": "1", "name": "x"}]},
        {"projects": [{"id": "01", "name": "x", "clusterId": seeds.A100, "departmentId": "7"}]},
        {"clusters": [{"id": "x", "name": "x"}]},
        {"assets": [{"id": seeds.A100, "kind": "compute", "name": "x", "scope": "project"}]},
        {"assets": [{"id": seeds.A100, "kind": "model", "name": "x", "scope": "tenant"}]},
        {"people": []},
    ],
)
def test_a_directory_that_cannot_be_meant_is_refused(plane: Plane, bad: object) -> None:
    plane.put(DIRECTORY, bad, 400)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("environment", "pytorch-24 jupyter-lab tensorflow-2"),
        ("compute", "one-gpu half-gpu cpu-only four-gpus"),
        ("datasource", "imagenet code checkpoints team-nfs trainer"),
        ("compute?name=gpu", "one-gpu half-gpu four-gpus"),
        ("compute?scope=project", ""),
        ("datasource?projectId=4501", "imagenet code checkpoints team-nfs trainer"),
    ],
)
def test_assets_are_listed_and_their_name_filter_finds_substrings(plane: Plane, kind: str, found: str) -> None:
    assert [entry["meta"]["name"] for entry in plane.get(f"/api/v1/asset/{kind}")["entries"]] == found.split()
