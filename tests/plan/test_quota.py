"""GPUs that a plan adds and frees, against what a project deserves and can get of a node pool."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from declarative.diagnostics import Severity
from declarative.model.foresight import Finding, Policy, Pool, Quota
from declarative.model.plan import Plan
from declarative.model.value import freeze
from declarative.plan.quota import beyond_quota, projects
from tests.plan.bodies import observed, planned, record, resource, training


def vision(*pools: Pool, preferred: tuple[str, ...] = ("default",)) -> dict[str, Quota]:
    return {"4501": Quota("vision", pools, preferred)}


def found(plan: Plan, quotas: dict[str, Quota], **defaults: Any) -> list[Finding]:
    return list(beyond_quota(plan, quotas, {"4501": Policy(freeze(defaults))} if defaults else {}))


def gpus(number: float, name: str = "resnet", phase: str | None = None, **spec: Any) -> Any:
    return training(phase, {"name": name}, compute={"gpuDevicesRequest": number}, **spec)


def test_a_plan_within_what_is_deserved_is_not_spoken_of() -> None:
    assert found(planned(resource(gpus(2))), vision(Pool("default", 8, None, 6))) == []


def test_figures_say_what_is_deserved_allocated_added_and_freed() -> None:
    old = record(gpus(1, "old"), "id-9")
    plan = planned(resource(gpus(4)), records=(old,), live=(observed(gpus(1, "old"), id="id-9"),))
    (finding,) = found(plan, vision(Pool("default", 8, None, 6)))
    assert finding.diagnostic.severity is Severity.WARNING
    assert finding.diagnostic.detail.startswith(
        "vision/default: deserved 8, allocated 6, this plan adds 4 and frees 1: 9."
    )
    assert finding.diagnostic.field == "spec.compute.gpuDevicesRequest"


def test_a_plan_that_frees_as_much_as_it_adds_is_not_spoken_of() -> None:
    old = record(gpus(4, "old"), "id-9")
    for new in (3, 4):
        plan = planned(resource(gpus(new)), records=(old,), live=(observed(gpus(4, "old"), id="id-9"),))
        assert found(plan, vision(Pool("default", 2, None, 9))) == []


def test_the_training_that_crosses_the_line_is_the_one_that_is_told_and_once() -> None:
    plan = planned(*(resource(gpus(3, name)) for name in "abcd"))
    (finding,) = found(plan, vision(Pool("default", 8)))
    assert str(finding.change.address) == "Training.c"
    assert "allocated unknown, this plan adds 12 and frees 0: 12." in finding.diagnostic.detail


def test_over_quota_before_the_first_to_ask_for_more_is_told() -> None:
    plan = planned(*(resource(gpus(1, name)) for name in "ab"))
    (finding,) = found(plan, vision(Pool("default", 8, None, 9)))
    assert str(finding.change.address) == "Training.a"


def test_a_replacement_frees_what_it_had() -> None:
    plan = planned(resource(gpus(4)), records=(record(gpus(3)),), live=(observed(gpus(3)),))
    (finding,) = found(plan, vision(Pool("default", 3, None, 3)))
    assert "adds 4 and frees 3: 4." in finding.diagnostic.detail
    assert found(plan, vision(Pool("default", 4, None, 3))) == []


def test_a_plan_that_only_frees_is_no_matter_of_quota() -> None:
    plan = planned(records=(record(gpus(1)),), live=(observed(gpus(1)),))
    assert found(plan, vision(Pool("default", 1, None, 9))) == []
    assert projects(plan) == (frozenset(), frozenset())


def test_what_is_resumed_asks_for_gpus_and_creates_nothing() -> None:
    plan = planned(resource(gpus(4, phase="Running")), records=(record(gpus(4, phase="Stopped")),), live=(
        observed(gpus(4), "Stopped"),
    ))  # fmt: skip
    (finding,) = found(plan, vision(Pool("default", 2, None, 0)))
    assert "adds 4 and frees 0: 4." in finding.diagnostic.detail
    assert projects(plan) == (frozenset({"4501"}), frozenset())


def test_what_is_suspended_frees_gpus_and_what_is_made_stopped_asks_for_none() -> None:
    stopping = (record(gpus(4, "a", "Running"), "id-1"),)
    plan = planned(
        *(resource(gpus(4, "a", "Stopped")), resource(gpus(8, "b", "Stopped")), resource(gpus(5, "c"))),
        records=stopping,
        live=(observed(gpus(4, "a"), id="id-1"),),
    )
    (finding,) = found(plan, vision(Pool("default", 4, None, 4)))
    assert "adds 5 and frees 4: 5." in finding.diagnostic.detail


@pytest.mark.parametrize(
    ("spec", "preset", "preferred", "pool"),
    [
        ({"nodePools": ["h100", "a100"]}, {}, ("default",), "h100"),
        ({}, {"nodePools": ["a100"]}, ("default",), "a100"),
        ({}, {}, ("l40", "default"), "l40"),
        ({}, {}, (), "default"),
    ],
)
def test_the_first_node_pool_counts_of_manifest_policy_project_or_else_the_default(
    spec: dict[str, Any], preset: dict[str, Any], preferred: tuple[str, ...], pool: str
) -> None:
    quotas = vision(*(Pool(name, 0) for name in ("default", "a100", "h100", "l40")), preferred=preferred)
    (finding,) = found(planned(resource(gpus(1, **spec))), quotas, **preset)
    assert finding.diagnostic.detail.startswith(f"vision/{pool}:")


def test_gpus_that_the_policy_gives_by_default_are_asked_for_too() -> None:
    plan = planned(resource(training()))
    quotas = vision(Pool("default", 1))
    assert found(plan, quotas) == []
    (finding,) = found(plan, quotas, compute={"gpuDevicesRequest": 2})
    assert "adds 2" in finding.diagnostic.detail


def test_each_pool_is_told_by_itself() -> None:
    plan = planned(resource(gpus(2, "a", nodePools=["x"])), resource(gpus(2, "b", nodePools=["y"])))
    told = [one.diagnostic.detail.partition(":")[0] for one in found(plan, vision(Pool("x", 1), Pool("y", 1)))]
    assert told == ["vision/x", "vision/y"]


def test_a_sum_over_the_limit_waits_and_is_a_warning() -> None:
    plan = planned(*(resource(gpus(3, name)) for name in "ab"))
    (finding,) = found(plan, vision(Pool("default", 8, 4, 0)))
    assert finding.diagnostic.severity is Severity.WARNING
    assert "The limit is 4" in finding.diagnostic.detail


def test_more_than_the_limit_in_one_training_can_never_run_and_is_an_error() -> None:
    plan = planned(resource(gpus(5)))
    error, warning = found(plan, vision(Pool("default", 8, 4, 0)))
    assert (error.diagnostic.severity, warning.diagnostic.severity) == (Severity.ERROR, Severity.WARNING)
    assert "asks for 5 at once, but the limit of vision/default is 4" in error.diagnostic.detail


def test_a_training_that_fits_into_a_later_node_pool_can_run() -> None:
    plan = planned(resource(gpus(5, nodePools=["small", "big"])))
    told = found(plan, vision(Pool("small", 8, 4, 0), Pool("big", 8, None, 0)))
    assert [one.diagnostic.severity for one in told] == [Severity.WARNING]


def test_what_is_not_told_of_a_project_or_a_pool_cannot_be_beyond_anything() -> None:
    plan = planned(resource(gpus(5)))
    assert found(plan, {}) == []
    assert found(plan, vision(Pool("other", 0))) == []
    assert found(plan, vision(Pool("default"))) == []


def test_a_plan_without_changes_asks_for_nothing() -> None:
    plan = planned(resource(gpus(1)))
    nothing = replace(plan, changes=())
    assert projects(nothing) == (frozenset(), frozenset())
    assert projects(plan) == (frozenset({"4501"}), frozenset({"4501"}))
