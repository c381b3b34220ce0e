"""`apply --wait`: over HTTP, after the apply, without its lock."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from declarative.apply.waiting import EXPLAINED
from tests.apply.stage import TRAININGS, WORKLOADS, Stage
from tests.cli.tool import Done, Running, template, training, until
from tests.runai.wire import Asked, Reply

WAIT = ("--wait", "--wait-timeout", "20s")
APPLY = ("apply", "--auto-approve")
STOPPED = "desiredPhase: Stopped\n"
REASON = "0/3 nodes have 1 GPU"


def put(stage: Stage, name: str, phase: str, message: str | None = None) -> None:
    """What a cluster or its administrator does to a training."""
    (found,) = (row["id"] for row in stage.get(f"{WORKLOADS}?limit=500")["workloads"] if row["name"] == name)
    body = {"phase": phase, **({"message": message} if message else {})}
    httpx.post(f"{stage.url}/_sandbox/workloads/{found}/phase", json=body).raise_for_status()


def when_created(stage: Stage, then: Callable[[], None]) -> None:
    """Does something to what a create made, before anybody can look."""

    def interfere(asked: Asked) -> Reply | None:
        reply = stage.passed(asked)
        if str(asked) == f"POST {TRAININGS}":
            then()
        return reply

    stage.interfere = interfere


def looks(stage: Stage) -> list[Asked]:
    """The requests after the last one that changed something."""
    changes = [index for index, one in enumerate(stage.wire.asked) if one.method != "GET"]
    return stage.wire.asked[changes[-1] + 1 :]


def waited(running: Running) -> str:
    """What a wait has said once it goes on."""
    until(lambda: "Still waiting for" in running.said())
    return running.said()


def diagnostics(done: Done) -> list[dict[str, Any]]:
    messages = [json.loads(line) for line in done.out.splitlines()]
    return [one["diagnostic"] for one in messages if one["type"] == "diagnostic"]


def test_a_wait_ends_when_each_training_runs_or_has_stopped(stage: Stage) -> None:
    """Phases are told as they pass, templates are ready at once, and the summary comes last."""
    stage.settings(speed=1)
    stage.write(template("base"), training("a"), training("b", more=STOPPED))
    done = stage.tool.run(*APPLY, *WAIT)
    assert "Training.a: Still waiting for Running... [0s, " in done.err
    assert "Training.a: Running after " in done.err
    assert "Training.b: Stopped after " in done.err
    assert "WorkloadTemplate.base: Still" not in done.err
    assert done.out.endswith("Apply complete! Resources: 3 added, 0 changed, 0 destroyed.\n")


def test_without_wait_an_apply_ends_when_it_is_accepted(stage: Stage) -> None:
    """It does not look again, whatever the phase."""
    stage.settings(speed=0.001)
    stage.write(training("a"))
    stage.tool.run(*APPLY)
    assert looks(stage) == []


def test_a_resumed_and_a_suspended_training_are_waited_for_and_others_are_not(stage: Stage) -> None:
    """The wait is about what is on its way."""
    stage.write(training("a"), training("b", more=STOPPED), training("c"))
    stage.tool.apply()
    stage.settings(speed=1)
    stage.write(training("a", more=STOPPED), training("b", more="desiredPhase: Running\n"), training("c"))
    done = stage.tool.apply(*WAIT)
    assert "Training.a: Stopped after " in done.err
    assert "Training.b: Running after " in done.err
    assert "Training.c" not in done.err


@pytest.mark.parametrize("lists", [True, False], ids=["lists", "no lists"])
@pytest.mark.parametrize("number", [1, 5])
def test_one_that_fails_is_told_with_its_message_and_its_last_events(stage: Stage, number: int, lists: bool) -> None:
    """The others are waited for, the command ends with 1, and all is recorded; where no list tells the message, an event does."""
    names = [f"t{index}" for index in range(number)]
    stage.settings(refuseLists=not lists)
    stage.write(*map(training, names))
    failed = names[0]

    def fail() -> None:
        rows = httpx.get(f"{stage.url}/_sandbox/").json()["counts"]["workloads"]
        if rows == number:
            stage.settings(refuseLists=False)
            put(stage, failed, "Failed", "out of memory")
            stage.settings(refuseLists=not lists)

    when_created(stage, fail)
    done = stage.tool.run(*APPLY, *WAIT, code=1)
    assert f"error: Training.{failed}: Training failed" in done.err
    assert ("It is Failed: out of memory." in done.err) == lists
    assert "Warning BackOff: out of memory" in done.err
    assert f"The apply is done and recorded. Resources: {number} added, 0 changed, 0 destroyed." in done.err
    assert f"{number - 1} of {number} training" in done.err
    assert "Apply complete!" not in done.out
    stage.settings(refuseLists=False)
    stage.is_whole(*names)


def test_one_that_cannot_be_scheduled_is_told_when_its_time_is_over(stage: Stage) -> None:
    """With the phase, the reason and the events, in the stream as `apply_errored` and a diagnostic at its manifest."""
    stage.write(training("a"))
    when_created(stage, lambda: put(stage, "a", "Pending", REASON))
    done = stage.tool.run(*APPLY, "--wait", "--wait-timeout", "0.5s", "--json", code=1)
    messages = [json.loads(line) for line in done.out.splitlines()]
    assert [one["type"] for one in messages[-3:]] == ["apply_progress", "apply_errored", "diagnostic"]
    (found,) = diagnostics(done)
    assert (found["summary"], found["address"]) == ("Wait is over", "Training.a")
    assert f"It is Pending after 0.5 s, and not Running: {REASON}." in found["detail"]
    assert "--wait-timeout" in found["detail"]
    assert any(f"Warning FailedScheduling: {REASON}" in note for note in found["notes"])
    assert found["range"]["filename"] == "manifests/all.yaml"
    stage.is_whole("a")


def test_each_training_has_its_own_time(stage: Stage) -> None:
    """It counts from the moment at which its own step was accepted, not from that of the last one."""
    stage.write(training("a"), training("b", needs=["Training.a"]))

    def delay() -> None:
        rows = stage.get(f"{WORKLOADS}?limit=500")["workloads"]
        put(stage, rows[0]["name"], "Pending")
        if len(rows) == 2:
            time.sleep(1.0)

    when_created(stage, delay)
    done = stage.tool.run(*APPLY, "--wait", "--wait-timeout", "0.9s", "--json", code=1)
    messages = [json.loads(line) for line in done.out.splitlines()]
    signs = [one["hook"]["resource"]["addr"] for one in messages if one["type"] == "apply_progress"]
    assert "Training.b" in signs
    assert "Training.a" not in signs  # its time was over when the wait began


@pytest.mark.parametrize("gone", ["404", "deletedAt", "desiredPhase"])
@pytest.mark.parametrize(("phase", "code"), [("Completed", 0), ("Failed", 1)])
def test_a_run_that_ends_before_anybody_looks_is_known_by_its_end(
    stage: Stage, gone: str, phase: str, code: int
) -> None:
    """Also where it deletes itself at once: the list of deleted workloads tells its last phase."""
    stage.settings(goneAnswers=gone)
    manifest = training("a") + "  autoDeletionTimeAfterCompletionSeconds: 0\n"
    stage.write(manifest)
    when_created(stage, lambda: put(stage, "a", phase))
    done = stage.tool.run(*APPLY, *WAIT, code=code)
    assert ("Training.a: Completed after" if phase == "Completed" else "Training failed") in done.err


def test_one_that_is_removed_meanwhile_is_told_at_once(stage: Stage) -> None:
    """There is nothing left to wait for."""
    stage.write(training("a"))

    def remove() -> None:
        (row,) = stage.get(f"{WORKLOADS}?limit=500")["workloads"]
        httpx.delete(f"{stage.url}/_sandbox/workloads/{row['id']}").raise_for_status()

    when_created(stage, remove)
    done = stage.tool.run(*APPLY, *WAIT, code=1)
    assert "error: Training.a: Training went away" in done.err


def test_many_trainings_are_looked_at_by_one_list(stage: Stage) -> None:
    """A look costs one request, however many wait."""
    stage.settings(speed=0.001)
    stage.write(*(training(f"t{index}") for index in range(40)))
    stage.tool.run(*APPLY, "--wait", "--wait-timeout", "2s", code=1)
    asked = [one.path for one in looks(stage) if not one.path.endswith("/events")]
    assert set(asked) == {WORKLOADS}
    assert 1 < len(asked) < 10


def test_of_very_many_that_do_not_get_there_some_are_explained(stage: Stage) -> None:
    """Events are read of the first ones only; all are counted."""
    stage.settings(speed=0.001)
    number = EXPLAINED + 5
    stage.write(*(training(f"t{index}") for index in range(number)))
    done = stage.tool.run(*APPLY, "--wait", "--wait-timeout", "0", code=1)
    assert f"0 of {number} trainings got where they should be." in " ".join(done.err.split())
    assert sum(one.path.endswith("/events") for one in looks(stage)) == EXPLAINED


def test_no_lock_is_held_while_waiting(stage: Stage) -> None:
    """Another apply goes through, and the one that waits sends only reads."""
    stage.settings(speed=0.001)
    stage.write(training("a"))
    running = stage.tool.start(*APPLY, "--wait")
    waited(running)
    stage.write(training("a"), training("b"))
    assert "Resources: 1 added" in stage.tool.run(*APPLY).out
    stage.settings(speed="instant")
    done = running.ended()
    assert done.code == 0
    assert "Resources: 1 added" in done.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_wait_and_nothing_is_lost(stage: Stage, number: signal.Signals) -> None:
    """The apply is done and recorded by then."""
    stage.settings(speed=0.001)
    stage.write(training("a"))
    running = stage.tool.start(*APPLY, "--wait")
    waited(running)
    running.process.send_signal(number)
    done = running.ended(10)
    assert done.code == 1
    assert "error: Wait interrupted" in done.err
    stage.is_whole("a")


def test_a_control_plane_that_is_away_for_a_while_does_not_end_a_wait(stage: Stage) -> None:
    """What cannot be seen now may be seen before the time is over."""
    stage.write(training("a"))
    refusals = iter(range(3))

    def interfere(asked: Asked) -> Reply | None:
        looking = asked.method == "GET" and asked.path.startswith(f"{TRAININGS}/")
        return Reply(418, {"message": "away"}) if looking and next(refusals, None) is not None else stage.passed(asked)

    stage.interfere = interfere
    assert "Training.a: Running after" in stage.tool.run(*APPLY, *WAIT).err
    assert next(refusals, None) is None


def test_an_apply_that_failed_does_not_wait(stage: Stage) -> None:
    """What failed comes first."""
    stage.settings(speed=0.001)
    stage.write(training("a"), training("b"))

    def interfere(asked: Asked) -> Reply | None:
        refused = str(asked) == f"POST {TRAININGS}" and asked.json["name"] == "b"
        return Reply(400, {"message": "no"}) if refused else stage.passed(asked)

    stage.interfere = interfere
    done = stage.tool.run(*APPLY, "--wait", code=1)
    assert "Apply incomplete." in done.err
    assert "Still waiting for" not in done.err


def test_a_timeout_without_a_wait_is_wrong_usage(stage: Stage) -> None:
    """Whoever says how long wants to wait."""
    stage.write(training("a"))
    assert "add --wait" in stage.tool.run(*APPLY, "--wait-timeout", "5m", code=1).err


def test_a_repeated_apply_waits_for_what_is_not_yet_where_it_should_be(stage: Stage) -> None:
    """A second run of a CI job is no better than the first; what is there already is not spoken of."""
    stage.write(training("a"), training("b"), training("c", more=STOPPED), template("base"))
    stage.tool.apply()
    put(stage, "a", "Pending", REASON)
    done = stage.tool.run(*APPLY, "--wait", "--wait-timeout", "0.4s", code=1)
    assert done.out.startswith("No changes.")
    assert "error: Training.a: Wait is over" in done.err
    assert "0 of 1 training got where it should be." in " ".join(done.err.split())
    assert "Waiting for Running ended after 0s" in done.err
    assert "Training.b" not in done.err
    running = stage.tool.start(*APPLY, "--wait")
    waited(running)
    put(stage, "a", "Running")
    assert running.ended().code == 0


@pytest.mark.parametrize("phase", ["Completed", "Failed"])
def test_a_repeated_apply_does_not_wait_for_what_has_finished(stage: Stage, phase: str) -> None:
    """A run that ended satisfies its manifest."""
    stage.write(training("a"))
    stage.tool.apply()
    put(stage, "a", phase)
    assert "Running" not in stage.tool.run(*APPLY, *WAIT).err


def test_a_wait_whose_time_is_over_names_that_time(stage: Stage) -> None:
    """Not the moment of the last look, which may be seconds later."""
    stage.settings(speed=0.001)
    stage.write(training("a"))
    done = stage.tool.run(*APPLY, "--wait", "--wait-timeout", "1.2s", code=1)
    assert "Waiting for Running ended after 1s: Wait is over" in done.err
    assert "after 1.2 s" in done.err


def test_a_run_that_went_is_told_apart_from_one_of_which_nobody_tells_whether_it_ended(stage: Stage) -> None:
    """Where the list of the deleted is refused, the wait ends with 1, and says why; where it fails, it is asked again."""
    stage.settings(refuseDeletedList=True)
    stage.write(training("a") + "  autoDeletionTimeAfterCompletionSeconds: 0\n")
    when_created(stage, lambda: put(stage, "a", "Completed"))
    done = stage.tool.run(*APPLY, *WAIT, code=1)
    assert "It is gone; whether it had finished could not be asked (400)." in done.err


def test_a_list_of_the_deleted_that_is_away_for_a_while_is_asked_again(stage: Stage) -> None:
    stage.write(training("a") + "  autoDeletionTimeAfterCompletionSeconds: 0\n")
    made: list[Asked] = []
    refusals = iter(range(2))

    def interfere(asked: Asked) -> Reply | None:
        if made and asked.query.get("deleted") and next(refusals, None) is not None:
            return Reply(418, {"message": "away"})
        reply = stage.passed(asked)
        if str(asked) == f"POST {TRAININGS}":
            made.append(asked)
            put(stage, "a", "Completed")
        return reply

    stage.interfere = interfere
    assert "Training.a: Completed after" in stage.tool.run(*APPLY, *WAIT).err
    assert next(refusals, None) is None


def test_events_are_read_where_their_order_cannot_be_asked_for(stage: Stage) -> None:
    """Up to 2.19, which refuses a parameter that it does not know."""
    stage.write(training("a"))

    def interfere(asked: Asked) -> Reply | None:
        if asked.path.endswith("/events") and "sortOrder" in asked.query:
            return Reply(400, {"code": 400, "message": "unknown parameter sortOrder"})
        reply = stage.passed(asked)
        if str(asked) == f"POST {TRAININGS}":
            put(stage, "a", "Failed", "out of memory")
        return reply

    stage.interfere = interfere
    done = stage.tool.run(*APPLY, *WAIT, code=1)
    assert "Warning BackOff: out of memory" in done.err
