"""Kills the real process at random instants of an apply of 50 resources, runs it again, and counts what went wrong.

`make kills` prints the table that the README quotes: one row for each store, with every answer and with a fifth of them lost.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.apply.stage import NO_FAULTS, Stage, direct
from tests.apply.test_lost import prefixed
from tests.cli.tool import template, training
from tests.postgres import running

GROUPS = 10
APPLY = ("apply", "--auto-approve", "--allow", "disruption", "--allow", "mass-change")
# A fifth of all answers is lost after the request was processed, those to reads included.
LOST = {"lost": 0.2, "latencyMilliseconds": [0, 5]}
CALM = {"latencyMilliseconds": [0, 5]}
HEADER = (
    "| state | lost answers | kills | of these before it ended | calls cut off | applies to mend | creates processed "
    "| duplicates | orphans | lost | plans not empty |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass
class Counts:
    """What came of the kills. All from `duplicates` on have to be 0.

    `within`: kills of a process that still ran; `cut_off`: calls whose outcome the state did not know then; `blind`:
    creates that the server processed beyond one for each object that was ever wanted.
    """

    kills: int = 0
    within: int = 0
    cut_off: int = 0
    applies: int = 0
    creates: int = 0
    duplicates: int = 0
    blind: int = 0
    orphans: int = 0
    lost: int = 0
    not_empty: int = 0

    @property
    def harm(self) -> int:
        return self.duplicates + self.blind + self.orphans + self.lost + self.not_empty

    def row(self, state: str, answers: str) -> str:
        """One line of the table."""
        fine = (self.duplicates + self.blind, self.orphans, self.lost, self.not_empty)
        cells = (state, answers, self.kills, self.within, self.cut_off, self.applies, self.creates, *fine)
        return f"| {' | '.join(map(str, cells))} |"


def manifests(turn: int) -> list[str]:
    """50 resources. Every turn updates 10, suspends or resumes 10, replaces 20 in two ways, deletes 10 and creates 10."""
    image = f"registry.example/train:{turn}"
    found = []
    for group in range(GROUPS):
        keeping = prefixed(f"kept{group}", image=image, more="lifecycle: {createBeforeDestroy: true}\n")
        found += [
            template(f"base{group}", text=f"v{turn}"),
            training(f"steered{group}", more="desiredPhase: Stopped\n" if turn % 2 else ""),
            training(f"replaced{group}", image=image, needs=[f"WorkloadTemplate.base{group}"]),
            keeping.replace(f"name: kept{group},", f"name: kept{group}, key: kept{group},"),
            training(f"new{group}t{turn}", needs=[f"Training.kept{group}"]),
        ]
    return found


def names(turn: int) -> set[str]:
    """What is wanted in a turn, without what the control plane adds to a name."""
    fixed = {f"{name}{group}" for group in range(GROUPS) for name in ("base", "steered", "replaced", "kept")}
    return fixed | {f"new{group}t{turn}" for group in range(GROUPS)}


def killed_and_mended(stage: Stage, kills: int, seed: int, faults: Mapping[str, Any]) -> Counts:
    """Each kill hits an apply that changes all 50; then it is applied until that ends well, and all is counted."""
    chance, counts, made = random.Random(seed), Counts(), set[str]()
    longest = 0.0
    for turn in (0, 1):
        stage.settings(faults={**faults, "seed": seed * 1000 + turn})
        stage.write(*manifests(turn))
        began = time.monotonic()
        _mended(stage)
        longest = time.monotonic() - began
        stage.settings(faults=NO_FAULTS)
        made |= stage.live_ids()
    for turn in range(2, kills + 2):
        stage.settings(faults={**faults, "seed": seed * 1000 + turn})
        stage.write(*manifests(turn))
        _kill(stage, chance.uniform(0, longest), counts)
        counts.applies += _mended(stage)
        stage.settings(faults=NO_FAULTS)
        made |= stage.live_ids()
        _examine(stage, turn, counts)
    counts.creates = stage.processed()
    counts.blind = counts.creates - len(made)
    return counts


def _kill(stage: Stage, after: float, counts: Counts) -> None:
    """Kills an apply, counted in seconds from when the process began."""
    apply = stage.tool.start(*APPLY)
    with suppress(TimeoutError):
        apply.process.wait(after)
    counts.kills += 1
    counts.within += apply.process.poll() is None
    apply.process.kill()
    apply.process.wait()
    counts.cut_off += sum(record.intent is not None for record in stage.store().load().records)
    time.sleep(0.1)  # what was sent arrives


def _mended(stage: Stage, most: int = 15) -> int:
    """Applies until an apply ends well; how many that took."""
    for times in range(1, most + 1):
        stage.landed()
        done = stage.tool.apply(code=None)
        if done.code == 0:
            return times
    raise AssertionError(done.err)


def _examine(stage: Stage, turn: int, counts: Counts) -> None:
    live = Counter(name.split("-")[0] for name in stage.live().elements())
    ids, recorded = stage.live_ids(), {str(record.id) for record in stage.store().load().records}
    counts.duplicates += sum(number - 1 for number in live.values())
    counts.orphans += len(ids - recorded) + len(live.keys() - names(turn))
    counts.lost += len(recorded - ids) + len(names(turn) - live.keys())
    counts.not_empty += stage.tool.run("plan", "--detailed-exitcode", code=None).code != 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.apply.killing", description="Kill applies, and count.")
    parser.add_argument("--kills", type=int, default=200, help="kills for each row (200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", choices=("SQLite", "PostgreSQL"), help="only this one")
    given = parser.parse_args()
    print(HEADER, flush=True)
    with running() as server:
        for state in (given.state,) if given.state else ("SQLite", "PostgreSQL"):
            for answers, faults in (("none", CALM), ("20 %", LOST)):
                environ = {"DECLARATIVE_STATE": server.url()} if state == "PostgreSQL" else {}
                with tempfile.TemporaryDirectory() as folder, direct(Path(folder), **environ) as stage:
                    counts = killed_and_mended(stage, given.kills, given.seed, faults)
                print(counts.row(state, answers), flush=True)


if __name__ == "__main__":
    main()
