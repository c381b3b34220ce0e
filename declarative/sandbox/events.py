"""What the cluster would tell of a workload: an event for each phase that it got into, and for what an administrator said of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from declarative.sandbox.phases import GONE, Course, Moment, stamp

# So many past events are kept of each workload.
KEPT = 100
# Phase -> reason, source, message.
_TOLD: Mapping[str, tuple[str, str, str]] = {
    "Creating": ("Created", "workload-controller", "The workload was created."),
    "Pending": ("Queued", "scheduler", "The workload waits for a node."),
    "Resuming": ("Resumed", "workload-controller", "The workload is started again."),
    "Initializing": ("Scheduled", "scheduler", "A node was found for the pod."),
    "Running": ("Started", "kubelet", "The container has started."),
    "Stopping": ("Killing", "kubelet", "The container is being stopped."),
    "Stopped": ("Stopped", "workload-controller", "The workload was stopped."),
    "Completed": ("Completed", "kubelet", "The container ended with the exit code 0."),
    "Failed": ("BackOff", "kubelet", "The container ended with the exit code 1."),
    "Deleting": ("Deleting", "workload-controller", "The workload is being deleted."),
}
# The phases about which a message is bad news, with its reason.
_BAD = {"Pending": "FailedScheduling", "Failed": "BackOff"}


def so_far(facts: Mapping[str, Any], course: Course, turned: float, now: Moment) -> list[dict[str, Any]]:
    """What has happened until now, oldest first. `turned` is the wall time at which the course began."""
    current = [
        _happening(phase, turned + (0.0 if now.speed == float("inf") else seconds / now.speed), facts.get("message"))
        for phase, seconds in course.passed(now)
        if phase != GONE
    ]
    return [*facts.get("past", ()), *current][-KEPT:]


def _happening(phase: str, wall: float, message: str | None) -> dict[str, Any]:
    reason, source, usual = _TOLD.get(phase, (phase, "workload-controller", f"The workload is {phase}."))
    bad = phase == "Failed" or (phase in _BAD and message is not None)
    return {
        "at": wall,
        "type": "Warning" if bad else "Normal",
        "reason": _BAD.get(phase, reason) if bad else reason,
        "source": "scheduler" if phase == "Pending" else source,
        "message": message or usual,
    }


def told(happening: Mapping[str, Any], number: int, workload: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """An event as an answer has it; `number` counts the events of its workload."""
    pod = uuid.uuid5(uuid.UUID(workload["id"]), "pod")
    return {
        "id": str(uuid.uuid5(pod, json.dumps([number, happening["at"]]))),
        "createdAt": stamp(happening["at"]),
        "type": happening["type"],
        "reason": happening["reason"],
        "message": happening["message"],
        "source": happening["source"],
        "clusterId": workload["cluster"],
        "involvedObject": {
            "uid": str(pod),
            "kind": "Pod",
            "name": f"{workload['name']}-0-0",
            "namespace": namespace,
        },
    }
