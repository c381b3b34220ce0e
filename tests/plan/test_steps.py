"""The order of the calls, for any graph of changes."""

from __future__ import annotations

from graphlib import TopologicalSorter
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarative.model.address import Address
from declarative.model.plan import Action, Change, FieldChange, Plan, Step
from declarative.model.record import Operation
from declarative.plan.steps import steps
from tests.examples import examples
from tests.plan.bodies import training

PHASE = FieldChange(("desiredPhase",), "desiredPhase", "Running", "Stopped")
NAME = FieldChange(("metadata", "name"), "metadata.name", "a", "b")
ENDING = (Action.DELETE, Action.FORGET)
STAYING = tuple(action for action in Action if action not in ENDING)


def named(key: str) -> Address:
    return Address("Training", key)


def change(key: str, action: Action, *needs: str, stopped: bool = False, **more: object) -> Change:
    known = {"id": f"id-{key}", "fields": (PHASE,) if action is Action.UPDATE else ()}
    after = None if action in ENDING else training("Stopped" if stopped else None)
    depends_on = tuple(map(named, needs))
    facts = {"after": after, "before": training(), "depends_on": depends_on} | known | more
    return Change(named(key), action, **facts)  # type: ignore[arg-type]


def made(*changes: Change) -> tuple[Step, ...]:
    return steps(Plan(changes, "sandbox", "l", 1))


def told(found: tuple[Step, ...]) -> list[str]:
    """The steps as `operation key`, in one order that respects what they need."""
    order = TopologicalSorter({step.index: step.needs for step in found}).static_order()
    return [f"{found[index].operation} {found[index].address.key}" for index in order]


def before(found: tuple[Step, ...], first: Step, second: Step) -> bool:
    """Whether `second` cannot run until `first` has succeeded."""
    seen, todo = set(), list(second.needs)
    while todo:
        index = todo.pop()
        if index not in seen:
            seen.add(index)
            todo += found[index].needs
    return first.index in seen


@st.composite
def plans(draw: st.DrawFn) -> tuple[Change, ...]:
    """Changes that depend on earlier ones. What stays never depends on what ends: its manifest would be missing."""
    changes: list[Change] = []
    for index in range(draw(st.integers(1, 7))):
        action = draw(st.sampled_from(list(Action)))
        possible = [one.address.key for one in changes if action in ENDING or one.action not in ENDING]
        needs = draw(st.lists(st.sampled_from(possible), unique=True, max_size=3)) if possible else []
        adopts, deposed = draw(st.booleans()), draw(st.sampled_from([None, f"old-{index}"]))
        stopped = draw(st.booleans())
        changes.append(change(f"k{index}", action, *needs, stopped=stopped, adopts=adopts, deposed=deposed))
    return tuple(draw(st.permutations(changes)))


@settings(max_examples=examples(150))
@given(changes=plans())
def test_steps_respect_dependencies_and_never_wait_in_circles(changes: tuple[Change, ...]) -> None:
    found = made(*changes)
    assert [step.index for step in found] == list(range(len(found)))
    assert len(told(found)) == len(found)
    by_address = {one.address: one for one in changes}
    for step, other in product(found, found):
        dependency = by_address[other.address]
        if other.address not in by_address[step.address].depends_on:
            continue
        arrives = step.operation in (Operation.CREATE, Operation.UPDATE, Operation.SUSPEND, Operation.RESUME)
        if arrives and other.operation in (Operation.CREATE, Operation.SUSPEND, Operation.RESUME):
            assert before(found, other, step), "what a resource depends on is there first"
        ends = step.operation in (Operation.DELETE, Operation.FORGET) and step.id == f"id-{step.address.key}"
        if ends and other.id == f"id-{other.address.key}" and other.operation in (Operation.DELETE, Operation.FORGET):
            mixed = by_address[step.address].action is Action.CREATE_THEN_DELETE and dependency.action is Action.REPLACE
            assert mixed or before(found, step, other), "what depends on a resource ends first"


@settings(max_examples=examples(100))
@given(changes=plans())
def test_every_change_runs_its_own_steps_in_order(changes: tuple[Change, ...]) -> None:
    """Adopting comes first, then the deletion of what an earlier replacement left, then the change itself."""
    expected = {
        Action.NO_OP: [],
        Action.CREATE: ["create"],
        Action.UPDATE: ["suspend"],
        Action.REPLACE: ["delete", "create"],
        Action.CREATE_THEN_DELETE: ["create", "delete"],
        Action.DELETE: ["delete"],
        Action.FORGET: ["forget"],
    }
    found = made(*changes)
    for one in changes:
        mine = [step for step in found if step.address == one.address]
        operations = [*(["adopt"] if one.adopts else []), *(["delete"] if one.deposed else []), *expected[one.action]]
        if "create" in operations and one.after and one.after.get("desiredPhase") == "Stopped":
            operations.insert(operations.index("create") + 1, "suspend")
        assert [str(step.operation) for step in mine] == operations
        assert all(before(found, first, second) for first, second in pairwise(mine))
        if one.deposed:
            assert mine[1 if one.adopts else 0].id == one.deposed


def test_a_dependant_is_deleted_before_what_it_depends_on_is_replaced() -> None:
    """Delete B, delete A, create A, create B; the only order there is."""
    found = made(change("a", Action.REPLACE), change("b", Action.REPLACE, "a"))
    assert told(found) == ["delete b", "delete a", "create a", "create b"]


def test_an_old_object_stays_until_what_depends_on_it_has_moved() -> None:
    found = made(change("a", Action.CREATE_THEN_DELETE), change("b", Action.UPDATE, "a"))
    assert told(found) == ["create a", "suspend b", "delete a"]


def test_both_created_before_they_are_deleted() -> None:
    found = made(change("a", Action.CREATE_THEN_DELETE), change("b", Action.CREATE_THEN_DELETE, "a"))
    assert told(found) == ["create a", "create b", "delete b", "delete a"]


def test_one_created_before_its_dependency_goes_does_not_wait_in_a_circle() -> None:
    """A is deleted first and B last: the old B outlives the old A."""
    found = made(change("a", Action.REPLACE), change("b", Action.CREATE_THEN_DELETE, "a"))
    assert told(found) == ["delete a", "create a", "create b", "delete b"]


def test_bookkeeping_waits_for_nobody() -> None:
    """Or a replaced dependant with bookkeeping would wait for the new dependency, which waits for its deletion."""
    found = made(change("a", Action.REPLACE), change("b", Action.REPLACE, "a", adopts=True, deposed="old"))
    assert [step.operation for step in found if not step.needs] == [Operation.ADOPT]
    assert told(found) == ["adopt b", "delete b", "delete b", "delete a", "create a", "create b"]


def test_a_training_that_is_to_be_stopped_is_suspended_once_it_is_there() -> None:
    """Its id is known only then."""
    delete, create, suspend = made(change("a", Action.REPLACE, stopped=True))
    assert (delete.id, create.id, suspend.id) == ("id-a", None, None)
    assert suspend.operation is Operation.SUSPEND
    assert suspend.needs == (create.index,)
    assert create.needs == (delete.index,)


@pytest.mark.parametrize(("phase", "operation"), [("Stopped", Operation.SUSPEND), ("Running", Operation.RESUME)])
def test_a_phase_is_changed_by_a_call_of_its_own(phase: str, operation: Operation) -> None:
    field = FieldChange(("desiredPhase",), "desiredPhase", None, phase)
    (only,) = made(change("a", Action.UPDATE, fields=(field,)))
    assert only.operation is operation
    update, then = made(change("a", Action.UPDATE, fields=(NAME, field), merged=training()))
    assert (update.operation, then.operation) == (Operation.UPDATE, operation)
    assert then.needs == (update.index,)


def test_only_an_update_sends_the_merged_body() -> None:
    (update,) = made(change("a", Action.UPDATE, fields=(NAME,), merged=training(image="merged")))
    assert update.merged == training(image="merged")
    assert update.body == training()
    assert all(step.merged is None for step in made(change("a", Action.REPLACE, merged=training())))


def test_a_create_that_awaits_what_this_plan_deletes_comes_after_that() -> None:
    """As when the key of a manifest changed, but not the name; with one worker it would wait for ever."""
    create, delete = made(change("a", Action.CREATE, awaits="id-b"), change("b", Action.DELETE))
    assert create.needs == (delete.index,)
    assert create.awaits == "id-b"


def test_what_was_never_there_is_forgotten_without_waiting_for_itself_and_nobody_waits_for_it() -> None:
    found = made(change("a", Action.FORGET, id=None), change("b", Action.CREATE, id=None))
    assert [step.needs for step in found] == [(), ()]
