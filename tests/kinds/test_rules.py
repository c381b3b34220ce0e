"""Every rule that stands only in prose: a value that keeps it, a value that breaks it, and what is said then."""

from __future__ import annotations

from typing import Any

import pytest

from declarative.kinds.check import check
from declarative.kinds.fields import autoscaling, compute, connectivity, container, scheduling, storage
from declarative.kinds.fields.assets import Datasource
from declarative.kinds.fields.base import Fields
from declarative.kinds.training import TrainingMetadata, TrainingSpec
from declarative.kinds.workload_template import WorkloadTemplateMetadata
from declarative.model.value import freeze

UUID = "71f69d83-ba66-4822-adf5-55ce55efd210"
SECRET = {"name": "s", "key": "k"}
URL: dict[str, Any] = {"container": 80}
TAINT: dict[str, Any] = {"key": "k", "operator": "Exists", "effect": "NoSchedule"}
HOST = {"path": "/a", "mountPath": "/b"}
EXCLUDE, NOT_HERE, MISSING = "Fields that exclude each other", "Field not allowed here", "Missing field"
BELOW, BOUNDS = "Limit below the request", "Number out of bounds"
Case = tuple[type[Fields], dict[str, Any], dict[str, Any], str, str, str]

# (model, a value that is right, a value that is wrong, summary, words of the detail, words of the hint)
CASES: dict[str, Case] = {
    "value or secret": (
        container.EnvironmentVariable,
        {"name": "a", "secret": SECRET},
        {"name": "a", "value": "x", "secret": SECRET},
        EXCLUDE,
        "`value` and `secret` are both given",
        "remove `value` or `secret`",
    ),
    "config map or pod field": (
        container.EnvironmentVariable,
        {"name": "a", "podFieldRef": {"path": "p"}},
        {"name": "a", "configMap": SECRET, "podFieldRef": {"path": "p"}},
        EXCLUDE,
        "`configMap` and `podFieldRef` are both given",
        "remove `configMap` or `podFieldRef`",
    ),
    "users or groups of a URL": (
        connectivity.ExposedUrl,
        {**URL, "authorizedUsers": ["a"]},
        {**URL, "authorizedUsers": ["a"], "authorizedGroups": ["b"]},
        EXCLUDE,
        "`authorizedUsers` and `authorizedGroups` are both given",
        "remove `authorizedUsers` or `authorizedGroups`",
    ),
    "users or groups of a connection": (
        connectivity.Connection,
        {"connectionName": "c", "authorizedGroups": ["b"]},
        {"connectionName": "c", "authorizedUsers": ["a"], "authorizedGroups": ["b"]},
        EXCLUDE,
        "at most one of `authorizedUsers` and `authorizedGroups`",
        "remove `authorizedUsers`",
    ),
    "a connection has a name": (
        connectivity.Connection,
        {"name": "c"},
        {"nodePort": 1},
        MISSING,
        "`connectionName` is required",
        "add `connectionName:`",
    ),
    "portion needs its amount": (
        compute.Compute,
        {"gpuRequestType": "portion", "gpuPortionRequest": 0.5},
        {"gpuRequestType": "portion"},
        MISSING,
        "`gpuPortionRequest` is required when `gpuRequestType` is portion",
        "add `gpuPortionRequest:`",
    ),
    "an amount needs the type portion": (
        compute.Compute,
        {},
        {"gpuPortionRequest": 0.5},
        NOT_HERE,
        "only when `gpuRequestType` is portion, but it is not set",
        "set `gpuRequestType: portion` or remove `gpuPortionRequest`",
    ),
    "memory needs its amount": (
        compute.Compute,
        {"gpuRequestType": "memory", "gpuMemoryRequest": "1G"},
        {"gpuRequestType": "memory"},
        MISSING,
        "`gpuMemoryRequest` is required",
        "add `gpuMemoryRequest:`",
    ),
    "MIG needs its profile": (
        compute.Compute,
        {"gpuRequestType": "migProfile", "migProfile": "1g.5gb"},
        {"gpuRequestType": "migProfile"},
        MISSING,
        "`migProfile` is required",
        "add `migProfile:`",
    ),
    "a portion is of one GPU": (
        compute.Compute,
        {"gpuRequestType": "portion", "gpuPortionRequest": 1},
        {"gpuRequestType": "portion", "gpuPortionRequest": 1.5},
        BOUNDS,
        "`gpuPortionRequest` is 1.5",
        "use at most 1",
    ),
    "several devices exclude memory": (
        compute.Compute,
        {"gpuDevicesRequest": 2, "gpuRequestType": "portion", "gpuPortionRequest": 1},
        {"gpuDevicesRequest": 2, "gpuRequestType": "memory", "gpuMemoryRequest": "1G"},
        EXCLUDE,
        "`gpuMemoryRequest` cannot be given when `gpuDevicesRequest` is more than 1; it is 2",
        "ask for one device",
    ),
    "several devices exclude MIG": (
        compute.Compute,
        {"gpuDevicesRequest": 1, "gpuRequestType": "migProfile", "migProfile": "1g.5gb"},
        {"gpuDevicesRequest": 3, "gpuRequestType": "migProfile", "migProfile": "1g.5gb"},
        EXCLUDE,
        "`migProfile` cannot be given",
        "ask for one device",
    ),
    "GPU portion limit": (
        compute.Compute,
        {"gpuRequestType": "portion", "gpuPortionRequest": 0.5, "gpuPortionLimit": 0.5},
        {"gpuRequestType": "portion", "gpuPortionRequest": 0.5, "gpuPortionLimit": 0.4},
        BELOW,
        "`gpuPortionLimit` is 0.4",
        "at least 0.5",
    ),
    "GPU memory limit": (
        compute.Compute,
        {"gpuRequestType": "memory", "gpuMemoryRequest": "1Gi", "gpuMemoryLimit": "1024Mi"},
        {"gpuRequestType": "memory", "gpuMemoryRequest": "1Gi", "gpuMemoryLimit": "1G"},
        BELOW,
        "`gpuMemoryLimit` is 1G, less than `gpuMemoryRequest`, which is 1Gi",
        "at least 1Gi",
    ),
    "CPU core limit": (
        compute.Compute,
        {"cpuCoreRequest": 1, "cpuCoreLimit": 1.0},
        {"cpuCoreRequest": 2, "cpuCoreLimit": 1},
        BELOW,
        "`cpuCoreLimit` is 1",
        "at least 2",
    ),
    "CPU memory limit": (
        compute.Compute,
        {"cpuMemoryRequest": "1G", "cpuMemoryLimit": "1Gi"},
        {"cpuMemoryRequest": "1G", "cpuMemoryLimit": "10M"},
        BELOW,
        "`cpuMemoryLimit` is 10M",
        "at least 1G",
    ),
    "tty needs stdin": (
        TrainingSpec,
        {"tty": True, "stdin": True},
        {"tty": True},
        MISSING,
        "`tty: true` needs `stdin: true`",
        "add `stdin: true`",
    ),
    "Equal needs a value": (
        scheduling.Toleration,
        {**TAINT, "operator": "Equal", "value": "v"},
        {**TAINT, "operator": "Equal"},
        MISSING,
        "`value` is required when `operator` is Equal",
        "add `value:`",
    ),
    "Exists takes no value": (
        scheduling.Toleration,
        TAINT,
        {**TAINT, "value": "v"},
        NOT_HERE,
        "`value` may be given only when `operator` is Equal, but it is Exists",
        "remove `value`",
    ),
    "seconds need NoExecute": (
        scheduling.Toleration,
        {**TAINT, "effect": "NoExecute", "seconds": 1},
        {**TAINT, "seconds": 1},
        NOT_HERE,
        "`seconds` may be given only when `effect` is NoExecute",
        "set `effect: NoExecute`",
    ),
    "a new claim has a size": (
        storage.Pvc,
        {"path": "/a", "claimInfo": {"size": "1G"}},
        {"path": "/a"},
        MISSING,
        "`claimInfo.size` is required unless `existingPvc` is true",
        "existingPvc: true",
    ),
    "an existing claim is not described": (
        storage.Pvc,
        {"path": "/a", "existingPvc": True},
        {"path": "/a", "existingPvc": True, "claimInfo": {"size": "1G"}},
        EXCLUDE,
        "`existingPvc` is true",
        "remove `claimInfo`",
    ),
    "one propagation for all host paths": (
        storage.Storage,
        {"hostPath": [HOST, {**HOST, "mountPropagation": "None"}]},
        {"hostPath": [{**HOST, "mountPropagation": "HostToContainer"}, {**HOST, "mountPropagation": "None"}]},
        "Values that have to agree",
        "`mountPropagation` is None here and HostToContainer",
        "the same `mountPropagation`",
    ),
    "one project": (
        TrainingMetadata,
        {"name": "a", "project": "p", "clusterId": UUID},
        {"name": "a", "projectId": "1", "project": "p", "clusterId": UUID},
        EXCLUDE,
        "`projectId` and `project` are both given",
        "remove `projectId` or `project`",
    ),
    "some cluster": (
        TrainingMetadata,
        {"name": "a", "projectId": 1, "cluster": "c"},
        {"name": "a", "projectId": 1},
        MISSING,
        "One of `clusterId` or `cluster` is required",
        "add `cluster: NAME`",
    ),
    "a data source by id or name": (
        Datasource,
        {"kind": "nfs", "name": "n"},
        {"kind": "nfs"},
        MISSING,
        "One of `id` or `name` is required",
        "add `name: NAME`",
    ),
    "scaling needs a metric": (
        autoscaling.AutoScaling,
        {"minReplicas": 1, "maxReplicas": 2, "thresholdMetric": "latency", "thresholdValue": 1},
        {"minReplicas": 1, "maxReplicas": 2, "thresholdValue": 1},
        MISSING,
        "`thresholdMetric` is required when replicas range from 1 to 2",
        "add `thresholdMetric:`",
    ),
    "none to one needs no metric, backwards is wrong": (
        autoscaling.AutoScaling,
        {"minReplicas": 0, "maxReplicas": 1},
        {"minReplicas": 2, "maxReplicas": 1},
        BELOW,
        "`maxReplicas` is 1",
        "at least 2",
    ),
    "latency does not scale to zero": (
        autoscaling.AutoScaling,
        {"minReplicas": 0, "maxReplicas": 1, "thresholdMetric": "concurrency"},
        {"minReplicas": 0, "maxReplicas": 1, "thresholdMetric": "latency"},
        "Value not allowed here",
        "does not support scaling to zero",
        "use throughput",
    ),
    "retention is for zero": (
        autoscaling.AutoScaling,
        {"minReplicas": 0, "scaleToZeroRetentionSeconds": 1},
        {"minReplicas": 1, "scaleToZeroRetentionSeconds": 1},
        NOT_HERE,
        "`minReplicas` is 1",
        "set `minReplicas: 0`",
    ),
    **{
        f"scope {scope} has its id": (
            WorkloadTemplateMetadata,
            {"name": "a", "scope": scope, scope: "x"},
            {"name": "a", "scope": scope},
            MISSING,
            f"`{scope}Id` is required when `scope` is {scope}",
            f"add `{scope}Id:`",
        )
        for scope in ("cluster", "department", "project")
    },
}


@pytest.mark.parametrize("name", CASES)
def test_a_rule_of_prose_is_checked(name: str) -> None:
    model, right, wrong, summary, detail, hint = CASES[name]
    assert check(model, freeze(right)) == ()
    (violation,) = check(model, freeze(wrong))
    assert violation.summary == summary
    assert detail in violation.detail
    assert hint in (violation.hint or "")


@pytest.mark.parametrize("name", ["a", "resnet50", "a-b", "a" * 63])
def test_names_of_workloads_may_have_letters_digits_and_hyphens(name: str) -> None:
    assert check(TrainingMetadata, freeze({"name": name, "project": "p", "cluster": "c"})) == ()


@pytest.mark.parametrize("name", ["", "A", "1a", "-a", "a_b", "a.b", "a" * 64, "a\n", "ä"])
def test_other_names_of_workloads_are_refused(name: str) -> None:
    (violation,) = check(TrainingMetadata, freeze({"name": name, "project": "p", "cluster": "c"}))
    assert violation.path == ("name",)
