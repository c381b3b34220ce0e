"""Projects with their quotas, and workloads that are no trainings."""

from __future__ import annotations

from typing import Any

from tests.sandbox.plane import TRAININGS, Plane

PROJECT = "/api/v1/org-unit/projects/4501"
OTHERS = "/_sandbox/workloads"


def pools(plane: Plane) -> dict[str, tuple[Any, ...]]:
    """Deserved, limit, allocated and requested GPUs of each node pool."""
    row = plane.get(PROJECT)
    statuses = {one["nodePoolId"]: one for one in row["status"]["nodePoolQuotaStatuses"]}
    found = {}
    for one in row["resources"]:
        status = statuses[one["nodePool"]["id"]]
        assert status["nodePoolName"] == one["nodePool"]["name"]
        given = (one["gpu"]["deserved"], one["gpu"]["limit"])
        found[one["nodePool"]["name"]] = (*given, status["allocated"]["gpu"], status["requested"]["gpu"])
    return found


def gpus(number: float, **more: Any) -> dict[str, Any]:
    return {"image": "x:1", "compute": {"gpuDevicesRequest": number}, **more}


def test_a_project_deserves_eight_gpus_until_its_quota_is_set(plane: Plane) -> None:
    assert pools(plane) == {"default": (8, None, 0, 0)}
    plane.settings(quotas={"4501": {"default": {"deserved": 2, "limit": 4}, "h100": {"deserved": 0.5}}})
    assert pools(plane) == {"default": (2, 4, 0, 0), "h100": (0.5, None, 0, 0)}
    assert plane.get("/api/v1/org-unit/projects/4502")["resources"][0]["gpu"]["deserved"] == 8


def test_what_is_allocated_is_what_its_workloads_hold_now(plane: Plane) -> None:
    plane.settings(quotas={"4501": {"default": {"deserved": 8}, "h100": {"deserved": 8}}})
    plane.train("waits", spec=gpus(1))
    assert pools(plane)["default"] == (8, None, 0, 1)
    plane.now += 10
    plane.train(
        "shares", spec={"compute": {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5}}
    )
    plane.train("elsewhere", spec=gpus(4, nodePools=["h100", "default"]))
    plane.now += 10
    assert pools(plane) == {"default": (8, None, 1.5, 1.5), "h100": (8, None, 4, 4)}
    row = plane.get(PROJECT)
    assert row["status"]["quotaStatus"]["allocated"] == {"gpu": 5.5}


def test_what_is_stopped_finished_or_gone_holds_nothing(plane: Plane) -> None:
    plane.settings(speed="instant")
    ids = [plane.train(name, spec=gpus(2))["workloadId"] for name in ("stops", "ends", "goes", "stays")]
    assert pools(plane)["default"][2] == 8
    plane.post(f"{TRAININGS}/{ids[0]}/suspend")
    plane.post(f"/_sandbox/workloads/{ids[1]}/phase", {"phase": "Completed"})
    plane.delete(f"{TRAININGS}/{ids[2]}")
    assert pools(plane)["default"] == (8, None, 2, 2)


def test_one_project_is_the_row_of_the_list(plane: Plane) -> None:
    (row,) = [one for one in plane.get("/api/v1/org-unit/projects")["projects"] if one["id"] == "4501"]
    assert plane.get(PROJECT) == row


def test_an_unknown_project_is_not_found_and_quotas_can_be_refused(plane: Plane) -> None:
    plane.get("/api/v1/org-unit/projects/1", status=404)
    plane.settings(refuseQuotas=True)
    plane.get(PROJECT, status=403)
    assert plane.get("/api/v1/org-unit/projects")["projects"]


def test_a_workload_of_another_type_holds_its_name_and_its_gpus_and_is_no_training(plane: Plane) -> None:
    plane.settings(speed="instant")
    made = plane.post(OTHERS, {"type": "Workspace", "name": "lab", "projectId": "4501", "gpus": 3})
    assert pools(plane)["default"][2] == 3
    plane.train("lab", status=409)
    plane.get(f"{TRAININGS}/{made['id']}", status=404)
    plane.delete(f"{TRAININGS}/{made['id']}", status=404)
    rows = plane.get("/api/v1/workloads")["workloads"]
    assert [(row["type"], row["name"]) for row in rows] == [("Workspace", "lab")]
    assert plane.get("/api/v1/workloads?filterBy=type==Training")["workloads"] == []
    assert len(plane.get("/api/v1/workloads?filterBy=type!=Training,projectId==4501")["workloads"]) == 1
    plane.delete(f"/_sandbox/workloads/{made['id']}")
    plane.train("lab")


def test_another_type_needs_a_project_and_a_free_name(plane: Plane) -> None:
    body = {"type": "Inference", "name": "a", "projectId": "4501"}
    plane.post(OTHERS, body)
    plane.post(OTHERS, body, status=409)
    plane.post(OTHERS, {**body, "projectId": "1"}, status=400)
    plane.post(OTHERS, {**body, "type": "Training"}, status=400)
