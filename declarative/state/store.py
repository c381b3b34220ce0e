"""The contract of a state store, and the values that it speaks of.

Reading takes no lock and changes nothing. Writing needs a lease, and every write is one small durable commit: when `write`
returns, the records survive a kill and a power failure. A lock carries a fence, a number that grows with every holder;
a lease checks it within each commit, so that a holder that lost its lock can never write over its successor.

A lock covers a scope: some addresses, or the whole state. Two scopes with an address in common exclude each other, and
the whole excludes all. A store that has one writer at a time (SQLite) locks the whole for any scope.
"""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from declarative.model.address import Address
from declarative.model.record import Record
from declarative.state import process

# Seconds between two signs of life of a holder, and after how many without one it counts as dead on another machine.
HEARTBEAT = 10.0
EXPIRY = 60.0


class Snapshot(Struct, frozen=True):
    """A state at one moment, records in order of address. Where nothing exists yet: no lineage, serial 0.

    `key` is the state's own secret, under which it keeps digests of others. It leaves the state
    only with the whole of it, by `state pull`. `endpoint` is the control plane of its objects, "" until the first apply.
    """

    lineage: str = ""
    serial: int = 0
    records: tuple[Record, ...] = ()
    key: bytes = b""
    endpoint: str = ""

    def __repr__(self) -> str:
        return f"Snapshot({self.lineage}, {self.serial}, {self.records})"  # without the key

    def by_address(self) -> dict[Address, Record]:
        return {record.address: record for record in self.records}


class Holder(Struct, frozen=True):
    """Who holds a lock. `place` and `started` tell the process from others of the same number; see `process`."""

    who: str
    host: str
    pid: int
    command: str
    place: str = ""
    started: str = ""

    @classmethod
    def current(cls, command: str) -> Holder:
        """This process, running `command`."""
        pid = os.getpid()
        return cls(_user(), platform.node(), pid, command, process.place(), process.started(pid))

    def is_gone(self) -> bool | None:
        """Whether the process has ended; None where that cannot be seen from here."""
        if (self.host, self.place) != (platform.node(), process.place()):
            return None
        return not process.runs(self.pid, self.started)


class Lock(Struct, frozen=True):
    """A lock as taken. `since` and `heartbeat` are seconds since the epoch by the clock of the holder, or of the server."""

    id: str
    holder: Holder
    since: float
    heartbeat: float
    fence: int = 0
    # Not held yet: its holder is the next in line for the whole state.
    waits: bool = False

    def is_abandoned(self, now: float) -> bool:
        """True when the holder is dead: its process has ended, or from afar, it gave no sign of life for a minute."""
        gone = self.holder.is_gone()
        return now - self.heartbeat > EXPIRY if gone is None else gone


class Backup(Struct, frozen=True):
    """A copy of a state, and the command that puts it back."""

    file: Path
    way_back: str


class Lease(Protocol):
    """The right to write within the scope, while the lock is held.

    Every write is durable on return. It raises StateError once the lock is lost, and for an address beyond the scope.
    """

    @property
    def lineage(self) -> str:
        """The identity of the state, given at its creation and kept for good."""

    def write(self, *records: Record, forget: Iterable[Address] = ()) -> None:
        """Writes each record in place of what its address had, and forgets the addresses of `forget`, all in one commit.

        A record wins over `forget`. Nothing happens to an address to forget that has none. A record that changes its
        address is written and forgotten in one go, so that at no moment two records own the object, nor none.
        """

    def hurry(self) -> None:
        """From any thread: who waits for a server that does not answer waits no longer."""

    def replace_all(self, snapshot: Snapshot) -> None:
        """Writes the snapshot in place of everything, in one commit; needs the lock of the whole.

        An empty state takes over lineage and key, where the snapshot has them; any other has to be of the same lineage. The
        serial becomes greater than both were. The endpoint becomes that of the snapshot.
        """

    def belong_to(self, endpoint: str) -> None:
        """Remembers the control plane that the state's objects live at. Nothing is written where that is known."""

    def backup(self) -> Backup | None:
        """Keeps a copy of the state as it was before this lease's first write, until another lease writes.

        None where there was nothing to keep, or the store has no place of its own for it.
        """


class Store(Protocol):
    """Where a state is kept."""

    @property
    def name(self) -> str:
        """The file or the database, without a password."""

    def holders(self) -> tuple[Lock, ...]:
        """The locks of those who are alive, oldest first, without a lock and without leaving a trace; raises StateError."""

    def load(self) -> Snapshot:
        """All of it as of one moment, without a lock and without leaving a trace; raises StateError."""

    def lock(
        self, holder: Holder, timeout: float, scope: frozenset[Address] | None = None
    ) -> AbstractContextManager[Lease]:
        """Takes the lock of the addresses of `scope`, all at once; None is the whole state.

        Waits up to `timeout` seconds for those who hold part of it; raises StateLocked when they still do. Whoever
        comes later than one who waits for the whole waits, too.
        """

    def force_unlock(self, id: str) -> Lock | None:
        """Takes the lock of this id away from whoever holds it, dead or alive; None where there is none.

        A former holder that lives on can write no more.
        """


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user often has a number and no name
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
