"""Trainings: phases, names, defaults and refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from declarative.sandbox import seeds
from tests.sandbox.plane import TRAININGS, Plane

NOBODY = "00000000-0000-4000-8000-000000000000"


def test_a_training_comes_up_through_its_phases_within_a_second(plane: Plane) -> None:
    training = plane.train()["workloadId"]
    seen = []
    for _ in range(12):
        seen.append(plane.phase(training))
        plane.now += 0.1
    assert list(dict.fromkeys(seen)) == ["Creating", "Pending", "Initializing", "Running"]


def test_the_speed_stretches_time_and_a_change_of_speed_never_turns_it_back(plane: Plane) -> None:
    plane.settings(speed=0.5)
    training = plane.train()["workloadId"]
    plane.now += 1
    assert plane.phase(training) == "Initializing"
    plane.settings(speed=1000)
    plane.now += 0.01
    assert plane.phase(training) == "Running"
    plane.settings(speed=0.001)
    assert plane.phase(training) == "Running"


def test_instant_leaves_no_time_between_phases_and_what_was_deleted_stays_so_afterwards(plane: Plane) -> None:
    plane.settings(speed="instant")
    kept, gone = plane.train("kept"), plane.train("gone")
    assert kept["actualPhase"] == "Running"
    plane.delete(f"{TRAININGS}/{gone['workloadId']}")
    plane.settings(speed=0.01)
    plane.get(f"{TRAININGS}/{gone['workloadId']}", 404)
    assert plane.phase(kept["workloadId"]) == "Running"


def test_suspend_and_resume_pass_through_their_phases_and_may_be_repeated(plane: Plane) -> None:
    training = plane.train()["workloadId"]
    plane.now += 2
    for _ in range(2):
        assert plane.post(f"{TRAININGS}/{training}/suspend") == {"code": 202, "message": "Accepted."}
    assert plane.get(f"{TRAININGS}/{training}")["desiredPhase"] == "Stopped"
    assert plane.phase(training) == "Stopping"
    plane.now += 0.2
    plane.post(f"{TRAININGS}/{training}/suspend")
    plane.now += 0.2
    assert plane.phase(training) == "Stopped"
    plane.post(f"{TRAININGS}/{training}/resume")
    assert plane.phase(training) == "Resuming"
    plane.now += 0.3
    plane.post(f"{TRAININGS}/{training}/resume")
    assert plane.phase(training) == "Pending"
    plane.now += 1
    assert plane.phase(training) == "Running"


def test_a_deleted_training_is_deleting_first_and_keeps_its_name_until_it_is_gone(plane: Plane) -> None:
    training = plane.train()["workloadId"]
    plane.delete(f"{TRAININGS}/{training}")
    going = plane.get(f"{TRAININGS}/{training}")
    assert (going["actualPhase"], going["desiredPhase"], going["deletedAt"]) == ("Deleting", "Deleted", None)
    assert "already exists" in plane.train(status=409)["message"]
    plane.now += 0.2
    plane.delete(f"{TRAININGS}/{training}")
    plane.now += 0.2
    plane.get(f"{TRAININGS}/{training}", 404)
    plane.delete(f"{TRAININGS}/{training}", 404)
    assert plane.train()["workloadId"] != training


def test_a_training_that_is_going_can_neither_be_suspended_nor_resumed(plane: Plane) -> None:
    training = plane.train()["workloadId"]
    plane.delete(f"{TRAININGS}/{training}")
    plane.post(f"{TRAININGS}/{training}/suspend", status=403)
    plane.post(f"{TRAININGS}/{training}/resume", status=403)


def test_a_name_is_taken_within_its_project_only(plane: Plane) -> None:
    plane.train()
    plane.train(status=409)
    plane.train(projectId="4502")


def test_a_name_as_prefix_gets_a_suffix_and_keeps_what_was_asked_for(plane: Plane) -> None:
    first, second = (plane.train("a" * 63, useGivenNameAsPrefix=True) for _ in range(2))
    assert first["name"] != second["name"]
    assert len(first["name"]) == 63
    assert first["name"].startswith("a" * 57 + "-")
    assert first["requestedName"] == second["requestedName"] == "a" * 63
    assert plane.train("short", useGivenNameAsPrefix=True)["name"].startswith("short-")


def test_ids_are_answered_in_lower_case_and_found_in_any(plane: Plane) -> None:
    volume = NOBODY.replace("4000", "4ABC")
    spec = {"image": "x:1", "storage": {"dataVolume": [{"id": volume, "mountPath": "/data"}]}}
    made = plane.train(clusterId=seeds.H100.upper(), spec=spec)
    assert (made["clusterId"], made["spec"]["storage"]["dataVolume"][0]["id"]) == (seeds.H100, volume.lower())
    assert plane.get(f"{TRAININGS}/{made['workloadId'].upper()}") == made
    plane.delete(f"{TRAININGS}/{made['workloadId'].upper()}")


@pytest.mark.parametrize("phase", ["Completed", "Failed"])
def test_a_finished_training_stays_finished_and_cannot_be_steered(plane: Plane, phase: str) -> None:
    training = plane.train()["workloadId"]
    plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": phase})
    plane.now += 10
    assert plane.phase(training) == phase
    plane.post(f"{TRAININGS}/{training}/suspend", status=403)
    plane.post(f"{TRAININGS}/{training}/resume", status=403)
    plane.delete(f"{TRAININGS}/{training}")


def test_answers_fill_in_defaults_and_nulls_and_sort_what_is_keyed_by_name(plane: Plane) -> None:
    spec = {
        "image": "nvcr.io/nvidia/pytorch:24.08-py3",
        "labels": [{"name": "b", "value": "2"}, {"name": "a"}],
        "environmentVariables": [{"name": "Z", "value": "1"}, {"name": "A", "value": "0"}],
        "storage": {"pvc": [{"path": "/data", "claimInfo": {"size": "2048Mi"}}], "nfs": None},
        "probes": {"readiness": {"handler": {}}},
        "ports": [{"container": 9000, "serviceType": "NodePort"}, {"container": 80, "serviceType": "ClusterIP"}],
    }
    told = plane.train(spec=spec)["spec"]
    assert (told["backoffLimit"], told["priorityClass"], told["imagePullPolicy"]) == (6, "train", "IfNotPresent")
    assert told["labels"][0] == {"name": "a", "value": None, "exclude": None}
    assert [variable["name"] for variable in told["environmentVariables"]] == ["A", "Z"]
    assert [port["container"] for port in told["ports"]] == [9000, 80]
    claim = told["storage"]["pvc"][0]
    assert claim["claimName"].startswith("resnet-0-")
    assert [claim[name] for name in ("exclude", "existingPvc", "readOnly", "ephemeral")] == [False] * 4
    assert claim["claimInfo"]["size"] == "2Gi"
    assert told["security"] is None


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("x", "Always"),
        ("r:5000/x", "Always"),
        ("x:latest", "Always"),
        ("x:1", "IfNotPresent"),
        ("x@sha256:0", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(plane: Plane, image: str, policy: str) -> None:
    assert plane.train(spec={"image": image})["spec"]["imagePullPolicy"] == policy


def test_the_policy_adds_what_a_training_neither_names_nor_excludes(plane: Plane) -> None:
    plane.settings(policy={"labels": {"team": "x", "mine": "x", "not": "x"}, "environmentVariables": {"PROXY": "p"}})
    given = [{"name": "mine", "value": "y"}, {"name": "not", "exclude": True}]
    told = plane.train(spec={"image": "x", "labels": given})["spec"]
    assert {label["name"]: label["value"] for label in told["labels"]} == {"mine": "y", "not": None, "team": "x"}
    assert told["environmentVariables"][0]["value"] == "p"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"compute": {"gpuDevicesRequest": -1}}, "compute.gpuDevicesRequest"),
        ({"compute": {"gpuDevicesReqest": 1}}, "compute.gpuDevicesReqest"),
        ({"compute": {"cpuCoreRequest": 2, "cpuCoreLimit": 1}}, "compute.cpuCoreLimit"),
        ({"ports": [{"container": 0, "serviceType": "NodePort"}]}, "ports[0].container"),
        ({"tty": True}, "tty"),
        ({"image": 1}, "image"),
        ("text", "spec"),
    ],
)
def test_a_bad_spec_is_refused_with_the_field_of_each_issue(plane: Plane, spec: Any, field: str) -> None:
    answer = plane.train(spec=spec, status=400)
    assert [issue["field"] for issue in answer["complianceIssues"]] == [field]


@pytest.mark.parametrize(
    "more",
    [
        {"projectId": 4501},
        {"projectId": "1"},
        {"clusterId": NOBODY},
        {"clusterId": "a100-prod"},
        {"name": "Upper"},
        {"name": "a" * 64},
        {"workloadId": NOBODY},
        {"actualPhase": "Running"},
        {"useGivenNameAsPrefix": "yes"},
    ],
)
def test_what_is_wrong_outside_the_spec_is_refused_without_issues(plane: Plane, more: dict[str, Any]) -> None:
    assert "complianceIssues" not in plane.train(**{"name": "a", **more}, status=400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b'{"name": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_no_strict_json_object_is_refused(plane: Plane, body: bytes) -> None:
    headers = {"Authorization": "Bearer sandbox", "Content-Type": "application/json"}
    plane.good(plane.ask("POST", TRAININGS, content=body, headers=headers), 400)


def test_a_body_of_another_content_type_is_refused(plane: Plane) -> None:
    body = json.dumps({"name": "a", "projectId": "4501", "clusterId": seeds.A100})
    plane.good(plane.ask("POST", TRAININGS, content=body), 400)


@pytest.mark.parametrize("training", [NOBODY, "x", "1", "%00"])
def test_an_unknown_or_malformed_id_is_the_id_of_nothing(plane: Plane, training: str) -> None:
    plane.get(f"{TRAININGS}/{training}", 404)
    plane.delete(f"{TRAININGS}/{training}", 404)
    plane.post(f"{TRAININGS}/{training}/suspend", status=404)
    plane.post(f"{TRAININGS}/{training}/resume", status=404)


def test_a_training_can_be_neither_listed_nor_changed(plane: Plane) -> None:
    training = plane.train()["workloadId"]
    assert plane.ask("GET", TRAININGS).headers["Allow"] == "POST"
    for method in ("PUT", "PATCH"):
        response = plane.ask(method, f"{TRAININGS}/{training}", json={})
        plane.good(response, 405)
        assert response.headers["Allow"] == "DELETE, GET"
