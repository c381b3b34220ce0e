"""What the cluster tells of a workload: an event for each phase, and what an administrator says of one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.plane import TRAININGS, Plane

NOBODY = "00000000-0000-4000-8000-000000000000"
FIELDS = {"id", "createdAt", "type", "reason", "message", "source", "clusterId", "involvedObject"}


def events(plane: Plane, id: str, query: str = "?sortOrder=asc") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = plane.get(f"/api/v1/workloads/{id}/events{query}")["events"]
    return found


def test_each_phase_that_has_begun_is_an_event(plane: Plane) -> None:
    """With its time, and with the fields of the documents."""
    training = plane.train()["workloadId"]
    plane.now += 0.6
    assert [one["reason"] for one in events(plane, training)] == ["Created", "Queued", "Scheduled"]
    plane.now += 100
    told = events(plane, training)
    assert [one["reason"] for one in told] == ["Created", "Queued", "Scheduled", "Started"]
    assert [one["createdAt"][-4:] for one in told] == ["000Z", "200Z", "500Z", "900Z"]
    assert all(set(one) == FIELDS for one in told)
    assert len({one["id"] for one in told}) == 4


def test_what_happened_on_an_earlier_course_is_still_told(plane: Plane) -> None:
    """Also once the workload is gone."""
    training = plane.train()["workloadId"]
    plane.now += 2
    plane.post(f"{TRAININGS}/{training}/suspend")
    plane.now += 2
    plane.delete(f"{TRAININGS}/{training}")
    plane.now += 2
    reasons = [one["reason"] for one in events(plane, training)]
    assert reasons == ["Created", "Queued", "Scheduled", "Started", "Killing", "Stopped", "Deleting"]


@pytest.mark.parametrize(("phase", "reason"), [("Pending", "FailedScheduling"), ("Failed", "BackOff")])
def test_a_message_is_told_by_the_row_and_by_an_event_until_the_phase_changes(
    plane: Plane, phase: str, reason: str
) -> None:
    """So scheduling can fail on demand, for a reason."""
    training = plane.train()["workloadId"]
    plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": phase, "message": "no node has 8 GPUs"})
    (row,) = plane.get("/api/v1/workloads")["workloads"]
    assert (row["phase"], row["phaseMessage"]) == (phase, "no node has 8 GPUs")
    last = events(plane, training)[-1]
    assert (last["type"], last["reason"], last["message"]) == ("Warning", reason, "no node has 8 GPUs")
    plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": "Running"})
    (row,) = plane.get("/api/v1/workloads")["workloads"]
    assert "phaseMessage" not in row


def test_the_latest_events_come_first_and_page_by_page(plane: Plane) -> None:
    """As the documents have it, unless the order is asked for."""
    training = plane.train()["workloadId"]
    plane.now += 2
    assert [one["reason"] for one in events(plane, training, "?limit=2")] == ["Started", "Scheduled"]
    answer = plane.get(f"/api/v1/workloads/{training}/events?limit=2&offset=2")
    assert [one["reason"] for one in answer["events"]] == ["Queued", "Created"]
    assert "next" not in answer


def test_of_what_never_was_there_are_no_events(plane: Plane) -> None:
    """404, also for what is no id."""
    plane.get(f"/api/v1/workloads/{NOBODY}/events", 404)
    plane.get("/api/v1/workloads/nothing/events", 404)
    plane.get(f"/api/v1/workloads/{NOBODY}/events", 401, token=None)


@pytest.mark.parametrize("message", ["", "x" * 1001, 5])
def test_a_message_is_a_text_of_some_length(plane: Plane, message: object) -> None:
    """Anything else is refused."""
    training = plane.train()["workloadId"]
    plane.post(f"/_sandbox/workloads/{training}/phase", {"phase": "Pending", "message": message}, 400)
