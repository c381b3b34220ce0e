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
WORST = Day("worst day", {**SLOW.faults, "lost": 0.2, "failed": 0.05, "throttled": 0.05}, lifetime=3)


def mixed(number: int, turn: int) -> list[str]:
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
            found.append(prefixed(f"prefixed{index}", image=image) if index % 2 else training(f"goes{index}"))
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
        *(
            pytest.param(200, day, seed, marks=pytest.mark.torture, id=f"{day}-{seed}")
            for seed in (1, 2)
            for day in (SLOW, WORST)
        ),
    ],
)
def test_on_bad_days_an_apply_ends_well_or_the_next_one_does(
    tmp_path: Path, postgres: PostgresServer, state: str, number: int, day: Day, seed: int
) -> None:
    with direct(tmp_path, **kept_in(state, postgres)) as stage:
        made: set[str] = set()
        for turn in (0, 1):
            stage.begin(day, seed)
            stage.write(*mixed(number, turn))
            applied(stage)
            stage.settings(faults=NO_FAULTS)
            made |= stage.live_ids()
            live = Counter(name.split("-")[0] for name in stage.live().elements())
            assert set(live.values()) == {1}
            assert len(live) == len(mixed(number, turn))
            assert stage.recorded_ids() == stage.live_ids()
            stage.tool.plan_is_empty()
            # Every create that was carried out made one of the objects that were wanted: none was sent blindly.
            assert stage.processed() == len(made)
