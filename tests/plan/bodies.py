"""Bodies, records and objects for the tests of `plan`."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from declarative.kinds.kind import Kind
from declarative.kinds.training import TRAINING
from declarative.kinds.workload_template import WORKLOAD_TEMPLATE
from declarative.model.address import Address
from declarative.model.observed import Observed, Presence, Progress, Readiness
from declarative.model.plan import Change, Plan
from declarative.model.position import Position
from declarative.model.record import Intent, Operation, Record
from declarative.model.resource import Lifecycle, Resource
from declarative.model.value import FrozenMap, digest, freeze
from declarative.plan.planner import Live, Origin, plan
from declarative.plan.steps import steps

CLUSTER = "71f69d83-ba66-4822-adf5-55ce55efd210"
ENVIRONMENT = "6f1c2a9e-0d6b-4b7e-9f43-0f9f6f7f1c11"
ORIGIN = Origin("sandbox", "lineage", 7)
# Seconds since the epoch at which interrupted calls were made.
ASKED_AT = 1_700_000_000.0
# Parts of trainings.
GPUS: dict[str, Any] = {"compute": {"gpuDevicesRequest": 2}}
PREFIXED = {"useGivenNameAsPrefix": True}
PROGRESS = {"Running": Progress.READY, "Stopped": Progress.STOPPED, "Completed": Progress.FINISHED}


def training(phase: str | None = None, metadata: dict[str, Any] | None = None, **spec: Any) -> FrozenMap:
    about = {"name": "resnet", "projectId": "4501", "clusterId": CLUSTER, **(metadata or {})}
    body = {"metadata": about, "desiredPhase": phase, "spec": {"image": "acme/train:1", **spec}}
    return _frozen({name: value for name, value in body.items() if value is not None})


def template(metadata: dict[str, Any] | None = None, assets: dict[str, Any] | None = None, **run: Any) -> FrozenMap:
    about = {"name": "base", "scope": "tenant", **(metadata or {})}
    spec = {"assets": {"environment": ENVIRONMENT, **(assets or {})}, **({"specificEnv": run} if run else {})}
    return _frozen({"metadata": about, "spec": spec})


def _frozen(value: Any) -> FrozenMap:
    frozen = freeze(value)
    assert isinstance(frozen, FrozenMap)
    return frozen


# Rules that hold for both kinds.
BOTH = pytest.mark.parametrize("body", [training(), template()], ids=["Training", "WorkloadTemplate"])


def kind_of(body: FrozenMap) -> Kind:
    return WORKLOAD_TEMPLATE if "scope" in body["metadata"] else TRAINING


def address(body: FrozenMap, key: str | None = None) -> Address:
    return Address(kind_of(body).name, key or body["metadata"]["name"])


def resource(
    body: FrozenMap, key: str | None = None, needs: tuple[Address, ...] = (), line: int = 1, **lifecycle: Any
) -> Resource:
    return Resource(address(body, key), body, Lifecycle(**lifecycle), needs, Position("m.yaml", line))


def record(body: FrozenMap, id: str | None = "id-1", key: str | None = None, **more: Any) -> Record:
    return Record(address(body, key), id, body["metadata"]["name"], None, body, **more)


def pending(body: FrozenMap, operation: Operation, old: Record | None = None) -> Record:
    """A record whose last call was interrupted; without `old`, its first create."""
    intent = Intent(operation, None if operation is Operation.DELETE else body, digest(body), ASKED_AT)
    return replace(old or replace(record(body, None), applied=None), intent=intent)


def observed(body: FrozenMap, /, phase: str = "Running", id: str = "id-1", **more: Any) -> Observed:
    """An object as the listing tells it: trainings without their spec."""
    kind = kind_of(body)
    progress = PROGRESS.get(phase, Progress.MOVING) if kind.has_phase else Progress.READY
    known: dict[str, Any] = {
        "name": body["metadata"]["name"],
        "body": None if kind.has_phase else body,
        "desired_phase": ("Stopped" if phase == "Stopped" else "Running") if kind.has_phase else None,
        "readiness": Readiness(
            Presence.LIVE, progress, phase if kind.has_phase else None, kind.has_phase and progress is Progress.READY
        ),
    }
    return Observed(
        kind=kind.name,
        id=id,
        project=None,
        namespace=kind.namespace(body),
        **(known | more),
    )


def deleting(body: FrozenMap, /, **more: Any) -> Observed:
    return observed(body, readiness=Readiness(Presence.DELETING, Progress.MOVING), **more)


def made(body: FrozenMap, /, **more: Any) -> Observed:
    """What an interrupted create may have made: told with its spec, and with what the control plane fills in."""
    body = FrozenMap({**body, "spec": FrozenMap({**body["spec"], "priorityClass": "train"})})
    given: dict[str, Any] = {"id": "new", "body": body, "created": ASKED_AT + 1} | more
    return observed(body, **given)


def planned(
    *resources: Resource,
    records: tuple[Record, ...] = (),
    live: tuple[Observed, ...] = (),
    finished: tuple[str, ...] = (),
) -> Plan:
    """The plan; there may be no conflicts."""
    found, conflicts = plan(resources, records, Live.of(live, records, finished), ORIGIN)
    assert conflicts == ()
    return found


def only(*resources: Resource, **given: Any) -> Change:
    (change,) = planned(*resources, **given).changes
    return change


def operations(plan: Plan) -> list[str]:
    return [f"{step.operation} {step.id}" for step in steps(plan)]
