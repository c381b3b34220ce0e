"""From a place in a rendered text back to the place in the template that the author typed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from msgspec import Struct

from declarative.model.position import Position
from declarative.model.value import Value


class Origin(Struct, frozen=True):
    """Where a stretch of output comes from: a file, and an offset in its text.

    The output of an expression is `fixed`: all of it points at the expression.
    """

    file: str
    offset: int
    fixed: bool


class Loop(Struct, frozen=True):
    """A loop of a template, and the names of its variables."""

    file: str
    line: int
    names: tuple[str, ...]


class Turning(NamedTuple):
    """A loop under way: which turn, counted from 1, and the values of its variables, if anybody should ask for them."""

    loop: Loop
    number: int
    values: Callable[[], tuple[Value, ...]]


class Stretch(NamedTuple):
    """A part of the output from offset `start` on. `turns` are those of the loops around it, from the outside in."""

    start: int
    origin: Origin
    turns: tuple[Turning, ...]


class Places(Protocol):
    """Leads from an offset in a text to what the author typed."""

    def position(self, offset: int) -> Position:
        """The place in the author's file."""
        ...

    def turns(self, offset: int, /) -> tuple[Turning, ...]:
        """The turns of loops in which the character was written."""
        ...


class SourceMap:
    """Maps offsets of a rendered text to places in templates. `stretches` are in order, the first one at 0."""

    def __init__(self, stretches: Sequence[Stretch], sources: Mapping[str, str]) -> None:
        self._starts = [stretch.start for stretch in stretches]
        self._stretches = stretches
        self._sources = sources
        self._files: dict[str, Verbatim] = {}

    def position(self, offset: int) -> Position:
        stretch = self._stretch(offset)
        origin = stretch.origin
        delta = 0 if origin.fixed else offset - stretch.start
        if origin.file not in self._files:
            self._files[origin.file] = Verbatim(origin.file, self._sources[origin.file])
        return self._files[origin.file].position(origin.offset + delta)

    def turns(self, offset: int) -> tuple[Turning, ...]:
        return self._stretch(offset).turns

    def _stretch(self, offset: int) -> Stretch:
        return self._stretches[max(bisect_right(self._starts, offset) - 1, 0)]


class Verbatim:
    """The map of a text that is its own source."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._lines: list[int] = []

    def position(self, offset: int) -> Position:
        # Most texts are never asked about, or just once.
        self._lines = self._lines or [0, *accumulate(len(line) + 1 for line in self._text.split("\n"))]
        line = bisect_right(self._lines, offset, hi=max(len(self._lines) - 1, 1)) - 1
        return Position(self._file, line + 1, offset - self._lines[line] + 1)

    def turns(self, _: int) -> tuple[Turning, ...]:
        return ()
