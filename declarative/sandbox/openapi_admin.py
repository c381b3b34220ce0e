"""The part of the sandbox's OpenAPI document that no control plane has: its admin API, which needs no token."""

from __future__ import annotations

from typing import Any

from declarative.sandbox import openapi_parts as part


def paths() -> dict[str, Any]:
    """All paths below `/_sandbox/`."""
    return {**_sandbox_paths(), **_workload_paths()}


def _operation(
    operation: str, summary: str, good: dict[int, Any], bad: tuple[int, ...] = (), body: str = ""
) -> dict[str, Any]:
    return part.operation(operation, summary, good, bad, body=body, open=True)


def _sandbox_paths() -> dict[str, Any]:
    """Of the sandbox as a whole."""
    anything = {200: {"type": "object"}}
    settings = {200: part.ref("SandboxSettings")}
    directory = {200: part.ref("Directory")}
    accepted = {200: part.ref("Accepted")}
    return {
        "/_sandbox/": {"get": _operation("aboutSandbox", "What this is, its settings, and what it holds.", anything)},
        "/_sandbox/openapi.json": {"get": _operation("getDocument", "This document.", anything)},
        "/_sandbox/settings": {
            "put": _operation("replaceSettings", "Replace all settings.", settings, (400,), "SandboxSettings"),
            "patch": _operation("mergeSettings", "Change some settings.", settings, (400,), "SandboxSettings"),
        },
        "/_sandbox/directory": {
            "get": _operation("getDirectory", "The clusters, departments, projects and assets.", directory),
            "put": _operation(
                "replaceDirectory",
                "Put other clusters, departments, projects and assets in place of those of the start.",
                directory,
                (400,),
                "Directory",
            ),
        },
        "/_sandbox/reset": {"post": _operation("resetSandbox", "Back to the first state.", accepted)},
        "/_sandbox/requests": {
            "get": _operation(
                "countRequests", "How often each operation was asked for since the last reset.", anything
            ),
            "delete": _operation("forgetRequests", "Begin to count anew.", accepted),
        },
    }


def _workload_paths() -> dict[str, Any]:
    """Of what happens to workloads behind the back of a client."""
    path_id = part.path_id("workloadId", "Id of the workload.")
    accepted = {202: part.ref("Accepted")}
    return {
        "/_sandbox/workloads": {
            "post": _operation(
                "addWorkload",
                "Make a workload of another type, which holds its name and its GPUs.",
                {202: {"type": "object", "required": ["id", "name", "type"]}},
                (400, 409),
                "OtherWorkload",
            )
        },
        "/_sandbox/workloads/{workloadId}": {
            "parameters": [path_id],
            "delete": _operation("removeWorkload", "Remove a workload at once.", accepted, (404,)),
        },
        "/_sandbox/workloads/{workloadId}/phase": {
            "parameters": [path_id],
            "post": _operation("setPhase", "Put a workload into a phase.", accepted, (400, 404), "PhaseRequest"),
        },
    }
