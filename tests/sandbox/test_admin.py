"""The admin API: settings, phases, and what happens behind the client's back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from declarative.kinds.training import Phase
from declarative.sandbox.store import reset
from tests.sandbox.plane import TEMPLATES, TRAININGS, Plane

NOBODY = "00000000-0000-4000-8000-000000000000"
SETTINGS = "/_sandbox/settings"
POLICY: dict[str, Any] = {
    part: {} for part in ("labels", "annotations", "environmentVariables", "limits", "defaults", "lists")
}
AS_NEW = {
    "speed": 1,
    "tokenLifetimeSeconds": 3600,
    "tokenEndpoints": ["v2", "v1-client-credentials", "v1-app-token"],
    "policy": POLICY,
    "quotas": {},
    "refuseQuotas": False,
    "refusePolicies": False,
    "refuseLists": False,
    "refuseDeletedList": False,
    "wrapClusters": False,
    "goneAnswers": "404",
    "duplicateAnswers": 409,
    "faults": {
        **dict.fromkeys(("dropped", "unavailable", "throttled", "lost", "failed", "latencyMilliseconds"), 0),
        "retryAfterSeconds": None,
        "seed": None,
    },
}


def test_it_tells_what_it_is_and_what_it_holds(plane: Plane) -> None:
    plane.train("a")
    plane.delete(f"{TRAININGS}/{plane.train('b')['workloadId']}")
    plane.template()
    plane.now += 1
    answer = plane.get("/_sandbox/", token=None)
    assert answer["counts"] == {"workloads": 1, "deletedWorkloads": 1, "templates": 1}
    assert answer["settings"] == AS_NEW


def test_a_patch_merges_settings_and_a_put_replaces_them(plane: Plane) -> None:
    plane.settings(speed="instant", policy={"labels": {"a": "b"}})
    assert plane.settings(tokenLifetimeSeconds=5, policy={"annotations": {"c": "d"}}) == {
        **AS_NEW,
        "speed": "instant",
        "tokenLifetimeSeconds": 5,
        "policy": {**POLICY, "labels": {"a": "b"}, "annotations": {"c": "d"}},
    }
    assert plane.put(SETTINGS, {"speed": 3}, 200) == {**AS_NEW, "speed": 3}


@pytest.mark.parametrize(
    "bad",
    [
        {"speed": 0},
        {"speed": -1},
        {"speed": True},
        {"speed": "fast"},
        {"speed": None},
        {"pace": 1},
        {"tokenLifetimeSeconds": 0},
        {"refuseLists": "yes"},
        {"refuseDeletedList": 1},
        {"goneAnswers": 404},
        {"policy": {"labels": [1]}},
        {"policy": {"labels": {"": "x"}}},
        {"policy": {"limits": []}},
        {"policy": {"limits": {"compute": 1}}},
        {"policy": {"limits": {"a..b": {}}}},
        {"policy": {"limits": {"": {}}}},
        {"policy": {"limits": {"image": {"most": 1}}}},
        {"policy": {"limits": {"image": {"max": True}}}},
        {"policy": {"limits": {"image": {"min": "much"}}}},
        {"policy": {"limits": {"image": {"allowed": []}}}},
        {"policy": {"limits": {"image": {"allowed": [None]}}}},
        {"faults": None},
        {"faults": {"unavailable": 1.1}},
        {"faults": {"lost": -0.1}},
        {"faults": {"dropped": True}},
        {"faults": {"timeout": 1}},
        {"faults": {"retryAfterSeconds": 0.5}},
        {"faults": {"latencyMilliseconds": [1]}},
        {"faults": {"latencyMilliseconds": 60001}},
        {"faults": {"latencyMilliseconds": "slow"}},
        {"faults": {"seed": "x"}},
    ],
)
def test_bad_settings_are_refused_and_change_nothing(plane: Plane, bad: dict[str, object]) -> None:
    plane.good(plane.ask("PATCH", SETTINGS, json=bad), 400)
    assert plane.get("/_sandbox/")["settings"] == AS_NEW


def test_settings_and_objects_outlive_the_process(plane: Plane, tmp_path: Path) -> None:
    told = plane.settings(speed="instant", refuseLists=True, refuseDeletedList=True, goneAnswers="desiredPhase")
    training = plane.train()["workloadId"]
    other = Plane(plane.app.state.store.path)
    assert other.get("/_sandbox/")["settings"] == told
    assert other.phase(training) == "Running"


def test_a_preempted_training_waits_until_it_is_told_to_run(plane: Plane) -> None:
    training = plane.train()["workloadId"]
    plane.now += 2
    plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": "Pending"})
    plane.now += 100
    told = plane.get(f"{TRAININGS}/{training}")
    assert (told["actualPhase"], told["desiredPhase"]) == ("Pending", "Running")
    plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": "Running"})
    assert plane.phase(training) == "Running"


def test_a_training_stopped_behind_the_client_s_back_wants_to_be_stopped(plane: Plane) -> None:
    training = plane.train()["workloadId"]
    plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": "Stopped"})
    assert plane.get(f"{TRAININGS}/{training}")["desiredPhase"] == "Stopped"
    plane.post(f"{TRAININGS}/{training}/resume")
    assert plane.phase(training) == "Resuming"


@pytest.mark.parametrize("phase", get_args(Phase))
def test_a_training_can_be_put_into_every_phase_of_the_api_and_stays_there(plane: Plane, phase: str) -> None:
    training = plane.train()["workloadId"]
    plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": phase})
    plane.now += 1000
    told = plane.get(f"{TRAININGS}/{training}")
    wanted = {"Stopped": "Stopped", "Stopping": "Stopped", "Deleting": "Deleted", "Terminating": "Deleted"}
    assert (told["actualPhase"], told["desiredPhase"]) == (phase, wanted.get(phase, "Running"))


@pytest.mark.parametrize("phase", ["Deleting", "Terminating"])
def test_a_training_that_is_stuck_in_its_deletion_goes_when_the_administrator_removes_it(
    plane: Plane, phase: str
) -> None:
    training = plane.train()["workloadId"]
    plane.delete(f"{TRAININGS}/{training}")
    plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": phase})
    plane.now += 1000
    plane.delete(f"{TRAININGS}/{training}")
    plane.post(f"{TRAININGS}/{training}/suspend", status=403)
    plane.train(status=409)
    plane.now += 1000
    assert plane.phase(training) == phase
    plane.delete(f"/_sandbox/workloads/{training}")
    plane.get(f"{TRAININGS}/{training}", 404)


def test_phases_that_the_api_has_not_and_workloads_that_are_not_there_are_refused(plane: Plane) -> None:
    training = plane.train()["workloadId"]
    plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": "Deleted"}, 400)
    plane.post(f"/_sandbox/workloads/{NOBODY}/phase", {"phase": "Running"}, 404)
    plane.delete(f"/_sandbox/workloads/{NOBODY}", 404)


def test_a_workload_removed_behind_the_client_s_back_is_gone_at_once(plane: Plane) -> None:
    training = plane.train()["workloadId"]
    plane.delete(f"/_sandbox/workloads/{training}")
    plane.get(f"{TRAININGS}/{training}", 404)
    assert [row["id"] for row in plane.get("/api/v1/workloads?deleted=true")["workloads"]] == [training]
    plane.train()


def test_requests_are_counted_by_operation_also_when_they_are_refused(plane: Plane) -> None:
    plane.train()
    plane.train(status=409)
    plane.get(TEMPLATES, 401, token=None)
    plane.get("/_sandbox/")
    assert plane.get("/_sandbox/requests")["requests"] == [
        {"method": "GET", "path": TEMPLATES, "count": 1, "faults": {}},
        {"method": "POST", "path": TRAININGS, "count": 2, "faults": {}},
    ]


@pytest.mark.parametrize("by_request", [True, False])
def test_a_reset_empties_the_sandbox_while_it_is_served(plane: Plane, by_request: bool) -> None:
    token = plane.post("/api/v1/token", {"grantType": "app_token", "appID": "sandbox", "appSecret": "sandbox"}, 200)
    plane.settings(speed=7)
    training = plane.train()["workloadId"]
    plane.template()
    if by_request:
        plane.post("/_sandbox/reset", status=200)
    else:
        reset(plane.app.state.store.path)
    answer = plane.get("/_sandbox/")
    assert answer["counts"] == {"workloads": 0, "deletedWorkloads": 0, "templates": 0}
    assert answer["settings"] == AS_NEW
    plane.get(f"{TRAININGS}/{training}", 404, token=token["accessToken"])


def test_unknown_paths_and_methods_get_the_envelope(plane: Plane) -> None:
    plane.get("/api/v1/nothing", 404)
    plane.get("/", 404)
    plane.get(f"{TEMPLATES}/", 404)
    for method in ("PATCH", "OPTIONS", "TRACE"):
        plane.good(plane.ask(method, TEMPLATES), 405)
    assert plane.ask("HEAD", TEMPLATES).status_code == 200
