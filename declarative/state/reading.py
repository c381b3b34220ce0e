"""All rows of a state as records that keep the rules, in order of address."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from declarative.model.record import Record
from declarative.state.format import Malformed, Row, decode, violations
from declarative.state.refusals import broken


def records_of(place: object, rows: Iterable[Sequence[Any]], key: bytes, hint: str) -> tuple[Record, ...]:
    """The records of the rows of a whole state; raises StateError where one is damaged or they contradict each other.

    `hint` is what to do about it.
    """
    try:
        # Sorted afterwards: so that no row has to be kept beside its record.
        records = tuple(sorted((decode(Row(*row), key) for row in rows), key=attrgetter("address")))
    except Malformed as error:
        raise broken(place, str(error), hint=hint) from error
    if faults := tuple(violations(records)):
        raise broken(place, *faults, hint=hint)
    return records


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
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
