"""The tables of a state in PostgreSQL, made and brought up to date by number, under the same numbers as in SQLite.

    meta      format, lineage, key; `endpoint` once it is known; `serial` of all leases that have ended; `fence`, whose row is
              also the gate through which locks are taken, one taker at a time
    records   one row a resource, as in SQLite
    leases    who may write, last sign of life, and the number of its writes
    locks     the addresses that each lease holds, `*` for the whole state, `?` for the place in line of one who waits for the
              whole; they go with their lease

The state's serial is that of `meta` and the writes of all leases together: each writer counts in a row of its own, so that
none waits for another's commit.
"""

from __future__ import annotations

import secrets
import uuid
from typing import LiteralString

import psycopg

from declarative.diagnostics import Diagnostic
from declarative.errors import StateError
from declarative.state.format import FORMAT, KEY_SIZE, Meta
from declarative.state.refusals import newer
from declarative.state.server import Connection, Server

# What brings a state from format n to n + 1 stands at index n. No state here ever had format 1.
MIGRATIONS: tuple[tuple[LiteralString, ...], ...] = (
    (
        "CREATE TABLE {schema}.meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
        """CREATE TABLE {schema}.records (
            address TEXT COLLATE "C" PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, id TEXT, name TEXT NOT NULL,
            project TEXT, data TEXT NOT NULL, intent TEXT
        )""",
        """CREATE TABLE {schema}.leases (
            id TEXT PRIMARY KEY, fence BIGINT NOT NULL, writes BIGINT NOT NULL DEFAULT 0,
            since TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(), heartbeat TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
            who TEXT NOT NULL, host TEXT NOT NULL, pid BIGINT NOT NULL, command TEXT NOT NULL, place TEXT NOT NULL,
            started TEXT NOT NULL
        )""",
        """CREATE TABLE {schema}.locks (
            address TEXT COLLATE "C" PRIMARY KEY, lease TEXT NOT NULL REFERENCES {schema}.leases ON DELETE CASCADE
        )""",
        "CREATE INDEX ON {schema}.locks (lease)",
    ),
    (),
)

# Not to_regclass: within a transaction, it may answer from a cache that does not know what another one has just made.
_EXISTS = """
    SELECT EXISTS (
        SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = %s AND relname = 'meta'
    )
"""
_META = """
    SELECT key, value FROM {schema}.meta
    UNION ALL SELECT 'writes', coalesce(sum(writes), 0)::text FROM {schema}.leases
"""
_FILL = "INSERT INTO {schema}.meta VALUES (%s, %s)"
_FORMAT = "UPDATE {schema}.meta SET value = %s WHERE key = 'format'"


def exists(server: Server, connection: Connection) -> bool:
    """Whether there is a state."""
    row = connection.execute(_EXISTS, (server.schema,)).fetchone()
    return row is not None and bool(row[0])


def verify(server: Server, connection: Connection) -> Meta:
    """Reads the state's own account; raises StateError unless it is a state of this or an older release."""
    try:
        entries = {str(key): str(value) for key, value in server.run(connection, _META)}
        meta = Meta(
            int(entries["format"]),
            entries["lineage"],
            int(entries["serial"]) + int(entries["writes"]),
            bytes.fromhex(entries["key"]),
            entries.get("endpoint", ""),
        )
    except (KeyError, ValueError, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        detail = f"{server} has tables, but not those of a state: {' '.join(str(error).split())}"
        hint = "name another schema with ?schema_name=... in the URL, or restore the server's backup"
        raise StateError(Diagnostic("This schema is not a state", detail, hint)) from error
    if meta.format > FORMAT:
        raise newer(server, meta.format)
    return meta


def create(server: Server, connection: Connection) -> None:
    """Makes an empty state unless there is one; of two that do this at once, one waits and goes on with the other's."""
    with server.transaction(connection):
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"declarative {server.schema}",))
        if exists(server, connection):
            return
        # To ask for a schema that exists takes the right to make one, even where IF NOT EXISTS is said.
        row = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (server.schema,)).fetchone()
        if row is None:
            server.run(connection, "CREATE SCHEMA {schema}")
        _bring(server, connection, 0)
        key = secrets.token_bytes(KEY_SIZE).hex()
        entries = {"format": FORMAT, "lineage": uuid.uuid4(), "serial": 0, "fence": 0, "key": key}
        server.run_many(connection, _FILL, [(name, str(value)) for name, value in entries.items()])


def migrate(server: Server, connection: Connection, format: int) -> None:
    """Brings the tables from an older `format` to the present one, within a transaction that nobody else may write in."""
    _bring(server, connection, format)
    server.run(connection, _FORMAT, (str(FORMAT),))


def _bring(server: Server, connection: Connection, format: int) -> None:
    for statements in MIGRATIONS[format:FORMAT]:
        for statement in statements:
            server.run(connection, statement)
