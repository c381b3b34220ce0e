"""What a plan makes of calls whose answer never came."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from declarative.model.observed import Observed
from declarative.model.plan import Action
from declarative.model.record import Operation, Record
from declarative.model.value import FrozenMap
from declarative.plan import planner
from declarative.plan.planner import Live
from declarative.plan.steps import steps
from tests.plan.bodies import (
    ASKED_AT,
    BOTH,
    ORIGIN,
    PREFIXED,
    address,
    deleting,
    made,
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

# --- interrupted calls ------------------------------------------------------------------------------------------------
TAKEN: list[tuple[str, FrozenMap, Observed, bool]] = [
    ("it has the name, the age and every field", training(), made(training()), True),
    ("it is stopped by now", training("Stopped"), made(training()), True),
    ("the clocks differ a little", training(), made(training(), created=ASKED_AT - 60), True),
    ("it is older than the request", training(), made(training(), created=ASKED_AT - 3600), False),
    ("its age is not told", training(), made(training(), created=None), True),
    ("it has another name", training(), made(training(), name="other"), False),
    ("it has the name as a prefix, unasked", training(), made(training(), name="resnet-x1"), False),
    ("it has the name as a prefix", training(metadata=PREFIXED), made(training(), name="resnet-x1"), True),
    ("it has another project", training(), made(training(metadata={"projectId": "9"})), False),
    ("it has another spec", training(), made(training(image="b")), False),
    ("its spec is not known", training(), made(training(), body=None), False),
    ("it lists variables in another order", training(environmentVariables=[{"name": "a"}, {"name": "b"}]),
     made(training(environmentVariables=[{"name": "b"}, {"name": "a"}])), True),
    ("a template", template(), observed(template(), id="new", created=ASKED_AT), True),
    ("a template of another scope", template(), observed(template({"scope": "system"}), id="new"), False),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "asked", "live", "taken"), TAKEN, ids=[row[0] for row in TAKEN])
def test_an_interrupted_create_is_taken_up_where_it_is_certain(
    rule: str, asked: FrozenMap, live: Observed, taken: bool
) -> None:
    records = (pending(asked, Operation.CREATE),)
    found = Live.of([live], records).taken_up
    assert found == ({records[0].address: live} if taken else {})


@BOTH
def test_what_an_interrupted_create_made_is_adopted_and_not_made_twice(body: FrozenMap) -> None:
    live = made(body) if "clusterId" in body["metadata"] else observed(body, id="new")
    plan = planned(resource(body), records=(pending(body, Operation.CREATE),), live=(live,))
    assert operations(plan) == ["adopt new"]
    assert plan.is_empty
    assert plan.changes[0].reason == "an interrupted create is taken up"


def test_an_interrupted_create_that_never_happened_is_made() -> None:
    assert operations(planned(resource(training()), records=(pending(training(), Operation.CREATE),))) == [
        "create None"
    ]


def test_an_interrupted_create_of_an_older_manifest_is_adopted_and_replaced() -> None:
    records = (pending(training(), Operation.CREATE),)
    plan = planned(resource(training(image="b")), records=records, live=(made(training()),))
    assert operations(plan) == ["adopt new", "delete new", "create None"]


def test_an_interrupted_create_that_is_no_longer_desired_is_adopted_and_deleted() -> None:
    records = (pending(training(), Operation.CREATE),)
    assert operations(planned(records=records, live=(made(training()),))) == ["adopt new", "delete new"]
    assert operations(planned(records=records)) == ["forget None"]


def test_what_somebody_else_made_under_the_name_is_a_conflict() -> None:
    records = (pending(training(), Operation.CREATE),)
    live = Live.of([made(training(image="theirs"))], records)
    _, conflicts = planner.plan([resource(training())], records, live, ORIGIN)
    assert len(conflicts) == 1


def test_an_owned_object_is_not_taken_up() -> None:
    """Neither the object of another record nor one that waits to be deleted."""
    body = training(metadata=PREFIXED)
    first = pending(body, Operation.CREATE)
    for owner in (record(body, "new", "other"), replace(record(body, "id-9", "other"), previous_id="new")):
        assert Live.of([made(training(), name="resnet-1")], [first, owner]).taken_up == {}


def test_each_object_is_taken_up_once() -> None:
    """Two interrupted creates of one prefix, and two objects."""
    body = training(metadata=PREFIXED)
    records = [replace(pending(body, Operation.CREATE), address=address(body, key)) for key in "ab"]
    live = [made(training(), name=f"resnet-{number}", id=f"new-{number}") for number in (1, 2)]
    found = Live.of(live, records).taken_up
    assert {one.id for one in found.values()} == {"new-1", "new-2"}
    assert len(Live.of(live[:1], records).taken_up) == 1


@pytest.mark.parametrize("happened", [True, False])
def test_an_interrupted_update_is_settled_by_what_is_live(happened: bool) -> None:
    old, new = template(nodeType="a"), template(nodeType="b")
    ours = pending(new, Operation.UPDATE, record(old))
    plan = planned(resource(new), records=(ours,), live=(observed(new if happened else old),))
    assert operations(plan) == (["adopt id-1"] if happened else ["adopt id-1", "update id-1"])


def test_what_an_interrupted_update_may_have_set_is_unset_when_it_is_no_longer_desired() -> None:
    old, asked = template(command="c"), template(command="c", nodeType="b")
    ours = pending(asked, Operation.UPDATE, record(old))
    change = only(resource(old), records=(ours,), live=(observed(asked),))
    assert [(field.label, field.after) for field in change.fields] == [("spec.specificEnv.nodeType", None)]


def test_an_interrupted_suspend_is_undone_when_it_is_no_longer_desired() -> None:
    ours = pending(training("Stopped"), Operation.SUSPEND, record(training()))
    plan = planned(resource(training()), records=(ours,), live=(observed(training(), "Stopped"),))
    assert operations(plan) == ["adopt id-1", "resume id-1"]


@BOTH
def test_an_interrupted_delete_goes_on_or_is_called_off(body: FrozenMap) -> None:
    ours = pending(body, Operation.DELETE, record(body))
    assert operations(planned(records=(ours,), live=(observed(body),))) == ["delete id-1"]
    assert operations(planned(records=(ours,), live=())) == ["forget id-1"]
    assert operations(planned(resource(body), records=(ours,), live=(observed(body),))) == ["adopt id-1"]


# --- create before destroy --------------------------------------------------------------------------------------------
OLD, NEW = training(metadata=PREFIXED), training(metadata=PREFIXED, image="b")
FIRST: dict[str, Any] = {"create_before_destroy": True}


def test_create_before_destroy_creates_first() -> None:
    plan = planned(resource(NEW, **FIRST), records=(record(OLD),), live=(observed(OLD, name="resnet-1"),))
    assert plan.changes[0].action is Action.CREATE_THEN_DELETE
    assert operations(plan) == ["create None", "delete id-1"]
    assert (plan.to_add, plan.to_change, plan.to_destroy) == (1, 0, 1)


def _killed_while_creating() -> Record:
    return pending(NEW, Operation.CREATE, record(OLD))


def test_killed_before_the_new_one_was_there_it_is_still_to_be_made() -> None:
    """The old object has the old spec, whatever was asked for since."""
    live = observed(OLD, name="resnet-1")
    plan = planned(resource(NEW, **FIRST), records=(_killed_while_creating(),), live=(live,))
    assert operations(plan) == ["adopt id-1", "create None", "delete id-1"]
    assert [(field.label, field.before, field.after) for field in plan.changes[0].fields] == [
        ("spec.image", "acme/train:1", "b")
    ]
    undone = planned(resource(OLD, **FIRST), records=(_killed_while_creating(),), live=(live,))
    assert operations(undone) == ["adopt id-1"]


def test_killed_after_the_new_one_was_made_it_is_adopted_and_the_old_one_deleted() -> None:
    """In this order: only a state that knows the new object can let go of the old one."""
    new = made(training(image="b"), name="resnet-2")
    live = (observed(OLD, name="resnet-1"), new)
    plan = planned(resource(NEW, **FIRST), records=(_killed_while_creating(),), live=live)
    assert operations(plan) == ["adopt new", "delete id-1"]
    adopt, delete = steps(plan)
    assert delete.needs == (adopt.index,)
    assert not plan.is_empty
    assert operations(planned(records=(_killed_while_creating(),), live=live)) == [
        "adopt new",
        "delete id-1",
        "delete new",
    ]


def test_killed_before_the_old_one_was_deleted_it_is_deleted() -> None:
    ours = record(NEW, "new", previous_id="id-1")
    new = observed(NEW, id="new", name="resnet-2")
    plan = planned(resource(NEW, **FIRST), records=(ours,), live=(observed(OLD, name="resnet-1"), new))
    assert operations(plan) == ["delete id-1"]
    for old in ((), (deleting(OLD),)):
        assert planned(resource(NEW, **FIRST), records=(ours,), live=(new, *old)).is_empty
