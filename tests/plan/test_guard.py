"""What an apply refuses until it is allowed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from declarative.model.plan import Action, Change, Disruption, FieldChange, Plan
from declarative.model.position import Position
from declarative.plan.guard import ALLOWABLE, Guard, counted_gpus, refusals
from tests.plan.bodies import address, training

IMAGE = FieldChange(("spec", "image"), "spec.image", "a", "b", replaces=True)
PHASE = FieldChange(("desiredPhase",), "desiredPhase", "Running", "Stopped")


def change(key: str, action: Action, **more: object) -> Change:
    return Change(address(training(), key), action, **more)  # type: ignore[arg-type]


def plan(*changes: Change, destroy: bool = False) -> Plan:
    return Plan(changes, "sandbox", "l", 1, destroy)


def many(action: Action, count: int, **more: object) -> tuple[Change, ...]:
    return tuple(change(f"t{index}", action, **more) for index in range(count))


def guards(found: Plan, recorded: int = 1, desired: int = 1, allowed: tuple[str, ...] = ()) -> list[Guard]:
    return [refusal.guard for refusal in refusals(found, recorded, desired, allowed)]


@pytest.mark.parametrize("action", [Action.DELETE, Action.REPLACE, Action.CREATE_THEN_DELETE])
def test_what_is_protected_is_neither_destroyed_nor_replaced(action: Action) -> None:
    """Whatever is allowed: the protection is lifted in the manifest. A destroy is no consent either."""
    for destroy in (False, True):
        found = plan(change("a", action, prevent_destroy=True), destroy=destroy)
        assert guards(found, allowed=(*ALLOWABLE, "prevent-destroy")) == [Guard.PREVENT_DESTROY]


@pytest.mark.parametrize("action", [Action.NO_OP, Action.CREATE, Action.UPDATE, Action.FORGET])
def test_what_is_protected_may_live_on(action: Action) -> None:
    assert guards(plan(change("a", action, prevent_destroy=True))) == []


def test_a_refused_replacement_names_its_causes_and_its_place() -> None:
    protected = change("a", Action.REPLACE, fields=(PHASE, IMAGE), prevent_destroy=True, where=Position("m.yaml", 3))
    (refusal,) = refusals(plan(protected), 1, 1)
    assert "Training.a would be replaced (spec.image)," in refusal.diagnostic.detail
    assert refusal.diagnostic.where == Position("m.yaml", 3)
    assert "preventDestroy: false" in (refusal.diagnostic.hint or "")


def test_a_replacement_without_causes_of_its_own_has_no_empty_brackets() -> None:
    """As when replaceWhen asks for it while only the phase differs."""
    (refusal,) = refusals(plan(change("a", Action.REPLACE, fields=(PHASE,), prevent_destroy=True)), 1, 1)
    assert "Training.a would be replaced, but" in refusal.diagnostic.detail


def test_stopping_what_runs_is_refused_in_one_sentence() -> None:
    stopping = plan(
        change("a", Action.UPDATE, disruption=Disruption("Running", 1.0)),
        change("b", Action.REPLACE, disruption=Disruption("Degraded", 0.5)),
        change("c", Action.UPDATE),
    )
    (refusal,) = refusals(stopping, 3, 3)
    assert refusal.guard is Guard.DISRUPTION
    assert "Training.a (Running, 1 GPU), Training.b (Degraded, 0.5 GPU): 1.5 GPUs in all." in refusal.diagnostic.detail
    assert "--allow disruption" in (refusal.diagnostic.hint or "")
    assert guards(stopping, allowed=("disruption",)) == []


def test_only_the_first_of_many_are_named_as_stopping() -> None:
    """A plan that stops hundreds stays readable, and their GPUs are told all the same."""
    (refusal,) = refusals(plan(*many(Action.UPDATE, 300, disruption=Disruption("Running", 0.5))), 300, 300)
    named = ", ".join(f"Training.t{index} (Running, 0.5 GPU)" for index in range(5))
    assert refusal.diagnostic.detail == f"This plan stops {named} and 295 more: 150 GPUs in all."


def test_one_that_stops_has_no_total() -> None:
    (refusal,) = refusals(plan(change("a", Action.DELETE, disruption=Disruption("Running", 2.0))), 1, 1)
    assert refusal.diagnostic.detail == "This plan stops Training.a (Running, 2 GPUs)."


@pytest.mark.parametrize(("number", "shown"), [(0.5, "0.5 GPU"), (1, "1 GPU"), (1.5, "1.5 GPUs"), (8, "8 GPUs")])
def test_up_to_one_gpu_is_singular(number: float, shown: str) -> None:
    assert counted_gpus(number) == shown


def test_a_destroy_does_not_consent_to_disruption() -> None:
    found = plan(change("a", Action.DELETE, disruption=Disruption("Running", 1.0)), destroy=True)
    assert guards(found) == [Guard.DISRUPTION]


@pytest.mark.parametrize(
    ("ending", "recorded", "refused"),
    [
        (3, 10, False),
        (4, 10, True),
        (9, 9, False),
        (6, 20, False),
        (7, 20, True),
        (300, 1000, False),
        (301, 1000, True),
    ],
)
def test_more_than_thirty_percent_of_ten_or_more_is_a_mass_change(ending: int, recorded: int, refused: bool) -> None:
    for action in (Action.DELETE, Action.REPLACE, Action.CREATE_THEN_DELETE):
        found = plan(*many(action, ending))
        assert guards(found, recorded) == ([Guard.MASS_CHANGE] if refused else [])
        assert guards(found, recorded, allowed=("mass-change",)) == []
        assert guards(plan(*many(action, ending), destroy=True), recorded) == []


def test_creating_updating_and_forgetting_are_no_mass_change() -> None:
    for action in (Action.CREATE, Action.UPDATE, Action.FORGET, Action.NO_OP):
        assert guards(plan(*many(action, 10)), 10) == []


def test_a_mass_change_names_some_and_counts_the_rest() -> None:
    (refusal,) = refusals(plan(*many(Action.DELETE, 7)), 10, 3)
    assert "7 of 10" in refusal.diagnostic.detail
    assert "Training.t0, Training.t1, Training.t2, Training.t3, Training.t4 and 2 more" in refusal.diagnostic.detail
    assert "--allow mass-change" in (refusal.diagnostic.hint or "")


def test_no_manifests_against_records_is_refused() -> None:
    found = plan(*many(Action.DELETE, 2))
    assert guards(found, recorded=2, desired=0) == [Guard.EMPTY]
    assert guards(found, recorded=2, desired=0, allowed=("empty",)) == []
    assert guards(found, recorded=2, desired=1) == []
    assert guards(plan(), recorded=0, desired=0) == []
    assert guards(plan(*many(Action.DELETE, 2), destroy=True), recorded=2, desired=0) == []


def test_what_is_only_forgotten_or_asked_for_by_itself_is_no_mistake() -> None:
    forgotten, asked = many(Action.FORGET, 2), many(Action.DELETE, 2, on_request=True)
    assert guards(plan(*forgotten), recorded=2, desired=0) == []
    assert guards(plan(*asked), recorded=2, desired=0) == []
    assert guards(plan(*forgotten, *many(Action.DELETE, 1)), recorded=3, desired=0) == [Guard.EMPTY]


def test_gpus_that_nobody_tells_are_guarded_and_the_sum_is_the_least() -> None:
    first, second = many(Action.DELETE, 2)
    stops = (
        replace(first, disruption=Disruption("Running", None)),
        replace(second, disruption=Disruption("Running", 2.0)),
    )
    (refusal,) = refusals(plan(*stops), 2, 1)
    assert "Training.t0 (Running, an unknown number of GPUs)" in refusal.diagnostic.detail
    assert "at least 2 GPUs in all" in refusal.diagnostic.detail


def test_all_refusals_come_at_once_and_are_allowed_one_by_one() -> None:
    found = plan(*many(Action.DELETE, 10, disruption=Disruption("Running", 1.0)))
    assert guards(found, 10, 0) == [Guard.DISRUPTION, Guard.MASS_CHANGE, Guard.EMPTY]
    assert guards(found, 10, 0, ("mass-change",)) == [Guard.DISRUPTION, Guard.EMPTY]
