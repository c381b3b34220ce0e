"""The state in a PostgreSQL database: for a team, which applies disjoint parts of it at the same time.

Every scope is locked in one transaction, all addresses at once or none, so that nobody waits while holding. Only who waits
for the whole holds a place in line, which those who come later respect: parts could keep it waiting for ever. Whether a
holder elsewhere is dead is told by the server's clock alone. Durability is that of the server: `synchronous_commit` has to
be on there, as it is by default. Backups are the server's business, too, but for those before a change by hand, which the command line keeps.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import psycopg
from msgspec.structs import replace

from declarative.model.address import Address
from declarative.state import tables
from declarative.state.format import FORMAT, Meta
from declarative.state.heart import Heart
from declarative.state.postgres_lease import END, HASTE, PostgresLease
from declarative.state.reading import records_of, uncollected
from declarative.state.refusals import locked
from declarative.state.server import SILENCE, Connection, Server
from declarative.state.store import HEARTBEAT, Holder, Lock, Snapshot

# What stands for all addresses in the table of locks, and for the place in line of one who waits for them.
WHOLE = "*"
PLACE = "?"
_SIGNS = (WHOLE, PLACE)
# Seconds between two looks at locks that somebody else holds, and for how long a write tries to reach a server again. The
# latter is well below the time after which a silent holder counts as dead.
POLL = 0.2
PATIENCE = 30.0

_RESTORE = "restore the server's backup, or push a document that declarative state pull printed; it was left as it is"
_RECORDS = "SELECT address, kind, key, id, name, project, data, intent FROM {schema}.records"
_HELD = """
    SELECT clock_timestamp(), array_agg(locks.address ORDER BY locks.address), leases.*
    FROM {schema}.leases JOIN {schema}.locks ON locks.lease = leases.id
    WHERE leases.id <> %s AND (%s OR locks.address IN ('*', '?') OR locks.address = ANY(%s))
    GROUP BY leases.id ORDER BY leases.fence
"""
# The row is also the gate: whoever has counted the fence up takes the lock before the next one looks.
_FENCE = "UPDATE {schema}.meta SET value = (value::bigint + 1)::text WHERE key = 'fence' RETURNING value"
_TAKE = """
    INSERT INTO {schema}.leases (id, fence, who, host, pid, command, place, started)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING *
"""
_LOCK = "INSERT INTO {schema}.locks SELECT unnest(%s::text[]), %s"
_FIND = "SELECT * FROM {schema}.leases WHERE id = %s FOR UPDATE"
_BEAT = "UPDATE {schema}.leases SET heartbeat = clock_timestamp() WHERE id = %s AND fence = %s"


class _Held(NamedTuple):
    """A lock that is in the way: which of its addresses are, and what time it is by the server's clock."""

    now: float
    addresses: list[str]
    lock: Lock


class PostgresStore:
    """Fulfils `store.Store`. It keeps no connection of its own: a load and a lease open and close theirs.

    `heartbeat` is the time in seconds between two signs of life, `patience` how long a write tries to reconnect, `silence`
    how long a statement waits for a sign of the server.
    """

    def __init__(
        self, url: str, heartbeat: float = HEARTBEAT, patience: float = PATIENCE, silence: float = SILENCE
    ) -> None:
        self.server = Server.of(url, silence)
        self._heartbeat = heartbeat
        self._patience = patience

    @property
    def name(self) -> str:
        return str(self.server)

    def holders(self) -> tuple[Lock, ...]:
        with self.server.told(), self.server.connect() as connection:
            if not tables.exists(self.server, connection):
                return ()
            tables.verify(self.server, connection)
            return tuple(one.lock for one in _living(self._held(connection, [WHOLE], None)))

    def load(self) -> Snapshot:
        with self.server.told(), uncollected(), self.server.connect() as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                if not tables.exists(self.server, connection):
                    return Snapshot()
                meta = tables.verify(self.server, connection)
                rows = self.server.run(connection, _RECORDS).fetchall()
            records = records_of(self.server, rows, meta.key, _RESTORE)
            return Snapshot(meta.lineage, meta.serial, records, meta.key, meta.endpoint)

    @contextlib.contextmanager
    def lock(self, holder: Holder, timeout: float, scope: frozenset[Address] | None = None) -> Iterator[PostgresLease]:
        with self.server.told():
            connection = self.server.connect()
            try:
                lock, meta = self._enter(connection, holder, timeout, scope)
            except BaseException:
                connection.close()
                raise
        lease = PostgresLease(self.server, connection, lock, meta, scope, self._patience)
        with Heart(partial(self._beat, lock), self._heartbeat):
            try:
                yield lease
            finally:
                lease.release()

    def force_unlock(self, id: str) -> Lock | None:
        with self.server.told(), self.server.connect() as connection:
            if not tables.exists(self.server, connection):
                return None
            tables.verify(self.server, connection)
            with self.server.transaction(connection):
                row = self.server.run(connection, _FIND, (id,)).fetchone()
                self.server.run(connection, END, ([id],))
            return _lock(*row) if row else None

    def _beat(self, lock: Lock) -> None:
        with self.server.told(), self.server.connect() as connection:
            self.server.run(connection, _BEAT, (lock.id, lock.fence))

    def _enter(
        self, connection: Connection, holder: Holder, timeout: float, scope: frozenset[Address] | None
    ) -> tuple[Lock, Meta]:
        if not tables.exists(self.server, connection):
            tables.create(self.server, connection)
        tables.verify(self.server, connection)
        wanted = [WHOLE] if scope is None else sorted(map(str, scope))
        lock = self._acquire(connection, holder, timeout, wanted)
        return lock, tables.verify(self.server, connection)

    def _acquire(self, connection: Connection, holder: Holder, timeout: float, wanted: list[str]) -> Lock:
        deadline = time.monotonic() + timeout
        place: Lock | None = None
        with contextlib.ExitStack() as waiting:
            while isinstance(found := self._attempt(connection, holder, wanted, place), list):
                left = deadline - time.monotonic()
                if left <= 0:
                    parts = ((held.lock, [name for name in held.addresses if name not in _SIGNS]) for held in found)
                    raise locked(self.server, list(parts), timeout)
                if wanted == [WHOLE] and place is None:
                    place = self._line_up(connection, holder, waiting)
                time.sleep(min(POLL, left))
            return found

    def _line_up(self, connection: Connection, holder: Holder, waiting: contextlib.ExitStack) -> Lock | None:
        """The place in line, kept until `waiting` ends; None while somebody else has it, or the whole state."""
        place = self._attempt(connection, holder, [PLACE])
        if isinstance(place, list):
            return None
        waiting.callback(self._leave, connection, place)
        waiting.enter_context(Heart(partial(self._beat, place), self._heartbeat))
        return place

    def _leave(self, connection: Connection, place: Lock) -> None:
        with contextlib.suppress(psycopg.Error), contextlib.ExitStack() as hasty:  # the next one finds it abandoned
            if connection.closed:  # by Ctrl-C
                connection = hasty.enter_context(self.server.connect(HASTE))
            self.server.run(connection, END, ([place.id],))

    def _attempt(
        self, connection: Connection, holder: Holder, wanted: list[str], place: Lock | None = None
    ) -> Lock | list[_Held]:
        """The lock where it could be taken, else the living holders who are in the way; `place` is our own in line."""
        # A look first: it costs nothing, where the gate would get into the way of others who take locks.
        if living := _living(self._held(connection, wanted, place)):
            return living
        with self.server.transaction(connection):
            (fence,) = self.server.run(connection, _FENCE).fetchone() or (0,)
            meta = tables.verify(self.server, connection)
            # Tables change their shape only while nobody else writes.
            held = self._held(connection, wanted if meta.format == FORMAT else [WHOLE], place)
            if living := _living(held):
                return living
            self.server.run(connection, END, ([one.lock.id for one in held],))
            if meta.format != FORMAT:
                tables.migrate(self.server, connection, meta.format)
            return self._take(connection, holder, int(fence), wanted)

    def _held(self, connection: Connection, wanted: list[str], place: Lock | None) -> list[_Held]:
        own = place.id if place is not None else ""
        rows = self.server.run(connection, _HELD, (own, wanted == [WHOLE], wanted))
        return [_Held(now.timestamp(), names, replace(_lock(*row), waits=PLACE in names)) for now, names, *row in rows]

    def _take(self, connection: Connection, holder: Holder, fence: int, wanted: list[str]) -> Lock:
        name = str(uuid.uuid4())
        who = (holder.who, holder.host, holder.pid, holder.command, holder.place, holder.started)
        row = self.server.run(connection, _TAKE, (name, fence, *who)).fetchone()
        assert row is not None
        self.server.run(connection, _LOCK, (wanted, name))
        return _lock(*row)


def _living(held: list[_Held]) -> list[_Held]:
    return [one for one in held if not one.lock.is_abandoned(one.now)]


def _lock(id: str, fence: int, _writes: int, since: datetime, heartbeat: datetime, *holder: Any) -> Lock:
    """From a row of the table of leases."""
    return Lock(id, Holder(*holder), since.timestamp(), heartbeat.timestamp(), fence)
