"""Killed at a random instant of an apply of 50 resources, the next run leaves no orphan, no duplicate and nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apply.killing import HEADER, killed_and_mended
from tests.apply.stage import BAD, DAYS, STATES, Day, direct, kept_in
from tests.postgres import PostgresServer

# Kills and seed. The long form has 200 kills for each store and kind of day, in parts that run side by side.
LONG = [pytest.param(20, seed, marks=pytest.mark.torture) for seed in range(2, 12)]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize(("kills", "seed"), [(2, 1), *LONG])
def test_the_next_run_mends_what_a_kill_left(
    tmp_path: Path, postgres: PostgresServer, state: str, day: Day, kills: int, seed: int
) -> None:
    if seed == 1 and day is BAD:
        kills = 1  # the short form is to stay short
    with direct(tmp_path, **kept_in(state, postgres)) as stage:
        counts = killed_and_mended(stage, kills, seed, day)
    row = counts.row(state, day)
    print(f"{HEADER}\n{row}")
    assert counts.harm == 0, row
    assert counts.kills == kills
