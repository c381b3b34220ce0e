"""From a place in a rendered text back to the place in the template that the author typed."""

from __future__ import annotations

from bisect import bisect_right
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


class SourceMap:
    """Maps line and column of a rendered text, both counted from 0, to a `Position` in a template."""

    def __init__(self, text: str, stretches: tuple[tuple[int, Origin], ...], sources: dict[str, str]) -> None:
        self._lines = _line_starts(text)
        self._starts = [start for start, _ in stretches]
        self._origins = [origin for _, origin in stretches]
        self._source_lines = {file: _line_starts(source) for file, source in sources.items()}

    def position(self, line: int, column: int) -> Position:
        """The place in the template."""
        offset = self._lines[min(line, len(self._lines) - 1)] + column
        index = max(bisect_right(self._starts, offset) - 1, 0)
        origin = self._origins[index]
        return self._in_source(origin, 0 if origin.fixed else offset - self._starts[index])

    def _in_source(self, origin: Origin, delta: int) -> Position:
        offset = origin.offset + delta
        lines = self._source_lines[origin.file]
        line = bisect_right(lines, offset) - 1
        return Position(origin.file, line + 1, offset - lines[line] + 1)


class Places(Protocol):
    """Leads from a place in a text, line and column counted from 0, to what the author typed."""

    def position(self, line: int, column: int) -> Position: ...


class Verbatim:
    """The map of a text that is its own source."""

    def __init__(self, file: str) -> None:
        self._file = file

    def position(self, line: int, column: int) -> Position:
        return Position(self._file, line + 1, column + 1)


def _line_starts(text: str) -> list[int]:
    return (
        [0, *accumulate(len(line) for line in text.splitlines(keepends=True))]
        if "\r" in text
        else _newline_starts(text)
    )


def _newline_starts(text: str) -> list[int]:
    return [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
