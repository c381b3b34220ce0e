"""Names are taken by one object at a time, and a plan knows beforehand whether it can have those that it needs."""

from __future__ import annotations

from msgspec.structs import replace

from declarative.model.plan import Action
from declarative.model.record import Operation
from declarative.model.value import FrozenMap, put
from declarative.plan import planner
from declarative.plan.planner import Live
from declarative.plan.steps import steps
from tests.plan.bodies import (
    ORIGIN,
    PREFIXED,
    address,
    deleting,
    observed,
    only,
    pending,
    planned,
    record,
    resource,
    template,
    training,
)


def test_a_name_elsewhere_is_no_conflict() -> None:
    """Names are unique in a project, or in a scope."""
    other = training(metadata={"projectId": "4502"})
    assert only(resource(training()), live=(observed(other),)).action is Action.CREATE
    scoped = template({"scope": "project", "projectId": 1})
    assert only(resource(template()), live=(observed(scoped),)).action is Action.CREATE
    assert only(resource(training()), live=(replace(observed(template()), name="resnet"),)).action is Action.CREATE


def test_a_prefix_is_no_conflict() -> None:
    assert only(resource(training(metadata=PREFIXED)), live=(observed(training()),)).action is Action.CREATE


def test_a_name_that_is_being_freed_is_awaited() -> None:
    change = only(resource(training()), live=(deleting(training(), id="old"),))
    assert (change.action, change.awaits) == (Action.CREATE, "old")


def test_our_own_object_that_we_began_to_delete_is_created_again() -> None:
    begun = pending(training(), Operation.DELETE, record(training()))
    change = only(resource(training()), records=(begun,), live=(deleting(training()),))
    assert (change.action, change.awaits) == (Action.CREATE, "id-1")


def test_our_own_object_that_goes_by_itself_is_left_until_its_last_phase_is_known() -> None:
    """It may be a finished run that deletes itself, and is not to be run again."""
    change = only(resource(training()), records=(record(training()),), live=(deleting(training()),))
    assert change.action is Action.NO_OP
    assert "plan again" in (change.reason or "")


def test_another_key_for_the_same_name_deletes_first_and_then_creates() -> None:
    """The name is taken, but by what this very plan deletes."""
    plan = planned(resource(training(), "a"), records=(record(training(), key="b"),), live=(observed(training()),))
    assert [change.action for change in plan.changes] == [Action.CREATE, Action.DELETE]
    create, delete = steps(plan)
    assert create.needs == (delete.index,)
    assert create.awaits == delete.id == "id-1"


def test_the_name_of_what_is_kept_live_stays_taken() -> None:
    kept = record(training(), key="b", keep_on_destroy=True)
    _, conflicts = planner.plan([resource(training(), "a")], [kept], Live.of([observed(training())], [kept]), ORIGIN)
    assert len(conflicts) == 1


def test_a_replacement_onto_the_name_of_another_is_a_conflict_before_anything_is_destroyed() -> None:
    renamed = put(training(), ("metadata", "name"), "taken")
    other = observed(renamed, id="id-2", name="taken")
    own = observed(training())
    _, (conflict,) = planner.plan(
        [resource(renamed, "resnet")], [record(training(), key="resnet")], Live.of([own, other], ()), ORIGIN
    )
    assert conflict.diagnostic.summary == "Name already taken"


def test_an_update_that_takes_the_name_of_what_leaves_comes_after_it() -> None:
    one, two = template(), put(template(), ("metadata", "name"), "two")
    plan = planned(
        resource(two, "a"),
        records=(record(one, "id-1", "a"), record(two, "id-2", "b")),
        live=(observed(one, id="id-1"), observed(two, id="id-2", name="two")),
    )
    update, delete = steps(plan)
    assert (update.operation, delete.operation) == (Operation.UPDATE, Operation.DELETE)
    assert update.needs == (delete.index,)


def test_an_update_that_takes_the_name_of_a_stranger_is_a_conflict() -> None:
    two = put(template(), ("metadata", "name"), "two")
    live = Live.of([observed(template(), id="id-1"), observed(two, id="id-2", name="two")], ())
    _, conflicts = planner.plan([resource(two, "a")], [record(template(), "id-1", "a")], live, ORIGIN)
    assert len(conflicts) == 1


def test_two_manifests_of_one_name_are_a_conflict_once_their_places_are_known() -> None:
    _, conflicts = planner.plan([resource(training(), "a"), resource(training(), "b")], (), Live.of((), ()), ORIGIN)
    assert [conflict.diagnostic.summary for conflict in conflicts] == ["Two manifests for one resource"]


def test_create_before_destroy_of_one_name_is_a_conflict() -> None:
    scoped = put(template(), ("metadata", "workloadSupportedTypes"), FrozenMap({"training": True}))
    _, (conflict,) = planner.plan(
        [resource(scoped, create_before_destroy=True)],
        [record(template())],
        Live.of([observed(template())], ()),
        ORIGIN,
    )
    assert "createBeforeDestroy" in conflict.diagnostic.detail


def test_a_former_dependency_is_deleted_after_what_let_go_of_it() -> None:
    base = address(template())
    used = record(training(), "id-1", depends_on=(base,))
    plan = planned(
        resource(training(image="b")),
        records=(used, record(template(), "id-2")),
        live=(observed(training()), observed(template(), id="id-2")),
    )
    made = {(step.address.kind, step.operation): step for step in steps(plan)}
    last = made["WorkloadTemplate", Operation.DELETE]
    assert made["Training", Operation.CREATE].index in last.needs
