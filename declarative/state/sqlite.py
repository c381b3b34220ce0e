"""The state in one SQLite file: nothing to set up, and as durable as the disk below it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from declarative.errors import StateError
from declarative.model.address import Address
from declarative.state import database
from declarative.state.backup import recovery
from declarative.state.database import connect, told, transaction
from declarative.state.heart import Heart
from declarative.state.reading import records_of, uncollected
from declarative.state.refusals import locked
from declarative.state.sqlite_lease import RELEASE, SCOPE, SqliteLease, key_of
from declarative.state.store import EXPIRY, HEARTBEAT, Holder, Lock, Snapshot

# Seconds between two looks at a lock that somebody else holds.
POLL = 0.2

_RECORDS = "SELECT address, kind, key, id, name, project, data, intent FROM records"
_LOCK = "SELECT id, fence, since, heartbeat, who, host, pid, command, place, started FROM locks"
_TAKE = "INSERT OR REPLACE INTO locks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_BEAT = "UPDATE locks SET heartbeat = ? WHERE scope = ? AND id = ? AND fence = ?"


class SqliteStore:
    """Fulfils `store.Store`. It keeps no connection of its own: a load and a lease open and close theirs.

    `clock` tells seconds since the epoch; `heartbeat` is the time in seconds between two signs of life.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time, heartbeat: float = HEARTBEAT) -> None:
        # SQLite puts its log beside the file that a symbolic link leads to, and so must those who look for it.
        self.path = Path(os.path.realpath(path))
        self._clock = clock
        self._heartbeat = heartbeat

    @property
    def name(self) -> str:
        return str(self.path)

    def holders(self) -> tuple[Lock, ...]:
        with told(self.path):
            if not self.path.exists():
                return ()
            # Where nobody writes there is no log, and SQLite need not make one.
            query = "mode=ro" if self._resting() is None else "mode=ro&immutable=1"
            with closing(connect(self.path, query)) as connection:
                database.verify(connection, self.path)
                found = _find(connection)
        return (found,) if found is not None and not found.is_abandoned(self._clock()) else ()

    def load(self) -> Snapshot:
        with told(self.path):
            if not self.path.exists():
                return Snapshot()
            resting = self._resting()
            if resting is None:
                return self._read("mode=ro")
            # Nobody is writing. Read so, SQLite makes no files beside this one and needs no right to. Should somebody
            # begin meanwhile, what was read may be torn, and is read again in their company.
            try:
                snapshot = self._read("mode=ro&immutable=1")
            except (sqlite3.Error, StateError):
                if self._resting() == resting:
                    raise
            else:
                if self._resting() == resting:
                    return snapshot
            return self._read("mode=ro")

    @contextlib.contextmanager
    def lock(self, holder: Holder, timeout: float, scope: frozenset[Address] | None = None) -> Iterator[SqliteLease]:
        """As the contract has it. SQLite has one writer at a time, so that any scope takes the whole state."""
        with told(self.path):
            if not self.path.exists():
                database.create(self.path)
            connection = connect(self.path, "mode=rw")
        with closing(connection):
            with told(self.path):
                database.verify(connection, self.path)
                lock, is_heir = self._acquire(connection, holder, timeout)
                # Whoever held the lock before may have brought the tables to a newer format.
                database.migrate(connection, database.verify(connection, self.path).format)
                meta = database.verify(connection, self.path)
                lease = SqliteLease(self.path, connection, lock, meta, scope, is_heir=is_heir)
            with Heart(partial(self._beat, lock), self._heartbeat):
                try:
                    yield lease
                finally:
                    lease.release()

    def force_unlock(self, id: str) -> Lock | None:
        with told(self.path):
            if not self.path.exists():
                return None
            with closing(connect(self.path, "mode=rw")) as connection:
                database.verify(connection, self.path)
                with transaction(connection):
                    found = _find(connection)
                    if found is None or found.id != id:
                        return None
                    connection.execute(RELEASE, key_of(found))
                    return found

    def _beat(self, lock: Lock) -> None:
        with told(self.path), closing(connect(self.path, "mode=rw", EXPIRY / 10)) as connection:
            connection.execute(_BEAT, (self._clock(), *key_of(lock)))

    def _resting(self) -> tuple[int, int, int] | None:
        """What would change if somebody wrote; None while there is a log, whose end belongs to the state."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.with_name(f"{self.path.name}-wal").stat().st_size:
                return None
        status = self.path.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _read(self, query: str) -> Snapshot:
        with uncollected(), closing(connect(self.path, query)) as connection:
            connection.execute("BEGIN")
            meta = database.verify(connection, self.path)
            database.examine(connection, self.path)
            records = records_of(self.path, connection.execute(_RECORDS), meta.key, recovery(self.path))
        return Snapshot(meta.lineage, meta.serial, records, meta.key, meta.endpoint)

    def _acquire(self, connection: sqlite3.Connection, holder: Holder, timeout: float) -> tuple[Lock, bool]:
        """The lock, and whether it was taken over from the dead."""
        deadline = time.monotonic() + timeout
        wanted = str(uuid.uuid4())
        while True:
            found, is_heir = self._attempt(connection, holder, wanted)
            if found.id == wanted:
                return found, is_heir
            left = deadline - time.monotonic()
            if left <= 0:
                raise locked(self.path, [(found, ())], timeout)
            time.sleep(min(POLL, left))

    def _attempt(self, connection: sqlite3.Connection, holder: Holder, id: str) -> tuple[Lock, bool]:
        """The lock as it stands now, under `id` when it was free or its holder dead, and whether there was a dead one."""
        # A look first: it costs nothing, where a transaction would get into the way of the holder's.
        found = _find(connection)
        if found and not found.is_abandoned(self._clock()):
            return found, False
        with transaction(connection):
            found, now = _find(connection), self._clock()
            if found and not found.is_abandoned(now):
                return found, False
            fence = database.count_up(connection, "fence")
            who = (holder.who, holder.host, holder.pid, holder.command, holder.place, holder.started)
            connection.execute(_TAKE, (SCOPE, id, fence, now, now, *who))
        return Lock(id, holder, now, now, fence), found is not None


def _find(connection: sqlite3.Connection) -> Lock | None:
    row = connection.execute(_LOCK).fetchone()
    if row is None:
        return None
    lock_id, fence, since, heartbeat, *holder = row
    return Lock(lock_id, Holder(*holder), since, heartbeat, fence)
