"""The SQLite file of a state: made whole or not at all, opened with care, its failures told in words.

The tables `meta` and `locks` keep their shape in every format, so that any release can take its turn and refuse a newer
format politely. What else changes does so by one more entry in `MIGRATIONS`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from declarative.diagnostics import Diagnostic
from declarative.errors import StateError
from declarative.settings import make_folder
from declarative.state.backup import recovery
from declarative.state.folder import sync
from declarative.state.format import FORMAT, KEY_SIZE, Meta
from declarative.state.refusals import newer

# "decl" in the header marks our files, so that nobody's database is taken for a state, nor one of ours for another.
APPLICATION = 0x6465636C
# Bytes. Every commit writes a few whole pages, mostly for a few bytes in each; at SQLite's usual 4096 a create wrote
# 34 kB to disk, at 512 it writes 19 kB, and reading is no slower.
PAGE_SIZE = 512
# Pages of log before they are moved into the file: about 4 MB, so that a page that changes often is moved seldom.
CHECKPOINT = 8000
# Seconds that a statement waits for another connection's commit.
PATIENCE = 20.0

# What brings a state from format n to n + 1 stands at index n; `version` is the serial that wrote a record.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL)",
        """CREATE TABLE records (
            address TEXT PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, id TEXT, name TEXT NOT NULL, project TEXT,
            data TEXT NOT NULL, intent TEXT, version INTEGER NOT NULL
        )""",
        """CREATE TABLE locks (
            scope TEXT PRIMARY KEY, id TEXT NOT NULL, fence INTEGER NOT NULL, since REAL NOT NULL,
            heartbeat REAL NOT NULL, who TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
            command TEXT NOT NULL, place TEXT NOT NULL, started TEXT NOT NULL
        )""",
    ),
    # Rows may hold digests of secrets, under a key of the state's own.
    ("INSERT INTO meta VALUES ('key', new_key())",),
)

_FREE = "free some space and run the command again; all that was recorded before is safe"
_PERMIT = "make the file and its folder writable for this user, or name another state"
# The primary result codes of SQLite that a user can do something about; without a hint, by `backup.recovery`.
_FAILURES: dict[int, tuple[str, str | None]] = {
    sqlite3.SQLITE_ERROR: ("The state file is damaged", None),
    sqlite3.SQLITE_NOTADB: ("The state file is not a database", None),
    sqlite3.SQLITE_CORRUPT: ("The state file is damaged", None),
    sqlite3.SQLITE_FULL: ("The state cannot be written", _FREE),
    sqlite3.SQLITE_READONLY: ("The state cannot be written", _PERMIT),
    sqlite3.SQLITE_PERM: ("The state cannot be written", _PERMIT),
    sqlite3.SQLITE_CANTOPEN: ("The state file cannot be opened", _PERMIT),
    sqlite3.SQLITE_BUSY: ("The state is busy", "see which other program works on the file, then run the command again"),
    sqlite3.SQLITE_IOERR: ("The state could not be read or written", "check the disk (its space, quota and health)"),
}
_HINTS = {errno.ENOSPC: _FREE, errno.EDQUOT: _FREE}


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns what the file system and SQLite raise into a StateError that names the file and the way on."""
    try:
        yield
    except sqlite3.Error as error:
        if not hasattr(error, "sqlite_errorcode"):
            raise  # not SQLite's word but that of its Python module, about a mistake in ours
        summary, hint = _FAILURES.get(error.sqlite_errorcode & 0xFF, _FAILURES[sqlite3.SQLITE_IOERR])
        raise StateError(Diagnostic(summary, f"{path}: {error}", hint or recovery(path))) from error
    except OSError as error:
        detail = f"{error.filename or path}: {error.strerror}"
        raise StateError(
            Diagnostic("The state cannot be used", detail, _HINTS.get(error.errno or 0, _PERMIT))
        ) from error


def connect(path: Path, query: str, patience: float = PATIENCE) -> sqlite3.Connection:
    """A connection that begins and ends transactions only when told to. `query` is that of SQLite's file URI."""
    # One lease may be used from several threads in turn; it does its own locking.
    connection = sqlite3.connect(
        f"{path.as_uri()}?{query}", timeout=patience, isolation_level=None, uri=True, check_same_thread=False
    )
    # FULL: each commit reaches the disk before it returns, even in a power failure.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
    # What is no longer recorded is not left behind in the file: it may have become a secret.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; the right to write is taken at the start, so that nothing read within is stale."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def verify(connection: sqlite3.Connection, path: Path) -> Meta:
    """Reads an opened file's own account; raises StateError unless it is a state of this or an older release."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION:
        found = "it is empty" if path.stat().st_size == 0 else "it is a database of some other program"
        raise StateError(Diagnostic("This file is not a state", f"{path}: {found}", recovery(path)))
    entries = dict(connection.execute("SELECT key, value FROM meta"))
    try:
        # A state of format 1 has no key, and no use for one.
        key = bytes(entries["key"] if int(entries["format"]) > 1 else b"")
        endpoint = str(entries.get("endpoint", ""))
        meta = Meta(int(entries["format"]), str(entries["lineage"]), int(entries["serial"]), key, endpoint)
    except (KeyError, ValueError, TypeError) as error:
        raise StateError(
            Diagnostic("The state file is damaged", f"{path}: it lacks {error}", recovery(path))
        ) from error
    if meta.format > FORMAT:
        raise newer(path, meta.format)
    return meta


def examine(connection: sqlite3.Connection, path: Path) -> None:
    """Looks through every page; raises StateError where the tables do not hang together."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StateError(Diagnostic("The state file is damaged", f"{path}: {verdict}", recovery(path)))


def count_up(connection: sqlite3.Connection, key: str) -> int:
    """Raises a number of `meta` by one, within a transaction, and tells the new one."""
    # Not RETURNING: Python 3.11 still meets SQLite 3.34, which does not know it.
    connection.execute("UPDATE meta SET value = value + 1 WHERE key = ?", (key,))
    return int(connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0])


def migrate(connection: sqlite3.Connection, format: int) -> None:
    """Brings the tables from `format` (0: none yet) to the present one, whole or not at all."""
    if format == FORMAT:
        return
    connection.create_function("new_key", 0, lambda: secrets.token_bytes(KEY_SIZE))
    if format == 1:
        connection.execute("VACUUM")  # format 1 left what was no longer recorded where it stood
    with transaction(connection):
        for statements in MIGRATIONS[format:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('format', ?)", (FORMAT,))


def create(path: Path) -> None:
    """Makes an empty state unless there is one, readable by its owner alone.

    It is made beside and linked into place, so that what bears the name is a whole state at every moment; of two
    processes that do this at once, one wins and both go on with the winner's.
    """
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    os.close(handle)
    fresh = Path(name)
    try:
        with contextlib.closing(connect(fresh, "mode=rw")) as connection:
            _fill(connection)
        _place(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    for folder in (path.parent, path.parent.parent):
        sync(folder)


def _fill(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute("PRAGMA journal_mode = WAL")
    migrate(connection, 0)
    with transaction(connection):
        entries = (("lineage", str(uuid.uuid4())), ("serial", 0), ("fence", 0))
        connection.executemany("INSERT INTO meta VALUES (?, ?)", entries)


def _place(fresh: Path, path: Path) -> None:
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    except OSError as error:
        # Some file systems know no hard links; renaming could only fail to see a state made in this very instant.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS) or path.exists():
            raise
        fresh.rename(path)
