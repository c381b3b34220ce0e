"""`python -m tests.bench.refreshing`: what it takes to read everything that is live, over HTTP from a slow sandbox.

Requests, seconds, and the peak of this process in MiB, with what it had imported before.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from pathlib import Path

import httpx

from declarative.runai.credentials import Credentials
from declarative.runai.observe import observe
from declarative.runai.transport import Transport
from tests.forked import sandbox
from tests.sandbox.crowd import Crowd, crowd


async def refreshed(url: str, made: Crowd) -> float:
    """Seconds to observe everything."""
    records = tuple(made.records())
    began = time.perf_counter()
    async with Transport(url, Credentials("sandbox"), read_only=True) as transport:
        seen = await observe(transport, ["Training", "WorkloadTemplate"], records, lambda _: False)
    assert len(seen.observed) == len(records)
    return time.perf_counter() - began


def requests(url: str) -> int:
    """How many have been counted since the last reset of the counts."""
    counted = httpx.get(f"{url}/_sandbox/requests", trust_env=False).json()["requests"]
    return sum(int(one["count"]) for one in counted)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=int, default=10_000)
    parser.add_argument("--templates", type=int, default=1000)
    parser.add_argument("--latency", type=int, nargs="*", default=[0, 20, 200], help="milliseconds")
    chosen = parser.parse_args()
    print(f"{'latency ms':>10} {'requests':>9} {'wall s':>8} {'peak MiB':>9}")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "sandbox.sqlite3"
        made = crowd(path, chosen.trainings, chosen.templates)
        with sandbox(path) as url:
            for latency in chosen.latency:
                faults = {"faults": {"latencyMilliseconds": latency}}
                httpx.patch(f"{url}/_sandbox/settings", json=faults, trust_env=False).raise_for_status()
                before = requests(url)
                seconds = asyncio.run(refreshed(url, made))
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(f"{latency:>10} {requests(url) - before:>9} {seconds:>8.2f} {peak:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
