"""The truth table and what surrounds it."""

from __future__ import annotations

from typing import Any

import pytest

from declarative.model.observed import Presence, Progress, Readiness
from declarative.model.plan import Action, Disruption, Plan
from declarative.model.record import Operation
from declarative.model.resource import Resource
from declarative.model.value import FrozenMap, put
from declarative.plan import planner
from declarative.plan.planner import Live
from declarative.plan.steps import steps
from tests.plan.bodies import (
    BOTH,
    GPUS,
    ORIGIN,
    address,
    observed,
    only,
    operations,
    pending,
    planned,
    record,
    resource,
    template,
    training,
)


# --- the truth table --------------------------------------------------------------------------------------------------
@BOTH
def test_what_is_desired_and_nowhere_is_created(body: FrozenMap) -> None:
    change = only(resource(body, line=3, prevent_destroy=True))
    assert (change.action, change.after, change.before, change.id) == (Action.CREATE, body, None, None)
    assert change.where == resource(body, line=3).where
    assert change.prevent_destroy


@BOTH
def test_what_somebody_else_made_is_a_conflict_and_never_adopted(body: FrozenMap) -> None:
    plan, (conflict,) = planner.plan([resource(body, "k", line=3)], (), Live.of([observed(body)], ()), ORIGIN)
    assert plan.changes == ()
    assert "exists in" in conflict.diagnostic.detail
    assert "id-1" in conflict.diagnostic.detail
    assert (conflict.resource.where.line, conflict.path) == (3, ("metadata", "name"))


@BOTH
def test_what_is_live_as_desired_stays(body: FrozenMap) -> None:
    plan = planned(resource(body), records=(record(body),), live=(observed(body),))
    assert plan.is_empty
    assert steps(plan) == ()


def test_a_changed_template_is_updated_and_keeps_what_others_set() -> None:
    before, after = template(nodeType="a"), template(nodeType="b")
    live = template(nodeType="a", command="theirs")
    change = only(resource(after), records=(record(before),), live=(observed(live),))
    assert (change.action, change.before, change.after) == (Action.UPDATE, live, after)
    assert change.merged == template(nodeType="b", command="theirs")


def test_a_template_that_drifted_is_brought_back() -> None:
    body = template(nodeType="a")
    change = only(resource(body), records=(record(body),), live=(observed(template(nodeType="z")),))
    assert [(field.before, field.after) for field in change.fields] == [("z", "a")]


def test_a_field_that_the_manifest_no_longer_has_is_unset() -> None:
    old = template(nodeType="a", command="c")
    change = only(resource(template(command="c")), records=(record(old),), live=(observed(old),))
    assert [(field.label, field.after) for field in change.fields] == [("spec.specificEnv.nodeType", None)]


def test_a_changed_training_is_replaced() -> None:
    change = only(resource(training(image="b")), records=(record(training()),), live=(observed(training()),))
    assert (change.action, change.id) == (Action.REPLACE, "id-1")
    assert [field.label for field in change.fields] == ["spec.image"]


def test_a_changed_scope_replaces_a_template() -> None:
    scoped = template({"scope": "system"})
    assert only(resource(scoped), records=(record(template()),), live=(observed(template()),)).action is Action.REPLACE


@BOTH
@pytest.mark.parametrize("told", [False, True], ids=["not listed", "listed as gone"])
def test_what_is_recorded_and_gone_is_created_again(body: FrozenMap, told: bool) -> None:
    live = (observed(body, readiness=Readiness(Presence.GONE, Progress.STOPPED)),) if told else ()
    change = only(resource(body), records=(record(body),), live=live)
    assert (change.action, change.reason, change.id) == (Action.CREATE, "it is gone from the control plane", None)


@BOTH
def test_what_is_no_longer_desired_is_deleted(body: FrozenMap) -> None:
    change = only(records=(record(body, prevent_destroy=True),), live=(observed(body),))
    assert (change.action, change.id, change.after) == (Action.DELETE, "id-1", None)
    assert change.reason == "it is no longer in the manifests"
    assert change.prevent_destroy


@BOTH
def test_keep_on_destroy_forgets_and_leaves_live(body: FrozenMap) -> None:
    plan = planned(records=(record(body, keep_on_destroy=True),), live=(observed(body),))
    assert operations(plan) == ["forget id-1"]
    assert plan.changes[0].disruption is None


@BOTH
def test_what_is_neither_desired_nor_live_is_forgotten(body: FrozenMap) -> None:
    assert operations(planned(records=(record(body),))) == ["forget id-1"]


@BOTH
def test_what_was_never_ours_is_left_alone(body: FrozenMap) -> None:
    assert planned(live=(observed(body),)).changes == ()


# --- lifecycle --------------------------------------------------------------------------------------------------------
def test_changed_bookkeeping_is_recorded_without_a_change() -> None:
    body = template()
    for wanted in (
        resource(body, prevent_destroy=True),
        resource(body, keep_on_destroy=True),
        resource(body, needs=(address(training()),)),
    ):
        plan = planned(wanted, records=(record(body),), live=(observed(body),))
        assert plan.is_empty
        assert operations(plan) == ["adopt id-1"]


def test_ignored_changes_are_no_changes() -> None:
    wanted = resource(training(image="b", tty=True), ignore_changes=("spec.image", "spec.tty"))
    assert planned(wanted, records=(record(training()),), live=(observed(training()),)).is_empty


def test_protection_is_that_of_the_manifest_and_without_one_that_of_the_state() -> None:
    ours, live = record(template(), prevent_destroy=True), observed(template())
    assert not only(resource(template({"scope": "system"})), records=(ours,), live=(live,)).prevent_destroy
    assert only(records=(ours,), live=(live,)).prevent_destroy


def _prefixed(body: FrozenMap, name: str) -> FrozenMap:
    """The body with a name of its own, to which the control plane adds."""
    return put(put(body, ("metadata", "name"), name), ("metadata", "useGivenNameAsPrefix"), True)


def _chain(template_change: FrozenMap, **gpus: Any) -> Plan:
    """A template, a training that follows it, one that follows that, and one that does not."""
    base, first = address(template()), address(training(), "first")
    keys = ("first", "second", "third")
    bodies = {key: _prefixed(training(**gpus), key) for key in keys}
    records = (record(template(), "t"), *(record(bodies[key], key, key) for key in keys))
    live = (observed(template(), id="t"), *(observed(bodies[key], id=key, name=f"{key}-x1") for key in keys))
    return planned(
        resource(template_change),
        resource(bodies["first"], "first", replace_when=(base,)),
        resource(bodies["second"], "second", replace_when=(first,), create_before_destroy=True),
        resource(bodies["third"], "third"),
        records=records,
        live=live,
    )


def test_replace_when_goes_on_until_nothing_more_follows() -> None:
    plan = _chain(template(nodeType="b"))
    actions = [change.action for change in plan.changes]
    assert actions == [Action.REPLACE, Action.CREATE_THEN_DELETE, Action.NO_OP, Action.UPDATE]
    assert [change.reason for change in plan.changes[:2]] == [
        "replaceWhen: WorkloadTemplate.base changes",
        "replaceWhen: Training.first changes",
    ]
    assert [change.action for change in _chain(template()).changes] == [Action.NO_OP] * 4


def test_replace_when_tells_what_it_disrupts() -> None:
    """The guard has to know of a run that ends, whoever asked for its end."""
    plan = _chain(template(nodeType="b"), **GPUS)
    lost = Disruption("Running", 2.0)
    assert [change.disruption for change in plan.changes] == [lost, lost, None, None]


def test_replace_when_does_not_touch_what_is_created_anyway() -> None:
    wanted = resource(training(), replace_when=(address(template()),))
    plan = planned(
        wanted, resource(template(nodeType="b")), records=(record(template()),), live=(observed(template()),)
    )
    assert [change.action for change in plan.changes] == [Action.CREATE, Action.UPDATE]


def test_replace_when_in_a_circle_comes_to_an_end() -> None:
    one, two = address(training(), "one"), address(training(), "two")
    plan = planned(
        resource(_prefixed(training(image="b"), "one"), "one", replace_when=(two,)),
        resource(_prefixed(training(), "two"), "two", replace_when=(one,)),
        records=(record(_prefixed(training(), "one"), "1", "one"), record(_prefixed(training(), "two"), "2", "two")),
        live=(observed(training(), id="1", name="one-x"), observed(training(), id="2", name="two-x")),
    )
    assert [change.action for change in plan.changes] == [Action.REPLACE, Action.REPLACE]


# --- disruption -------------------------------------------------------------------------------------------------------
DISRUPTION: list[tuple[str, Resource | None, str, FrozenMap, float | None]] = [
    ("deleting", None, "Running", training(**GPUS), 2.0),
    ("replacing", resource(training(image="b")), "Running", training(**GPUS), 2.0),
    ("suspending", resource(training("Stopped", **GPUS)), "Running", training(**GPUS), 2.0),
    ("leaving alone", resource(training(**GPUS)), "Running", training(**GPUS), None),
    ("resuming", resource(training("Running", **GPUS)), "Stopped", training(**GPUS), None),
    ("deleting one that waits", None, "Pending", training(**GPUS), None),
    ("deleting one that has ended", None, "Completed", training(**GPUS), None),
    ("deleting a template", None, "Running", template(), None),
]


@pytest.mark.parametrize(("doing", "wanted", "phase", "body", "gpus"), DISRUPTION, ids=[row[0] for row in DISRUPTION])
def test_a_change_says_which_gpus_it_takes_from_what_runs(
    doing: str, wanted: Resource | None, phase: str, body: FrozenMap, gpus: float | None
) -> None:
    ours = (record(body),)
    change = only(*([wanted] if wanted else []), records=ours, live=(observed(body, phase),))
    assert change.disruption == (Disruption("Running", gpus) if gpus else None)


@pytest.mark.parametrize(
    ("applied", "live", "held"), [(GPUS, 8.0, 8.0), (GPUS, 1.0, 2.0), ({}, None, None), ({}, 4.0, 4.0)]
)
def test_held_gpus_are_the_larger_of_what_is_live_and_what_was_applied(
    applied: dict[str, Any], live: float | None, held: float | None
) -> None:
    """Where neither tells any, that is not known."""
    body = training(**applied)
    change = only(records=(record(body),), live=(observed(body, gpus=live),))
    assert change.disruption == Disruption("Running", held)


def test_a_run_that_is_known_to_have_no_gpus_loses_none() -> None:
    assert only(records=(record(training()),), live=(observed(training(), gpus=0.0),)).disruption is None


# --- whole plans ------------------------------------------------------------------------------------------------------
def test_changes_come_in_the_order_of_addresses() -> None:
    """Whatever the order of manifests and records; those that go among the others."""
    wanted = [resource(training(), "c"), resource(template(), "a"), resource(training(metadata={"name": "x"}), "a")]
    records = [record(template(), "9", "b"), record(training(metadata={"name": "y"}), "8", "b")]
    plan = planned(*wanted, records=tuple(records))
    assert [str(change.address) for change in plan.changes] == [
        "Training.a",
        "Training.b",
        "Training.c",
        "WorkloadTemplate.a",
        "WorkloadTemplate.b",
    ]
    assert planned(*reversed(wanted), records=tuple(reversed(records))) == plan
    assert (plan.endpoint, plan.lineage, plan.serial, plan.destroy) == ("sandbox", "lineage", 7, False)


def test_a_destroy_plan_deletes_all_that_is_recorded_dependants_first() -> None:
    base = record(template(), "t")
    run = record(training(), "r", depends_on=(base.address,))
    kept = record(training(metadata={"name": "kept"}), "k", keep_on_destroy=True)
    gone = record(training(metadata={"name": "gone"}), "g")
    live = [observed(template(), id="t"), observed(training(), id="r"), observed(training(), id="k", name="kept")]
    records = [base, run, kept, gone]
    plan = planner.destruction(records, Live.of(live, records), ORIGIN)
    assert plan.destroy
    assert operations(plan) == ["forget g", "forget k", "delete r", "delete t"]
    by_id = {step.id: step for step in steps(plan)}
    assert by_id["t"].needs == (by_id["r"].index,)
    assert plan.to_destroy == 2
    assert {change.reason for change in plan.changes if change.action is Action.DELETE} == {None}


def test_a_suspension_that_was_agreed_to_but_never_heard_of_disrupts_nothing() -> None:
    stopped = training("Stopped", **GPUS)
    killed = pending(stopped, Operation.SUSPEND, record(training(**GPUS)))
    assert only(resource(stopped), records=(killed,), live=(observed(stopped),)).disruption is None
