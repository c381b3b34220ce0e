"""A control plane that is restarted in the middle of an apply."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.apply.stage import NO_FAULTS, Stage
from tests.cli.tool import Tool, training, until
from tests.forked import begin_sandbox
from tests.runai.wire import Asked, Reply, Wire

NAMES = tuple(f"t{number}" for number in range(12))
APPLY = ("apply", "--auto-approve", "--allow", "disruption", "--allow", "mass-change")


def leaving(stage: Stage) -> int:
    rows = stage.get("/api/v1/workloads?limit=500")["workloads"]
    return sum(row["phase"] in ("Deleting", "Terminating") for row in rows)


def test_a_restart_of_the_control_plane_in_the_middle_of_replacements_costs_none_of_them(tmp_path: Path) -> None:
    """It is killed while old trainings go, stays away for longer than a second, and comes back at the same place."""
    plane = tmp_path / "plane.sqlite3"
    server, url = begin_sandbox(plane)
    (tmp_path / "project").mkdir()
    tool = Tool(tmp_path / "project", {"DECLARATIVE_ENDPOINT": url, "DECLARATIVE_TOKEN": "sandbox"})
    stage = Stage(tool, url, Wire(lambda _: None))
    try:
        stage.settings(speed="instant")
        stage.write(*(training(name) for name in NAMES))
        stage.tool.apply()
        stage.settings(speed=1, faults={**NO_FAULTS, "latencyMilliseconds": 100})
        stage.write(*(training(name, image="other") for name in NAMES))
        running = stage.tool.start(*APPLY, "--parallelism", "4")
        until(lambda: leaving(stage) >= 2)
        server.kill()
        server.wait()
        time.sleep(1.5)
        server, _ = begin_sandbox(plane, urlsplit(url).port or 0)
        done = running.ended()
        assert done.code == 0, done.err
        assert "Resources: 12 added, 0 changed, 12 destroyed." in done.out
        stage.settings(speed="instant", faults=NO_FAULTS)
        stage.is_whole(*NAMES)
    finally:
        server.kill()


def test_a_replacement_whose_deletion_was_accepted_is_told_as_that_though_nobody_saw_its_end(stage: Stage) -> None:
    stage.write(training("a"))
    stage.tool.apply()
    deleted: list[Asked] = []

    def interfere(asked: Asked) -> Reply | None:
        if deleted and asked.method == "GET":
            return Reply(403, {"code": 403, "message": "no"})
        if asked.method == "DELETE":
            deleted.append(asked)
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(training("a", image="other"))
    said = " ".join(stage.tool.run(*APPLY, code=1).err.split())
    assert "Training.a: its deletion was accepted, and the new one is not there." in said
    assert "its old object was not seen to go" in said
    stage.interfere = stage.passed
    stage.tool.apply()
    stage.is_whole("a")


def test_a_look_that_fails_while_an_old_object_goes_is_no_failure(stage: Stage) -> None:
    """Looks are tried again by the transport, and after that by whoever waits."""
    stage.write(training("a"))
    stage.tool.apply()
    looks: list[Asked] = []

    def interfere(asked: Asked) -> Reply | None:
        if asked.method == "DELETE":
            looks.append(asked)
        elif looks and asked.method == "GET" and len(looks) < 16:
            looks.append(asked)
            return Reply(503, headers={"Retry-After": "0"})
        return stage.passed(asked)

    stage.interfere = interfere
    stage.write(training("a", image="other"))
    stage.tool.run(*APPLY)
    assert len(looks) == 16
    stage.is_whole("a")


def test_a_long_wait_for_the_control_plane_is_told_once(stage: Stage) -> None:
    """Not as long as it takes less than three seconds, and not for every request."""
    bad: list[Asked] = []

    def interfere(asked: Asked) -> Reply | None:
        bad.append(asked)
        return Reply(503, headers={"Retry-After": "4"}) if len(bad) in (1, 2) else stage.passed(asked)

    stage.write(training("a"))
    stage.interfere = interfere
    assert stage.tool.run("plan").err.count("The control plane answers 503; trying again.") == 1
    bad.clear()
    stage.interfere = lambda asked: Reply(503) if not bad.append(asked) and len(bad) == 1 else stage.passed(asked)  # type: ignore[func-returns-value]
    assert "trying again" not in stage.tool.run("plan").err
