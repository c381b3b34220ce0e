"""What documents and commands make of the state before anything is compared."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from declarative.errors import PlanError
from declarative.kinds import ALL
from declarative.kinds.kind import Kind
from declarative.model.address import Address
from declarative.model.bookkeeping import Import, Moved, Removed, Statement
from declarative.model.observed import Observed, Presence, Progress, Readiness
from declarative.model.plan import Action, Plan
from declarative.model.position import Position
from declarative.model.record import Operation, Record
from declarative.model.resource import Lifecycle, Resource
from declarative.model.secret import Reference, Secret, hides
from declarative.model.value import EMPTY, FrozenMap, put
from declarative.plan import planfile
from declarative.plan.adoption import named, pending, rearranged, record_of, refusal
from declarative.plan.diff import compare
from declarative.plan.planfile import PlanFile
from declarative.plan.planner import Live, plan
from declarative.plan.stale import moved as stale
from declarative.plan.steps import steps
from tests.examples import examples
from tests.plan.bodies import ORIGIN, observed, record, resource, template, training
from tests.strategies import bodies

WHERE = Position("m.yaml", 9)


def live(body: FrozenMap, **more: object) -> Observed:
    """An object with its whole body, as a GET of it tells."""
    return replace(observed(body), body=put(body, ("desiredPhase",), "Running"), **more)  # type: ignore[arg-type]


def planned(wanted: Resource, there: Observed) -> Plan:
    """The plan after an import."""
    known = record_of(wanted, there)
    made, conflicts = plan([wanted], [known], Live.of([there], [known]), ORIGIN)
    assert not conflicts
    return made


def differences(made: Plan) -> list[tuple[str, object, object]]:
    return [(field.label, field.before, field.after) for change in made.changes for field in change.fields]


def test_what_is_live_and_declared_alike_is_no_difference() -> None:
    body = training(labels=[{"name": "team", "value": "vision"}])
    there = live(training(labels=[{"name": "policy", "value": "x"}, {"name": "team", "value": "vision"}], tty=True))
    assert record_of(resource(body), there).applied == body
    assert planned(resource(body), there).is_empty


def test_what_the_manifest_does_not_mention_is_never_unset() -> None:
    """Neither fields, nor items of lists, nor members of sets: of a template they would otherwise be taken away."""
    env = [{"name": "A", "value": "1"}, {"name": "THEIRS", "value": "2"}]
    there = observed(template({"description": "old"}, {"workloadVolumes": ["a", "b"]}, environmentVariables=env))
    wanted = template(assets={"workloadVolumes": ["b", "c"]}, environmentVariables=[{"name": "A", "value": "9"}])
    made = planned(resource(wanted), there)
    assert differences(made) == [
        ("spec.assets.workloadVolumes", ("a", "b"), ("a", "b", "c")),
        ("spec.specificEnv.environmentVariables[A].value", "1", "9"),
    ]
    (change,) = made.changes
    assert change.merged is not None
    assert change.merged["spec"]["specificEnv"]["environmentVariables"] == (
        {"name": "A", "value": "9"},
        {"name": "THEIRS", "value": "2"},
    )


def test_what_differs_of_a_training_is_a_replacement() -> None:
    there = live(training(nodePools=["a100"]))
    made = planned(resource(training(nodePools=["h100"], environmentVariables=[{"name": "A", "value": "1"}])), there)
    assert [change.action for change in made.changes] == [Action.REPLACE]
    assert {label for label, _, _ in differences(made)} == {"spec.nodePools", "spec.environmentVariables[A]"}


def test_a_phase_that_differs_is_an_update() -> None:
    made = planned(resource(training("Stopped")), live(training()))
    assert differences(made) == [("desiredPhase", "Running", "Stopped")]


def test_a_run_that_has_finished_comes_in_as_it_is() -> None:
    done = Readiness(Presence.LIVE, Progress.FINISHED, "Completed")
    there = live(training(), readiness=done)
    assert record_of(resource(training("Stopped")), there).finished
    assert planned(resource(training("Stopped")), there).is_empty


def test_a_secret_of_the_manifest_is_sealed_in_the_record_where_the_live_text_differs() -> None:
    secret = Secret((Reference("secret", "KEY"),), "hunter2-of-the-test", ("hunter2-of-the-test",))
    wanted = training(environmentVariables=[{"name": "K", "value": secret}])
    for text in ("hunter2-of-the-test", "another-hunter-3"):
        known = record_of(resource(wanted), live(training(environmentVariables=[{"name": "K", "value": text}])), b"key")
        assert known.applied is not None
        assert hides(known.applied["spec"]["environmentVariables"][0]["value"])


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
@settings(max_examples=examples(60))
@given(data=st.data())
def test_an_import_plans_what_the_manifest_asks_for_and_nothing_else(kind: Kind, data: st.DataObject) -> None:
    """For any two bodies: equal ones give an empty plan, and others the comparison of two, which unsets nothing."""
    wanted, theirs = data.draw(bodies(kind)), data.draw(bodies(kind))
    for body in (wanted, theirs):
        there = Observed(kind.name, "id-1", "n", None, Readiness(Presence.LIVE, Progress.READY), "p", body)
        there = replace(there, desired_phase=body.get("desiredPhase") or "Running")
        aimed = Resource(Address(kind.name, "n"), wanted, Lifecycle(), (), WHERE)
        made = planned(aimed, there)
        shown = body if not kind.has_phase else put(body, ("desiredPhase",), there.desired_phase)
        two_way = compare(kind, wanted, shown, EMPTY).fields
        asked = [(field.label, field.after) for field in two_way]
        assert made.is_empty or body is not wanted
        if kind.endpoint.updatable:
            assert [(label, after) for label, _, after in differences(made)] == asked
        else:
            # What gives way to what is wanted goes with the old object.
            assert [(label, after) for label, _, after in differences(made)] == [
                (label, after) for label, after in asked if after is not None
            ]


# --- documents --------------------------------------------------------------------------------------------------------
A, B, C = (Address("Training", key) for key in "abc")


def known(address: Address, id: str = "id-1") -> Record:
    return replace(record(training(metadata={"name": address.key}), id), address=address)


def test_a_move_gives_the_record_its_new_address_and_is_a_step_of_its_own() -> None:
    ledger = rearranged([Moved(A, B, WHERE, WHERE)], [known(A)])
    assert [one.address for one in ledger.records] == [B]
    wanted = replace(resource(training(metadata={"name": "a"})), address=B)
    there = observed(training(metadata={"name": "a"}))
    made, _ = plan([wanted], ledger.records, Live.of([there], ledger.records), ORIGIN, ledger)
    (change,) = made.changes
    assert (change.action, change.moved_from, made.is_empty) == (Action.NO_OP, A, False)
    assert [(step.operation, step.address) for step in steps(made)] == [(Operation.ADOPT, B)]


def test_a_chain_of_moves_goes_to_its_end_from_wherever_the_state_is() -> None:
    chain = [Moved(A, B, WHERE, WHERE), Moved(B, C, WHERE, WHERE)]
    for start in (A, B):
        assert [one.address for one in rearranged(chain, [known(start)]).records] == [C]
    assert rearranged(chain, [known(C)]).moved == {}


def test_a_move_that_was_done_says_nothing_more() -> None:
    assert rearranged([Moved(A, B, WHERE, WHERE)], [known(B)]).moved == {}
    assert rearranged([Moved(A, B, WHERE, WHERE)], []).records == ()


@pytest.mark.parametrize(("recorded", "line"), [((A, B), 10), ((A, C), 9)])
def test_a_move_onto_a_resource_is_refused_at_its_place(recorded: tuple[Address, ...], line: int) -> None:
    chain = [Moved(A, B, WHERE, WHERE), Moved(B, C, Position("m.yaml", 10), WHERE)]
    with pytest.raises(PlanError) as refused:
        rearranged(chain, [known(one, f"id-{one.key}") for one in recorded])
    assert [(one.summary, one.where) for one in refused.value.diagnostics] == [
        ("Address is taken", Position("m.yaml", line))
    ]


@pytest.mark.parametrize(("destroy", "action"), [(True, Action.DELETE), (False, Action.FORGET)])
def test_removed_says_what_becomes_of_what_has_no_manifest(destroy: bool, action: Action) -> None:
    ledger = rearranged([Removed(A, destroy, WHERE)], [known(A)])
    there = observed(training(metadata={"name": "a"}))
    made, _ = plan([], ledger.records, Live.of([there], ledger.records), ORIGIN, ledger)
    assert [(change.action, change.where) for change in made.changes] == [(action, WHERE)]


def test_the_name_of_what_is_only_forgotten_stays_taken() -> None:
    """A Removed document that leaves the object live does not free its name for a new manifest."""
    ledger = rearranged([Removed(A, destroy=False, where=WHERE)], [known(A)])
    there = observed(training(metadata={"name": "a"}))
    wanted = replace(resource(training(metadata={"name": "a"})), address=B)
    _, conflicts = plan([wanted], ledger.records, Live.of([there], ledger.records), ORIGIN, ledger)
    assert [one.diagnostic.summary for one in conflicts] == ["Name already taken"]


def test_an_import_is_pending_until_its_address_is_recorded() -> None:
    """Whatever object that is: it may have been replaced since."""
    statements: list[Statement] = [Import(A, "id-1", None, WHERE, WHERE), Import(B, None, "b", WHERE, WHERE)]
    assert [one.to for one in pending(statements, [known(A, "id-9")])] == [B]


def test_an_import_is_planned_saved_and_stale_once_the_object_has_changed() -> None:
    """The plan has the record, so that an apply of the saved plan needs nothing else."""
    wanted, there = resource(template()), observed(template({"description": "old"}))
    coming = record_of(wanted, there)
    ledger = replace(rearranged([], []), records=(coming,), imported={wanted.address: coming})
    made, _ = plan([wanted], ledger.records, Live.of([there], ()), ORIGIN, ledger)
    assert (made.to_import, made.is_empty, made.changes[0].imports) == (1, False, coming)
    again = planfile.load(planfile.dump(PlanFile(made, 0, 1)), "p").plan
    assert again.changes[0].imports == coming
    assert stale(again, [], Live.of([there], ())) == ()
    changed = observed(template({"description": "new"}))
    assert stale(again, [], Live.of([changed], ())) == (wanted.address,)
    assert stale(again, [], Live.of([], ())) == (wanted.address,)


def test_an_object_is_known_by_its_name_in_the_place_of_its_manifest_alone() -> None:
    wanted = resource(training())
    here = live(training(), namespace="project 4501")
    rows = [here, live(training(), id="id-2", namespace="project 4502"), live(training(), id="id-3", kind="Other")]
    assert named(wanted, "resnet", rows) == (here,)
    assert named(wanted, "resne", rows) == ()


def test_what_is_managed_or_leaving_may_not_come_in() -> None:
    there = live(training())
    assert refusal(B, there, []) is None
    for owner in (known(A), replace(known(A, "id-9"), previous_id="id-1")):
        told = refusal(B, there, [owner])
        assert told is not None
        assert (told.summary, told.hint) == ("Already managed", "to rename it: state mv Training.a Training.b")
    leaving = live(training(), readiness=Readiness(Presence.DELETING, Progress.MOVING, "Deleting"))
    assert refusal(B, leaving, []) is not None
