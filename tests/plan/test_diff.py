"""The comparison, one row a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from declarative.model.plan import FieldChange
from declarative.model.value import EMPTY, FrozenMap, Path, freeze
from declarative.plan.diff import compare
from tests.plan.bodies import kind_of, template, training

Told = tuple[str, Any, Any]


@dataclass(frozen=True)
class Row:
    """`rule` in a sentence; `told` are label, before and after of every difference."""

    rule: str
    desired: FrozenMap
    live: FrozenMap
    prior: FrozenMap = EMPTY
    told: tuple[Told, ...] = ()
    ignored: tuple[str, ...] = ()
    merged: FrozenMap | None = None


def variables(*pairs: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": pair.partition("=")[0], "value": pair.partition("=")[2], **more} for pair in pairs]


ENV = "spec.specificEnv"
A, B = {"name": "a", "value": "1"}, {"name": "b", "value": "2"}
GPU = {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}
GPU_OUT = {"key": "gpu", "operator": "Exists", "effect": "NoExecute"}
LB, NODE = {"container": 80, "serviceType": "LoadBalancer"}, {"container": 80, "serviceType": "NodePort"}
ZONE = {"name": "acme.io/zone", "value": "1"}

DECLARED = [
    Row("a field that only the live object has is not managed", training(), training(tty=True)),
    Row("a value that differs is told", training(image="b"), training(image="a"), told=(("spec.image", "a", "b"),)),
    Row("a field that is missing is added", training(tty=True), training(), told=(("spec.tty", None, True),)),
    Row("null means absent", training(tty=None, nodePools=None), training(tty=True, nodePools=["x"])),
    Row("null is nothing to add", training(tty=None, compute=None), training()),
    Row("live nulls are no difference", training(compute={"cpuCoreRequest": 1}),
        training(compute={"cpuCoreRequest": 1, "cpuCoreLimit": None}, probes=None)),
    Row("a list without items is absent", training(nodePools=[], labels=[], compute={}), training()),
    Row("a mapping of nothing is absent", training(compute={"cpuCoreRequest": None}), training()),
    Row("a mapping of nothing that goes is no change", training(), training(compute={}), training(compute={})),
    Row("an empty text is a value", training(workingDir=""), training(), told=(("spec.workingDir", None, ""),)),
    Row("false is a value", training(tty=False), training(), told=(("spec.tty", None, False),)),
    Row("a whole mapping that is missing is added as one", training(compute={"cpuCoreRequest": 1}), training(),
        told=(("spec.compute", None, {"cpuCoreRequest": 1}),)),
]  # fmt: skip

REMOVED = [
    Row("a field that we had set is unset", template(), template(nodeType="x"), template(nodeType="x"),
        told=((f"{ENV}", {"nodeType": "x"}, None),), merged=template()),
    Row("a null unsets what we had set", template(nodeType=None, command="c"), template(nodeType="x", command="c"),
        template(nodeType="x", command="c"), told=((f"{ENV}.nodeType", "x", None),), merged=template(command="c")),
    Row("a field that we had set is unset, whatever became of it", template(command="c"),
        template(command="c", nodeType="y"), template(command="c", nodeType="x"),
        told=((f"{ENV}.nodeType", "y", None),)),
    Row("what we had set and is gone already is no change", template(), template(), template(nodeType="x")),
    Row("a mapping that goes keeps what others set", template(), template(nodeType="x", command="theirs"),
        template(nodeType="x"), told=((f"{ENV}.nodeType", "x", None),), merged=template(command="theirs")),
    Row("a mapping whose mandatory part goes, goes as a whole", template(command="c"),
        template(command="c", podAffinity={"type": "Required", "key": "k"}),
        template(command="c", podAffinity={"type": "Required"}),
        told=((f"{ENV}.podAffinity", {"type": "Required", "key": "k"}, None),), merged=template(command="c")),
    Row("a mapping whose rest would break a rule goes as a whole", template(command="c"),
        template(command="c", autoScaling={"minReplicas": 0, "scaleToZeroRetentionSeconds": 9}),
        template(command="c", autoScaling={"minReplicas": 0}),
        told=((f"{ENV}.autoScaling", {"minReplicas": 0, "scaleToZeroRetentionSeconds": 9}, None),)),
    Row("a sequence that we had set goes as one", template(command="c"), template(command="c", nodePools=["x", "y"]),
        template(command="c", nodePools=["x"]), told=((f"{ENV}.nodePools", ("x", "y"), None),)),
    Row("all items of a keyed list go one by one", template(command="c"), template(command="c", labels=[A, B]),
        template(command="c", labels=[A, B]),
        told=((f"{ENV}.labels[a]", A, None), (f"{ENV}.labels[b]", B, None)), merged=template(command="c")),
    Row("only our items of a keyed list go", template(command="c"), template(command="c", labels=[A, B]),
        template(command="c", labels=[B]), told=((f"{ENV}.labels[b]", B, None),),
        merged=template(command="c", labels=[A])),
    Row("a field of an item goes alone", template(labels=[{"name": "a"}]), template(labels=[A]), template(labels=[A]),
        told=((f"{ENV}.labels[a].value", "1", None),), merged=template(labels=[{"name": "a"}])),
]  # fmt: skip

LISTS = [
    Row("items are found by name in any order", training(environmentVariables=[A, B]),
        training(environmentVariables=[B, A])),
    Row("injected items are left alone", training(labels=[A]), training(labels=[B, A])),
    Row("an item's server defaults are left alone", training(labels=[A]),
        training(labels=[{**A, "exclude": False}])),
    Row("one item changes, by name", training(labels=[A, B]), training(labels=[{**B, "value": "9"}, A]),
        told=(("spec.labels[b].value", "9", "2"),)),
    Row("an item comes in front of others", training(labels=[B, A]), training(labels=[A]),
        told=(("spec.labels[b]", None, B),)),
    Row("an item that we had set goes", training(labels=[A]), training(labels=[A, B]), training(labels=[A, B]),
        told=(("spec.labels[b]", B, None),)),
    Row("a renamed item goes and comes", training(labels=[{**A, "name": "c"}]), training(labels=[A]),
        training(labels=[A]), told=(("spec.labels[c]", None, {**A, "name": "c"}), ("spec.labels[a]", A, None))),
    Row("without names the path makes a mount the same", training(storage={"pvc": [{"path": "/d", "readOnly": True}]}),
        training(storage={"pvc": [{"path": "/e"}, {"path": "/d", "name": "made-up"}]}),
        told=(("spec.storage.pvc[/d].readOnly", None, True),)),
    Row("a name decides before the path does", training(storage={"nfs": [
            {"name": "new", "server": "s", "path": "/x", "mountPath": "/m"},
            {"name": "old", "server": "s", "path": "/x", "mountPath": "/m"}]}),
        training(storage={"nfs": [{"name": "old", "server": "s", "path": "/x", "mountPath": "/m"}]}),
        told=(("spec.storage.nfs[new]", None, {"name": "new", "server": "s", "path": "/x", "mountPath": "/m"}),)),
    Row("ports of one container port are told apart by the rest", training(ports=[LB, NODE]), training(ports=[NODE, LB])),
    Row("of ports of one container port, one more is one more", training(ports=[LB, NODE]), training(ports=[NODE]),
        told=(("spec.ports[80]", None, LB),)),
    Row("of ports of one container port, the one that we drop goes", training(ports=[NODE]),
        training(ports=[LB, NODE]), training(ports=[LB, NODE]), told=(("spec.ports[80]", LB, None),)),
    Row("of ports of one container port, the one that differs changes", training(ports=[{**LB, "external": 1}, NODE]),
        training(ports=[NODE, LB]), told=(("spec.ports[80].external", None, 1),)),
    Row("tolerations of one key are told apart by the rest", template(tolerations=[GPU, GPU_OUT]),
        template(tolerations=[{**GPU_OUT, "seconds": None}, GPU])),
    Row("a set has no order", training(security={"capabilities": ["KILL", "CHOWN"]}),
        training(security={"capabilities": ["CHOWN", "KILL", "SYSLOG"]})),
    Row("a member joins a set, beside others' members", training(security={"capabilities": ["KILL"]}),
        training(security={"capabilities": ["CHOWN"]}),
        told=(("spec.security.capabilities", ("CHOWN",), ("CHOWN", "KILL")),)),
    Row("a member leaves a set, others' members stay", training(security={"capabilities": ["KILL"]}),
        training(security={"capabilities": ["CHOWN", "KILL", "SYSLOG"]}),
        training(security={"capabilities": ["KILL", "SYSLOG"]}),
        told=(("spec.security.capabilities", ("CHOWN", "KILL", "SYSLOG"), ("CHOWN", "KILL")),)),
    Row("a set of nothing but ours goes", template(command="c"),
        template(command="c", connections=[{"name": "n", "authorizedUsers": ["u"]}]),
        template(command="c", connections=[{"name": "n", "authorizedUsers": ["u"]}]),
        told=((f"{ENV}.connections[n]", {"name": "n", "authorizedUsers": ("u",)}, None),)),
    Row("a sequence has an order", training(nodePools=["a", "b"]), training(nodePools=["b", "a"]),
        told=(("spec.nodePools", ("b", "a"), ("a", "b")),)),
    Row("a sequence is one value, others' members go", training(nodePools=["a"]), training(nodePools=["a", "b"]),
        told=(("spec.nodePools", ("a", "b"), ("a",)),)),
]  # fmt: skip

SAMENESS = [
    Row("quantities compare by amount", training(compute={"cpuMemoryRequest": "1Gi", "cpuMemoryLimit": "0.5G"}),
        training(compute={"cpuMemoryRequest": "1024Mi", "cpuMemoryLimit": "500M"})),
    Row("quantities that differ are told as written", training(compute={"cpuMemoryRequest": "1Gi"}),
        training(compute={"cpuMemoryRequest": "1G"}), told=(("spec.compute.cpuMemoryRequest", "1G", "1Gi"),)),
    Row("1 is 1.0", training(compute={"cpuCoreRequest": 1}), training(compute={"cpuCoreRequest": 1.0})),
    Row("true is not 1", training(tty=True), training(tty=1), told=(("spec.tty", 1, True),)),
    Row("text is no quantity elsewhere", training(image="1Gi"), training(image="1024Mi"),
        told=(("spec.image", "1024Mi", "1Gi"),)),
    Row("a project id is the same as text and as number", template({"scope": "project", "projectId": "4501"}),
        template({"scope": "project", "projectId": 4501})),
    Row("another project id is told", template({"scope": "project", "projectId": "1"}),
        template({"scope": "project", "projectId": 4501}), told=(("metadata.projectId", 4501, "1"),)),
]  # fmt: skip

IGNORED = [
    Row("an ignored field is left as it stands", training(image="b"), training(image="a"), ignored=("spec.image",),
        merged=training(image="a")),
    Row("what lies below an ignored path is ignored", training(labels=[A]), training(labels=[{**A, "value": "9"}]),
        ignored=("spec.labels",), merged=training(labels=[{**A, "value": "9"}])),
    Row("an ignored item that is missing is not added", template(labels=[A, B]), template(labels=[B]),
        ignored=(f"{ENV}.labels[a]",), merged=template(labels=[B])),
    Row("an ignored item that we had set stays", template(labels=[A]), template(labels=[A, B]),
        template(labels=[A, B]), ignored=(f"{ENV}.labels",), merged=template(labels=[A, B])),
    Row("a wildcard stands for any item, whatever its name", training(labels=[A, ZONE]),
        training(labels=[{**A, "value": "9"}, {**ZONE, "value": "9"}]), ignored=("spec.labels[*].value",)),
    Row("a wildcard can be a part of a name", training(labels=[A, ZONE]),
        training(labels=[{**A, "value": "9"}, {**ZONE, "value": "9"}]), ignored=("spec.labels[acme.*]",),
        told=(("spec.labels[a].value", "9", "1"),)),
    Row("a wildcard stands for one field", training(compute={"cpuCoreRequest": 1}, image="b"),
        training(compute={"cpuCoreRequest": 2}, image="a"), ignored=("spec.*.cpuCoreRequest",),
        told=(("spec.image", "a", "b"),)),
    Row("a path that only begins alike is not ignored", training(imagePullPolicy="Always"),
        training(imagePullPolicy="Never"), ignored=("spec.image",),
        told=(("spec.imagePullPolicy", "Never", "Always"),)),
    Row("the dot of a path is a dot", training(image="b"), training(image="a"), ignored=("spec_image",),
        told=(("spec.image", "a", "b"),)),
    Row("an item that comes takes its ignored parts along", training(labels=[A]), training(),
        ignored=("spec.labels[*].value",), told=(("spec.labels[a]", None, A),)),
]  # fmt: skip

EXCLUSIVE = [
    Row("a value of others gives way to ours where a rule allows one of the two",
        template(environmentVariables=[{"name": "a", "secret": {"name": "s", "key": "k"}}]),
        template(environmentVariables=[{"name": "a", "value": "x"}]),
        told=((f"{ENV}.environmentVariables[a].secret", None, {"name": "s", "key": "k"}),
              (f"{ENV}.environmentVariables[a].value", "x", None)),
        merged=template(environmentVariables=[{"name": "a", "secret": {"name": "s", "key": "k"}}])),
    Row("a default that no longer fits gives way, others stay",
        template(autoScaling={"minReplicas": 3}),
        template(autoScaling={"minReplicas": 2, "maxReplicas": 2, "thresholdMetric": "latency"}),
        template(autoScaling={"minReplicas": 2}),
        told=((f"{ENV}.autoScaling.minReplicas", 2, 3), (f"{ENV}.autoScaling.maxReplicas", 2, None)),
        merged=template(autoScaling={"minReplicas": 3, "thresholdMetric": "latency"})),
]  # fmt: skip

ROWS = [*DECLARED, *REMOVED, *LISTS, *SAMENESS, *IGNORED, *EXCLUSIVE]


@pytest.mark.parametrize("row", ROWS, ids=[row.rule for row in ROWS])
def test_a_comparison_tells_exactly_what_differs(row: Row) -> None:
    found = compare(kind_of(row.desired), row.desired, row.live, row.prior, row.ignored)
    assert tuple((field.label, field.before, field.after) for field in found.fields) == freeze(row.told)
    assert row.merged is None or found.merged == row.merged


@pytest.mark.parametrize("row", ROWS, ids=[row.rule for row in ROWS])
def test_what_was_merged_satisfies_what_is_desired(row: Row) -> None:
    kind = kind_of(row.desired)
    merged = compare(kind, row.desired, row.live, row.prior, row.ignored).merged
    assert compare(kind, row.desired, merged, row.desired, row.ignored).fields == ()


PATHS: list[tuple[str, FrozenMap, FrozenMap, Path]] = [
    ("a desired item has its desired index", training(labels=[A, B]), training(labels=[{**B, "value": "9"}, A]),
     ("spec", "labels", 1, "value")),
    ("an item that goes has its live index", training(labels=[A]), training(labels=[A, B]), ("spec", "labels", 1)),
    ("a field has its name", training(image="b"), training(image="a"), ("spec", "image")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "desired", "live", "path"), PATHS, ids=[row[0] for row in PATHS])
def test_a_difference_has_a_path_for_programs(rule: str, desired: FrozenMap, live: FrozenMap, path: Path) -> None:
    (field,) = compare(kind_of(desired), desired, live, live).fields
    assert field.path == path


@pytest.mark.parametrize(
    ("desired", "live", "replaces"),
    [
        (training(image="b"), training(image="a"), True),
        (training("Stopped"), training("Running"), False),
        (training(metadata={"name": "b"}), training(), True),
        (template({"description": "b"}), template({"description": "a"}), False),
        (template({"name": "b"}), template(), False),
        (template({"scope": "system"}), template(), True),
        (template({"workloadSupportedTypes": {"training": True}}), template(), True),
        (template(nodeType="b"), template(nodeType="a"), False),
    ],
)
def test_the_kind_says_which_differences_need_a_new_object(desired: FrozenMap, live: FrozenMap, replaces: bool) -> None:
    assert [field.replaces for field in compare(kind_of(desired), desired, live, EMPTY).fields] == [replaces]


def test_differences_come_in_the_order_of_the_kinds_fields() -> None:
    """Whatever the order in which an author writes them."""
    desired = training("Stopped", {"name": "b"}, nodeType="n", compute={"cpuCoreRequest": 2}, image="b")
    live = training("Running", compute={"cpuCoreRequest": 1}, nodeType="m", image="a")
    labels = [field.label for field in compare(kind_of(desired), desired, live, EMPTY).fields]
    assert labels[:2] == ["metadata.name", "desiredPhase"]
    assert set(labels[2:]) == {"spec.nodeType", "spec.compute.cpuCoreRequest", "spec.image"}
    shuffled = FrozenMap({**desired, "spec": FrozenMap(reversed(desired["spec"].items()))})
    assert [field.label for field in compare(kind_of(desired), shuffled, live, EMPTY).fields] == labels


def test_what_is_equal_is_not_walked() -> None:
    """Most bodies are equal most of the time; then the live body itself is the answer."""
    body = training(labels=[A])
    assert compare(kind_of(body), body, body, body).merged is body


def test_a_difference_is_a_plain_value() -> None:
    (field,) = compare(kind_of(training()), training(image="b"), training(image="a"), EMPTY).fields
    assert field == FieldChange(("spec", "image"), "spec.image", "a", "b", replaces=True)
