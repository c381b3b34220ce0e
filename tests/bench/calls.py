"""`python -m tests.bench.calls`: how many calls an apply and a destroy keep in flight, by the server's own count.

The server answers every call after the same time. `in flight` is the mean over the time from the first create (delete) to the
last, where `--parallelism` is the most there can be; `most` is the most there were.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.manifests import write
from tests.forked import sandbox
from tests.runai.wire import Asked, Reply, forward, wired

ALLOWED = ("--auto-approve", "--allow", "disruption")


@dataclass
class Count:
    """Seconds of calls of one method, added up, from the first of them to the last, and the most at once."""

    method: str
    busy: int = 0
    most: int = 0
    began: float = 0.0
    ended: float = 0.0
    added: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def change(self, by: int) -> None:
        with self.lock:
            now = time.perf_counter()
            self.began = self.began or now
            self.added += self.busy * (now - (self.ended or now))
            self.ended, self.busy = now, self.busy + by
            self.most = max(self.most, self.busy)


def delayed(count: Count, url: str, seconds: float) -> Callable[[Asked], Reply | None]:
    """Answers what `url` answers, counted, no sooner than after `seconds`."""

    def answer(asked: Asked) -> Reply | None:
        if asked.method != count.method:
            return forward(url, asked)
        count.change(+1)
        try:
            until = time.perf_counter() + seconds
            reply = forward(url, asked)
            time.sleep(max(0.0, until - time.perf_counter()))
            return reply
        finally:
            count.change(-1)

    return answer


def row(name: str, method: str, url: str, folder: Path, parallelism: int, seconds: float) -> None:
    """Runs a command and prints its line."""
    count = Count(method)
    with wired(delayed(count, url, seconds)) as wire:
        environ = {
            **os.environ,
            "DECLARATIVE_ENDPOINT": wire.url,
            "DECLARATIVE_TOKEN": "sandbox",
            "DECLARATIVE_PARALLELISM": str(parallelism),
        }
        command = (sys.executable, "-m", "declarative", name, *ALLOWED)
        subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
    lasted = count.ended - count.began
    print(f"{name:9} {parallelism:>11} {count.added / lasted:>10.1f} {count.most:>5} {lasted:>8.2f}", flush=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=int, default=300)
    parser.add_argument("--parallelism", type=int, nargs="*", default=[1, 10])
    parser.add_argument("--latency", type=float, default=100, help="milliseconds")
    chosen = parser.parse_args()
    print(f"{'command':9} {'parallelism':>11} {'in flight':>10} {'most':>5} {'wall s':>8}")
    for parallelism in chosen.parallelism:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(folder / "manifests", chosen.trainings)
            with sandbox(folder / "sandbox.sqlite3") as url:
                row("apply", "POST", url, folder, parallelism, chosen.latency / 1000)
                row("destroy", "DELETE", url, folder, parallelism, chosen.latency / 1000)


if __name__ == "__main__":
    main()
