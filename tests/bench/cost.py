"""What one command takes, as the kernel tells it."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Bytes that `ru_oublock` counts by.
BLOCK = 512
# Of the kernel's times of a processor: idle, and waiting for a disk.
_IDLE = (3, 4)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the wall and of all processors, peak MiB, MB handed to the disk, and requests by kind.

    The peak is no less than that of the process that started the command, which therefore has to stay small.
    """

    wall: float
    cpu: float
    peak: float
    written: float = 0.0
    requests: Mapping[str, int] = field(default_factory=dict)


def measured(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Cost:
    """The cost of a command, which has to succeed."""
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        size = said.tell()
        said.seek(max(0, size - 2000))
        assert process.returncode == 0, f"{command}: {process.returncode}\n{said.read().decode(errors='replace')}"
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, used.ru_oublock * BLOCK / 1e6)


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure; the requests are those of the last."""
    wall, cpu, peak, written = (
        statistics.median(getattr(one, name) for one in costs) for name in ("wall", "cpu", "peak", "written")
    )
    return Cost(wall, cpu, peak, written, costs[-1].requests)


class Foreign:
    """What other programs take of the processors from now on: figures of a busy machine say little."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._taken = _foreign()

    def share(self) -> float:
        """Of one processor: 1 is all of it. Processes of ours have to have ended, or they count as others."""
        return max(0.0, _foreign() - self._taken) / (time.perf_counter() - self._began)


def _foreign() -> float:
    """Seconds that the machine was busy (Linux) but for this process and its children."""
    file = Path("/proc/stat")
    fields = file.read_text(encoding="utf-8").split(maxsplit=9)[1:9] if file.exists() else []
    busy = sum(int(ticks) for number, ticks in enumerate(fields) if number not in _IDLE)
    return busy / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])
