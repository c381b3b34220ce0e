"""Whether a plan still fits what it was made against."""

from __future__ import annotations

from msgspec.structs import replace

from declarative.model.observed import Observed
from declarative.model.plan import Plan
from declarative.model.record import Operation, Record
from declarative.model.value import FrozenMap
from declarative.plan import stale
from declarative.plan.planner import Live
from tests.plan.bodies import (
    BOTH,
    deleting,
    made,
    observed,
    pending,
    planned,
    record,
    resource,
    template,
    training,
)

CHANGED = {"Training": training(image="b"), "WorkloadTemplate": template(nodeType="b")}


def moved(plan: Plan, records: list[Record], live: list[Observed]) -> bool:
    return stale.moved(plan, records, Live.of(live, records)) != ()


@BOTH
def test_a_plan_moves_when_its_record_or_object_does(body: FrozenMap) -> None:
    ours, there = record(body), observed(body)
    plan = planned(resource(CHANGED[there.kind]), records=(ours,), live=(there,))
    assert not moved(plan, [ours], [there])
    assert moved(plan, [], [there])
    assert moved(plan, [replace(ours, applied=CHANGED[there.kind])], [there])
    assert moved(plan, [replace(ours, id="id-2")], [replace(there, id="id-2")])
    assert moved(plan, [pending(body, Operation.DELETE, ours)], [there])
    assert moved(plan, [ours], [])
    assert moved(plan, [ours], [deleting(body)])
    assert stale.moved(plan, [], Live.of([], [])) == (ours.address,)


def test_a_plan_moves_when_a_template_or_the_phase_asked_for_does() -> None:
    plan = planned(resource(template(nodeType="b")), records=(record(template()),), live=(observed(template()),))
    assert moved(plan, [record(template())], [observed(template(nodeType="theirs"))])
    plan = planned(resource(training(image="b")), records=(record(training()),), live=(observed(training()),))
    assert moved(plan, [record(training())], [observed(training(), "Stopped")])
    assert moved(plan, [record(training())], [observed(training(), "Completed")])


def test_progress_between_phases_does_not_move_a_plan() -> None:
    """A training that starts meanwhile is still the one that was planned for."""
    ours = record(training())
    plan = planned(resource(training(image="b")), records=(ours,), live=(observed(training(), "Pending"),))
    assert not moved(plan, [ours], [observed(training(), "Running")])


def test_what_a_plan_does_not_touch_may_move() -> None:
    plan = planned(resource(template()), records=(record(template()),), live=(observed(template()),))
    assert not moved(plan, [record(template())], [observed(template(nodeType="theirs"))])


def test_a_create_moves_when_somebody_records_it_first() -> None:
    plan = planned(resource(training()))
    assert not moved(plan, [], [])
    assert moved(plan, [record(training())], [observed(training())])


def test_an_interrupted_create_that_is_taken_up_again_does_not_move() -> None:
    records, live = [pending(training(), Operation.CREATE)], [made(training())]
    plan = planned(resource(training()), records=tuple(records), live=tuple(live))
    assert not moved(plan, records, live)
    assert moved(plan, records, [])


def test_a_plan_is_in_place_when_the_records_have_every_change_of_it() -> None:
    """As after an apply of it: made, changed and forgotten."""
    ours, gone = record(template()), record(training())
    plan = planned(resource(template(nodeType="b")), records=(ours, gone), live=(observed(template()),))
    done = record(template(nodeType="b"))
    assert stale.is_in_place(plan, [done])
    assert not stale.is_in_place(plan, [ours])
    assert not stale.is_in_place(plan, [done, gone])
    assert not stale.is_in_place(plan, [])
    assert not stale.is_in_place(plan, [pending(template(nodeType="b"), Operation.UPDATE, done)])
