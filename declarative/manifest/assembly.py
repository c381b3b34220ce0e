"""Puts the pieces that a template wrote together: one text for the YAML parser, and the way back from it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jinja2
from msgspec import Struct, field
from msgspec.structs import replace

from declarative.diagnostics import Diagnostic
from declarative.manifest.pieces import Literal, Pasted, Turn, flat, unwrapped
from declarative.manifest.rendered import CLOSING, OPENING, Broken, Rendered, notes
from declarative.manifest.source_map import Origin, SourceMap, Stretch, Turning
from declarative.model.position import Position
from declarative.model.value import Value


class Assembly(Struct):
    """Takes pieces in their order. `start` is where the text begins, `turns` are those of the loops under way."""

    start: Origin
    sources: Mapping[str, str]
    turns: tuple[Turning, ...] = ()
    _parts: list[str] = field(default_factory=list)
    _length: int = 0
    _stretches: list[Stretch] = field(default_factory=list)
    _pasted: list[Pasted] = field(default_factory=list)
    _broken: dict[tuple[Position | None, str], Diagnostic] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stretches = [Stretch(0, self.start, ())]

    def add(self, written: object) -> None:
        """One output of the template."""
        if isinstance(written, Literal):
            self._write(written, written.origin)
        elif isinstance(written, Pasted):
            self._paste(written)
        elif isinstance(written, Turn):
            self._turn(written)
        else:
            around = self.turns
            for piece in flat((written,)):
                self.add(piece)
            self.turns = around  # loops within a macro are over with it

    def rendered(self) -> Rendered:
        """The whole."""
        places = SourceMap(self._stretches, self.sources)
        return Rendered("".join(self._parts), places, tuple(self._pasted), self.broken())

    def broken(self) -> tuple[Diagnostic, ...]:
        """What expressions failed to give so far."""
        return tuple(self._broken.values())

    def _turn(self, turn: Turn) -> None:
        """Inner loops end with a turn of an outer one."""
        known = [turning.loop for turning in self.turns]
        index = known.index(turn.loop) if turn.loop in known else len(known)
        number = self.turns[index].number + 1 if index < len(known) else 1
        entered = () if turn.values is None else (Turning(turn.loop, number, partial(_shown, turn.values)),)
        self.turns = (*self.turns[:index], *entered)

    def _paste(self, piece: Pasted) -> None:
        if isinstance(piece.value, Broken) and (told := piece.value.diagnostic):
            cause = (told.where, told.detail)
            if cause not in self._broken:
                self._broken[cause] = replace(told, notes=notes(self.turns))
        origin = piece.origin or self._stretches[-1].origin
        self._pasted.append(piece)
        self._write(f"{OPENING}{len(self._pasted) - 1}{CLOSING}", replace(origin, fixed=True))

    def _write(self, text: str, origin: Origin) -> None:
        self._stretches.append(Stretch(self._length, origin, self.turns))
        self._parts.append(text)
        self._length += len(text)


class _Word(str):
    """What is said in the place of a value that cannot be shown."""

    __slots__ = ()


def _shown(values: tuple[Any, ...]) -> tuple[Value, ...]:
    """The values of a loop's variables, whatever they are."""

    def one(value: Any) -> Value:
        try:
            return unwrapped(value)
        except jinja2.TemplateError:
            return _Word("undefined" if isinstance(value, jinja2.Undefined) else "...")

    return tuple(map(one, values))
