"""The SQLite file: one connection an application, one transaction a request.

Several processes may share the file: writers take turns by BEGIN IMMEDIATE, and readers see what was committed.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError
from declarative.settings import make_folder

BUSY_SECONDS = 10.0
LAYOUT = 1

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
    "policy": {"labels": {}, "annotations": {}, "environmentVariables": {}},
}


class Store:
    """The file at `path`, made where missing (mode 0600, with its folders)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.RLock()
        try:
            self._rows = _opened(path)
            with self.transaction() as rows:
                layout = rows.execute("PRAGMA user_version").fetchone()[0]
                if layout == 0:
                    _create(rows)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error) from error
        if layout not in (0, LAYOUT):
            raise ControlPlaneError(
                Diagnostic(
                    "The sandbox was written by another release",
                    f"{path} has the layout {layout}, and this release reads {LAYOUT}.",
                    "run `declarative sandbox reset`, which empties it, or remove the file",
                )
            )

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

    def close(self) -> None:
        self._rows.close()


def reset(path: Path) -> None:
    """Brings the file back to its first state, also while servers have it open. Issued tokens stay valid."""
    try:
        rows = _opened(path)
        try:
            rows.execute("BEGIN IMMEDIATE")
            if rows.execute("PRAGMA user_version").fetchone()[0] == LAYOUT:
                empty(rows)
            else:
                _drop(rows)
                _create(rows)
            rows.commit()
        finally:
            rows.close()
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error


def empty(rows: sqlite3.Connection) -> None:
    """Empties the tables, within the caller's transaction, and keeps the key that tokens are signed with."""
    key = read(rows)["key"]
    for name in _NAMES:
        rows.execute(f"DELETE FROM {name}")  # noqa: S608 - names of our own
    write(rows, {**DEFAULTS, "key": key, "wall": 0.0, "sandbox": 0.0})


def read(rows: sqlite3.Connection) -> dict[str, Any]:
    """All settings."""
    return {row["name"]: json.loads(row["value"]) for row in rows.execute("SELECT name, value FROM settings")}


def write(rows: sqlite3.Connection, settings: dict[str, Any]) -> None:
    rows.executemany(
        "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [(name, json.dumps(value)) for name, value in settings.items()],
    )


def _opened(path: Path) -> sqlite3.Connection:
    make_folder(path.parent)
    # SQLite gives its side files the mode of the file itself.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    rows = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    rows.row_factory = sqlite3.Row
    try:
        _write_ahead(rows)
    except BaseException:
        rows.close()
        raise
    rows.execute("PRAGMA synchronous = NORMAL")
    return rows


def _write_ahead(rows: sqlite3.Connection) -> None:
    """Turns the write-ahead log on. SQLite does not wait for a busy file here, so that we have to."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            if rows.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
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
    rows.execute(f"PRAGMA user_version = {LAYOUT}")


def _drop(rows: sqlite3.Connection) -> None:
    for name in _NAMES:
        rows.execute(f"DROP TABLE IF EXISTS {name}")


def _unusable(path: Path, error: Exception) -> ControlPlaneError:
    return ControlPlaneError(
        Diagnostic(
            "The sandbox's file cannot be used",
            f"{path}: {error}.",
            "check the folder's permissions, or remove the file when it is no sandbox",
        )
    )
