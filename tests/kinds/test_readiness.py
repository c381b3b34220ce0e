"""How far a training is, in every reading of an answer that the control plane may give."""

from __future__ import annotations

from typing import Any

import pytest

from declarative.kinds.training import TRAINING
from declarative.model.observed import Presence
from declarative.model.value import freeze

NOW = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("told", "presence", "finished", "holds"),
    [
        ({"actualPhase": "Running"}, Presence.LIVE, False, True),
        ({"actualPhase": "Pending"}, Presence.LIVE, False, False),
        ({"actualPhase": "Initializing"}, Presence.LIVE, False, True),
        ({"actualPhase": "SomethingNew"}, Presence.LIVE, False, True),
        ({"actualPhase": "Stopped", "desiredPhase": "Stopped"}, Presence.LIVE, False, False),
        ({"actualPhase": "Completed"}, Presence.LIVE, True, False),
        ({"actualPhase": "Deleting", "desiredPhase": "Deleted"}, Presence.DELETING, False, True),
        ({"actualPhase": "Running", "desiredPhase": "Deleted"}, Presence.DELETING, False, True),
        ({"actualPhase": "Completed", "desiredPhase": "Deleted"}, Presence.GONE, True, False),
        ({"desiredPhase": "Deleted"}, Presence.GONE, False, True),
        ({"actualPhase": "Completed", "deletedAt": NOW}, Presence.GONE, True, False),
        ({"actualPhase": "Deleting", "deletedAt": NOW}, Presence.GONE, False, True),
    ],
)  # fmt: skip
def test_an_answer_tells_what_is_there(told: dict[str, Any], presence: Presence, finished: bool, holds: bool) -> None:
    answer = {"workloadId": "x", "name": "a", "requestedName": "a", "projectId": "1", "clusterId": "c", **told}
    found = TRAINING.read(answer).readiness
    assert (found.presence, found.finished, found.holds) == (presence, finished, holds)


@pytest.mark.parametrize(
    ("compute", "gpus"),
    [
        ({}, 0),
        ({"cpuCoreRequest": 2}, 0),
        ({"gpuDevicesRequest": 2}, 2),
        ({"gpuDevicesRequest": 2, "gpuRequestType": "portion", "gpuPortionRequest": 0.5}, 1),
        ({"gpuRequestType": "portion", "gpuPortionRequest": 0.5}, 0.5),
        ({"gpuRequestType": "memory", "gpuMemoryRequest": "10G"}, 1),
        ({"gpuRequestType": "migProfile", "migProfile": "1g.5gb"}, 1),
    ],
)
def test_every_way_to_ask_for_gpus_counts(compute: dict[str, Any], gpus: float) -> None:
    assert TRAINING.gpus(freeze({"spec": {"compute": compute}})) == gpus
