"""The state in one SQLite file: nothing to set up, and as durable as the disk below it."""

from __future__ import annotations

import contextlib
import gc
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path

from declarative.diagnostics import Diagnostic
from declarative.errors import StateError, StateLocked
from declarative.model.address import Address
from declarative.model.record import Record
from declarative.state import database
from declarative.state.database import Meta, connect, told, transaction
from declarative.state.format import Malformed, Row, decode, encode, flaws, violations
from declarative.state.store import EXPIRY, HEARTBEAT, Holder, Lock, Snapshot

# The whole state. A scope may be an address in a store where several can write at once.
SCOPE = "*"
# Seconds between two looks at a lock that somebody else holds.
POLL = 0.2

_PUT = """
    INSERT INTO records (address, kind, key, id, name, project, data, intent, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (address) DO UPDATE SET id = excluded.id, name = excluded.name, project = excluded.project,
        data = excluded.data, intent = excluded.intent, version = excluded.version
"""
_RECORDS = "SELECT address, kind, key, id, name, project, data, intent FROM records"
_LOCK = "SELECT id, fence, since, heartbeat, who, host, pid, command, place, started FROM locks WHERE scope = ?"
_TAKE = "INSERT OR REPLACE INTO locks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_HELD = "SELECT 1 FROM locks WHERE scope = ? AND id = ? AND fence = ?"
_BEAT = "UPDATE locks SET heartbeat = ? WHERE scope = ? AND id = ? AND fence = ?"
_RELEASE = "DELETE FROM locks WHERE scope = ? AND id = ? AND fence = ?"


class SqliteStore:
    """Fulfils `store.Store`. It keeps no connection of its own: a load and a lease open and close theirs.

    `clock` tells seconds since the epoch; `heartbeat` is the time in seconds between two signs of life.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time, heartbeat: float = HEARTBEAT) -> None:
        # SQLite puts its log beside the file that a symbolic link leads to, and so must those who look for it.
        self.path = Path(os.path.realpath(path))
        self._clock = clock
        self._heartbeat = heartbeat

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
    def lock(self, holder: Holder, timeout: float) -> Iterator[SqliteLease]:
        with told(self.path):
            if not self.path.exists():
                database.create(self.path)
            connection = connect(self.path, "mode=rw")
        with closing(connection):
            with told(self.path):
                database.verify(connection, self.path)
                lock = self._acquire(connection, holder, timeout)
                # Whoever held the lock before may have brought the tables to a newer format.
                database.migrate(connection, database.verify(connection, self.path).format)
                lease = SqliteLease(self.path, connection, lock, database.verify(connection, self.path))
            with _Heart(self.path, lock, self._clock, self._heartbeat):
                try:
                    yield lease
                finally:
                    lease.release()

    def _resting(self) -> tuple[int, int, int] | None:
        """What would change if somebody wrote; None while there is a log, whose end belongs to the state."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.with_name(f"{self.path.name}-wal").stat().st_size:
                return None
        status = self.path.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _read(self, query: str) -> Snapshot:
        with _uncollected(), closing(connect(self.path, query)) as connection:
            connection.execute("BEGIN")
            meta = database.verify(connection, self.path)
            database.examine(connection, self.path)
            try:
                rows = sorted(connection.execute(_RECORDS), key=itemgetter(1, 2))
                records = [decode(Row(*row), meta.key) for row in rows]
            except Malformed as error:
                raise _broken(self.path, str(error)) from error
            if faults := tuple(violations(records)):
                raise _broken(self.path, *faults)
        return Snapshot(meta.lineage, meta.serial, tuple(records), meta.key)

    def _acquire(self, connection: sqlite3.Connection, holder: Holder, timeout: float) -> Lock:
        deadline = time.monotonic() + timeout
        wanted = str(uuid.uuid4())
        while (found := self._attempt(connection, holder, wanted)).id != wanted:
            left = deadline - time.monotonic()
            if left <= 0:
                raise _locked(self.path, found, timeout)
            time.sleep(min(POLL, left))
        return found

    def _attempt(self, connection: sqlite3.Connection, holder: Holder, id: str) -> Lock:
        """The lock as it stands now: under `id` when it was free or its holder dead, else somebody else's."""
        # A look first: it costs nothing, where a transaction would get into the way of the holder's.
        found = _find(connection)
        if found and not found.is_abandoned(self._clock()):
            return found
        with transaction(connection):
            found, now = _find(connection), self._clock()
            if found and not found.is_abandoned(now):
                return found
            fence = database.count_up(connection, "fence")
            who = (holder.who, holder.host, holder.pid, holder.command, holder.place, holder.started)
            connection.execute(_TAKE, (SCOPE, id, fence, now, now, *who))
        return Lock(id, holder, now, now, fence)


class SqliteLease:
    """Fulfils `store.Lease`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: Lock, meta: Meta) -> None:
        self.lock = lock
        self._path = path
        self._connection = connection
        self._file = _identity(path)
        self._guard = threading.Lock()
        self._released = False
        self._meta = meta

    @property
    def lineage(self) -> str:
        return self._meta.lineage

    def put(self, record: Record) -> None:
        if faults := tuple(flaws(record)):
            raise _broken(self._path, *faults)
        row = encode(record, self._meta.key)
        with self._commit() as serial:
            self._connection.execute(_PUT, (*row, serial))

    def remove(self, address: Address) -> None:
        with self._commit():
            self._connection.execute("DELETE FROM records WHERE address = ?", (str(address),))

    def release(self) -> None:
        """Gives the lock back. Where that fails, the next one finds this process gone, and takes it."""
        self._released = True
        with contextlib.suppress(sqlite3.Error, OSError), transaction(self._connection):
            self._connection.execute(_RELEASE, _key(self.lock))

    @contextlib.contextmanager
    def _commit(self) -> Iterator[int]:
        """One durable commit under the lock, which raises the serial to the number that it yields."""
        with self._guard, told(self._path):
            self._check_file()
            with transaction(self._connection):
                if not self._connection.execute(_HELD, _key(self.lock)).fetchone():
                    raise _lost(self._path, "somebody else took it over")
                yield database.count_up(self._connection, "serial")

    def _check_file(self) -> None:
        """A file that was moved away or replaced would still take writes, for nobody to read."""
        if self._released:
            raise _lost(self._path, "it was given back")
        try:
            same = _identity(self._path) == self._file
        except FileNotFoundError:
            same = False
        if not same:
            raise _lost(self._path, "the file was removed or replaced")


class _Heart:
    """Gives a sign of life now and then, from a thread and a connection of its own, until the block ends."""

    def __init__(self, path: Path, lock: Lock, clock: Callable[[], float], interval: float) -> None:
        self._path = path
        self._lock = lock
        self._clock = clock
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="state-heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            # One that fails is made up for by the next; if none succeeds, the fence keeps the state safe.
            with (
                contextlib.suppress(sqlite3.Error, OSError),
                closing(connect(self._path, "mode=rw", EXPIRY / 10)) as connection,
            ):
                connection.execute(_BEAT, (self._clock(), *_key(self._lock)))


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """What is made within is kept out of the garbage collector's sight for good.

    A state's values hold no cycles and live as long as the command; to look through them for garbage, again and again
    while they are made and once more afterwards, took as long as to read them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def _find(connection: sqlite3.Connection) -> Lock | None:
    row = connection.execute(_LOCK, (SCOPE,)).fetchone()
    if row is None:
        return None
    lock_id, fence, since, heartbeat, *holder = row
    return Lock(lock_id, Holder(*holder), since, heartbeat, fence)


def _key(lock: Lock) -> tuple[str, str, int]:
    return SCOPE, lock.id, lock.fence


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _broken(path: Path, *faults: str) -> StateError:
    hint = "put a good copy of the state in its place; it was left as it is"
    return StateError(*(Diagnostic("The state contradicts itself", f"{path}: {fault}", hint) for fault in faults))


def _lost(path: Path, reason: str) -> StateError:
    hint = "nothing more was written; run the command again, and it will look up how far this one came"
    return StateError(Diagnostic("The state's lock is lost", f"{path}: {reason}", hint))


def _locked(path: Path, lock: Lock, waited: float) -> StateLocked:
    holder = lock.holder
    since, seen = (
        datetime.fromtimestamp(moment, UTC).isoformat(" ", "seconds") for moment in (lock.since, lock.heartbeat)
    )
    detail = (
        f"{path} is held by {holder.who} on {holder.host} (process {holder.pid}, `{holder.command}`) since {since}, "
        f"last seen {seen}, lock {lock.id}; waited {waited:g} s"
    )
    hint = (
        "wait for it to end, or wait longer with --lock-timeout 5m; the lock of a process that died is taken over by "
        "itself, from another machine after a minute"
    )
    return StateLocked(Diagnostic("The state is locked", detail, hint))
