"""Killed at a random instant of an apply of 50 resources, the next run leaves no orphan, no duplicate and nothing lost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.apply.killing import CALM, HEADER, LOST, killed_and_mended
from tests.apply.stage import direct
from tests.postgres import PostgresServer


def is_unharmed(folder: Path, state: str, faults: Mapping[str, Any], kills: int, seed: int, **environ: str) -> None:
    with direct(folder, **environ) as stage:
        counts = killed_and_mended(stage, kills, seed, faults)
    row = counts.row(state, "20 %" if faults is LOST else "none")
    print(f"{HEADER}\n{row}")
    assert counts.harm == 0, row
    assert counts.kills == kills


# Kills and seed. The long form has 200 kills for each store and kind of day, in parts that run side by side.
LONG = [pytest.param(25, seed, marks=pytest.mark.torture) for seed in range(2, 10)]


@pytest.mark.parametrize("faults", [CALM, LOST], ids=["all answered", "a fifth of answers lost"])
@pytest.mark.parametrize(("kills", "seed"), [(2, 1), *LONG])
class TestKilledAtARandomInstant:
    def test_the_next_run_mends_it_with_sqlite(
        self, tmp_path: Path, faults: Mapping[str, Any], kills: int, seed: int
    ) -> None:
        is_unharmed(tmp_path, "SQLite", faults, kills, seed)

    def test_the_next_run_mends_it_with_postgresql(
        self, tmp_path: Path, postgres: PostgresServer, faults: Mapping[str, Any], kills: int, seed: int
    ) -> None:
        is_unharmed(tmp_path, "PostgreSQL", faults, kills, seed, DECLARATIVE_STATE=postgres.url())
