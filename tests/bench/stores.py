"""`python -m tests.bench.stores`: the stores side by side, on a server of one's own that forces everything to disk.

Seconds for writing by one process, for writing by eight (in PostgreSQL with a scope each, in SQLite in turn), and for
reading it all.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from declarative.model.address import Address
from declarative.state.opening import open_store
from declarative.state.store import Holder
from tests.postgres import running
from tests.state.strategies import record

BODY = {
    "metadata": {"name": "resnet50", "projectId": "4501"},
    "spec": {
        "image": "nvcr.io/nvidia/pytorch:24.08-py3",
        "compute": {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5},
        "environmentVariables": [{"name": "LR", "value": "0.1"}, {"name": "EPOCHS", "value": "90"}],
    },
}
WRITERS = 8


def write(url: str, first: int, count: int) -> float:
    """Seconds for one holder to write so many records, and its lock."""
    keys = [f"r{number}" for number in range(first, first + count)]
    scope = frozenset(Address("Training", key) for key in keys)
    began = time.perf_counter()
    with open_store(url, Path()).lock(Holder.current("bench"), 600, scope) as lease:
        for key in keys:
            lease.write(record(key, body=dict(BODY)))
    return time.perf_counter() - began


def together(url: str, first: int, count: int) -> float:
    """Seconds from the moment when all are ready until the last has ended."""
    program = "import sys; from tests.bench.stores import write; input(); write(sys.argv[1], *map(int, sys.argv[2:]))"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", f"print('ready', flush=True); {program}", url, str(first + n * count), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for n in range(WRITERS)
    ]
    for worker in workers:
        assert worker.stdout
        worker.stdout.readline()
    time.sleep(2)  # until they have imported what they need
    began = time.perf_counter()
    for worker in workers:
        assert worker.stdin
        worker.stdin.write(b"\n")
        worker.stdin.close()
    assert [worker.wait() for worker in workers] == [0] * WRITERS
    return time.perf_counter() - began


def measure(name: str, url: str, one: int, each: int, total: int) -> None:
    """Prints one line of the table."""
    alone = write(url, 0, one)
    shared = together(url, one, each)
    known = one + WRITERS * each
    write(url, known, total - known)
    began = time.perf_counter()
    loaded = open_store(url, Path()).load()
    reading = time.perf_counter() - began
    assert (len(loaded.records), loaded.serial) == (total, total)
    print(f"{name:12} {alone:14.2f} {shared:18.2f} {reading:14.3f}", flush=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--puts", type=int, default=3000)
    parser.add_argument("--each", type=int, default=300)
    parser.add_argument("--records", type=int, default=10_000)
    chosen = parser.parse_args()
    sizes = (chosen.puts, chosen.each, chosen.records)
    print(
        f"{'store':12} {f'{sizes[0]} puts, s':>14} {f'{WRITERS} x {sizes[1]} puts, s':>18} {f'load {sizes[2]}, s':>14}"
    )
    with tempfile.TemporaryDirectory() as folder, running(durable=True) as server:
        measure("SQLite", f"sqlite:///{folder}/state.sqlite3", *sizes)
        measure("PostgreSQL", server.url(), *sizes)


if __name__ == "__main__":
    main()
