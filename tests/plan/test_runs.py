"""Phases and ends of trainings in a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from declarative.model.observed import Presence, Progress, Readiness
from declarative.model.plan import Action
from declarative.model.record import Operation
from declarative.model.resource import OnFinished
from declarative.model.value import FrozenMap
from declarative.plan.planner import NEW_RUN, RUN_AGAIN
from tests.apply.stage import TRAININGS, Stage, direct
from tests.cli.tool import training as train
from tests.plan.bodies import (
    GPUS,
    deleting,
    observed,
    only,
    operations,
    pending,
    planned,
    record,
    resource,
    training,
)

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


# --- over HTTP: in every way in which control planes tell what is gone ------------------------------------------------
READINGS = pytest.mark.parametrize(
    ("gone", "refuses"),
    [("404", False), ("404", True), ("deletedAt", False), ("deletedAt", True)],
    ids=["404", "404, no list of the deleted", "deletedAt", "deletedAt, no list of the deleted"],
)
RUNNING = "desiredPhase: Running\n"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with direct(tmp_path) as made:
        yield made


def applied(stage: Stage, manifest: str, **settings: Any) -> str:
    """The id of the training that an apply made."""
    stage.settings(**settings)
    stage.write(manifest)
    stage.tool.apply()
    (row,) = json.loads(stage.tool.run("show", "--json").out)
    return str(row["id"])


def put(stage: Stage, identity: str, phase: str) -> None:
    httpx.post(f"{stage.url}/_sandbox/workloads/{identity}/phase", json={"phase": phase}).raise_for_status()


def vanish(stage: Stage, identity: str) -> None:
    httpx.delete(f"{stage.url}/_sandbox/workloads/{identity}").raise_for_status()


def planned_text(stage: Stage, code: int = 0) -> str:
    """The plan as people see it, its lines joined; `code` 2 where there are changes."""
    return " ".join(stage.tool.run("plan", "--detailed-exitcode", code=code).out.split())


@READINGS
def test_a_run_that_ended_satisfies_its_manifest_and_still_does_once_it_is_gone(
    stage: Stage, gone: str, refuses: bool
) -> None:
    """Well or ill. The plan says so both times; the state has remembered it since the apply in between."""
    phase = "Failed" if refuses else "Completed"
    identity = applied(stage, train("a", more=RUNNING), goneAnswers=gone, refuseDeletedList=refuses)
    put(stage, identity, phase)
    assert f"Training.a: finished ({phase}); a run that ended satisfies its manifest." in planned_text(stage)
    assert stage.tool.run("drift").out.startswith("No drift.")
    stage.tool.apply()
    vanish(stage, identity)
    assert "Training.a: the run finished and deleted itself." in planned_text(stage)
    assert stage.tool.run("drift").out.startswith("No drift.")
    assert "Resources: 0 added, 0 changed, 0 destroyed." in stage.tool.apply().out


@pytest.mark.parametrize("gone", ["404", "deletedAt", "desiredPhase"])
@pytest.mark.parametrize("phase", ["Completed", "Failed"])
def test_a_run_that_ended_and_went_between_two_applies_is_not_run_again(stage: Stage, phase: str, gone: str) -> None:
    """The list of deleted workloads tells how it ended, though no apply saw it."""
    identity = applied(stage, train("a") + "  autoDeletionTimeAfterCompletionSeconds: 0\n", goneAnswers=gone)
    put(stage, identity, phase)
    assert stage.live_ids() == set()
    assert "Training.a: the run finished and deleted itself." in planned_text(stage)


@READINGS
def test_rerun_runs_again_what_ended_and_is_gone(stage: Stage, gone: str, refuses: bool) -> None:
    """Not before: what is there satisfies its manifest, and the plan says what comes."""
    manifest = train("a", more="lifecycle: {onFinished: rerun}\n")
    identity = applied(stage, manifest, goneAnswers=gone, refuseDeletedList=refuses)
    put(stage, identity, "Completed")
    assert "Training.a: finished (Completed); it runs again once it is gone (onFinished: rerun)." in planned_text(stage)
    stage.tool.apply()
    vanish(stage, identity)
    assert f"+ Training.a manifests/all.yaml:1 # {RUN_AGAIN}" in planned_text(stage, 2)
    assert "Resources: 1 added" in stage.tool.apply().out
    stage.is_whole("a")


@pytest.mark.parametrize("lists", [True, False], ids=["lists", "no lists"])
def test_a_run_that_is_preempted_or_starts_again_has_not_drifted(stage: Stage, lists: bool) -> None:
    """Where it is on its way is the control plane's business."""
    identity = applied(stage, train("a", more=RUNNING), refuseLists=not lists)
    for phase in ("Pending", "Resuming", "Initializing", "Degraded", "Unknown"):
        put(stage, identity, phase)
        assert planned_text(stage).startswith("No changes."), phase
        assert stage.tool.run("drift").out.startswith("No drift."), phase


@pytest.mark.parametrize("gone", ["404", "deletedAt"])
def test_a_run_that_vanished_without_having_ended_is_created_again_and_the_plan_says_why(
    stage: Stage, gone: str
) -> None:
    """`drift` tells it, too."""
    identity = applied(stage, train("a"), goneAnswers=gone)
    vanish(stage, identity)
    assert "+ Training.a manifests/all.yaml:1 # it is gone from the control plane" in planned_text(stage, 2)
    assert "# it is gone from the control plane" in stage.tool.run("drift", code=2).out
    stage.tool.apply()
    stage.is_whole("a")


UNTOLD = "it is gone; whether it had finished could not be asked ({})"
SELF_DELETING = "  autoDeletionTimeAfterCompletionSeconds: 0\n"


@pytest.mark.parametrize(("refused", "status"), [("refuseDeletedList", 400), ("refuseLists", 403)])
def test_a_run_of_which_nobody_tells_whether_it_had_finished_is_not_run_again_unasked(
    stage: Stage, refused: str, status: int
) -> None:
    """The plan says so, and how to go on: to run it again, or to forget it. A refresh keeps what the state knows of it."""
    manifest = train("a") + SELF_DELETING
    identity = applied(stage, manifest, **{refused: True})
    stage.write(manifest, train("b"))
    stage.tool.apply()
    put(stage, identity, "Completed")
    done = stage.tool.run("plan", "--detailed-exitcode")
    assert f"Training.a: {UNTOLD.format(status)}" in " ".join(done.out.split())
    assert "warning: Not checked" in done.err
    assert "--replace Training.a" in done.err
    assert "state rm Training.a" in done.err
    assert UNTOLD.format(status) in stage.tool.run("drift", code=2).out
    assert "0 added, 0 changed, 0 destroyed." in stage.tool.apply().out
    stage.tool.apply("--refresh-only")
    assert "Training.a" in stage.tool.run("state", "list").out
    assert "1 added" in stage.tool.apply("--replace", "Training.a").out
    (row,) = (one for one in json.loads(stage.tool.run("show", "--json").out) if one["address"] == "Training.a")
    assert row["id"] != identity


def test_with_rerun_a_run_of_which_nobody_tells_whether_it_had_finished_is_run_again(stage: Stage) -> None:
    manifest = train("a", more="lifecycle: {onFinished: rerun}\n") + SELF_DELETING
    put(stage, applied(stage, manifest, refuseDeletedList=True), "Completed")
    assert "1 added" in stage.tool.apply().out


def test_a_changed_manifest_is_a_new_run_whoever_tells_how_the_old_one_ended(stage: Stage) -> None:
    put(stage, applied(stage, train("a") + SELF_DELETING, refuseDeletedList=True), "Completed")
    stage.write(train("a", image="other"))
    assert "1 added" in stage.tool.apply().out


def test_a_run_that_somebody_suspended_is_noted_where_its_phase_is_not_managed(stage: Stage) -> None:
    put(stage, applied(stage, train("a")), "Stopped")
    assert "Training.a: suspended; desiredPhase is not managed." in planned_text(stage)


@pytest.mark.parametrize("lists", [True, False], ids=["lists", "no lists"])
@pytest.mark.parametrize(
    ("wanted", "live", "word"), [("Running", "Stopped", "resume"), ("Stopped", "Running", "suspend")]
)
def test_what_was_suspended_or_resumed_behind_our_back_is_drift(
    stage: Stage, wanted: str, live: str, word: str, lists: bool
) -> None:
    """The plan brings it back, `drift` tells what has become of it."""
    identity = applied(stage, train("a", more=f"desiredPhase: {wanted}\n"), refuseLists=not lists)
    put(stage, identity, live)
    assert f"~ desiredPhase: {live} → {wanted} # {word}" in planned_text(stage, 2)
    assert f"~ desiredPhase: {wanted} → {live}" in stage.tool.run("drift", code=2).out
    stage.tool.apply()
    stage.tool.plan_is_empty()
    assert stage.get(f"{TRAININGS}/{identity}")["desiredPhase"] == wanted


def test_a_changed_manifest_of_a_run_that_ended_is_a_replacement_and_the_plan_says_why(stage: Stage) -> None:
    """Nothing that runs stops, so nothing has to be allowed."""
    identity = applied(stage, train("a"))
    put(stage, identity, "Completed")
    stage.write(train("a", image="other"))
    assert f"-/+ Training.a manifests/all.yaml:1 # {NEW_RUN} # Completed since" in planned_text(stage, 2)
    assert "1 added, 0 changed, 1 destroyed." in stage.tool.run("apply", "--auto-approve").out
    assert identity not in stage.live_ids()
    stage.is_whole("a")


@READINGS
def test_a_changed_manifest_of_a_run_that_ended_and_is_gone_is_a_new_run(
    stage: Stage, gone: str, refuses: bool
) -> None:
    """The plan says so."""
    identity = applied(stage, train("a"), goneAnswers=gone, refuseDeletedList=refuses)
    put(stage, identity, "Completed")
    stage.tool.apply()
    vanish(stage, identity)
    stage.write(train("a", image="other"))
    assert f"+ Training.a manifests/all.yaml:1 # {NEW_RUN}" in planned_text(stage, 2)
    assert "1 added, 0 changed, 0 destroyed." in stage.tool.run("apply", "--auto-approve").out
    stage.is_whole("a")
