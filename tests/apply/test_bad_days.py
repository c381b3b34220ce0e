"""An apply against the sandbox on its bad days, over HTTP and without anything in between."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.apply.killing import APPLY, PATIENCE
from tests.apply.stage import BAD, NO_FAULTS, STATES, Day, Stage, direct, kept_in
from tests.apply.test_lost import prefixed
from tests.cli.tool import template, training
from tests.postgres import PostgresServer

# With the client's own pauses between two attempts.
SLOW = Day("slow bad day", {"unavailable": 0.3, "lost": 0.1, "latencyMilliseconds": 200}, lifetime=3)
# The same for every run of the tests: on these days, one apply has to be enough.
QUICK = Day("quick bad day", {**SLOW.faults, "latencyMilliseconds": 20}, lifetime=3)
MASTERED = (SLOW, QUICK)
WORST = Day("worst day", {**SLOW.faults, "lost": 0.2, "failed": 0.05, "throttled": 0.05}, lifetime=3)


def mixed(number: int, turn: int, *, with_prefixed: bool = True) -> list[str]:
    """Every turn updates templates, replaces trainings, suspends and resumes some, and others come or go."""
    image = f"registry.example/train:{turn}"
    found = []
    for index in range(0, number, 5):
        found += [
            template(f"base{index}", text=f"v{turn}"),
            training(f"replaced{index}", image=image),
            training(f"steered{index}", more="desiredPhase: Stopped\n" if turn % 2 else ""),
            training(f"needs{index}", needs=[f"WorkloadTemplate.base{index}"]),
        ]
        if turn % 2 == 0:
            found.append(
                prefixed(f"prefixed{index}", image=image) if index % 2 and with_prefixed else training(f"goes{index}")
            )
    return found


def applied(stage: Stage, most: int = 12) -> int:
    """Applies until an apply ends well, and says how often that was."""
    for times in range(1, most + 1):
        done = stage.tool.start(*APPLY, "--parallelism", "20").ended(PATIENCE)
        if done.code == 0:
            return times
        stage.landed()
    raise AssertionError(done.err)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("number", "day", "seed"),
    [
        pytest.param(20, BAD, 1, id=f"{BAD}-1"),
        pytest.param(10, QUICK, 1, id=f"{QUICK}-1"),
        *(
            pytest.param(200, day, seed, marks=pytest.mark.torture, id=f"{day}-{seed}")
            for seed in (1, 2)
            for day in (SLOW, WORST)
        ),
    ],
)
def test_on_bad_days_one_apply_ends_well_and_on_the_worst_ones_some_next_one(
    tmp_path: Path, postgres: PostgresServer, state: str, number: int, day: Day, seed: int
) -> None:
    """A create whose name gets a random suffix, and whose answer is lost, waits for the next apply: the first request may
    still land. There is none of these where one apply is to be enough."""
    is_mastered = day in MASTERED
    with direct(tmp_path, **kept_in(state, postgres)) as stage:
        made: set[str] = set()
        for turn in (0, 1):
            stage.begin(day, seed)
            manifests = mixed(number, turn, with_prefixed=not is_mastered)
            stage.write(*manifests)
            times = applied(stage)
            assert times == 1 or not is_mastered
            stage.settings(faults=NO_FAULTS)
            made |= stage.live_ids()
            live = Counter(name.split("-")[0] for name in stage.live().elements())
            assert set(live.values()) == {1}
            assert len(live) == len(manifests)
            assert stage.recorded_ids() == stage.live_ids()
            stage.tool.plan_is_empty()
            # Every create that was carried out made one of the objects that were wanted: none was sent blindly.
            assert stage.processed() == len(made)
