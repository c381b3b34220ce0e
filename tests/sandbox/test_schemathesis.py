"""Schemathesis, a fuzzer of APIs, finds nothing in the served sandbox that its document does not say.

By default it sends the same few requests each time; HYPOTHESIS_PROFILE=random in the environment has it look further.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import requests
import schemathesis

from declarative.kinds.check import check
from declarative.kinds.training import TrainingCreateRequest
from declarative.kinds.workload_template import WorkloadTemplateCreateRequest, WorkloadTemplateUpdateRequest
from declarative.model.value import freeze
from declarative.sandbox import seeds
from declarative.sandbox.openapi import document
from tests.sandbox.plane import PYTORCH, TEMPLATES, TRAININGS, template
from tests.sandbox.served import served

MODELS = {
    "createTraining": TrainingCreateRequest,
    "createTemplate": WorkloadTemplateCreateRequest,
    "updateTemplate": WorkloadTemplateUpdateRequest,
}
# What the rules say and JSON Schema cannot, by the summaries of `declarative.kinds`: comparisons between fields, and
# uniqueness by one field of the items. Whether autoscaling needs a metric depends on such a comparison, too.
UNSAYABLE = {"Limit below the request", "Duplicate item", "Values that have to agree"}
# Good credentials are those of one application only.
MAY_REFUSE = {"POST /api/v1/token", "POST /api/v2/token"}
HEADERS = {"Authorization": "Bearer sandbox"}
RANDOM = os.environ.get("HYPOTHESIS_PROFILE") == "random"

schema = schemathesis.openapi.from_dict(document())
# The sandbox ignores query parameters that it does not know, as the control plane does.
schema.config.generation.allow_extra_parameters = False
# The test itself sends the token; whether a wrong one is refused is for `test_auth`.
schema.config.generation.with_security_parameters = False


@dataclass(frozen=True)
class Served:
    """The served sandbox: one client and one session for all, because making one costs more than a request."""

    client: httpx.Client
    session: requests.Session
    # Operations that were seen to ask for credentials: that is asked once each, as schemathesis' own runner does.
    guarded: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path: Path = tmp_path_factory.mktemp("schemathesis") / "sandbox.sqlite3"
    with (
        served(path) as url,
        httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client,
        requests.Session() as session,
    ):
        session.trust_env = False
        session.headers.clear()
        yield Served(client, session)


@schema.parametrize()
@hypothesis.settings(
    max_examples=100 if RANDOM else 8,
    derandomize=not RANDOM,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    database=None,
)
def test_schemathesis_finds_nothing(case: Any, plane: Served) -> None:
    label, positive = case.operation.label, case.meta.generation.mode.is_positive
    beyond = False
    if not case.operation.path.startswith("/_sandbox"):
        # What a setting that was fuzzed before may refuse, hold up or drop, and what there is to refer to.
        plane.client.put("/_sandbox/settings", json={})
        plane.client.put("/_sandbox/directory", json={})
    if positive:
        _aim(case, plane.client)
        beyond = _beyond_the_document(case)
    checks = schemathesis.checks.CHECKS
    response = case.call_and_validate(
        base_url=str(plane.client.base_url),
        session=plane.session,
        headers=HEADERS,
        excluded_checks=[
            *([checks.get_one("positive_data_acceptance")] if beyond else ()),
            *([checks.get_one("ignored_auth")] if label in plane.guarded else ()),
        ],
    )
    if positive and response.status_code < 300:
        plane.guarded.add(label)
    if positive and label not in MAY_REFUSE and not beyond:
        # Stricter than schemathesis, which lets 401, 404 and 409 pass for good requests.
        assert response.status_code < 300, response.text


def _aim(case: Any, client: httpx.Client) -> None:
    """Aims a good request at objects that exist, and gives what it makes a name of its own: no schema can ask for it."""
    if isinstance(case.body, dict):
        case.body = _known(_whole(case.body))
    made = uuid.uuid4().hex
    if "projectId" in case.path_parameters:
        case.path_parameters["projectId"] = "4501"
    if (case.query or {}).get("scope") == "project":
        case.query["projectId"] = "4501"
    if "AssetId" in case.path_parameters:
        answer = client.post(TEMPLATES, json=template(made))
        case.path_parameters["AssetId"] = answer.json()["meta"]["id"]
    if "workloadId" in case.path_parameters:
        body = {"name": f"t{made}", "projectId": "4501", "clusterId": seeds.A100}
        answer = client.post(TRAININGS, json=body)
        case.path_parameters["workloadId"] = answer.json()["workloadId"]


def _whole(value: Any) -> Any:
    """1.0 as 1: JSON Schema calls both integers, but the decoders of real servers, and ours, take the latter only."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _known(body: dict[str, Any]) -> dict[str, Any]:
    made = uuid.uuid4().hex
    if "projectId" in body:
        # Of a workload of another type the project alone is given.
        cluster = {} if "type" in body else {"clusterId": seeds.A100}
        return {**body, "name": f"{body['name'][:30]}{made}", "projectId": "4501", **cluster}
    if "spec" in body:
        given = {"projectId": 4501, "clusterId": seeds.A100, "departmentId": "4500"}
        meta = {key: given[key] if key in given and value is not None else value for key, value in body["meta"].items()}
        assets = {**body["spec"]["assets"], "environment": PYTORCH, "compute": None, "datasources": []}
        named = {**meta, "name": meta["name"] + made}
        return {"meta": named, "spec": {**body["spec"], "assets": assets}}
    return body


def _beyond_the_document(case: Any) -> bool:
    """Whether the body breaks a rule that the document has no words for."""
    if not isinstance(case.body, dict):
        return False
    model = MODELS.get(case.operation.definition.raw.get("operationId"))
    found = check(model, freeze(case.body)) if model else ()
    assert all(each.summary in UNSAYABLE or "autoScaling" in each.path for each in found), found
    return bool(found)
