"""Trainings that delete themselves, and how those that are gone are answered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.plane import TRAININGS, Plane

NOBODY = "00000000-0000-4000-8000-000000000000"


def test_a_finished_training_deletes_itself_after_its_retention(plane: Plane) -> None:
    spec = {"image": "x", "autoDeletionTimeAfterCompletionSeconds": 60}
    kept, short = plane.train("kept")["workloadId"], plane.train("short", spec=spec)["workloadId"]
    at_once = plane.train("once", spec={**spec, "autoDeletionTimeAfterCompletionSeconds": 0})["workloadId"]
    for training in (kept, short, at_once):
        plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": "Completed"})
    assert plane.phase(at_once) == "Deleting"
    plane.now += 59
    plane.get(f"{TRAININGS}/{at_once}", 404)
    assert plane.phase(short) == "Completed"
    plane.now += 2
    plane.get(f"{TRAININGS}/{short}", 404)
    plane.now += 29 * 86400
    assert plane.phase(kept) == "Completed"
    plane.now += 86400
    plane.get(f"{TRAININGS}/{kept}", 404)


def finished(plane: Plane, **settings: Any) -> str:
    """The URL of a training that has completed, and is deleted a minute later."""
    training = plane.train(spec={"image": "x", "autoDeletionTimeAfterCompletionSeconds": 60})["workloadId"]
    plane.settings(**settings)
    plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": "Completed"})
    return f"{TRAININGS}/{training}"


def test_a_training_that_deletes_itself_is_deleting_first_as_one_that_is_told_to(plane: Plane) -> None:
    url = finished(plane, speed=0.01)
    plane.now += 60
    going = plane.get(url)
    assert (going["actualPhase"], going["desiredPhase"], going["deletedAt"]) == ("Deleting", "Deleted", None)
    assert [row["phase"] for row in plane.get("/api/v1/workloads")["workloads"]] == ["Deleting"]
    plane.train(status=409)
    plane.post(f"{url}/resume", status=403)
    plane.now += 29
    plane.delete(url)
    assert plane.get(url)["actualPhase"] == "Deleting"
    plane.now += 2
    plane.get(url, 404)
    plane.train()


@pytest.mark.parametrize("speed", [0.001, "instant", 1000])
def test_no_change_of_speed_brings_back_what_deleted_itself(plane: Plane, speed: Any) -> None:
    url = finished(plane)
    plane.now += 61
    plane.get(url, 404)
    plane.settings(speed=speed)
    plane.get(url, 404)
    plane.now += 1
    plane.get(url, 404)


def test_settings_other_than_the_speed_do_not_touch_a_training_that_is_deleting_itself(plane: Plane) -> None:
    url = finished(plane, speed=0.01)
    plane.now += 70
    plane.settings(tokenLifetimeSeconds=7)
    assert plane.get(url)["actualPhase"] == "Deleting"


@pytest.mark.parametrize("how", ["by request", "by itself", "behind the client's back"])
@pytest.mark.parametrize("reading", ["404", "deletedAt", "desiredPhase"])
def test_a_training_that_is_gone_is_answered_as_the_setting_says_by_one_sign_alone(
    plane: Plane, reading: str, how: str
) -> None:
    url = finished(plane, goneAnswers=reading)
    if how == "by request":
        plane.delete(url)
    elif how == "behind the client's back":
        plane.delete(url.replace(TRAININGS, "/_sandbox/workloads"))
    plane.now += 62
    if reading != "404":
        told = plane.get(url)
        signs = (told["deletedAt"] is not None, told["desiredPhase"] == "Deleted", "actualPhase" not in told)
        assert signs == ((True, False, False) if reading == "deletedAt" else (False, True, True))
        plane.now += 15 * 86400
    plane.get(url, 404)
    plane.get(f"{TRAININGS}/{NOBODY}", 404)
    for status in (plane.ask("DELETE", url).status_code, plane.ask("POST", f"{url}/resume").status_code):
        assert status == 404
    plane.train()
