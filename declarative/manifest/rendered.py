"""A rendered template: text with placeholders where values were pasted, and the way back to what the author typed.

A placeholder is a number between two characters that Unicode reserves for such uses, and that no manifest may have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from declarative.diagnostics import Diagnostic
from declarative.kinds.check import shown
from declarative.manifest.source_map import Places, Turning, Verbatim

OPENING, CLOSING = "\ufdd0", "\ufdd1"
PLACEHOLDER = re.compile(f"{OPENING}([0-9]+){CLOSING}")


class Broken(Struct, frozen=True):
    """The value of an expression that has none, and what to say about it; nothing where its cause is told elsewhere."""

    diagnostic: Diagnostic | None

    def __str__(self) -> str:
        return "(unknown)"


class Rendered(Struct, frozen=True):
    """The output of a template. `pasted` are the values by number (`pieces.Pasted`)."""

    text: str
    places: Places
    pasted: tuple[Any, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether the values of some expressions are not known."""
        return any(isinstance(piece.value, Broken) for piece in self.pasted)

    @property
    def has_broken_lines(self) -> bool:
        """Whether an expression whose value is not known has a line for itself."""
        alone = re.finditer(f"^[ \t]*{PLACEHOLDER.pattern}[ \t]*$", self.text, re.MULTILINE)
        return any(isinstance(self.pasted[int(found[1])].value, Broken) for found in alone)

    @property
    def is_verbatim(self) -> bool:
        """Whether there was no template in the text, so that it comes to the same wherever it stands."""
        return isinstance(self.places, Verbatim)

    @classmethod
    def verbatim(cls, text: str, file: str) -> Rendered:
        """A text without templates."""
        return cls(text, Verbatim(file, text))


def notes(turns: Iterable[Turning]) -> tuple[str, ...]:
    """Which turns of which loops, for people."""
    return tuple(
        f"in turn {one.number} of the loop at {one.loop.file}:{one.loop.line}: {_values(one)}" for one in turns
    )


def _values(turning: Turning) -> str:
    named = zip(turning.loop.names, turning.values(), strict=True)
    return ", ".join(f"{name} = {shown(value)}" for name, value in named)
