"""Answers that never come, servers that die, and what an apply does about it."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.apply.stage import WORKLOADS, Stage, created_name, is_create
from tests.cli.tool import template, training, until
from tests.forked import begin_sandbox
from tests.runai.wire import Asked, Reply

NAMES = ("base", "a", "b", "c")
ALL = (template("base"), training("a"), training("b", more="desiredPhase: Stopped\n"), training("c"))


@pytest.mark.parametrize("reply", [None, Reply(503), Reply(500), Reply(504, b"<html>", {"Content-Type": "text/html"})])
def test_a_create_whose_answer_is_lost_is_found_and_never_sent_twice(stage: Stage, reply: Reply | None) -> None:
    def interfere(asked: Asked) -> Reply | None:
        answer = stage.passed(asked)
        return reply if is_create(asked) else answer

    stage.interfere = interfere
    stage.write(*ALL)
    assert "Resources: 4 added, 0 changed, 0 destroyed." in stage.tool.apply().out
    assert stage.creates() == 4
    stage.is_whole(*NAMES)


@pytest.mark.parametrize("body", [b"", b"accepted", {}, {"id": 7}, []])
def test_a_create_that_is_accepted_without_telling_its_id_is_found(stage: Stage, body: object) -> None:
    def interfere(asked: Asked) -> Reply | None:
        answer = stage.passed(asked)
        return Reply(202, body) if is_create(asked) else answer

    stage.interfere = interfere
    stage.write(training("a"), training("b"))
    stage.tool.apply()
    assert stage.creates() == 2
    stage.is_whole("a", "b")


@pytest.mark.parametrize("reply", [None, Reply(500), Reply(503), Reply(502, b"<html>Bad gateway</html>")])
def test_a_create_that_was_not_processed_is_looked_for_before_it_is_sent_again(
    stage: Stage, reply: Reply | None
) -> None:
    lost: set[str] = set()

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked) and created_name(asked) not in lost:
            lost.add(created_name(asked))
            return reply
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(*ALL)
    assert "Resources: 4 added, 0 changed, 0 destroyed." in stage.tool.apply().out
    assert stage.creates() == 8
    stage.never_sent_blindly()
    stage.is_whole(*NAMES)


def test_a_create_that_fails_for_good_leaves_the_rest_to_go_on_and_is_sent_by_the_next_apply(stage: Stage) -> None:
    def interfere(asked: Asked) -> Reply | None:
        return Reply(503) if is_create(asked) and created_name(asked) == "a" else stage.passed(asked)

    stage.interfere = interfere
    stage.write(*ALL)
    assert "Training.a" in stage.tool.apply(code=1).err
    assert stage.live() == dict.fromkeys(("base", "b", "c"), 1)
    stage.interfere = stage.passed
    assert "Resources: 1 added, 0 changed, 0 destroyed." in stage.tool.apply().out
    stage.never_sent_blindly()
    stage.is_whole(*NAMES)


def prefixed(name: str, **more: Any) -> str:
    return training(name, **more).replace(f"name: {name},", f"name: {name}, useGivenNameAsPrefix: true,")


def test_a_lost_create_that_lands_late_is_waited_for_and_not_sent_again(stage: Stage) -> None:
    """Its name is another one each time, so that nothing at the control plane would keep a second one away."""
    late: list[Asked] = []

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked):
            late.append(asked)
            return None
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(prefixed("a"))
    stage.tool.apply(code=1)
    running = stage.tool.start("apply", "--auto-approve")
    until(lambda: "may still land" in running.said())
    stage.passed(late[0])
    assert running.ended().code == 0
    assert len(late) == 1
    assert stage.recorded_ids() == stage.live_ids()
    assert len(stage.live_ids()) == 1
    stage.tool.plan_is_empty()


def test_a_lost_create_that_lands_while_it_is_no_longer_wanted_is_not_forgotten(stage: Stage) -> None:
    late: list[Asked] = []

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked) and created_name(asked) == "a":
            late.append(asked)
            return None
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(prefixed("a"), training("b"))
    stage.tool.apply(code=1)
    stage.write(training("b"))
    running = stage.tool.start("apply", "--auto-approve")
    until(lambda: "may still land" in running.said())
    stage.passed(late[0])
    done = running.ended()
    assert done.code == 1
    assert "Late object" in done.err
    stage.tool.apply()
    stage.is_whole("b")


def test_an_interrupt_ends_the_wait_for_a_lost_create_and_the_intent_stays(stage: Stage) -> None:
    late: list[Asked] = []

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked) and not late:
            late.append(asked)
            return None
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(prefixed("a"))
    stage.tool.apply(code=1)
    running = stage.tool.start("apply", "--auto-approve")
    until(lambda: "may still land" in running.said())
    running.process.send_signal(signal.SIGINT)
    assert running.ended(10).code == 1
    stage.passed(late[0])
    stage.tool.apply()
    assert stage.creates() == 1
    assert stage.recorded_ids() == stage.live_ids()
    assert len(stage.live_ids()) == 1


def test_twins_with_random_names_never_share_an_object_when_an_answer_is_lost(stage: Stage) -> None:
    twins = [
        training("twin").replace("name: twin,", f"name: twin, key: twin-{number}, useGivenNameAsPrefix: true,")
        for number in range(3)
    ]
    dropped: list[Asked] = []

    def interfere(asked: Asked) -> Reply | None:
        # The second create never arrives, while the first one's object is there and looks just like it.
        if is_create(asked) and stage.live() and not dropped:
            dropped.append(asked)
            return None
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(*twins)
    stage.tool.apply("--parallelism", "1", code=1)
    assert len(stage.live_ids()) == 2
    stage.landed()
    stage.tool.apply()
    assert len(stage.live_ids()) == 3
    assert stage.recorded_ids() == stage.live_ids()
    stage.tool.plan_is_empty()


@pytest.mark.parametrize("processed", [True, False])
def test_updates_suspends_and_deletes_with_lost_answers_are_sent_again_at_once(stage: Stage, processed: bool) -> None:
    stage.write(*ALL)
    stage.tool.apply()
    lost: set[str] = set()

    def interfere(asked: Asked) -> Reply | None:
        if asked.method == "GET" or str(asked) in lost:
            return stage.passed(asked)
        lost.add(str(asked))
        if processed:
            stage.passed(asked)
        return None

    stage.interfere = interfere
    stage.write(template("base", text="INFO"), training("a", more="desiredPhase: Stopped\n"), training("b"))
    assert "Resources: 0 added, 3 changed, 1 destroyed." in stage.tool.apply().out
    assert len(lost) == 4
    stage.is_whole("base", "a", "b")


def test_a_server_that_dies_in_the_middle_of_an_apply_loses_nothing(stage: Stage, tmp_path: Path) -> None:
    lasting = stage.url
    mortal, stage.url = begin_sandbox(tmp_path / "mortal.sqlite3")

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked) and len(stage.live()) == 2:
            stage.passed(asked)
            mortal.kill()
            mortal.wait()
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(*ALL[:3])
    failed = stage.tool.apply("--parallelism", "1", code=1)
    assert "Control plane unreachable" in failed.err
    reborn, stage.url = begin_sandbox(tmp_path / "mortal.sqlite3")
    try:
        stage.interfere = stage.passed
        stage.tool.apply()
        stage.is_whole(*NAMES[:3])
    finally:
        reborn.kill()
        stage.url = lasting


def test_a_refused_resource_stops_its_dependants_only_and_the_next_apply_does_exactly_the_rest(stage: Stage) -> None:
    issue = {"field": "compute.gpuDevicesRequest", "details": "at most 0 are allowed"}
    refusal = Reply(400, {"code": 400, "message": "against the policy", "complianceIssues": [issue]})

    def interfere(asked: Asked) -> Reply | None:
        return refusal if is_create(asked) and created_name(asked) == "b" else stage.passed(asked)

    stage.interfere = interfere
    stage.write(
        training("a"),
        training("b", needs=["Training.a"]),
        training("c", needs=["Training.b"]),
        training("d", needs=["Training.c"]),
        training("e", needs=["Training.a"]),
    )
    failed = stage.tool.apply(code=1)
    assert "against the policy" in failed.err
    assert "at most 0 are allowed" in " ".join(failed.err.split())
    assert all(f"Training.{name}" in failed.err for name in "bcd")
    assert stage.live() == {"a": 1, "e": 1}
    stage.interfere = stage.passed
    assert "Resources: 3 added, 0 changed, 0 destroyed." in stage.tool.apply().out
    stage.is_whole("a", "b", "c", "d", "e")


@pytest.mark.parametrize("duplicate", [409, 400])
def test_a_name_taken_meanwhile_is_refused_and_not_adopted(stage: Stage, duplicate: int) -> None:
    stage.settings(duplicateAnswers=duplicate)

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked):
            stage.passed(asked)  # somebody else was faster
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(training("a"))
    assert "already exists" in stage.tool.apply(code=1).err
    assert stage.recorded_ids() == set()
    stage.interfere = stage.passed
    assert "Name already taken" in stage.tool.run("plan", code=1).err


@pytest.mark.parametrize("duplicate", [409, 400])
def test_a_create_in_doubt_stays_in_doubt_when_its_name_is_taken_and_no_list_tells_by_whom(
    stage: Stage, duplicate: int
) -> None:
    """Where the tenant refuses the list, a second create may meet the first one's object: it must not be forgotten."""
    stage.settings(duplicateAnswers=duplicate)

    def interfere(asked: Asked) -> Reply | None:
        if asked.method == "GET" and asked.path == "/api/v1/workloads":
            return Reply(403, {"code": 403, "message": "no"})
        answer = stage.passed(asked)
        return None if is_create(asked) and len(stage.wire.asked) < 12 and answer and answer.status < 300 else answer

    stage.interfere = interfere
    stage.write(training("a"))
    stage.tool.apply(code=1)
    assert "already exists" in stage.tool.apply(code=1).err
    stage.interfere = stage.passed
    stage.tool.apply()
    stage.is_whole("a")


def test_a_token_that_expires_in_the_middle_is_renewed(stage: Stage) -> None:
    stage.settings(tokenLifetimeSeconds=2)
    del stage.tool.environ["DECLARATIVE_TOKEN"]  # type: ignore[attr-defined]
    stage.tool.environ.update(DECLARATIVE_CLIENT_ID="sandbox", DECLARATIVE_CLIENT_SECRET="sandbox")  # type: ignore[attr-defined]
    refused: list[Asked] = []

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked) and len(refused) < 1:  # revoked: no clock could have told
            refused.append(asked)
            return Reply(401, {"code": 401, "message": "revoked"})
        if is_create(asked):
            time.sleep(0.6)  # the token ages
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(*ALL)
    stage.tool.apply("--parallelism", "1")
    assert refused
    assert sum(str(asked) == "POST /api/v2/token" for asked in stage.wire.asked) > 2
    stage.interfere = stage.passed
    stage.is_whole(*NAMES)


def test_no_more_calls_are_in_flight_than_allowed(stage: Stage) -> None:
    together: list[int] = []

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked):
            if not together:
                until(lambda: stage.wire.busy >= 3)
            time.sleep(0.05)
            together.append(stage.wire.busy)
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(*(training(f"t{number}") for number in range(9)))
    stage.tool.apply("--parallelism", "3")
    assert stage.wire.busiest == 3
    assert stage.creates() == len(together) == 9


def test_a_create_is_sent_again_when_the_server_asked_for_it_and_not_before(stage: Stage) -> None:
    """`Retry-After` is longer than the pauses of the tool itself."""
    tried: list[float] = []

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked):
            tried.append(time.monotonic())
            if len(tried) == 1:
                return Reply(503, {"message": "busy"}, {"Retry-After": "3"})
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(training("a"))
    stage.tool.apply()
    assert len(tried) == 2
    assert tried[1] - tried[0] >= 3
    stage.is_whole("a")


def test_an_object_that_lists_show_late_is_found_though_its_create_did_not_tell_its_id(stage: Stage) -> None:
    """The create was accepted: its object appears within seconds, and is not made a second time."""
    created: list[float] = []

    def interfere(asked: Asked) -> Reply | None:
        reply = stage.passed(asked)
        if is_create(asked):
            created.append(time.monotonic())
            return Reply(202, {"code": 202, "message": "Accepted."})
        if asked.path == WORKLOADS and created and time.monotonic() - created[0] < 3:
            return Reply(200, {"workloads": []})
        return reply

    stage.interfere = interfere
    stage.write(training("a"))
    assert "1 added" in stage.tool.apply().out
    assert stage.creates() == 1
    stage.is_whole("a")
