"""Kills the real process at random instants of an apply of 50 resources, runs it again, and counts what went wrong.

`make kills` prints the table that the README quotes: one row for each store and kind of day. On a day with `all` answers every
request is answered. With `20 % lost`, a fifth of all answers is lost after the request was processed. On a `bad day`, 30 % of the
requests meet a 503, 15 % of the others are processed and lose their connection instead of an answer, and tokens expire
after 3 seconds. All go over HTTP.

A row is made of parts, each with a sandbox, a state and a seed of its own. Most of an apply is waiting, so several parts
run side by side.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import astuple, dataclass
from itertools import product
from pathlib import Path

from tests.apply.stage import CALM, DAYS, NO_FAULTS, STATES, Day, Stage, direct, kept_in
from tests.cli.tool import template, training
from tests.postgres import PostgresServer, running

GROUPS = 10
# Kills in one part of a row.
PART = 20
# Seconds for one apply, however bad the day and busy the machine.
PATIENCE = 300
APPLY = ("apply", "--auto-approve", "--allow", "disruption", "--allow", "mass-change")
HEADER = (
    "| state | answers | kills | of these before it ended | calls cut off | duplicates | orphans | lost | plans not empty |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Counts:
    """What came of the kills. All from `duplicates` on have to be 0.

    `within`: kills of a process that still ran; `cut_off`: calls whose outcome the state did not know then. A duplicate is
    also a create that the server processed beyond one for each object that was ever there.
    """

    kills: int = 0
    within: int = 0
    cut_off: int = 0
    duplicates: int = 0
    orphans: int = 0
    lost: int = 0
    not_empty: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    @property
    def harm(self) -> int:
        return self.duplicates + self.orphans + self.lost + self.not_empty

    def row(self, state: str, day: Day) -> str:
        """One line of the table."""
        return f"| {' | '.join(map(str, (state, day, *astuple(self))))} |"


def manifests(turn: int) -> list[str]:
    """50 resources. Every turn updates 10, suspends or resumes 10, replaces 20 in two ways, deletes 10 and creates 10."""
    image = f"registry.example/train:{turn}"
    found = []
    for group in range(GROUPS):
        keeping = training(f"kept{group}", image=image, more="lifecycle: {createBeforeDestroy: true}\n")
        found += [
            template(f"base{group}", text=f"v{turn}"),
            training(f"steered{group}", more="desiredPhase: Stopped\n" if turn % 2 else ""),
            training(f"replaced{group}", image=image, needs=[f"WorkloadTemplate.base{group}"]),
            keeping.replace("{name: ", f"{{useGivenNameAsPrefix: true, key: kept{group}, name: "),
            training(f"new{group}t{turn}", needs=[f"Training.kept{group}"]),
        ]
    return found


def names(turn: int) -> set[str]:
    """What is wanted in a turn, without what the control plane adds to a name."""
    fixed = {f"{name}{group}" for group in range(GROUPS) for name in ("base", "steered", "replaced", "kept")}
    return fixed | {f"new{group}t{turn}" for group in range(GROUPS)}


def killed_and_mended(stage: Stage, kills: int, seed: int, day: Day, *, is_patient: bool = False) -> Counts:
    """Each kill hits an apply that changes all 50; then it is applied until that ends well, and all is counted.

    Unless it `is_patient`, the time in which a lost request may still arrive is made to have passed.
    """
    chance, made = random.Random(seed), set[str]()
    stage.begin(CALM, seed)
    stage.write(*manifests(0))
    mended(stage)
    made |= stage.live_ids()
    counts, longest = Counts(), 0.0
    for turn in range(1, kills + 2):
        stage.begin(day, seed * 1000 + turn)
        stage.write(*manifests(turn))
        if turn > 1:
            counts += _killed(stage, chance.uniform(0, longest))
        took = mended(stage, is_patient=is_patient)
        longest = longest or took
        stage.settings(faults=NO_FAULTS)
        made |= stage.live_ids()
        counts += examined(stage, turn)
    return counts + Counts(duplicates=stage.processed() - len(made))


def _killed(stage: Stage, after: float) -> Counts:
    """Kills an apply, so many seconds after the process began."""
    apply = stage.tool.start(*APPLY)
    with suppress(TimeoutError):
        apply.process.wait(after)
    within = apply.process.poll() is None
    apply.process.kill()
    apply.process.wait()
    cut_off = sum(record.intent is not None for record in stage.store().load().records)
    time.sleep(0.1)  # what was sent arrives
    return Counts(kills=1, within=within, cut_off=cut_off)


def mended(stage: Stage, most: int = 15, *, is_patient: bool = False) -> float:
    """Applies until an apply ends well; how long the first one took, in seconds."""
    first = 0.0
    for _ in range(most):
        if not is_patient:
            stage.landed()
        began = time.monotonic()
        done = stage.tool.start(*APPLY).ended(PATIENCE)
        first = first or time.monotonic() - began
        if done.code == 0:
            return first
    raise AssertionError(done.err)


def examined(stage: Stage, turn: int) -> Counts:
    """What is wrong with the control plane and the state after an apply of the manifests of `turn`."""
    live = Counter(name.split("-")[0] for name in stage.live().elements())
    ids, recorded = stage.live_ids(), {str(record.id) for record in stage.store().load().records}
    return Counts(
        duplicates=sum(number - 1 for number in live.values()),
        orphans=len(ids - recorded) + len(live.keys() - names(turn)),
        lost=len(recorded - ids) + len(names(turn) - live.keys()),
        not_empty=stage.tool.run("plan", "--detailed-exitcode", code=None).code != 0,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.apply.killing", description="Kill applies, and count.")
    parser.add_argument("--kills", type=int, default=200, help="kills for each row (200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", choices=STATES, help="only this one")
    parser.add_argument("--day", choices=[day.answers for day in DAYS], help="only this one")
    parser.add_argument("--jobs", type=int, default=4 * (os.cpu_count() or 1), help="parts of rows side by side")
    given = parser.parse_args()
    states = [state for state in STATES if given.state in (None, state)]
    days = [day for day in DAYS if given.day in (None, day.answers)]
    with running() as server, ThreadPoolExecutor(given.jobs) as pool:
        rows = [
            (state, day, [pool.submit(_part, server, state, day, *part) for part in _parts(given.kills, given.seed)])
            for state, day in product(states, days)
        ]
        try:
            print(HEADER, flush=True)
            for state, day, parts in rows:
                print(sum(map(Future.result, parts), Counts()).row(state, day), flush=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _parts(kills: int, seed: int) -> Iterator[tuple[int, int]]:
    """How many kills each part of a row has, and its seed."""
    for number, done in enumerate(range(0, kills, PART)):
        yield min(PART, kills - done), seed * 100 + number


def _part(server: PostgresServer, state: str, day: Day, kills: int, seed: int) -> Counts:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, direct(Path(folder), **kept_in(state, server)) as stage:
        counts = killed_and_mended(stage, kills, seed, day)
    print(f"{counts.row(state, day)} seed {seed}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return counts


if __name__ == "__main__":
    main()
