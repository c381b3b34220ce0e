"""The same work given to Terraform and to this tool, by a harness, with ratios: `make bench PEER=path/to/peer.py`.

The harness is a program of its own. It takes `--declarative` (an executable), `--trainings`, `--changed` (a part of 1),
`--latency` (ms), `--one-file`, `--backend` (of Terraform's state), `--parallelism`, `--repeat`, `--phases`, `--build` and
`--json`; does the phases one after another for each side in turn; and writes `rows` to the JSON file: for each side a list
of runs, each of which tells by phase `wall` and `foreign` (seconds; those that other programs took), `peak_mib` (of the
largest process) and `peak_sum_mib` (of all at once, sampled).
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tests.bench import goals, report
from tests.bench.commands import PARALLELISM
from tests.bench.cost import Cost, measured, median
from tests.bench.goals import Goal, ratio
from tests.cli.tool import COMMAND, environment

SIDES = ("terraform", "declarative")
# By side, of each run, by phase.
Figures: TypeAlias = Mapping[str, list[dict[str, dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the harness: its options, its phases, and the rows of the table that some of them become.

    With a cache, the first of several repetitions fills it; without one, everything is compiled every time.
    """

    name: str
    options: Sequence[str]
    phases: Sequence[str]
    rows: Mapping[str, tuple[str, Goal]]
    has_cache: bool = True


def runs(chosen: argparse.Namespace) -> Iterator[Run]:
    """What the harness is asked for. Only the first apply differs by where Terraform keeps its state."""
    few, many, slow = f"{chosen.trainings:,}", f"{chosen.many:,}", f"{chosen.latency:g} ms"
    small, until_no_op = ("--trainings", str(chosen.trainings)), ("plan", "apply", "noop")
    yield Run(
        "files",
        (*small, "--backend", "http"),
        ("version", "validate", *until_no_op, "destroy"),
        {
            "noop": (f"no-op plan, a file each, {few}", goals.NO_OP),
            "validate": (f"validate, {few}", goals.VALIDATE),
            "plan": (f"first plan, {few}", goals.FIRST_PLAN),
            "apply": (f"first apply, {few}; state over HTTP", goals.FIRST_APPLY),
            "destroy": (f"destroy, {few}", goals.DESTROY),
            "version": ("--version", goals.VERSION),
        },
    )
    yield Run(
        "cold",
        (*small, "--backend", "http"),
        ("validate", *until_no_op),
        {
            "validate": (f"validate, {few}; no cache", goals.VALIDATE),
            "plan": (f"first plan, {few}; no cache", goals.FIRST_PLAN),
            "noop": (f"no-op plan, {few}; no cache", goals.NO_OP),
        },
        has_cache=False,
    )
    yield Run(
        "local",
        (*small, "--backend", "local"),
        ("plan", "apply"),
        {"apply": (f"first apply, {few}; local state", goals.FIRST_APPLY_LOCAL)},
    )
    yield Run(
        "one-file",
        (*small, "--backend", "http", "--one-file"),
        until_no_op,
        {"noop": (f"no-op plan, one file, {few}", goals.NO_OP)},
    )
    yield Run(
        "slow",
        (*small, "--backend", "http", "--latency", str(chosen.latency)),
        until_no_op,
        {"noop": (f"no-op plan at {slow}, {few}", goals.NO_OP_SLOW)},
    )
    if chosen.large:
        yield Run(
            "large",
            ("--trainings", str(chosen.many), "--changed", str(1 / chosen.many), "--backend", "http"),
            (*until_no_op, "changed", "update"),
            {
                "noop": (f"no-op plan, a file each, {many}", goals.NO_OP_MANY),
                "changed": (f"one change, plan, {many}", goals.ONE_CHANGE),
                "update": (f"one change, apply, {many}", goals.ONE_CHANGE),
            },
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """What the same work cost either side."""

    work: str
    goal: Goal
    theirs: Cost
    ours: Cost

    def row(self) -> Sequence[str]:
        wall, peak = self.ours.wall / self.theirs.wall, self.ours.peak / self.theirs.peak
        figures = (f"{one.wall:.2f} s / {one.peak:.0f} MiB" for one in (self.theirs, self.ours))
        told = f"wall {ratio(wall)}, peak {ratio(peak)}"
        return self.work, str(self.goal), *figures, told, report.verdict(self.goal.is_met(wall, peak))


def compare(chosen: argparse.Namespace) -> None:
    """Prints the table."""
    asked = [run for run in runs(chosen) if run.name in (chosen.rows or [run.name])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        executable = launcher(folder)
        found = [harnessed(run, chosen, executable, folder / "figures.json") for run in asked]
        pairs = [pair for run, figures in zip(asked, found, strict=True) for pair in paired(run, figures)]
        terraform = shutil.which("terraform")
        if terraform and not chosen.rows:
            pairs.append(helped(terraform, executable, folder, chosen.runs))
    print(f"{report.machine()} Parallelism {PARALLELISM}, medians of {chosen.runs} paired runs.")
    print(f"{report.others(foreign(found))}\n")
    head = ("work", "target (ours / Terraform's)", "Terraform", "declarative", "ratio", "")
    print(report.table(head, (pair.row() for pair in pairs)))


def launcher(folder: Path) -> Path:
    """An executable that is this code."""
    file = folder / "declarative"
    file.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n', encoding="utf-8")
    file.chmod(0o755)
    return file


def harnessed(run: Run, chosen: argparse.Namespace, executable: Path, told: Path) -> Figures:
    """What one run of the harness tells."""
    command = [sys.executable, str(chosen.peer.resolve()), "--declarative", str(executable), "--json", str(told)]
    command += ["--repeat", str(chosen.runs), "--parallelism", str(PARALLELISM), "--phases", ",".join(run.phases)]
    command += ["--build", str(chosen.build.resolve())] if chosen.build else []
    given = {"DECLARATIVE_CACHE_DIR": str(told.with_name("cache")) if run.has_cache else ""}
    print(f"{run.name} ...", file=sys.stderr, flush=True)
    subprocess.run([*command, *run.options], check=True, stdout=sys.stderr, env=environment(given))
    rows: Figures = json.loads(told.read_text(encoding="utf-8"))["rows"]
    return rows


def foreign(found: Sequence[Figures]) -> float:
    """How much of one processor other programs took while something was measured: 1 for all of it."""
    phases = [phase for rows in found for side in SIDES for run in rows[side] for phase in run.values()]
    return float(sum(one["foreign"] for one in phases) / sum(one["wall"] for one in phases))


def paired(run: Run, rows: Figures) -> Iterator[Pair]:
    """The rows of the table that a run becomes."""
    for phase, (work, goal) in run.rows.items():
        theirs, ours = (median([_cost(one, phase, side) for one in rows[side]]) for side in SIDES)
        yield Pair(work, goal, theirs, ours)


def _cost(run: Mapping[str, Any], phase: str, side: str) -> Cost:
    """One side's cost of a phase. The peak of all processes at once is sampled, so that it may be missed."""
    if phase not in run:
        raise SystemExit(f"{side} did not come to {phase}; the harness says why above")
    figures = run[phase]
    return Cost(figures["wall"], figures["cpu"], max(figures["peak_mib"], figures["peak_sum_mib"]))


def helped(terraform: str, executable: Path, folder: Path, count: int) -> Pair:
    """The help of both, which the harness does not ask for."""
    costs = [
        [measured(command, folder, dict(os.environ)) for command in ((terraform, "-help"), (str(executable), "--help"))]
        for _ in range(count)
    ]
    theirs, ours = (median(side) for side in zip(*costs, strict=True))
    return Pair("--help", goals.HELP, theirs, ours)
