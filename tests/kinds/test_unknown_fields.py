"""What a newer control plane tells, and this release does not know, is neither a change nor erased by an update."""

from __future__ import annotations

from declarative.kinds.workload_template import WORKLOAD_TEMPLATE
from declarative.model.value import EMPTY, freeze
from declarative.plan.diff import compare

ENVIRONMENT, COMPUTE, SOURCE = (f"6f1c2a9e-0d6b-4b7e-9f43-0f9f6f7f1c1{digit}" for digit in "123")
ANSWER = {
    "meta": {"id": "x", "name": "base", "scope": "tenant", "kind": "workload-template", "newer": 1},
    "spec": {
        "assets": {
            "environment": {"id": ENVIRONMENT, "name": "pytorch", "newer": 1},
            "compute": {"id": COMPUTE, "name": "one-gpu"},
            "datasources": [{"id": SOURCE, "name": "data", "kind": "pvc", "overrides": None, "newer": 1}],
            "newer": [1],
        },
        "specificEnv": {
            "nodePools": ["a100"],
            "priorityClass": "train",
            "environmentVariables": [{"name": "A", "value": "1", "newer": 1}, {"name": "B", "value": "2", "newer": 2}],
        },
        "distributed": {"numWorkers": 2},
        "newer": {"deep": True},
    },
}


def test_an_update_sends_back_what_this_release_does_not_know() -> None:
    live = WORKLOAD_TEMPLATE.read(ANSWER).body
    assert live is not None
    variables = [{"name": "A", "value": "9"}]
    desired = freeze(
        {
            "metadata": {"name": "base", "scope": "tenant"},
            "spec": {"assets": {"environment": ENVIRONMENT}, "specificEnv": {"environmentVariables": variables}},
        }
    )
    found = compare(WORKLOAD_TEMPLATE, desired, live, EMPTY)
    assert [field.label for field in found.fields] == ["spec.specificEnv.environmentVariables[A].value"]
    assert WORKLOAD_TEMPLATE.update_request is not None
    sent = WORKLOAD_TEMPLATE.update_request(found.merged)
    assert sent["meta"] == {"name": "base"}
    assert sent["spec"] == freeze(
        {
            "assets": {
                "environment": ENVIRONMENT,
                "compute": COMPUTE,
                "datasources": [{"id": SOURCE, "kind": "pvc", "overrides": None, "newer": 1}],
                "newer": [1],
            },
            "specificEnv": {
                "nodePools": ["a100"],
                "priorityClass": "train",
                "environmentVariables": [
                    {"name": "A", "value": "9", "newer": 1},
                    {"name": "B", "value": "2", "newer": 2},
                ],
            },
            "newer": {"deep": True},
        }
    )
