"""Killed at any instant, the next run loses nothing and duplicates nothing."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.apply import killing
from tests.apply.stage import STATES, Stage, kept_in, staged
from tests.cli.tool import template, training, until
from tests.postgres import PostgresServer
from tests.runai.wire import Asked, Reply

APPLY = ("apply", "--auto-approve", "--allow", "disruption", "--allow", "mass-change")


@pytest.fixture(params=STATES)
def stage(request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer) -> Iterator[Stage]:
    with staged(tmp_path, **kept_in(request.param, postgres)) as made:
        yield made


def manifests(turn: int) -> tuple[str, ...]:
    """Every turn changes all: the template is updated, trainings are replaced, one is suspended or resumed, one comes or goes."""
    image = f"registry.example/train:{turn // 2}"
    phase = "desiredPhase: Stopped\n" if turn % 2 else ""
    prefixed = training("c", image=image, needs=["Training.b"], more="lifecycle: {createBeforeDestroy: true}\n")
    always = (
        template("base", text=f"v{turn}"),
        training("a", image=image, more=phase),
        training("b", image=image, needs=["WorkloadTemplate.base"]),
        prefixed.replace("name: c,", "name: c, key: c, useGivenNameAsPrefix: true,"),
    )
    return always if turn % 3 == 2 else (*always, training("d", image=image))


def is_complete(stage: Stage, turn: int) -> None:
    """All that is wanted is there once, and nothing else; the state owns just that; a plan is empty."""
    live = sorted(name[:1] if name.startswith("c-") else name for name in stage.live().elements())
    assert live == sorted({"base", "a", "b", "c"} | (set() if turn % 3 == 2 else {"d"}))
    assert stage.recorded_ids() == stage.live_ids()
    stage.tool.plan_is_empty()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.torture) for seed in range(2, 9))])
def test_killed_at_any_instant_the_next_run_loses_and_duplicates_nothing(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)

    def slowly(asked: Asked) -> Reply | None:
        time.sleep(chance.uniform(0, 0.03))
        reply = stage.passed(asked)
        time.sleep(chance.uniform(0, 0.03))
        return reply

    stage.interfere = slowly
    for turn in (seed, seed + 1):
        stage.write(*manifests(turn))
        for _ in range(4):
            running = stage.tool.start(*APPLY)
            time.sleep(chance.uniform(0.02, 0.8))
            running.process.kill()
            running.process.wait()
            stage.idle()
        stage.landed()
        stage.tool.apply()
        is_complete(stage, turn)


BOUNDARIES = pytest.mark.parametrize("answered", [False, True], ids=["before it is processed", "before it is answered"])


@BOUNDARIES
def test_killed_during_each_call_in_turn_the_next_run_goes_on(stage: Stage, answered: bool) -> None:
    assert 3 < _killed_at_every_write(stage, manifests, answered=answered) < 20
    is_complete(stage, 2)


@pytest.mark.torture
@BOUNDARIES
def test_killed_during_each_call_of_an_apply_of_fifty_the_next_run_goes_on(stage: Stage, answered: bool) -> None:
    # Updates, suspensions, creates, deletes: 10 each, and 20 replacements of two calls each.
    assert 40 <= _killed_at_every_write(stage, killing.manifests, answered=answered) < 160
    counts = killing.examined(stage, 2)
    assert counts.harm == 0, counts


def _killed_at_every_write(stage: Stage, manifests: Callable[[int], Sequence[str]], *, answered: bool) -> int:
    """Kills applies of what changes with turn 2 until one ends well; how many kills that took."""
    stage.write(*manifests(1))
    stage.tool.apply()
    stage.write(*manifests(2))
    kills = 0
    while not _killed_at_its_second_write(stage, answered=answered):
        kills += 1
        assert kills < 200
    stage.interfere = stage.passed
    return kills


def _killed_at_its_second_write(stage: Stage, *, answered: bool) -> bool:
    """Lets one write of an apply through, and kills it during the next one; True when there was none."""
    writes: list[Asked] = []
    reached = threading.Event()

    def interfere(asked: Asked) -> Reply | None:
        if asked.method == "GET":
            return stage.passed(asked)
        writes.append(asked)
        if len(writes) == 1 or (answered and len(writes) == 2):
            reply = stage.passed(asked)
            if len(writes) == 1:
                return reply
        reached.set()
        until(lambda: running.process.poll() is not None)
        return None

    stage.interfere = interfere
    running = stage.tool.start(*APPLY, "--parallelism", "1")
    until(lambda: reached.is_set() or running.process.poll() is not None)
    running.process.kill()
    ended = running.process.wait()
    stage.landed()
    return ended == 0
