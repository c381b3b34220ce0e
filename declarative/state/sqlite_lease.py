"""Writing to a state in a SQLite file: one durable commit each, under the lock."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from declarative.errors import StateError
from declarative.model.address import Address
from declarative.model.record import Record
from declarative.state import backup, database
from declarative.state.database import told, transaction
from declarative.state.format import Meta, Row, encode, flaws, violations
from declarative.state.refusals import foreign, lost, outside, unfit
from declarative.state.store import Backup, Lock, Snapshot

# The whole state, the only thing that is locked here.
SCOPE = "*"
RELEASE = "DELETE FROM locks WHERE scope = ? AND id = ? AND fence = ?"

_PUT = """
    INSERT INTO records (address, kind, key, id, name, project, data, intent, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (address) DO UPDATE SET id = excluded.id, name = excluded.name, project = excluded.project,
        data = excluded.data, intent = excluded.intent, version = excluded.version
"""
_ENTER = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
_REMOVE = "DELETE FROM records WHERE address = ?"
_HELD = "SELECT 1 FROM locks WHERE scope = ? AND id = ? AND fence = ?"


class SqliteLease:
    """Fulfils `store.Lease`.

    A good copy of the state is kept beside it: as it was before the first write while the lease lasts, as it is at the end
    from then on. One of before the writes of a holder that died is not kept (`is_heir`): they may have sealed a secret in it.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        lock: Lock,
        meta: Meta,
        scope: frozenset[Address] | None,
        *,
        is_heir: bool,
    ) -> None:
        self.lock = lock
        self._path = path
        self._connection = connection
        self._file = _identity(path)
        self._scope = scope
        self._guard = threading.Lock()
        self._released = False
        self._meta = meta
        self._is_heir = is_heir
        self._wrote = False
        self._keeps_backup = False

    @property
    def lineage(self) -> str:
        return self._meta.lineage

    def write(self, *records: Record, forget: Iterable[Address] = ()) -> None:
        rows, forgotten = [self._row(record) for record in records], tuple(forget)
        with self._commit(*forgotten, *(record.address for record in records)) as serial:
            self._connection.executemany(_REMOVE, [(str(address),) for address in forgotten])
            self._connection.executemany(_PUT, [(*row, serial) for row in rows])

    def hurry(self) -> None:
        """There is no server to wait for."""

    def replace_all(self, snapshot: Snapshot) -> None:
        if self._scope is not None:
            raise outside(self._path, None)
        if faults := tuple(violations(snapshot.records)):
            raise unfit(self._path, *faults)
        meta = self._meta
        with self._commit() as counted:
            serial = max(counted, snapshot.serial + 1)
            (is_empty,) = self._connection.execute("SELECT NOT EXISTS (SELECT 1 FROM records)").fetchone()
            if is_empty:
                meta = meta._replace(lineage=snapshot.lineage or meta.lineage, key=snapshot.key or meta.key)
            elif snapshot.lineage != meta.lineage:
                raise foreign(self._path, meta.lineage, snapshot.lineage)
            meta = meta._replace(endpoint=snapshot.endpoint)
            entries = (("lineage", meta.lineage), ("key", meta.key), ("serial", serial), ("endpoint", meta.endpoint))
            self._connection.executemany(_ENTER, entries)
            self._connection.execute("DELETE FROM records")
            rows = (encode(record, meta.key) for record in snapshot.records)
            self._connection.executemany(_PUT, ((*row, serial) for row in rows))
        self._meta = meta

    def belong_to(self, endpoint: str) -> None:
        if endpoint != self._meta.endpoint:
            with self._commit():
                self._connection.execute(_ENTER, ("endpoint", endpoint))
            self._meta = self._meta._replace(endpoint=endpoint)

    def backup(self) -> Backup | None:
        with self._guard, told(self._path):
            self._check()
            self._begin()
            self._keeps_backup = True
        return backup.kept(self._path) if self._meta.serial else None

    def release(self) -> None:
        """Gives the lock back. Where that fails, the next one finds this process gone, and takes it."""
        with self._guard:
            self._released = True
            with contextlib.suppress(StateError, sqlite3.Error, OSError):
                renews = self._wrote or (self._is_heir and not self._is_copied())
                if renews and not self._keeps_backup and self._is_same_file() and self._is_held():
                    backup.make(self._connection, self._path, database.examine)
            with contextlib.suppress(sqlite3.Error, OSError), transaction(self._connection):
                self._connection.execute(RELEASE, key_of(self.lock))

    def _row(self, record: Record) -> Row:
        if faults := tuple(flaws(record)):
            raise unfit(self._path, *faults)
        return encode(record, self._meta.key)

    @contextlib.contextmanager
    def _commit(self, *addresses: Address) -> Iterator[int]:
        """One durable commit under the lock, which raises the serial to the number that it yields."""
        for address in addresses:
            if self._scope is not None and address not in self._scope:
                raise outside(self._path, address)
        with self._guard, told(self._path):
            self._check()
            self._begin()
            with transaction(self._connection):
                if not self._is_held():
                    raise lost(self._path, "somebody else took it over, or it was taken away")
                yield database.count_up(self._connection, "serial")

    def _begin(self) -> None:
        """Before the first write: unless the last holder was killed, or kept another copy, there is one of this state."""
        if not self._wrote:
            if not self._is_copied():
                backup.make(self._connection, self._path, database.examine)
            self._wrote = True

    def _is_copied(self) -> bool:
        """Whether the copy is of the state as it was when this lease began; of one that was never written, none is needed."""
        return not self._meta.serial or backup.is_of(self._path, self._meta.lineage, self._meta.serial)

    def _check(self) -> None:
        """A file that was moved away or replaced would still take writes, for nobody to read."""
        if self._released:
            raise lost(self._path, "it was given back")
        if not self._is_same_file():
            raise lost(self._path, "the file was removed or replaced")

    def _is_same_file(self) -> bool:
        try:
            return _identity(self._path) == self._file
        except FileNotFoundError:
            return False

    def _is_held(self) -> bool:
        return self._connection.execute(_HELD, key_of(self.lock)).fetchone() is not None


def key_of(lock: Lock) -> tuple[str, str, int]:
    """What tells a lock from its successors in the table."""
    return SCOPE, lock.id, lock.fence


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
