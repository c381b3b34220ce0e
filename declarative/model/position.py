"""A place in a file."""

from __future__ import annotations

from msgspec import Struct


class Position(Struct, frozen=True, order=True):
    """`file` is as the user would type it; `line` and `column` count from 1, the column in characters."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"
