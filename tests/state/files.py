"""What the tests of the SQLite state share."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from declarative.errors import StateError
from declarative.state.sqlite import SqliteStore
from declarative.state.store import Holder

ME = Holder.current("declarative apply")
# The fixture that starts a second process.
Start = Callable[..., subprocess.Popen[str]]


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def refusal(action: Callable[[], object]) -> str:
    """What the user reads when the action fails as it should: with a hint, and one diagnostic at least."""
    with pytest.raises(StateError) as refused:
        action()
    assert all(diagnostic.hint for diagnostic in refused.value.diagnostics)
    return str(refused.value)


def take(store: SqliteStore) -> None:
    with store.lock(ME, 0):
        pass


def killed_amid_writes(start: Start, writes: int) -> None:
    """A second process takes the lock, and is killed while it writes: after this many records, or a few more."""
    worker = start("put")
    assert worker.stdout
    for _ in range(writes):
        worker.stdout.readline()
    worker.kill()
    worker.wait()
