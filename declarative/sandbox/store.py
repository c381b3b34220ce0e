"""The SQLite file: one connection an application, one transaction a request.

It bears a mark of its own, and a file without it is left as it is: a sandbox is reset lightly, a state is not. Several processes may share the file: writers take turns by BEGIN IMMEDIATE, and readers see what was committed.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError
from declarative.sandbox import faults
from declarative.settings import make_folder

BUSY_SECONDS = 10.0
LAYOUT = 1
# "dsbx" in the header. A state has another one, so that neither is ever taken for the other.
APPLICATION = 0x64736278

_TABLES = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE workloads (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    cluster TEXT NOT NULL,
    name TEXT NOT NULL,
    requested_name TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created REAL NOT NULL,          -- wall time
    desired TEXT NOT NULL,
    course TEXT NOT NULL,
    began REAL NOT NULL,            -- sandbox time
    turned REAL NOT NULL,           -- wall time of the same
    finished REAL,                  -- wall time
    deleted REAL,                   -- wall time
    retention REAL NOT NULL,        -- seconds
    facts TEXT NOT NULL,            -- what a row of the listing tells of the spec, as JSON
    spec TEXT NOT NULL              -- as answers carry it, as JSON
);
CREATE INDEX workloads_by_name ON workloads (project, name);
CREATE TABLE templates (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,            -- the scope and its id
    name TEXT NOT NULL,
    body TEXT NOT NULL,             -- as answers carry it, as JSON
    UNIQUE (owner, name)
);
CREATE TABLE requests (method TEXT, path TEXT, count INTEGER NOT NULL, PRIMARY KEY (method, path)) WITHOUT ROWID;
"""
_NAMES = ("settings", "workloads", "templates", "requests")
DEFAULTS: dict[str, Any] = {
    "speed": 1,
    "tokenLifetimeSeconds": 3600,
    "tokenEndpoints": ["v2", "v1-client-credentials", "v1-app-token"],
    "policy": {"labels": {}, "annotations": {}, "environmentVariables": {}, "limits": {}, "defaults": {}, "lists": {}},
    "quotas": {},
    "refuseQuotas": False,
    "refusePolicies": False,
    "refuseLists": False,
    "refuseDeletedList": False,
    "wrapClusters": False,
    "goneAnswers": "404",
    "duplicateAnswers": 409,
    "faults": faults.DEFAULTS,
}
# What is kept beside the settings: the faults that have hit, by operation, the most requests that were in flight, and what
# there is to refer to, where that is not the seeds.
_KEPT: dict[str, Any] = {"faultsHit": {}, "mostInFlight": 0, "directory": {}}
_AWAY = "move it away, or name another file with the `--state` of `declarative sandbox`"


class Store:
    """The file at `path`, made where missing (mode 0600, with its folders). Raises ControlPlaneError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.RLock()
        self._rows = _opened(path, _checked)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which is rolled back when its body raises."""
        with self._turn:
            self._rows.execute("BEGIN IMMEDIATE")
            try:
                yield self._rows
            except BaseException:
                self._rows.rollback()
                raise
            self._rows.commit()

    def settings(self) -> dict[str, Any]:
        """All settings as they are now."""
        with self._turn:
            return read(self._rows)

    def close(self) -> None:
        self._rows.close()


def reset(path: Path) -> None:
    """Brings the file back to its first state, also while servers have it open. Issued tokens stay valid."""
    _opened(path, _emptied).close()


def empty(rows: sqlite3.Connection) -> None:
    """Empties the tables, within the caller's transaction, and keeps the key that tokens are signed with."""
    key = read(rows)["key"]
    for name in _NAMES:
        rows.execute(f"DELETE FROM {name}")  # noqa: S608 - names of our own
    write(rows, {**DEFAULTS, **_KEPT, "key": key, "wall": 0.0, "sandbox": 0.0})


def forget_requests(rows: sqlite3.Connection) -> None:
    """Begins to count anew, within the caller's transaction."""
    rows.execute("DELETE FROM requests")
    write(rows, {"faultsHit": {}, "mostInFlight": 0})


def read(rows: sqlite3.Connection) -> dict[str, Any]:
    """All settings, and what is kept beside them."""
    # A file of an earlier release lacks what is new; its default is what it did.
    return {**DEFAULTS, **_KEPT} | {
        row["name"]: json.loads(row["value"]) for row in rows.execute("SELECT name, value FROM settings")
    }


def write(rows: sqlite3.Connection, settings: dict[str, Any]) -> None:
    rows.executemany(
        "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [(name, json.dumps(value)) for name, value in settings.items()],
    )


# --- opening ----------------------------------------------------------------------------------------------------------
def _opened(path: Path, prepare: Callable[[sqlite3.Connection, Path], None]) -> sqlite3.Connection:
    """A connection to the file, once `prepare` has looked at it and, in the same transaction, made it fit for use."""
    try:
        make_folder(path.parent)
        if path.exists() and not path.is_file():
            raise _foreign(path, "it is a folder" if path.is_dir() else "it is no regular file")
        # SQLite gives its side files the mode of the file itself.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        rows = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        rows.row_factory = sqlite3.Row
        try:
            rows.execute("BEGIN IMMEDIATE")
            prepare(rows, path)
            rows.commit()
            # Not before: it would write into a file that is not ours.
            _write_ahead(rows)
            rows.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            rows.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error
    return rows


def _checked(rows: sqlite3.Connection, path: Path) -> None:
    """Makes the tables where there are none yet; refuses those of another release."""
    layout = _layout(rows, path)
    if layout == 0:
        _create(rows)
    elif layout != LAYOUT:
        raise ControlPlaneError(
            Diagnostic(
                "The sandbox was written by another release",
                f"{path} has the layout {layout}, and this release reads {LAYOUT}.",
                "run `declarative sandbox reset`, which empties it, or remove the file",
            )
        )


def _emptied(rows: sqlite3.Connection, path: Path) -> None:
    if _layout(rows, path) == LAYOUT:
        empty(rows)
    else:
        _drop(rows)
        _create(rows)


def _layout(rows: sqlite3.Connection, path: Path) -> int:
    """The number of the layout, 0 where nothing is in the file yet; refuses a file that is not a sandbox's."""
    application, layout = (int(rows.execute(f"PRAGMA {of}").fetchone()[0]) for of in ("application_id", "user_version"))
    if application == APPLICATION:
        return layout
    tables = {row["name"] for row in rows.execute("SELECT name FROM sqlite_master")}
    if not tables and application == layout == 0:
        return 0
    if application == 0 and tables.issuperset(_NAMES):
        hint = "remove it, and the next command makes a new one"
        raise _foreign(path, "an earlier release made it, before sandboxes bore a mark", hint)
    raise _foreign(path, "it is a database of another program, or a state")


def _write_ahead(rows: sqlite3.Connection) -> None:
    """Turns the write-ahead log on. SQLite does not wait for a busy file here, so that we have to."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            rows.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _create(rows: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            rows.execute(statement)
    write(rows, {**DEFAULTS, "key": secrets.token_hex(32), "wall": 0.0, "sandbox": 0.0})
    rows.execute(f"PRAGMA application_id = {APPLICATION}")
    rows.execute(f"PRAGMA user_version = {LAYOUT}")


def _drop(rows: sqlite3.Connection) -> None:
    for name in _NAMES:
        rows.execute(f"DROP TABLE IF EXISTS {name}")


def _foreign(path: Path, found: str, hint: str = _AWAY) -> ControlPlaneError:
    detail = f"{path}: {found}. It was left as it is."
    return ControlPlaneError(Diagnostic("This file is not a sandbox's", detail, hint))


def _unusable(path: Path, error: Exception) -> ControlPlaneError:
    if isinstance(error, sqlite3.DatabaseError) and error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
        return _foreign(path, "it is no database")
    why = error.strerror if isinstance(error, OSError) else error
    hint = f"check the permissions of the file and its folder; or {_AWAY}"
    return ControlPlaneError(Diagnostic("The sandbox's file cannot be used", f"{path}: {why}.", hint))
