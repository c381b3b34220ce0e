"""Workload templates: ids in requests, objects in answers, and a PUT that replaces all that can be changed."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

from declarative.kinds.fields.assets import DataSourceOverrides, WorkloadSupportedTypes
from declarative.kinds.shape import shape_of
from declarative.kinds.workload_template import (
    RunParameters,
    WorkloadTemplateCreateRequest,
    WorkloadTemplateUpdateRequest,
)
from declarative.sandbox import seeds
from declarative.sandbox.answers import INJECTED, filled, injected
from declarative.sandbox.directory import chosen
from declarative.sandbox.phases import stamp
from declarative.sandbox.places import Places, places
from declarative.sandbox.policy import comply
from declarative.sandbox.wire import Answer, Call, Refusal, accepted, conforming, duplicate, missing, strict_object

_SCOPE_IDS = {"cluster": "clusterId", "department": "departmentId", "project": "projectId"}


def listed(call: Call) -> Answer:
    rows = call.rows.execute("SELECT body FROM templates ORDER BY sequence").fetchall()
    return Answer(200, {"entries": chosen([json.loads(row["body"]) for row in rows], call)})


def create(call: Call) -> Answer:
    request = conforming(WorkloadTemplateCreateRequest, strict_object(call))
    given = request["meta"]
    _check_scope(given, places(call.settings))
    comply(request["spec"], call.settings["policy"])
    now = stamp(call.moment.wall)
    meta = {name: value for name, value in given.items() if value is not None}
    meta |= {
        "id": str(uuid.uuid4()),
        "kind": "workload-template",
        "tenantId": seeds.TENANT,
        "autoDelete": bool(given.get("autoDelete")),
        "workloadSupportedTypes": filled(shape_of(WorkloadSupportedTypes), given.get("workloadSupportedTypes")),
        **{"createdBy": call.user, "createdAt": now, "updatedBy": call.user, "updatedAt": now},
    }
    if meta.get("clusterId"):
        meta["clusterId"] = meta["clusterId"].lower()
    if given["scope"] == "project":
        meta["projectName"] = places(call.settings).project(str(given["projectId"])).name
    body = {"meta": meta, "spec": _spec(request["spec"], call)}
    try:
        call.rows.execute(
            "INSERT INTO templates (id, owner, name, body) VALUES (?, ?, ?, ?)",
            (meta["id"], _owner(meta), meta["name"], json.dumps(body)),
        )
    except sqlite3.IntegrityError:
        raise _taken(meta, call) from None
    return Answer(202, body)


def get(call: Call) -> Answer:
    return Answer(200, _found(call))


def update(call: Call) -> Answer:
    body = _found(call)
    request = conforming(WorkloadTemplateUpdateRequest, strict_object(call))
    comply(request["spec"], call.settings["policy"])
    meta = {name: value for name, value in body["meta"].items() if name != "description"}
    meta |= {name: value for name, value in request["meta"].items() if value is not None}
    meta |= {"updatedBy": call.user, "updatedAt": stamp(call.moment.wall)}
    body = {"meta": meta, "spec": _spec(request["spec"], call)}
    try:
        call.rows.execute(
            "UPDATE templates SET name = ?, body = ? WHERE id = ?", (meta["name"], json.dumps(body), meta["id"])
        )
    except sqlite3.IntegrityError:
        raise _taken(meta, call) from None
    return Answer(202, body)


def delete(call: Call) -> Answer:
    call.rows.execute("DELETE FROM templates WHERE id = ?", (_found(call)["meta"]["id"],))
    return accepted()


def _found(call: Call) -> dict[str, Any]:
    template = call.id("AssetId", "Template")
    row = call.rows.execute("SELECT body FROM templates WHERE id = ?", (template,)).fetchone()
    if row is None:
        raise missing("Template", template)
    body: dict[str, Any] = json.loads(row["body"])
    return body


def _taken(meta: Mapping[str, Any], call: Call) -> Refusal:
    details = f"The scope {meta['scope']} has a template of this name."
    return duplicate(call.settings["duplicateAnswers"], f"Template {meta['name']}", details)


def _owner(meta: Mapping[str, Any]) -> str:
    """The scope and the object of that scope: names are unique within it."""
    return f"{meta['scope']}/{meta.get(_SCOPE_IDS.get(meta['scope'], ''), '')}"


def _check_scope(meta: Mapping[str, Any], there: Places) -> None:
    known = (
        ("projectId", "project", there.projects),
        ("clusterId", "cluster", there.clusters),
        ("departmentId", "department", there.departments),
    )
    for name, what, ids in known:
        given = meta.get(name)
        if given is not None and str(given).lower() not in ids:
            raise Refusal(400, f"The {what} does not exist", f"There is no {what} with the id {given}.")


def _spec(given: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """The spec as answers carry it: assets by id, name and more."""
    run, policy = given.get("specificEnv"), call.settings["policy"]
    if run is not None or any(policy.get(field) for field in INJECTED):
        run = filled(shape_of(RunParameters), injected(run or {}, policy))
    return {"assets": _assets(given["assets"], places(call.settings)), "specificEnv": run, "distributed": None}


def _assets(given: Mapping[str, Any], there: Places) -> dict[str, Any]:
    environment = _asset(there.environments, given["environment"], "environment")
    tools = [tool["internalToolInfo"]["toolType"] for tool in environment["spec"]["connections"]]
    compute = given.get("compute")
    return {
        "environment": {**_reference(environment), "toolTypes": tools},
        "compute": None if compute is None else _reference(_asset(there.computes, compute, "compute")),
        "datasources": [_datasource(item, there.datasources) for item in given.get("datasources", ())],
        "workloadVolumes": list(given.get("workloadVolumes", ())),
    }


def _datasource(item: Mapping[str, Any], there: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    asset = _asset(there, item["id"], "data source")
    kind = asset["meta"]["kind"]
    if item["kind"] != kind:
        raise Refusal(400, "The data source is of another kind", f"{asset['meta']['name']} is of the kind {kind}.")
    overrides = filled(shape_of(DataSourceOverrides), item.get("overrides"))
    return {**_reference(asset), "kind": kind, "overrides": overrides}


def _asset(assets: Mapping[str, dict[str, Any]], id: str, what: str) -> dict[str, Any]:
    if id.lower() not in assets:
        raise Refusal(400, f"The {what} does not exist", f"There is no {what} with the id {id}.")
    return assets[id.lower()]


def _reference(asset: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": asset["meta"]["id"], "name": asset["meta"]["name"]}
