"""Interrupts, two applies at once, a state that can no longer be written, and what a plan takes from what runs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.apply.stage import TRAININGS, WORKLOADS, Hold, Stage, is_create
from tests.cli.tool import COMMAND, Running, Tool, documents, environment, training, until
from tests.runai.wire import Asked, Reply

APPLY = ("apply", "--auto-approve")
THREE = (training("a"), training("b"), training("c", needs=["Training.b"]))


def held(stage: Stage, *arguments: str) -> tuple[Running, Hold]:
    """An apply whose first create the server holds up."""
    hold = Hold()

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked):
            hold()
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(*THREE)
    running = stage.tool.start(*APPLY, *arguments)
    until(lambda: hold.reached.is_set() or running.process.poll() is not None)
    assert hold.reached.is_set(), running.said()
    return running, hold


def test_interrupted_once_it_finishes_what_runs_begins_nothing_and_says_what_is_left(stage: Stage) -> None:
    running, hold = held(stage, "--parallelism", "1")
    running.process.send_signal(signal.SIGINT)
    until(lambda: "Interrupted" in running.said())
    hold.released.set()
    done = running.ended()
    assert done.code == 1
    assert stage.creates() == 1
    assert "Apply complete!" not in done.out
    left = {"a", "b", "c"} - set(stage.live())
    assert len(left) == 2
    assert all(f"Training.{name}" in done.err.partition("Interrupted")[2] for name in left)
    assert "Resources: 2 added, 0 changed, 0 destroyed." in stage.tool.apply().out
    stage.is_whole("a", "b", "c")


def test_an_apply_on_the_embedded_control_plane_is_interrupted_too(tmp_path: Path) -> None:
    """There nothing ever waits for a network, and signals have to be heard all the same."""
    tool = Tool(tmp_path)
    tool.write({"manifests/all.yaml": documents(*(training(f"t{number}") for number in range(1500)))})
    running = tool.start(*APPLY)
    until(lambda: "t10: Creation complete" in running.said())
    running.process.send_signal(signal.SIGINT)
    done = running.ended()
    assert done.code == 1
    assert "Interrupted" in done.err
    assert 10 < len(tool.run("state", "list").out.splitlines()) < 1500


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_and_a_terminal_that_hangs_up_are_interrupts_too(stage: Stage, number: signal.Signals) -> None:
    running, hold = held(stage, "--parallelism", "1")
    running.process.send_signal(number)
    until(lambda: "Interrupted" in running.said())
    hold.released.set()
    assert running.ended().code == 1
    assert stage.recorded_ids() == stage.live_ids()
    assert len(stage.live_ids()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_still_plans_ends_it_and_gives_the_lock_back(stage: Stage, number: signal.Signals) -> None:
    hold = Hold()

    def interfere(asked: Asked) -> Reply | None:
        hold()
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(*THREE)
    running = stage.tool.start(*APPLY)
    until(hold.reached.is_set)
    running.process.send_signal(number)
    done = running.ended(10)
    hold.released.set()
    assert done.code == 1
    assert "Interrupted" in done.err
    stage.interfere = stage.passed
    stage.tool.apply()
    stage.is_whole("a", "b", "c")


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["text", "json"])
def test_an_apply_whose_readers_went_away_finishes_and_records_its_work(stage: Stage, json: tuple[str, ...]) -> None:
    stage.write(*THREE)
    command = " ".join((*COMMAND, *APPLY, *json))
    for line in (f"{command} 2>err | head -n 1", f"{command} 2>&1 >out | head -n 1"):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {line}"],
            cwd=stage.tool.folder,
            env=environment(stage.tool.environ),
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert "Traceback" not in (stage.tool.folder / "err").read_text()
        stage.is_whole("a", "b", "c")
        stage.tool.run("destroy", "--auto-approve", "--allow", "disruption")


def test_interrupted_twice_while_it_plans_it_says_so_once_and_nothing_is_changed(stage: Stage) -> None:
    hold = Hold()

    def interfere(asked: Asked) -> Reply | None:
        if asked.method == "GET":
            hold()
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(training("a"))
    running = stage.tool.start("apply", "--auto-approve")
    until(hold.reached.is_set)
    for _ in range(3):
        running.process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    done = running.ended().checked(1)
    hold.released.set()
    assert done.err.count("error: Interrupted") == 1
    stage.interfere = stage.passed
    assert stage.live() == Counter()
    stage.tool.apply()


def test_interrupted_twice_it_stops_at_once_and_the_next_run_finds_what_was_under_way(stage: Stage) -> None:
    running, hold = held(stage)
    running.process.send_signal(signal.SIGINT)
    until(lambda: "Interrupted" in running.said())
    running.process.send_signal(signal.SIGINT)
    assert running.ended(10).code == 1
    hold.released.set()
    stage.idle()
    stage.tool.apply()
    stage.is_whole("a", "b", "c")


def test_a_second_apply_is_refused_and_told_who_holds_the_lock(stage: Stage) -> None:
    running, hold = held(stage)
    refused = stage.tool.run(*APPLY, code=1)
    assert "The state is locked" in refused.err
    assert f"process {running.process.pid}" in refused.err
    assert "--lock-timeout" in refused.err
    # A plan takes no lock.
    assert stage.tool.run("plan", "--detailed-exitcode", code=2)
    hold.released.set()
    assert running.ended().code == 0
    stage.is_whole("a", "b", "c")


def test_a_second_apply_waits_when_told_to_and_plans_anew_before_it_acts(stage: Stage) -> None:
    running, hold = held(stage)
    waiting = stage.tool.start(*APPLY, "--lock-timeout", "60s")
    until(lambda: "Control plane" in waiting.said())
    hold.released.set()
    assert running.ended().code == 0
    second = waiting.ended()
    assert second.code == 0
    assert "No changes." in second.out
    stage.is_whole("a", "b", "c")


def test_the_lock_of_a_killed_apply_is_taken_over(stage: Stage) -> None:
    running, hold = held(stage)
    running.process.kill()
    running.process.wait()
    hold.released.set()
    stage.idle()
    stage.tool.apply()
    stage.is_whole("a", "b", "c")


def test_a_state_that_is_taken_away_stops_the_apply_before_its_next_call(stage: Stage) -> None:
    state = stage.tool.folder / ".declarative" / "state.sqlite3"
    aside = state.with_name("aside.sqlite3")

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked):
            state.rename(aside)
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(*THREE, training("d"), training("e"))
    failed = stage.tool.apply("--parallelism", "1", code=1)
    assert stage.creates() == 1
    assert "removed or replaced" in failed.err
    stage.interfere = stage.passed
    aside.rename(state)
    stage.tool.apply()
    stage.is_whole("a", "b", "c", "d", "e")


def test_a_full_disk_stops_the_apply_before_its_next_call_and_nothing_is_lost(stage: Stage) -> None:
    names = [f"t{number}" for number in range(12)]
    stage.write(training("a"))
    stage.tool.apply()
    stage.write(training("a"), *map(training, names))
    bound = 40_000  # bytes that a file may have, enough for the log of a few commits

    failed = stage.tool.start(*APPLY, "--parallelism", "1", largest=bound).ended()
    assert failed.code == 1
    assert "The state c" in failed.err
    assert 1 < stage.creates() < 13
    assert sum(stage.live().values()) == stage.creates()
    stage.tool.apply()
    stage.is_whole("a", *names)


def test_what_is_to_be_stopped_is_suspended_before_anything_else_is_made(stage: Stage) -> None:
    """It runs until then, and would take devices for as long as the others take to be made."""
    calls: list[str] = []

    def interfere(asked: Asked) -> Reply | None:
        if asked.method == "POST" and "/workloads/trainings" in asked.path:
            calls.append("suspend" if asked.path.endswith("/suspend") else "create")
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(*(training(name, more="desiredPhase: Stopped\n") for name in ("a", "b", "c")))
    stage.tool.apply("--parallelism", "1")
    assert calls == ["create", "suspend"] * 3


# --- what a plan takes from what runs ---------------------------------------------------------------------------------
VOLUMES = """  storage:
    pvc:
      - {path: /data, claimInfo: {size: 1G}}
      - {path: /scratch, name: scratch, ephemeral: true, claimInfo: {size: 1G}}
      - {path: /shared, claimName: team, existingPvc: true}
"""
STOPPED = "desiredPhase: Stopped\n"
REFUSED = ("apply", "--auto-approve")
SINCE = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"


def one_line(text: str) -> str:
    return " ".join(text.split())


def without_submitters(stage: Stage, asked: Asked) -> Reply | None:
    """A control plane whose rows tell neither who made them nor since when they are in their phase."""
    reply = stage.passed(asked)
    if reply is None or asked.path != WORKLOADS:
        return reply
    answer = json.loads(reply.body) if isinstance(reply.body, bytes) else reply.body
    kept = [{k: v for k, v in row.items() if k not in ("submittedBy", "phaseUpdatedAt")} for row in answer["workloads"]]
    return Reply(reply.status, {**answer, "workloads": kept})


@pytest.mark.parametrize(
    ("manifests", "lost"),
    [
        ((training("b"),), r"volumes a-0-[0-9a-f]+, a-1-[0-9a-f]+"),
        ((training("a", image="other") + VOLUMES, training("b")), r"volumes a-0-[0-9a-f]+, a-1-[0-9a-f]+"),
        ((training("a", more=STOPPED) + VOLUMES, training("b")), r"volume a-1-[0-9a-f]+"),
    ],
    ids=["deleted", "replaced", "suspended"],
)
def test_a_plan_tells_since_when_it_runs_who_made_it_and_which_volumes_go(
    stage: Stage, manifests: tuple[str, ...], lost: str
) -> None:
    """In the plan and in the refusal of the guard; claims that exist for others stay, and so do lasting ones of what stops."""
    stage.write(training("a") + VOLUMES, training("b"))
    stage.tool.apply()
    stage.write(*manifests)
    done = stage.tool.run(*REFUSED, code=1)
    shown = rf"# stops a Running training that holds 1 GPU, since {SINCE} # created by sandbox; deletes its {lost} "
    assert re.search(shown, one_line(done.out)), done.out
    told = rf"This plan stops Training.a \(Running since {SINCE}, 1 GPU, created by sandbox; deletes its {lost}\)\."
    assert re.search(told, one_line(done.err)), done.err


def test_where_the_list_does_not_tell_whose_it_is_the_training_does(stage: Stage) -> None:
    """One request for each run that ends, and none for the others."""
    stage.write(training("a"), training("b"))
    stage.tool.apply()
    stage.interfere = lambda asked: without_submitters(stage, asked)
    stage.write(training("b"))
    stage.wire.asked.clear()
    done = stage.tool.run(*REFUSED, code=1)
    assert re.search(rf"# created {SINCE} by sandbox ", one_line(done.out)), done.out
    assert sum(one.path.startswith(f"{TRAININGS}/") for one in stage.wire.asked) == 1


def test_a_run_that_holds_no_gpu_is_told_too_but_needs_no_leave(stage: Stage) -> None:
    """Its volumes go all the same."""
    cpu = training("a").replace("gpuDevicesRequest: 1", "cpuCoreRequest: 1")
    stage.write(cpu + VOLUMES, training("b"))
    stage.tool.apply()
    stage.write(training("b"))
    done = stage.tool.run(*REFUSED)
    shown = rf"# Running since {SINCE} # created by sandbox; deletes its volumes a-0-[0-9a-f]+, a-1-[0-9a-f]+ "
    assert re.search(shown, one_line(done.out)), done.out


def test_a_run_of_somebody_else_that_may_not_be_deleted_is_told_with_its_creator(stage: Stage) -> None:
    """Some control planes let only the creator delete a workload; it stays, and so does its record."""
    stage.write(training("a"), training("b"))
    stage.tool.apply()
    stage.interfere = lambda asked: (
        Reply(403, {"code": 403, "message": "not yours"}) if asked.method == "DELETE" else stage.passed(asked)
    )
    stage.write(training("b"))
    done = stage.tool.apply(code=1)
    assert "note: it was created by sandbox, and some control planes let nobody else change it" in one_line(done.err)
    stage.interfere = stage.passed
    stage.write(training("a"), training("b"))
    stage.is_whole("a", "b")


def test_a_replacement_waits_until_the_name_is_free_and_says_so(stage: Stage) -> None:
    """The create is sent once the old object is gone, not before."""
    stage.write(training("a"))
    stage.tool.apply()
    stage.settings(speed=0.08)
    stage.write(training("a", image="other"))
    done = stage.tool.apply()
    assert "Training.a: Still destroying... [2s, Deleting]" in done.err
    assert done.err.index("Destruction complete") < done.err.index("Training.a: Creating...")
    assert stage.creates() == 2


def test_a_replacement_whose_create_fails_says_that_the_old_one_is_gone_and_how_to_get_back(stage: Stage) -> None:
    """The next apply creates it."""
    stage.write(training("a") + VOLUMES)
    stage.tool.apply()

    def interfere(asked: Asked) -> Reply | None:
        return Reply(400, {"code": 400, "message": "no"}) if is_create(asked) else stage.passed(asked)

    stage.interfere = interfere
    stage.write(training("a", image="other") + VOLUMES)
    said = one_line(stage.tool.apply(code=1).err)
    assert "Training.a: the old one is gone, and the new one is not there. Its volumes went with it: a-" in said
    assert "The next apply creates it; to go back, apply the old manifest, as your version control has it." in said
    stage.interfere = stage.passed
    assert "Resources: 1 added, 0 changed, 0 destroyed." in stage.tool.apply().out
    stage.is_whole("a")
