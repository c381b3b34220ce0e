"""Writing to a state in PostgreSQL: one durable commit each, under the lock, told for sure although connections break.

Each write is the nth of its lease: it counts the lease's row up from n, and does nothing where that row is gone (the lock is
lost) or has counted further. So a write whose answer was lost is simply sent again over a new connection; arrives the
first one late, one of the two finds n + 1 and does nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, LiteralString

import psycopg

from declarative.diagnostics import Diagnostic
from declarative.errors import StateError
from declarative.model.address import Address
from declarative.model.record import Record
from declarative.state.format import Meta, Row, encode, flaws, violations
from declarative.state.refusals import foreign, lost, outside, unfit
from declarative.state.server import Connection, Server
from declarative.state.store import Backup, Lock, Snapshot

# Ends leases, whose locks go with them; their writes go on to count.
END = """
    WITH ended AS (DELETE FROM {schema}.leases WHERE id = ANY(%s) RETURNING writes)
    UPDATE {schema}.meta SET value = (value::bigint + (SELECT sum(writes) FROM ended))::text
    WHERE key = 'serial' AND EXISTS (SELECT FROM ended)
"""
# Seconds between two attempts to reach a server, and for one to give the lock back where that is in vain already.
PAUSE = 0.2
HASTE = 2
_CUT_OFF = "an earlier write was cut off, and whether it arrived is not known"

# One statement is one round trip and one transaction, which cannot be left half way.
_HELD = """
    WITH held AS (
        UPDATE {schema}.leases SET writes = writes + 1 WHERE id = %s AND fence = %s AND writes = %s RETURNING 1
    )"""
_COUNT = "SELECT count(*) FROM held"
_REMOVED = ", removed AS (DELETE FROM {schema}.records WHERE address = ANY(%s::text[]) AND EXISTS (SELECT FROM held))"
_WRITTEN = """, written AS (
        INSERT INTO {schema}.records (address, kind, key, id, name, project, data, intent)
        SELECT one.* FROM held, unnest(
            %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[]
        ) AS one
        ON CONFLICT (address) DO UPDATE SET id = excluded.id, name = excluded.name, project = excluded.project,
            data = excluded.data, intent = excluded.intent
    )"""
_ENTERED = """, entered AS (
        INSERT INTO {schema}.meta SELECT 'endpoint', %s FROM held ON CONFLICT (key) DO UPDATE SET value = excluded.value
    )"""
_WRITE = f"{_HELD}{_REMOVED}{_WRITTEN} {_COUNT}"
_NO_ROWS: tuple[list[str | None], ...] = ([],) * len(Row._fields)
_CLAIM = f"{_HELD} {_COUNT}"
_BELONG = f"{_HELD}{_ENTERED} {_COUNT}"
_WRITES = "SELECT writes FROM {schema}.leases WHERE id = %s AND fence = %s"

_IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM {schema}.records)"
_CLEAR = "DELETE FROM {schema}.records"
_INSERT = "INSERT INTO {schema}.records VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
_ENTER = "INSERT INTO {schema}.meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
# This write has been counted already: the serial becomes one more than the greater of the two.
_RAISE = """
    UPDATE {schema}.meta SET value = greatest(value::bigint, %s - (SELECT sum(writes) FROM {schema}.leases))::text
    WHERE key = 'serial'
"""

Write = Callable[[Connection], bool]


class PostgresLease:
    """Fulfils `store.Lease`. `patience` is the time in seconds for which a write tries to reach a server again."""

    def __init__(
        self,
        server: Server,
        connection: Connection,
        lock: Lock,
        meta: Meta,
        scope: frozenset[Address] | None,
        patience: float,
    ) -> None:
        self.lock = lock
        self._server = server
        self._connection = connection
        self._meta = meta
        self._scope = scope
        self._patience = patience
        self._guard = threading.Lock()
        self._writes = 0
        self._hurries = False
        # Why it writes no more.
        self._over: str | None = None

    @property
    def lineage(self) -> str:
        return self._meta.lineage

    def write(self, *records: Record, forget: Iterable[Address] = ()) -> None:
        written = [record.address for record in records]
        # One statement cannot delete a row and write it, too.
        forgotten = [address for address in forget if address not in written]
        columns = map(list, zip(*(self._row(record) for record in records), strict=True)) if records else _NO_ROWS
        values = ([str(address) for address in forgotten], *columns)
        self._write(lambda connection: self._held(connection, _WRITE, *values), *forgotten, *written)

    def hurry(self) -> None:
        self._hurries = True
        self._connection.silence = min(self._connection.silence, HASTE)

    def replace_all(self, snapshot: Snapshot) -> None:
        if self._scope is not None:
            raise outside(self._server, None)
        if faults := tuple(violations(snapshot.records)):
            raise unfit(self._server, *faults)
        meta = self._meta

        def replace(connection: Connection) -> bool:
            nonlocal meta
            with self._server.transaction(connection):
                if not self._held(connection, _CLAIM):
                    return False
                meta = self._adopted(connection, snapshot)._replace(endpoint=snapshot.endpoint)
                rows = [encode(record, meta.key) for record in snapshot.records]
                self._server.run(connection, _CLEAR)
                self._server.run_many(connection, _INSERT, rows)
                entries = {"lineage": meta.lineage, "key": meta.key.hex(), "endpoint": meta.endpoint}
                self._server.run_many(connection, _ENTER, list(entries.items()))
                self._server.run(connection, _RAISE, (snapshot.serial + 1,))
            return True

        self._write(replace)
        self._meta = meta

    def belong_to(self, endpoint: str) -> None:
        if endpoint != self._meta.endpoint:
            self._write(lambda connection: self._held(connection, _BELONG, endpoint))
            self._meta = self._meta._replace(endpoint=endpoint)

    def backup(self) -> Backup | None:
        """A server has no place for it."""
        return None

    def release(self) -> None:
        """Gives the lock back. Where that fails, the next one finds this process gone or silent, and takes it."""
        with self._guard:
            within = HASTE if self._hurries or self._over == _CUT_OFF else None
            self._over = "it was given back"
            # Once more over a new connection, should the old one turn out to be broken.
            for _ in range(1 if self._connection.closed else 2):
                with contextlib.suppress(psycopg.Error):
                    self._server.run(self._connected(within), END, ([self.lock.id],))
                    break
            self._connection.close()

    def _adopted(self, connection: Connection, snapshot: Snapshot) -> Meta:
        """What the state says of itself once the snapshot is in it; raises StateError for another state's."""
        (is_empty,) = self._server.run(connection, _IS_EMPTY).fetchone() or (False,)
        if is_empty:
            return self._meta._replace(
                lineage=snapshot.lineage or self._meta.lineage, key=snapshot.key or self._meta.key
            )
        if snapshot.lineage != self._meta.lineage:
            raise foreign(self._server, self._meta.lineage, snapshot.lineage)
        return self._meta

    def _row(self, record: Record) -> Row:
        if faults := tuple(flaws(record)):
            raise unfit(self._server, *faults)
        return encode(record, self._meta.key)

    def _held(self, connection: Connection, statement: LiteralString, *parameters: str | list[Any]) -> bool:
        """Runs a statement that counts the lease up; whether it did, and so all else that it says."""
        claim = (self.lock.id, self.lock.fence, self._writes)
        row = self._server.run(connection, statement, (*claim, *parameters)).fetchone()
        return row is not None and row[0] == 1

    def _write(self, write: Write, *addresses: Address) -> None:
        """One write, done when this returns; whether it is done is unknown only where it raises for lost connections."""
        for address in addresses:
            if self._scope is not None and address not in self._scope:
                raise outside(self._server, address)
        with self._guard:
            if self._over:
                raise lost(self._server, self._over)
            try:
                self._settle(write)
                self._writes += 1
            except psycopg.Error as error:
                raise StateError(self._server.diagnostic(error)) from error
            except Exception:
                raise
            except BaseException:
                self._over = _CUT_OFF
                raise

    def _settle(self, write: Write) -> None:
        """Sends a write until it is known to have arrived, once; raises StateError, psycopg.Error where it did not."""
        deadline = time.monotonic() + self._patience
        is_repeated = False
        while True:
            try:
                connection = self._connected(HASTE if self._hurries else None)
                if write(connection) or self._has_arrived(connection, is_repeated):
                    return
            except psycopg.Error as error:
                if not self._passes(error):
                    raise
                if self._hurries or time.monotonic() >= deadline:
                    self._over = _CUT_OFF
                    raise self._doubtful(error) from error
                is_repeated = True
                time.sleep(PAUSE)

    def _passes(self, error: psycopg.Error) -> bool:
        """Whether to try again: without a connection, or when others were in the way for a moment."""
        return self._connection.closed or isinstance(
            error, (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
        )

    def _has_arrived(self, connection: Connection, is_repeated: bool) -> bool:
        """True when an earlier attempt has done the write; raises StateError where this lease may not write at all."""
        row = self._server.run(connection, _WRITES, (self.lock.id, self.lock.fence)).fetchone()
        if row is None:
            raise lost(self._server, "somebody else took it over, or it was taken away")
        if not (is_repeated and row[0] == self._writes + 1):
            raise lost(self._server, "the server no longer has what was written, or is another one")
        return True

    def _connected(self, within: int | None = None) -> Connection:
        if self._connection.closed:
            self._connection = self._server.connect(within)
        return self._connection

    def _doubtful(self, error: psycopg.Error) -> StateError:
        found = self._server.diagnostic(error)
        detail = (
            f"{found.detail}; it was tried for {self._patience:g} s, and whether the last write arrived is not known"
        )
        hint = (
            "nothing more was written; see to the server, then run the command again: it looks up how far this one came"
        )
        return StateError(Diagnostic("The connection to the state is lost", detail, hint))
