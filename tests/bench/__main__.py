"""`make bench`: whole commands, from outside, on the embedded control plane. Seconds and MiB, median of the runs."""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.manifests import write

COMMAND = (sys.executable, "-m", "declarative")
ALLOWED = ("--auto-approve", "--allow", "disruption", "--allow", "mass-change")


def measured(arguments: Sequence[str], folder: Path) -> tuple[float, float]:
    """Wall seconds and peak MiB of one command; it has to succeed."""
    began = time.perf_counter()
    process = subprocess.Popen((*COMMAND, *arguments), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.stderr.close()
    assert os.waitstatus_to_exitcode(status) == 0, told.decode()
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def row(name: str, arguments: Sequence[str], folder: Path, runs: int) -> None:
    """Prints one line of the table."""
    found = [measured(arguments, folder) for _ in range(runs)]
    wall, peak = (statistics.median(figures) for figures in zip(*found, strict=True))
    print(f"{name:34} {wall:9.3f} {peak:9.1f}   {runs}", flush=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    count = chosen.trainings
    print(f"{'command':34} {'wall s':>9} {'peak MiB':>9}   runs")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "manifests", count)
        row("--version", ["--version"], folder, chosen.runs)
        row("--help", ["--help"], folder, chosen.runs)
        row(f"validate, {count} trainings", ["validate"], folder, chosen.runs)
        row(f"first plan, {count} trainings", ["plan"], folder, chosen.runs)
        row(f"first apply, {count} trainings", ["apply", *ALLOWED], folder, 1)
        row(f"plan without changes, {count}", ["plan"], folder, chosen.runs)
        row("state list", ["state", "list"], folder, chosen.runs)
        write(folder / "manifests", max(count // 10, 1), revision=1)
        row(f"replace {max(count // 10, 1)} of {count}", ["apply", *ALLOWED], folder, 1)
        row(f"destroy, {count}", ["destroy", *ALLOWED[:3]], folder, 1)
    print(f"largest child: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.1f} MiB")


if __name__ == "__main__":
    main()
