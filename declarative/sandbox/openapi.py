"""The sandbox's OpenAPI document, made from the models that requests are checked with."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from declarative import __version__
from declarative.kinds.fields.base import Fields
from declarative.kinds.training import TrainingAnswer, TrainingCreateRequest
from declarative.kinds.workload_template import (
    WorkloadTemplateAnswer,
    WorkloadTemplateCreateRequest,
    WorkloadTemplateUpdateRequest,
)
from declarative.sandbox import openapi_parts as part
from declarative.sandbox.admin import PhaseRequest, SandboxSettings

_MODELS: tuple[type[Fields], ...] = (
    TrainingCreateRequest,
    TrainingAnswer,
    WorkloadTemplateCreateRequest,
    WorkloadTemplateUpdateRequest,
    WorkloadTemplateAnswer,
    SandboxSettings,
    PhaseRequest,
)
_TEMPLATES = "/api/v1/asset/workload-template"
_TRAINING = "/api/v1/workloads/trainings/{workloadId}"


def document() -> dict[str, Any]:
    """OpenAPI 3.1 of everything that the sandbox serves; a value of one's own each time."""
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": "Sandbox of declarative",
            "version": __version__,
            "description": "The embedded control plane: trainings, workload templates, and what they refer to.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {**_generated(), **part.SCHEMAS},
        },
    }
    return copy.deepcopy(made)


@cache
def _generated() -> Mapping[str, Any]:
    _, schema = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    return {name: _untitled(definition) for name, definition in schema["$defs"].items()}


def _untitled(node: Any) -> Any:
    """A copy without the titles that pydantic makes of the names."""
    if isinstance(node, dict):
        return {
            key: {name: _untitled(inner) for name, inner in item.items()} if key == "properties" else _untitled(item)
            for key, item in node.items()
            if key != "title"
        }
    return [_untitled(item) for item in node] if isinstance(node, list) else node


def _paths() -> dict[str, Any]:
    return {**_shared_paths(), **_training_paths(), **_template_paths(), **_directory_paths(), **_admin_paths()}


def _shared_paths() -> dict[str, Any]:
    return {
        "/api/v1/token": {
            "post": part.operation(
                "createToken",
                "Exchange the credentials of an application for a token.",
                {200: part.ref("TokenAnswer")},
                (400, 401),
                body="TokenRequest",
                open=True,
            )
        },
        "/api/v1/workloads": {
            "get": part.operation(
                "listWorkloads",
                "List workloads of all types, without their specs.",
                {200: part.ref("WorkloadsPage")},
                (400, 401, 403),
                parameters=part.WORKLOAD_QUERY,
            )
        },
    }


def _training_paths() -> dict[str, Any]:
    path_id = part.path_id("workloadId", "Id of the training.")
    create = part.operation(
        "createTraining",
        "Create a training.",
        {202: part.ref("TrainingAnswer")},
        (400, 401, 403, 409),
        body="TrainingCreateRequest",
        has_spec=True,
    )
    under_way = {202: part.ref("Accepted")}
    return {
        "/api/v1/workloads/trainings": {"post": create},
        _TRAINING: {
            "parameters": [path_id],
            "get": part.operation(
                "getTraining", "Get a training.", {200: part.ref("TrainingAnswer")}, (401, 403, 404, 500)
            ),
            "delete": part.operation(
                "deleteTraining",
                "Begin to delete a training. It keeps its name until it is gone.",
                under_way,
                (401, 403, 404, 500),
            ),
        },
        f"{_TRAINING}/suspend": {
            "parameters": [path_id],
            "post": part.operation(
                "suspendTraining", "Stop a training; 403 when it is finished.", under_way, (401, 403, 404, 500)
            ),
        },
        f"{_TRAINING}/resume": {
            "parameters": [path_id],
            "post": part.operation(
                "resumeTraining",
                "Start a stopped training again; 403 when it is finished.",
                under_way,
                (401, 403, 404, 500),
            ),
        },
    }


def _template_paths() -> dict[str, Any]:
    answer = part.ref("WorkloadTemplateAnswer")
    entries = {
        "type": "object",
        "required": ["entries"],
        "properties": {"entries": {"type": "array", "items": answer}},
    }
    return {
        _TEMPLATES: {
            "get": part.operation(
                "listTemplates", "List templates.", {200: entries}, (400, 401, 403), parameters=part.ASSET_QUERY
            ),
            "post": part.operation(
                "createTemplate",
                "Create a template.",
                {202: answer},
                (400, 401, 403, 409),
                body="WorkloadTemplateCreateRequest",
                has_spec=True,
            ),
        },
        _TEMPLATES + "/{AssetId}": {
            "parameters": [part.path_id("AssetId", "Id of the template.")],
            "get": part.operation("getTemplate", "Get a template.", {200: answer}, (401, 403, 404)),
            "put": part.operation(
                "updateTemplate",
                "Replace name, description and spec of a template; what is not sent is erased.",
                {202: answer},
                (400, 401, 403, 404, 409),
                body="WorkloadTemplateUpdateRequest",
                has_spec=True,
            ),
            "delete": part.operation(
                "deleteTemplate", "Delete a template.", {202: part.ref("Accepted")}, (401, 403, 404)
            ),
        },
    }


def _directory_paths() -> dict[str, Any]:
    def paged(operation: str, name: str, item: str) -> dict[str, Any]:
        answer = part.paged(name, part.ref(item))
        return {
            "get": part.operation(operation, f"List {name}.", {200: answer}, (400, 401), parameters=part.PAGE_QUERY)
        }

    def assets(operation: str, name: str) -> dict[str, Any]:
        return {
            "get": part.operation(
                operation, f"List {name}.", {200: part.ref("Assets")}, (400, 401), parameters=part.ASSET_QUERY
            )
        }

    clusters = {"type": "array", "items": part.ref("Cluster")}
    return {
        "/api/v1/org-unit/projects": paged("listProjects", "projects", "Project"),
        "/api/v1/org-unit/departments": paged("listDepartments", "departments", "Department"),
        "/api/v1/clusters": {"get": part.operation("listClusters", "List clusters.", {200: clusters}, (401,))},
        "/api/v1/asset/environment": assets("listEnvironments", "environments"),
        "/api/v1/asset/compute": assets("listComputes", "compute resources"),
        "/api/v1/asset/datasource": assets("listDatasources", "data sources"),
    }


def _admin_paths() -> dict[str, Any]:
    path_id = part.path_id("workloadId", "Id of the workload.")
    settings = {200: part.ref("SandboxSettings")}
    anything = {200: {"type": "object"}}

    def admin(operation: str, summary: str, good: dict[int, Any], bad: tuple[int, ...] = (), body: str = "") -> Any:
        return part.operation(operation, summary, good, bad, body=body, open=True)

    return {
        "/_sandbox/": {"get": admin("aboutSandbox", "What this is, its settings, and what it holds.", anything)},
        "/_sandbox/openapi.json": {"get": admin("getDocument", "This document.", anything)},
        "/_sandbox/settings": {
            "put": admin("replaceSettings", "Replace all settings.", settings, (400,), "SandboxSettings"),
            "patch": admin("mergeSettings", "Change some settings.", settings, (400,), "SandboxSettings"),
        },
        "/_sandbox/reset": {"post": admin("resetSandbox", "Back to the first state.", {200: part.ref("Accepted")})},
        "/_sandbox/requests": {
            "get": admin("countRequests", "How often each operation was asked for since the last reset.", anything)
        },
        "/_sandbox/workloads/{workloadId}": {
            "parameters": [path_id],
            "delete": admin("removeWorkload", "Remove a workload at once.", {202: part.ref("Accepted")}, (404,)),
        },
        "/_sandbox/workloads/{workloadId}/phase": {
            "parameters": [path_id],
            "post": admin(
                "setPhase", "Put a workload into a phase.", {202: part.ref("Accepted")}, (400, 404), "PhaseRequest"
            ),
        },
    }
