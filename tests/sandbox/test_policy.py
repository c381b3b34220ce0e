"""What the policy refuses, and how it says so."""

from __future__ import annotations

from typing import Any

import pytest

from declarative.model.foresight import Policy
from declarative.model.value import freeze
from declarative.plan.compliance import violations
from declarative.sandbox.policy import FIELDS
from declarative.sandbox.seeds import A100
from tests.plan.bodies import only, resource, training
from tests.sandbox.plane import PYTORCH, TEMPLATES, TRAININGS, Plane, template


def limited(plane: Plane, **limits: Any) -> None:
    plane.settings(policy={"limits": {field.replace("_", "."): limit for field, limit in limits.items()}})


def issues(answer: Any) -> list[tuple[str, str]]:
    assert all(set(issue) == {"field", "details"} for issue in answer["complianceIssues"])
    return [(issue["field"], issue["details"]) for issue in answer["complianceIssues"]]


def test_a_training_beyond_limits_is_refused_with_all_its_issues_and_not_made(plane: Plane) -> None:
    limited(plane, compute_gpuDevicesRequest={"max": 2}, environmentVariables_value={"allowed": ["a", "b"]})
    variables = [{"name": "X", "value": "a"}, {"name": "Y", "value": "c"}]
    spec = {"image": "x:1", "compute": {"gpuDevicesRequest": 4}, "environmentVariables": variables}
    answer = plane.train(spec=spec, status=400)
    assert answer["message"] == "The policy does not allow this"
    assert issues(answer) == [
        ("compute.gpuDevicesRequest", "value must be at most 2"),
        ("environmentVariables[1].value", 'value must be "a" or "b"'),
    ]
    assert plane.get("/_sandbox/")["counts"]["workloads"] == 0
    plane.train(spec={**spec, "compute": {"gpuDevicesRequest": 2}, "environmentVariables": variables[:1]})


def test_an_update_beyond_a_limit_is_refused_and_changes_nothing(plane: Plane) -> None:
    made = plane.template()
    url = f"{TEMPLATES}/{made['meta']['id']}"
    limited(plane, specificEnv_nodePools={"allowed": ["default"]})
    spec = {"assets": {"environment": PYTORCH}, "specificEnv": {"nodePools": ["default", "a100"]}}
    answer = plane.put(url, {"meta": {"name": "base"}, "spec": spec}, 400)
    assert issues(answer) == [("specificEnv.nodePools[1]", 'value must be "default"')]
    assert plane.get(url) == made
    assert issues(plane.post(TEMPLATES, template("other", spec=spec), 400)) == issues(answer)


@pytest.mark.parametrize(
    ("limit", "value", "fits"),
    [
        ({"min": 1, "max": 3}, 1, True),
        ({"min": 1, "max": 3}, 3, True),
        ({"min": 1, "max": 3}, 4, False),
        ({"min": 2}, 1, False),
        ({"allowed": [1, 8]}, 8, True),
        ({"allowed": [1, 8]}, 4, False),
        ({"allowed": ["4"]}, 4, False),
        ({}, 4, True),
    ],
)
def test_bounds_belong_to_what_is_allowed(plane: Plane, limit: dict[str, Any], value: int, fits: bool) -> None:
    limited(plane, compute_gpuDevicesRequest=limit)
    plane.train(spec={"image": "x:1", "compute": {"gpuDevicesRequest": value}}, status=202 if fits else 400)


@pytest.mark.parametrize(("memory", "fits"), [("2Gi", True), ("4096Mi", True), ("5G", False), ("0.5Gi", False)])
def test_amounts_are_bounded_by_amounts(plane: Plane, memory: str, fits: bool) -> None:
    limited(plane, compute_cpuMemoryRequest={"min": "1Gi", "max": "4Gi"})
    plane.train(spec={"image": "x:1", "compute": {"cpuMemoryRequest": memory}}, status=202 if fits else 400)


def test_fields_that_are_not_given_are_beyond_no_limit(plane: Plane) -> None:
    limited(plane, compute_gpuDevicesRequest={"min": 2}, specificEnv_backoffLimit={"max": 0})
    plane.train()
    plane.train("other", spec={"image": "x:1", "compute": None})


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("compute.gpuDevicesReqest", "did you mean `compute.gpuDevicesRequest`?"),
        ("spec.compute.gpuDevicesRequest", "did you mean `compute.gpuDevicesRequest`?"),
        ("gpuDevicesRequest", "did you mean `compute.gpuDevicesRequest`?"),
        ("nothing.at.all", "No spec has a field `nothing.at.all`."),
        ("annotations", "it has annotations.exclude, annotations.name, annotations.value."),
        ("compute", "`compute` has no value of its own to limit"),
    ],
)
def test_only_fields_with_single_values_can_be_limited(plane: Plane, field: str, told: str) -> None:
    """Anything else would be a limit that never holds; the nearest spelling is told, or what there is below."""
    answer = plane.ask("PATCH", "/_sandbox/settings", json={"policy": {"limits": {field: {"max": 1}}}})
    assert answer.status_code == 400
    assert told in answer.json()["details"]


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_a_spec_with_single_values_can_be_limited(plane: Plane, field: str) -> None:
    """Also the items of a list, whose field is that of the list."""
    plane.settings(policy={"limits": {field: {"allowed": ["a"]}}})


# --- what is required, fixed or locked; and what is told of it ----------------------------------------------------------
def test_what_is_required_and_not_preset_has_to_be_given(plane: Plane) -> None:
    limited(plane, compute_cpuCoreRequest={"required": True}, storage_pvc_readOnly={"required": True})
    spec = {"image": "x:1", "storage": {"pvc": [{"path": "/a", "existingPvc": True, "claimName": "c"}]}}
    assert issues(plane.train(spec=spec, status=400)) == [
        ("compute.cpuCoreRequest", "value is required"),
        ("storage.pvc[0].readOnly", "value is required"),
    ]
    plane.settings(policy={"defaults": {"compute.cpuCoreRequest": 2, "storage.pvc.readOnly": True}})
    made = plane.train(spec=spec)["spec"]
    assert (made["compute"]["cpuCoreRequest"], made["storage"]["pvc"][0]["readOnly"]) == (2, True)
    plane.template()


def test_what_cannot_be_edited_stays_as_it_is_preset(plane: Plane) -> None:
    plane.settings(policy={"limits": {"backoffLimit": {"canEdit": False}}, "defaults": {"backoffLimit": 3}})
    assert plane.train("a")["spec"]["backoffLimit"] == 3
    assert plane.train("b", spec={"image": "x:1", "backoffLimit": 3})["spec"]["backoffLimit"] == 3
    answer = plane.train("c", spec={"image": "x:1", "backoffLimit": 4}, status=400)
    assert issues(answer) == [("backoffLimit", "value cannot be changed")]


@pytest.mark.parametrize(("value", "fits"), [(2, True), (6, True), (5, False)])
def test_steps_begin_at_the_least(plane: Plane, value: int, fits: bool) -> None:
    limited(plane, compute_gpuDevicesRequest={"min": 2, "step": 4})
    plane.train(spec={"image": "x:1", "compute": {"gpuDevicesRequest": value}}, status=202 if fits else 400)


def test_lists_can_be_closed_and_their_items_locked(plane: Plane) -> None:
    lists = {"labels": {"canAdd": False, "locked": ["team"]}}
    plane.settings(policy={"labels": {"team": "x", "tier": "y"}, "lists": lists})
    plane.train("a", spec={"image": "x:1", "labels": [{"name": "tier", "value": "z"}, {"name": "team", "value": "x"}]})
    bad = [{"name": "team", "exclude": True}, {"name": "tier", "exclude": True}, {"name": "new", "value": "1"}]
    answer = plane.train("b", spec={"image": "x:1", "labels": bad}, status=400)
    assert issues(answer) == [("labels[0]", "the item is locked"), ("labels[2]", "items cannot be added")]


def test_the_effective_policy_says_what_creates_enforce(plane: Plane) -> None:
    plane.settings(
        policy={
            "labels": {"team": "x"},
            "limits": {
                "compute.gpuDevicesRequest": {"max": 2, "required": True},
                "storage.pvc.claimInfo.size": {"max": "1G"},
                "image": {"allowed": ["x:1"]},
                "specificEnv.nodePools": {"allowed": ["a"]},
            },
            "defaults": {"nodePools": ["a"], "storage.pvc.readOnly": True},
            "lists": {"labels": {"canAdd": False}},
        }
    )
    told = plane.get("/api/v2/policy/trainings?scope=project&projectId=4501")["effective"]
    source = {"sourceOfRule": {"scope": "tenant"}}
    assert told["defaults"] == {
        "labels": {"instances": [{"name": "team", "value": "x"}]},
        "nodePools": ["a"],
        "storage": {"pvc": {"attributes": {"readOnly": True}}},
    }
    assert told["rules"] == {
        "compute": {"gpuDevicesRequest": {"max": 2, "required": True, **source}},
        "storage": {"pvc": {"attributes": {"claimInfo": {"size": {"max": "1G", **source}}}}},
        "image": {"options": [{"value": "x:1"}], **source},
        "labels": {"instances": {"canAdd": False, **source}},
    }


def test_the_effective_policy_is_that_of_a_scope_and_can_be_refused(plane: Plane) -> None:
    url = "/api/v2/policy/trainings"
    for scope in ("tenant", "cluster", "department", "project&projectId=4501"):
        assert plane.get(f"{url}?scope={scope}")["effective"] == {"defaults": {}, "rules": {}, "imposedAssets": []}
    plane.get(url, status=400)
    plane.get(f"{url}?scope=planet", status=400)
    plane.get(f"{url}?scope=project&projectId=1", status=404)
    plane.settings(refusePolicies=True)
    plane.get(f"{url}?scope=tenant", status=403)


SPECS: list[dict[str, Any]] = [
    {"image": "x:1"},
    {"image": "x:2", "compute": {"gpuDevicesRequest": 3}},
    {"image": "x:1", "compute": {"gpuDevicesRequest": 4, "cpuMemoryRequest": "8Gi"}},
    {"image": "x:1", "labels": [{"name": "team", "exclude": True}, {"name": "new", "value": "1"}]},
    {"image": "x:1", "compute": {"gpuDevicesRequest": 2}, "labels": [{"name": "team", "value": "x"}]},
    {"image": "x:1", "probes": {"readiness": {"periodSeconds": 9, "handler": {"httpGet": {"port": 80}}}}},
    {"image": "x:1", "storage": {"pvc": [{"path": "/a", "existingPvc": True, "claimName": "c", "readOnly": False}]}},
    {"image": "x:1", "backoffLimit": 2, "nodePools": ["a", "b"]},
]


@pytest.mark.parametrize("spec", SPECS)
def test_a_plan_foresees_what_a_create_refuses_and_nothing_else(plane: Plane, spec: dict[str, Any]) -> None:
    """The two are written apart: this one reads the policy as it is told, that one the settings."""
    plane.settings(
        policy={
            "labels": {"team": "x"},
            "limits": {
                "compute.gpuDevicesRequest": {"min": 2, "step": 2, "required": True},
                "compute.cpuMemoryRequest": {"max": "4Gi"},
                "image": {"allowed": ["x:1"]},
                "probes.readiness.periodSeconds": {"max": 5},
                "probes.readiness.failureThreshold": {"required": True},
                "storage.pvc.readOnly": {"canEdit": False},
                "backoffLimit": {"canEdit": False},
                "nodePools": {"allowed": ["a"]},
            },
            "defaults": {"storage.pvc.readOnly": True, "backoffLimit": 1},
            "lists": {"labels": {"canAdd": False, "locked": ["team"]}},
        }
    )
    told = plane.get("/api/v2/policy/trainings?scope=project&projectId=4501")["effective"]
    change = only(resource(training(**spec)))
    found = violations(change, Policy(freeze(told["defaults"]), freeze(told["rules"])))
    foreseen = {str(one.diagnostic.field).removeprefix("spec.") for one in found}
    answer = plane.ask("POST", TRAININGS, json={"name": "a", "projectId": "4501", "clusterId": A100, "spec": spec})
    refused = issues(answer.json()) if answer.status_code == 400 else []
    # A list of texts is one field.
    assert foreseen == {"nodePools" if field.startswith("nodePools[") else field for field, _ in refused}
