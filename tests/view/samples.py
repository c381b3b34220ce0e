"""Plans, events and diagnostics as they come up in a team's day; the inputs of the golden files."""

from __future__ import annotations

from msgspec.structs import replace

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.address import Address
from declarative.model.event import Event, EventType
from declarative.model.named import NamedId
from declarative.model.plan import Action, Change, Disruption, FieldChange, Plan, Run, Step
from declarative.model.position import Position
from declarative.model.record import Intent, Operation, Record
from declarative.model.value import FrozenMap, freeze
from declarative.view.known import Known

ID = "0b2f6f0e-7a51-4c39-9d0e-5f1b8d0c1a01"
CLUSTER = "71f69d83-ba66-4822-adf5-55ce55efd210"


# 2026-01-02 03:04:05 UTC
SINCE = 1_767_323_045.0


def body(name: str, spec: dict[str, object] | None = None, phase: str = "Running") -> FrozenMap:
    frozen = freeze(
        {
            "metadata": {"name": name, "projectId": "4501", "clusterId": CLUSTER},
            "desiredPhase": phase,
            "spec": spec or {"image": "nvcr.io/nvidia/pytorch:24.08-py3"},
        }
    )
    assert isinstance(frozen, FrozenMap)
    return frozen


def plan(*changes: Change, destroy: bool = False) -> Plan:
    return Plan(changes, endpoint="https://acme.run.ai", lineage="l", serial=7, destroy=destroy)


def training(key: str) -> Address:
    return Address("Training", key)


CREATE = Change(
    training("resnet"),
    Action.CREATE,
    after=body(
        "resnet50",
        {
            "image": "nvcr.io/nvidia/pytorch:24.08-py3",
            "command": "python train.py --epochs 90",
            "args": "set -e\npython train.py \\\n  --epochs 90\n",
            "compute": {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5},
            "environmentVariables": [
                {"name": "LR", "value": "0.1"},
                {"name": "DEBUG", "value": "no"},
                {"name": "TAG", "value": ""},
            ],
            "nodePools": ["default", "a100"],
            "annotations": [],
            "restartPolicy": None,
        },
    ),
    where=Position("manifests/vision.yaml", 12, 1),
)

SUSPEND = Change(
    training("sweep-3"),
    Action.UPDATE,
    id=ID,
    before=body("sweep-3"),
    after=body("sweep-3", phase="Stopped"),
    fields=(FieldChange(("desiredPhase",), "desiredPhase", "Running", "Stopped"),),
    disruption=Disruption("Running", 2.0),
    where=Position("manifests/sweep.yaml", 4, 1),
)
RESUME = Change(
    training("sweep-4"),
    Action.UPDATE,
    id=ID,
    before=body("sweep-4", phase="Stopped"),
    after=body("sweep-4"),
    fields=(FieldChange(("desiredPhase",), "desiredPhase", "Stopped", "Running"),),
    where=Position("manifests/sweep.yaml", 9, 1),
)

_OLD_SCRIPT = "import torch\nimport data\n\nlr = 0.1\nmodel = build()\ntrain(model, lr)\nsave(model)\nnotify()\nend()\n"
TEMPLATE = Change(
    Address("WorkloadTemplate", "base"),
    Action.UPDATE,
    id=ID,
    before=body("base"),
    after=body("base"),
    fields=(
        FieldChange(("metadata", "description"), "metadata.description", "team default", "the team's default"),
        FieldChange(("spec", "assets", "compute"), "spec.assets.compute", CLUSTER, ID),
        FieldChange(
            ("spec", "environmentVariables", 1),
            "spec.specificEnv.environmentVariables[WORLD]",
            None,
            freeze({"name": "WORLD", "value": "8"}),
        ),
        FieldChange(("spec", "specificEnv", "nodePools"), "spec.specificEnv.nodePools", freeze(["default"]), None),
        FieldChange(
            ("spec", "specificEnv", "command"),
            "spec.specificEnv.command",
            "python -m vision.train --data /mnt/data/imagenet --epochs 90 --lr 0.1 --batch-size 256 --workers 16",
            "python -m vision.train --data /mnt/data/imagenet --epochs 90 --lr 0.2 --batch-size 256 --workers 16",
        ),
        FieldChange(
            ("spec", "specificEnv", "args"),
            "spec.specificEnv.args",
            _OLD_SCRIPT,
            _OLD_SCRIPT.replace("lr = 0.1", "lr = 0.2"),
        ),
        FieldChange(
            ("spec", "specificEnv", "probes"),
            "spec.specificEnv.probes",
            freeze({"readiness": {"periodSeconds": 10, "handler": {"path": "/health", "port": 8080}}}),
            freeze({"readiness": {"periodSeconds": 20, "handler": {"path": "/health/ready", "port": 8081}}}),
        ),
    ),
    where=Position("manifests/templates.yaml", 1, 1),
)
REPLACE = Change(
    training("bert"),
    Action.REPLACE,
    id=ID,
    before=body("bert"),
    after=body("bert"),
    fields=(
        FieldChange(("spec", "image"), "spec.image", "acme/bert:1.4", "acme/bert:1.5", replaces=True),
        FieldChange(
            ("spec", "environmentVariables", 0, "value"), "spec.environmentVariables[LR].value", "0.1", "0.01", True
        ),
        FieldChange(("spec", "compute", "gpuDevicesRequest"), "spec.compute.gpuDevicesRequest", 4, 8, True),
    ),
    disruption=Disruption("Running", 8.0),
    run=Run("Running", SINCE, SINCE - 60, "ana@acme.example", ("bert-0-f3a9", "scratch")),
    where=Position("manifests/nlp.yaml", 1, 1),
)
SAFE_REPLACE = Change(
    training("gpt"),
    Action.CREATE_THEN_DELETE,
    id=ID,
    before=body("gpt"),
    after=body("gpt"),
    fields=(FieldChange(("spec", "image"), "spec.image", "acme/gpt:1", "acme/gpt:2", replaces=True),),
    reason="replaceWhen: WorkloadTemplate.base changes",
)
DELETE = Change(
    training("old"),
    Action.DELETE,
    id=ID,
    before=body("old-run"),
    reason="it is no longer in the manifests",
    disruption=Disruption("Initializing", 0.5),
    run=Run("Initializing", created=SINCE, creator="sandbox"),
)
ENDED = Change(
    training("ended"),
    Action.DELETE,
    id=ID,
    before=body("ended"),
    reason="it is no longer in the manifests",
    run=Run("Completed", SINCE, SINCE, None, tuple(f"data-{number}" for number in range(5))),
)
FORGET = Change(training("kept"), Action.FORGET, id=ID, before=body("kept"), reason="keepOnDestroy: it stays live")
SAME = Change(training("same"), Action.NO_OP, id=ID, before=body("same"), after=body("same"))
ADOPTED = Change(
    training("found"),
    Action.NO_OP,
    id=ID,
    before=body("found"),
    after=body("found"),
    reason="an interrupted create is taken up",
    adopts=True,
)

_BASE = Address("WorkloadTemplate", "base")
KNOWN = Known.of(
    (
        NamedId(training("resnet"), ("metadata", "project"), "project", "vision", "4501"),
        NamedId(_BASE, ("metadata", "project"), "project", "nlp\x1b", "4502"),
        NamedId(_BASE, ("spec", "assets", "compute", "name"), "compute", "one-gpu", ID),
        NamedId(_BASE, ("spec", "assets", "datasources", 0, "name"), "datasource", "imagenet", "d-1"),
    )
)
RENAMED = Change(
    _BASE,
    Action.REPLACE,
    id=ID,
    before=body("base"),
    after=body("base"),
    fields=(
        FieldChange(("metadata", "projectId"), "metadata.projectId", 4501, 4502, True),
        FieldChange(("spec", "assets", "compute"), "spec.assets.compute", CLUSTER, ID),
        FieldChange(("spec", "assets", "datasources", 0, "id"), "spec.assets.datasources[0].id", "d-1", None),
        FieldChange(("spec", "backoffLimit"), "spec.backoffLimit", 4501, 4502),
    ),
)

FINISHED = replace(SAME, reason="finished (Completed); a run that ended satisfies its manifest", finished=True)
LEAVING = replace(SAME, reason="it is being deleted, but not by this state")

HOSTILE_TEXT = "a\x1b[31mred\x07\u202e\u2028 \r\nb\x00"
HOSTILE = Change(
    Address("Training", "a\x1b[2J"),
    Action.REPLACE,
    id="\x1b[0m",
    before=body(HOSTILE_TEXT),
    after=body(HOSTILE_TEXT),
    fields=(
        FieldChange(("spec", "image"), "spec.\x1b[1mimage", HOSTILE_TEXT, "b\x1b]0;t\x07"),
        FieldChange(("spec", "env"), "spec.env", None, freeze({HOSTILE_TEXT: [HOSTILE_TEXT]})),
    ),
    reason=HOSTILE_TEXT,
    where=Position("m\x1b.yaml"),
)

LONG_PLAN = plan(
    *(replace(DELETE, address=training(f"old-{number}")) for number in range(7)),
    *(replace(ADOPTED, address=training(f"found-{number}")) for number in range(7)),
)
FULL_PLAN = plan(CREATE, SUSPEND, RESUME, TEMPLATE, REPLACE, SAFE_REPLACE, DELETE, FORGET, SAME)

SOURCE = """apiVersion: runai/v1
kind: Training
metadata: {name: resnet50, projectId: 4501}
spec:
  imagee: nvcr.io/nvidia/pytorch:24.08-py3
  compute: {gpuDevicesRequest: 1, gpuRequestType: portion, gpuPortionRequest: 1.5, cpuCoreRequest: 4, extraRessource: 1}
\tcommand: tab
  名前: 値 # wide
"""
DIAGNOSTICS = (
    Diagnostic(
        "Unused variable",
        "`gpus` is declared, but no manifest mentions it.",
        where=Position("declarative.yaml", 7, 3),
        severity=Severity.WARNING,
    ),
    Diagnostic(
        "Unknown key",
        "`imagee` is not a field of `spec`.",
        "did you mean `image`?",
        Position("manifests/vision.yaml", 5, 3),
    ),
    Diagnostic(
        "Number out of bounds",
        "`spec.compute.gpuPortionRequest` is 1.5, but has to be at most 1, because a portion is a part of one GPU "
        "device and no more than that.",
        None,
        Position("manifests/vision.yaml", 6, 77),
        notes=(
            "in the second turn of the loop that begins on line 2 of manifests/vision.yaml, with `portion` being 1.5",
            "the template made 1.5 of it",
        ),
    ),
    Diagnostic("Unknown key", "`extraRessource` is no field.", "remove it", Position("manifests/vision.yaml", 6, 103)),
    Diagnostic("Tab in indentation", "", "use spaces", Position("manifests/vision.yaml", 7, 2)),
    Diagnostic("Unknown key", "`名前` is no field.", None, Position("manifests/vision.yaml", 8, 7)),
    Diagnostic("No manifests", "Nothing was found below manifests/.", "declarative init writes an example"),
)


def step(index: int, key: str, operation: Operation, action: Action, *needs: int) -> Step:
    known_id = None if operation is Operation.CREATE else ID
    return Step(index, training(key), operation, known_id, needs=needs, change=Change(training(key), action))


CREATED = step(0, "data", Operation.CREATE, Action.CREATE)
DESTROYED = replace(step(1, "bert", Operation.DELETE, Action.REPLACE), change=REPLACE)
RECREATED = step(2, "bert", Operation.CREATE, Action.REPLACE, 1)
EVALUATED = step(3, "eval", Operation.CREATE, Action.CREATE, 2)
REPORTED = step(4, "report", Operation.CREATE, Action.CREATE, 3)
SUSPENDED = step(5, "sweep-3", Operation.SUSPEND, Action.UPDATE)
RECORDED = step(6, "found", Operation.ADOPT, Action.NO_OP)
FORGOTTEN = step(7, "kept", Operation.FORGET, Action.FORGET)
AWAITING = replace(step(8, "heir", Operation.CREATE, Action.CREATE), awaits=ID)
REPLACED = step(9, "report", Operation.DELETE, Action.CREATE_THEN_DELETE, 4)
USED = step(10, "base", Operation.DELETE, Action.DELETE, 9)
ANSWER = "POST /api/v1/workloads/trainings answered 400: The policy does not allow this."
REJECTED = (
    Diagnostic(
        "Refused by policy",
        f"`compute.gpuDevicesRequest`: has to be at most 4.\n{ANSWER}",
        "ask for fewer GPUs, or ask the project's administrator for more",
        Position("manifests/vision.yaml", 6, 33),
        notes=("Training.bert has 8 there",),
        field="compute.gpuDevicesRequest",
    ),
    Diagnostic(
        "Refused by policy", f"`nodePools[0]`: has to be one of `a100` and `h100`.\n{ANSWER}", field="nodePools[0]"
    ),
)
EVENTS = (
    Event(EventType.STARTED, CREATED),
    Event(EventType.COMPLETED, CREATED, 1.2, id=ID),
    Event(EventType.STARTED, DESTROYED),
    Event(EventType.WAITING, DESTROYED, 3.0, phase="Deleting"),
    Event(EventType.COMPLETED, DESTROYED, 65.0),
    Event(EventType.STARTED, SUSPENDED),
    Event(EventType.COMPLETED, SUSPENDED, 0.4),
    Event(EventType.STARTED, RECREATED),
    Event(EventType.WAITING, RECREATED, 2.0, phase="Pending"),
    Event(EventType.FAILED, RECREATED, 2.4, diagnostics=REJECTED),
    Event(EventType.STARTED, RECORDED),
    Event(EventType.COMPLETED, RECORDED, 0.0, id=ID),
    Event(EventType.STARTED, FORGOTTEN),
    Event(EventType.COMPLETED, FORGOTTEN),
    Event(EventType.STARTED, AWAITING),
    Event(EventType.WAITING, AWAITING, 2.0, phase="Deleting"),
    Event(EventType.COMPLETED, AWAITING, 3.0, id=ID),
    Event(EventType.SKIPPED, EVALUATED, diagnostics=(Diagnostic("Not applied", "It needs Training.bert."),)),
    Event(EventType.SKIPPED, REPORTED),
    Event(EventType.SKIPPED, REPLACED),
    Event(EventType.SKIPPED, USED),
)

NOT_SCHEDULED = Diagnostic(
    "Wait is over",
    "It is Pending after 600 s, and not Running: 0/3 nodes have 8 GPUs.",
    "it is recorded and stays as it is; look at it in the control plane, or give it longer with --wait-timeout",
    Position("manifests/vision.yaml", 1, 1),
    notes=("2026-01-02T03:04:05Z Warning FailedScheduling: 0/3 nodes have 8 GPUs",),
)
WAITS = (
    Event(EventType.WAITING, CREATED, 0.3, id=ID, phase="Pending", goal="Running"),
    Event(EventType.WAITING, SUSPENDED, 10.0, id=ID, goal="Stopped"),
    Event(EventType.WAITING, CREATED, 65.0, id=ID, phase="Running", goal="Running", reached=True),
    Event(EventType.WAITING, SUSPENDED, 70.0, id=ID, phase="Completed", goal="Stopped", reached=True),
    Event(EventType.FAILED, RECREATED, 600.0, ID, "Pending", (NOT_SCHEDULED,), goal="Running"),
)

RECORDS = (
    Record(training("b"), ID, "b", "4501", body("b"), (training("a"),), prevent_destroy=True),
    Record(training("a"), None, "a", "4501", None, intent=Intent(Operation.CREATE, body("a"), "d", 1_700_000_000.0)),
)
