"""Killed at a random instant of an apply of 50 resources, the next run leaves no orphan, no duplicate and nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apply.killing import HEADER, killed_and_mended
from tests.apply.stage import BAD, DAYS, LOST, STATES, Day, direct, kept_in
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
    if seed > 1:
        assert counts.within > 0, "no kill hit an apply that still ran"
        assert counts.cut_off > 0, "no kill cut a call off"


@pytest.mark.torture
def test_the_next_run_mends_it_by_the_clock_as_well(tmp_path: Path) -> None:
    """Nothing makes the minute pass in which a lost request may still arrive: the run itself waits where it has to."""
    with direct(tmp_path) as stage:
        counts = killed_and_mended(stage, 6, 1, LOST, is_patient=True)
    assert counts.harm == 0, counts
    assert counts.cut_off > 0, counts


def test_the_readme_shows_this_table() -> None:
    """Its header, and a row for each store of as many columns."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    table = readme.partition(f"\n{HEADER}\n")[2].partition("\n\n")[0].splitlines()
    assert {row.split(" | ")[0] for row in table} == {f"| {state}" for state in STATES}
    assert {row.count("|") for row in table} == {HEADER.splitlines()[0].count("|")}
