"""Pieces of the OpenAPI document that no model describes: operations, envelopes, queries, lists and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from declarative.sandbox.auth import GRANTS
from declarative.sandbox.directory import SORTED_BY
from declarative.sandbox.effective_policy import SCOPES
from declarative.sandbox.workloads import FIELDS, TERM

_MEANINGS = {
    200: "Done.",
    202: "Accepted.",
    400: "The request is not valid.",
    401: "The credentials were not accepted.",
    403: "The request is not allowed now.",
    404: "There is no such object.",
    409: "The name is taken.",
    500: "The control plane failed.",
    503: "The sandbox is busy; try again.",
}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def operation(
    id: str,
    summary: str,
    good: Mapping[int, Any],
    bad: tuple[int, ...],
    *,
    body: str = "",
    parameters: tuple[Mapping[str, Any], ...] = (),
    open: bool = False,
    has_spec: bool = False,
    media: str = "application/json",
) -> dict[str, Any]:
    """One operation; `open` asks for no token. Everything may answer 503 while another process writes.

    With `has_spec` a 400 lists what is wrong in the spec that was sent. `media` is the type of the body.
    """
    answers = {**good, **{status: ref("Error") for status in (*bad, 503)}}
    if has_spec:
        answers[400] = ref("SubmissionError")
    found: dict[str, Any] = {
        "operationId": id,
        "summary": summary,
        "responses": {
            str(status): {"description": _MEANINGS[status], "content": {"application/json": {"schema": schema}}}
            for status, schema in sorted(answers.items())
        },
    }
    if parameters:
        found["parameters"] = [dict(parameter) for parameter in parameters]
    if body:
        found["requestBody"] = {"required": True, "content": {media: {"schema": ref(body)}}}
    if open:
        found["security"] = []
    return found


def path_id(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "format": "uuid"},
    }


def path_text(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def paged(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name],
        "properties": {
            name: {"type": "array", "items": item},
            "next": {"type": "integer", "description": "Offset of the next page; absent from the last page."},
        },
        "additionalProperties": False,
    }


def _query(name: str, schema: Mapping[str, Any], description: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description, **more}


_INT32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
PAGE_QUERY = (
    _query("offset", {**_INT32, "minimum": 0, "default": 0}, "Items to leave out at the start."),
    _query("limit", {**_INT32, "minimum": 1, "maximum": 500, "default": 50}, "Most items of a page."),
)
_ORDER = _query("sortOrder", {"type": "string", "enum": ["asc", "desc"], "default": "asc"}, "Direction of the sorting.")
UNIT_QUERY = (*PAGE_QUERY, _query("sortBy", {"type": "string", "enum": list(SORTED_BY)}, "Field to sort by."), _ORDER)
WORKLOAD_QUERY = (
    *PAGE_QUERY,
    _query("deleted", {"type": "boolean"}, "True lists the workloads that were deleted within the last two weeks."),
    _query("sortBy", {"type": "string", "enum": list(FIELDS)}, "Field to sort by."),
    _ORDER,
    _query(
        "filterBy",
        {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": TERM}},
        "Terms that all have to hold, such as type==Training.",
        explode=False,
    ),
)
EVENT_QUERY = (
    *PAGE_QUERY,
    _query("sortOrder", {"type": "string", "enum": ["asc", "desc"], "default": "desc"}, "The latest last, or first."),
)
ASSET_QUERY = (
    _query("name", {"type": "string"}, "Part of the name."),
    _query("scope", {"type": "string"}, "Scope."),
    _query("projectId", _INT32, "Id of a project: finds what it can use; with the scope project, only its own."),
    _query("departmentId", {"type": "string"}, "Id of the department."),
    _query("clusterId", {"type": "string", "format": "uuid"}, "Id of the cluster."),
    _query("distributedFramework", {"type": "string"}, "Framework of distributed trainings."),
    _query("isDistributed", {"type": "boolean"}, "Whether distributed trainings are supported."),
    _query("isTraining", {"type": "boolean"}, "Whether trainings are supported."),
    _query("isWorkspace", {"type": "boolean"}, "Whether workspaces are supported."),
)

POLICY_QUERY = (
    {**_query("scope", {"type": "string", "enum": list(SCOPES)}, "Whose policy."), "required": True},
    _query("projectId", {"type": "string"}, "Id of the project, for the scope project."),
    _query("departmentId", {"type": "string"}, "Id of the department."),
    _query("clusterId", {"type": "string", "format": "uuid"}, "Id of the cluster."),
)


def _envelope(**more: Any) -> dict[str, Any]:
    code = {"type": "integer", "minimum": 100, "maximum": 599, "description": "The HTTP status."}
    return {
        "type": "object",
        "required": ["code", "message"],
        "properties": {"code": code, "message": {"type": "string", "description": "What happened."}, **more},
        "additionalProperties": False,
    }


def _strings(*names: str, **more: Any) -> dict[str, Any]:
    """An object with these texts, and whatever else."""
    return {"type": "object", "required": [*names], "properties": {**{n: {"type": "string"} for n in names}, **more}}


def _grant(grant: str, id: str, secret: str) -> dict[str, Any]:
    schema = _strings("grantType", id, secret)
    schema["properties"]["grantType"] = {"const": grant}
    return schema


_DETAILS = {"details": {"type": "string", "description": "More about it."}}
_ISSUES = {
    "type": "array",
    "description": "What is wrong in the spec, or beyond a limit of the policy.",
    "items": {
        "type": "object",
        "required": ["field", "details"],
        "properties": {
            "field": {"type": "string", "description": "Dotted path within the spec."},
            "details": {"type": "string", "description": "What is wrong with it."},
        },
    },
}
_WHEN = {"type": "string", "format": "date-time"}
_ROW_TEXTS = (
    "type", "name", "source", "category", "priorityClassName", "submittedBy", "projectName", "projectId",
    "departmentName", "departmentId", "namespace", "phase", "k8sPhase",
)  # fmt: skip

SCHEMAS: Mapping[str, Any] = MappingProxyType(
    {
        "Error": _envelope(**_DETAILS),
        "SubmissionError": _envelope(**_DETAILS, complianceIssues=_ISSUES),
        "Accepted": _envelope(),
        "TokenRequest": {"oneOf": [_grant(grant, *fields) for grant, fields in GRANTS.items()]},
        "TokenAnswer": _strings("accessToken"),
        "OAuthTokenRequest": {
            **_strings("grant_type", "client_id", "client_secret"),
            "properties": {
                "grant_type": {"const": "client_credentials"},
                **{name: {"type": "string"} for name in ("client_id", "client_secret")},
            },
        },
        "OAuthTokenAnswer": _strings("access_token", "token_type", expires_in={"type": "integer", "minimum": 1}),
        "OAuthError": {**_strings("error", "error_description"), "additionalProperties": False},
        "Workload": _strings(
            *_ROW_TEXTS,
            id={"type": "string", "format": "uuid"},
            clusterId={"type": "string", "format": "uuid"},
            tenantId={"type": "integer"},
            priority={"type": ["integer", "null"]},
            runningPods={"type": "integer"},
            phaseMessage={"type": "string"},
            conditions={"type": "array"},
            **dict.fromkeys(("createdAt", "updatedAt", "phaseUpdatedAt", "k8sPhaseUpdatedAt"), _WHEN),
            **{name: {**_WHEN, "type": ["string", "null"]} for name in ("deletedAt", "completedAt")},
        ),
        "Event": _strings(
            *("type", "reason", "message", "source"),
            id={"type": "string", "format": "uuid"},
            clusterId={"type": "string", "format": "uuid"},
            createdAt=_WHEN,
            involvedObject=_strings("kind", "name", "namespace", uid={"type": "string", "format": "uuid"}),
        ),
        "WorkloadsPage": paged("workloads", ref("Workload")),
        "Project": _strings(
            *("id", "name", "clusterId", "parentId", "createdAt", "updatedAt"),
            resources={"type": "array", "items": {"type": "object", "required": ["nodePool", "gpu"]}},
            status={"type": "object", "required": ["phase", "nodePoolQuotaStatuses", "quotaStatus"]},
        ),
        "TrainingPolicy": {
            "type": "object",
            "required": ["effective"],
            "properties": {
                "effective": {
                    "type": "object",
                    "required": ["defaults", "rules", "imposedAssets"],
                    "properties": {
                        **{name: {"type": "object"} for name in ("defaults", "rules")},
                        "imposedAssets": {"type": "array", "items": {"type": "string"}},
                    },
                },
                "effectiveUpdatedAt": _WHEN,
            },
        },
        "Department": _strings("id", "name", "clusterId", "createdAt", "updatedAt"),
        "Cluster": _strings("uuid", "name", "createdAt", tenantId={"type": "integer"}),
        "Asset": {
            "type": "object",
            "required": ["meta", "spec"],
            "properties": {"meta": _strings("id", "kind", "name", "scope"), "spec": {"type": "object"}},
        },
        "Assets": {
            "type": "object",
            "required": ["entries"],
            "properties": {"entries": {"type": "array", "items": ref("Asset")}},
        },
    }
)
