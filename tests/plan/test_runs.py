"""Phases and ends of trainings in a plan."""

from __future__ import annotations

from typing import Any

import pytest

from declarative.model.observed import Presence, Progress, Readiness
from declarative.model.plan import Action
from declarative.model.record import Operation
from declarative.model.resource import OnFinished
from declarative.model.value import FrozenMap
from declarative.plan.planner import NEW_RUN
from tests.plan.bodies import (
    deleting,
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

GPUS: dict[str, Any] = {"compute": {"gpuDevicesRequest": 2}}
PREFIXED = {"useGivenNameAsPrefix": True}
BOTH = pytest.mark.parametrize("body", [training(), template()], ids=["Training", "WorkloadTemplate"])
CHANGED = {"Training": training(image="b"), "WorkloadTemplate": template(nodeType="b")}


# --- phases -----------------------------------------------------------------------------------------------------------
PHASES: list[tuple[str, str | None, str | None, str, str | None]] = [
    # rule, manifest, last applied, live, operation
    ("not mentioned: not managed", None, None, "Stopped", None),
    ("not mentioned, as it runs", None, None, "Running", None),
    ("as asked for", "Stopped", "Stopped", "Stopped", None),
    ("on its way to what was asked for", "Running", "Running", "Pending", None),
    ("changed to Stopped", "Stopped", "Running", "Running", "suspend"),
    ("changed to Running", "Running", "Stopped", "Stopped", "resume"),
    ("stopped behind our back", "Running", "Running", "Stopped", "resume"),
    ("resumed behind our back", "Stopped", "Stopped", "Running", "suspend"),
    ("Stopped is no longer mentioned: back to the default", None, "Stopped", "Stopped", "resume"),
    ("Stopped is no longer mentioned, and it runs already", None, "Stopped", "Running", None),
    ("Running is no longer mentioned: not managed any more", None, "Running", "Stopped", None),
    ("a run that has ended is not resumed", "Running", "Running", "Completed", None),
    ("a run that has ended is not suspended", "Stopped", "Running", "Completed", None),
    ("an unknown phase is on its way", "Running", "Running", "Pondering", None),
]


@pytest.mark.parametrize(("rule", "wanted", "applied", "live", "operation"), PHASES, ids=[row[0] for row in PHASES])
def test_the_phase_of_a_training_is_desired_state(
    rule: str, wanted: str | None, applied: str | None, live: str, operation: str | None
) -> None:
    ours = record(training(applied), finished=live == "Completed")
    plan = planned(resource(training(wanted)), records=(ours,), live=(observed(training(), live),))
    assert operations(plan) == ([f"{operation} id-1"] if operation else [])
    assert plan.is_empty == (operation is None)


def test_a_null_phase_is_not_mentioned() -> None:
    body = FrozenMap({**training(), "desiredPhase": None})
    for applied in (training("Running"), training()):
        assert planned(resource(body), records=(record(applied),), live=(observed(training()),)).is_empty


def test_a_phase_and_a_spec_that_change_are_one_replacement() -> None:
    """Created anew, and suspended at once."""
    wanted = training("Stopped", image="b")
    plan = planned(resource(wanted), records=(record(training("Running")),), live=(observed(training()),))
    assert operations(plan) == ["delete id-1", "create None", "suspend None"]


# --- finished runs ----------------------------------------------------------------------------------------------------
KEEP: dict[str, Any] = {"on_finished": OnFinished.KEEP}
RERUN: dict[str, Any] = {"on_finished": OnFinished.RERUN}


@pytest.mark.parametrize("lifecycle", [KEEP, RERUN])
def test_a_finished_run_that_is_there_satisfies_its_manifest(lifecycle: dict[str, Any]) -> None:
    plan = planned(
        resource(training(), **lifecycle), records=(record(training()),), live=(observed(training(), "Completed"),)
    )
    assert plan.is_empty
    assert operations(plan) == ["adopt id-1"]  # the state has to remember that it finished
    assert plan.changes[0].finished


def test_a_finished_run_with_a_changed_manifest_is_a_new_run() -> None:
    wanted, live = resource(training(image="b")), observed(training(**GPUS), "Completed")
    change = only(wanted, records=(record(training(**GPUS)),), live=(live,))
    assert (change.action, change.reason, change.disruption) == (Action.REPLACE, NEW_RUN, None)


@pytest.mark.parametrize("remembered", [True, False], ids=["by the state", "by the control plane"])
def test_a_finished_run_that_deleted_itself_is_not_run_again(remembered: bool) -> None:
    gone = () if remembered else ("id-1",)
    records = (record(training("Running"), finished=remembered),)
    for wanted in (training("Running"), training(), training("Stopped")):
        change = only(resource(wanted), records=records, finished=gone)
        assert (change.action, change.id) == (Action.NO_OP, "id-1")
    assert only(resource(training("Running"), **RERUN), records=records, finished=gone).action is Action.CREATE


def test_a_finished_run_that_is_being_deleted_is_not_run_again() -> None:
    """Nor one whose row is told with a time of deletion."""
    ours = record(training(), finished=True)
    gone = observed(training(), readiness=Readiness(Presence.GONE, Progress.FINISHED))
    for live in (deleting(training()), gone):
        assert only(resource(training()), records=(ours,), live=(live,)).action is Action.NO_OP


def test_a_finished_run_that_is_gone_is_run_again_when_its_manifest_changes() -> None:
    ours = record(training(), finished=True)
    change = only(resource(training(image="b")), records=(ours,))
    assert (change.action, change.reason) == (Action.CREATE, NEW_RUN)
    assert only(resource(training(image="b"), ignore_changes=("spec.image",)), records=(ours,)).action is Action.NO_OP


def test_a_finished_run_that_we_deleted_to_replace_it_is_run_anew() -> None:
    """The delete came through, and then we were killed: what is gone did not go by itself."""
    ours = pending(training(), Operation.DELETE, record(training(), finished=True))
    for live in ((), (deleting(training()),)):
        assert only(resource(training(image="b")), records=(ours,), live=live).action is Action.CREATE
        assert only(resource(training()), records=(ours,), live=live, finished=("id-1",)).action is Action.CREATE
