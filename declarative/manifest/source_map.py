"""From a place in a rendered text back to the place in the template that the author typed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from declarative.model.position import Position


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a stretch of output comes from: a file, and an offset in its text.

    The output of an expression is `fixed`: all of it points at the expression.
    """

    file: str
    offset: int
    fixed: bool


class Places(Protocol):
    """Leads from an offset in a text to what the author typed."""

    def position(self, offset: int) -> Position:
        """The place in the author's file."""
        ...

    def is_computed(self, offset: int, /) -> bool:
        """Whether an expression made the character."""
        ...


class SourceMap:
    """Maps offsets of a rendered text to places in templates. `stretches` are (start, origin), in order."""

    def __init__(self, stretches: tuple[tuple[int, Origin], ...], sources: Mapping[str, str]) -> None:
        self._starts = [start for start, _ in stretches]
        self._origins = [origin for _, origin in stretches]
        self._sources = sources
        self._files: dict[str, Verbatim] = {}

    def position(self, offset: int) -> Position:
        index = self._index(offset)
        origin = self._origins[index]
        delta = 0 if origin.fixed else offset - self._starts[index]
        if origin.file not in self._files:
            self._files[origin.file] = Verbatim(origin.file, self._sources[origin.file])
        return self._files[origin.file].position(origin.offset + delta)

    def is_computed(self, offset: int) -> bool:
        index = self._index(offset)
        return index > 0 and self._origins[index].fixed

    def _index(self, offset: int) -> int:
        return max(bisect_right(self._starts, offset) - 1, 0)


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

    def is_computed(self, _: int) -> bool:
        return False
