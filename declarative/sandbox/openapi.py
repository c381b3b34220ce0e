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
from declarative.sandbox import openapi_admin
from declarative.sandbox import openapi_parts as part
from declarative.sandbox.admin import PhaseRequest, SandboxSettings
from declarative.sandbox.others import OtherWorkload
from declarative.sandbox.places import Directory

_MODELS: tuple[type[Fields], ...] = (
    TrainingCreateRequest,
    TrainingAnswer,
    WorkloadTemplateCreateRequest,
    WorkloadTemplateUpdateRequest,
    WorkloadTemplateAnswer,
    SandboxSettings,
    PhaseRequest,
    Directory,
    OtherWorkload,
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
    return {**_shared_paths(), **_training_paths(), **_template_paths(), **_directory_paths(), **openapi_admin.paths()}


def _shared_paths() -> dict[str, Any]:
    return {
        "/api/v1/token": {
            "post": part.operation(
                "createToken",
                "Exchange the credentials of an application for a token.",
                {200: part.ref("TokenAnswer")},
                (400, 401, 404),
                body="TokenRequest",
                open=True,
            )
        },
        "/api/v2/token": {
            "post": part.operation(
                "createOAuthToken",
                "The same as OAuth 2 has it.",
                {200: part.ref("OAuthTokenAnswer"), **dict.fromkeys((400, 401), part.ref("OAuthError"))},
                (404,),
                body="OAuthTokenRequest",
                open=True,
                media="application/x-www-form-urlencoded",
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
        "/api/v1/workloads/{workloadId}/events": {
            "parameters": [part.path_id("workloadId", "Id of the workload.")],
            "get": part.operation(
                "listEvents",
                "List what happened to a workload.",
                {200: part.paged("events", part.ref("Event"))},
                (400, 401, 404),
                parameters=part.EVENT_QUERY,
            ),
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
            "get": part.operation(operation, f"List {name}.", {200: answer}, (400, 401), parameters=part.UNIT_QUERY)
        }

    def assets(operation: str, name: str) -> dict[str, Any]:
        return {
            "get": part.operation(
                operation, f"List {name}.", {200: part.ref("Assets")}, (400, 401), parameters=part.ASSET_QUERY
            )
        }

    bare = {"type": "array", "items": part.ref("Cluster")}
    wrapped = {"type": "object", "required": ["clusters"], "properties": {"clusters": bare}}
    clusters = {"anyOf": [bare, wrapped]}
    return {
        "/api/v1/org-unit/projects": paged("listProjects", "projects", "Project"),
        "/api/v1/org-unit/projects/{projectId}": {
            "parameters": [part.path_text("projectId", "Id of the project.")],
            "get": part.operation("getProject", "Get a project.", {200: part.ref("Project")}, (401, 403, 404)),
        },
        "/api/v2/policy/trainings": {
            "get": part.operation(
                "getTrainingPolicy",
                "Get the policy of trainings: its defaults and rules, as the spec is, and lists in two parts.",
                {200: part.ref("TrainingPolicy")},
                (400, 401, 403, 404),
                parameters=part.POLICY_QUERY,
            )
        },
        "/api/v1/org-unit/departments": paged("listDepartments", "departments", "Department"),
        "/api/v1/clusters": {"get": part.operation("listClusters", "List clusters.", {200: clusters}, (401,))},
        "/api/v1/asset/environment": assets("listEnvironments", "environments"),
        "/api/v1/asset/compute": assets("listComputes", "compute resources"),
        "/api/v1/asset/datasource": assets("listDatasources", "data sources"),
    }
