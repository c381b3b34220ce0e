"""Who holds a state right now, read without a lock and without leaving a trace; and what to call the state."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from declarative.state import database
from declarative.state.database import connect, told
from declarative.state.sqlite import SqliteStore
from declarative.state.store import Holder, Lock, Store

if TYPE_CHECKING:
    from declarative.state.server import Server

_SQLITE = "SELECT id, who, host, pid, command, place, started, since, heartbeat, fence FROM locks"
_POSTGRES = """
    SELECT clock_timestamp(), id, who, host, pid, command, place, started, since, heartbeat, fence
    FROM {schema}.leases ORDER BY fence
"""


def place(store: Store) -> str:
    """The state's file or database, without a password."""
    return str(store.path) if isinstance(store, SqliteStore) else str(_server(store))


def holders(store: Store) -> tuple[Lock, ...]:
    """The locks of those who are alive, oldest first; raises StateError. Empty where there is no state yet."""
    return _in_file(store.path) if isinstance(store, SqliteStore) else _in_database(_server(store))


def _server(store: Store) -> Server:
    from declarative.state.postgres import PostgresStore  # not everybody has installed what it takes

    assert isinstance(store, PostgresStore)
    return store.server


def _in_file(path: Path) -> tuple[Lock, ...]:
    with told(path):
        if not path.exists():
            return ()
        # Where nobody writes there is no log, and SQLite need not make one.
        with closing(connect(path, "mode=ro" if _has_log(path) else "mode=ro&immutable=1")) as connection:
            database.verify(connection, path)
            rows = connection.execute(_SQLITE).fetchall()
    locks = (Lock(name, Holder(*holder), since, beat, fence) for name, *holder, since, beat, fence in rows)
    return tuple(lock for lock in locks if not lock.is_abandoned(time.time()))


def _has_log(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    return False


def _in_database(server: Server) -> tuple[Lock, ...]:
    from declarative.state import tables

    with server.told(), server.connect() as connection:
        if not tables.exists(server, connection):
            return ()
        tables.verify(server, connection)
        rows = server.run(connection, _POSTGRES).fetchall()
    return tuple(lock for now, *row in rows if not (lock := _of_row(*row)).is_abandoned(now.timestamp()))


def _of_row(
    id: str,
    who: str,
    host: str,
    pid: int,
    command: str,
    place: str,
    started: str,
    since: datetime,
    beat: datetime,
    fence: int,
) -> Lock:
    holder = Holder(who, host, pid, command, place, started)
    return Lock(id, holder, since.timestamp(), beat.timestamp(), fence)
