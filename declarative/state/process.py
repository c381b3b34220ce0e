"""Whether a process of this machine still runs, told safely although process numbers are used again."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def place() -> str:
    """Where process numbers mean the same: this boot of this kernel and this process namespace.

    Two containers may share a host name and still number their processes apart. Empty where the system does not tell.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def started(pid: int) -> str:
    """When the process began, in clock ticks since the boot; empty where the system does not tell."""
    status = _status(pid)
    return status[1] if status else ""


def runs(pid: int, since: str) -> bool:
    """True unless the process is surely gone, or its number now belongs to one that began at another time."""
    if os.name == "nt":
        return True  # there, signal 0 would not ask but interrupt
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    status = _status(pid)
    if status is None:
        return True
    state, began = status
    return state not in ("Z", "X") and (not since or began == since)


def _status(pid: int) -> tuple[str, str] | None:
    """State and start time, fields 3 and 22 of proc_pid_stat(5); None where they cannot be read."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command's name stands in parentheses and may hold spaces and parentheses of its own.
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[19]
