"""`python -m tests.bench.writing`: what an apply writes to disk for each resource that it creates, all told.

The kernel's own count for the whole process (`ru_oublock`), in thousands of bytes: it counts every page of 4,096 bytes that
is handed to the disk, however few of its bytes are new. The control plane runs in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import manifests
from tests.cli.tool import COMMAND, environment
from tests.forked import sandbox

# Bytes that `ru_oublock` counts by.
BLOCK = 512


def measure(count: int) -> None:
    """Prints one line of the table."""
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder) / "plane" / "sandbox.sqlite3") as url:
        project = Path(folder) / "project"
        manifests.write(project / "manifests", count)
        given = environment({"DECLARATIVE_ENDPOINT": url, "DECLARATIVE_TOKEN": "sandbox"})
        began = time.perf_counter()
        with (Path(folder) / "out").open("w") as out:
            process = subprocess.Popen(
                [*COMMAND, "apply", "--auto-approve"], cwd=project, env=given, stdout=out, stderr=out
            )
            _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        assert status == 0, (Path(folder) / "out").read_text()[-2000:]
        size = (project / ".declarative" / "state.sqlite3").stat().st_size
        told = (Path(folder) / "out").stat().st_size
        figures = (used.ru_oublock * BLOCK / count / 1000, size / count / 1000, told / count / 1000)
        print(f"{count:>9} {seconds:>9.1f} {figures[0]:>16.1f} {figures[1]:>16.1f} {figures[2]:>17.1f}", flush=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.writing", description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[1000, 10_000])
    print(f"{'creates':>9} {'seconds':>9} {'written, kB each':>16} {'state, kB each':>16} {'output, kB each':>17}")
    for count in parser.parse_args().counts:
        measure(count)


if __name__ == "__main__":
    sys.exit(main())
