"""What every store says when it refuses, in the same words. `place` is the state's file or database, never a password."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from declarative.diagnostics import Diagnostic
from declarative.errors import StateError, StateLocked
from declarative.model.address import Address
from declarative.state.format import FORMAT
from declarative.state.store import Lock

# Addresses that a message names before it only counts.
NAMED = 5

_DEAD = "the lock of a process that died is taken over by itself, from another machine after a minute"
_WAIT = f"wait for it to end, or wait longer with --lock-timeout 5m; {_DEAD}"
_QUEUE = f"it is first in a queue for the whole state: wait behind it with --lock-timeout 5m; {_DEAD}"


def broken(place: object, *faults: str, hint: str) -> StateError:
    """The records break the rules of `format`."""
    return StateError(*(Diagnostic("The state contradicts itself", f"{place}: {fault}", hint) for fault in faults))


def newer(place: object, found: int) -> StateError:
    """The state has a format that this release does not know."""
    detail = f"{place} has format {found}, and this release reads formats up to {FORMAT}"
    return StateError(Diagnostic("The state was written by a newer release", detail, "upgrade declarative"))


def unfit(place: object, *faults: str) -> StateError:
    """What was to be written breaks the rules of `format`."""
    return broken(place, *faults, hint="it was not written; the state is as it was")


def lost(place: object, reason: str) -> StateError:
    """A lease may write no more."""
    hint = "nothing more was written; run the command again, and it will look up how far this one came"
    return StateError(Diagnostic("The state's lock is lost", f"{place}: {reason}", hint))


def outside(place: object, address: Address | None) -> StateError:
    """A write beyond what was locked: a mistake of this program, stopped before it can meet another writer's."""
    what = f"{address} was to be written" if address else "all records were to be replaced"
    detail = f"{place}: {what}, and the lock does not cover that; nothing was written"
    return StateError(Diagnostic("The lock is too narrow", detail, "this is a bug in declarative: please report it"))


def foreign(place: object, own: str, other: str) -> StateError:
    """Another state was to be written over this one."""
    detail = f"{place} has records and the lineage {own}; what was to replace them has the lineage {other}"
    hint = "write it to an empty state, or to the one that it came from"
    return StateError(Diagnostic("This is another state", detail, hint))


def locked(place: object, found: Sequence[tuple[Lock, Sequence[str]]], waited: float) -> StateLocked:
    """Others hold the state (or, of a part of it, the addresses beside their lock), and did for `waited` seconds."""
    return StateLocked(
        *(
            Diagnostic("The state is locked", _held(place, lock, parts, waited), _QUEUE if lock.waits else _WAIT)
            for lock, parts in found
        )
    )


def _held(place: object, lock: Lock, parts: Sequence[str], waited: float) -> str:
    holder = lock.holder
    since, seen = (
        datetime.fromtimestamp(moment, UTC).isoformat(" ", "seconds") for moment in (lock.since, lock.heartbeat)
    )
    named = ", ".join(parts[:NAMED]) + (f" and {len(parts) - NAMED} more" if len(parts) > NAMED else "")
    verb = "is waited for" if lock.waits else "is held"
    return (
        f"{named + ' in ' if named else ''}{place} {verb} by {holder.who} on {holder.host} (process {holder.pid}, "
        f"`{holder.command}`) since {since}, last seen {seen}, lock {lock.id}; waited {waited:g} s"
    )
