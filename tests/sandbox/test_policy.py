"""What the policy refuses, and how it says so."""

from __future__ import annotations

from typing import Any

import pytest

from declarative.sandbox.policy import FIELDS
from tests.sandbox.plane import PYTORCH, TEMPLATES, Plane, template


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
