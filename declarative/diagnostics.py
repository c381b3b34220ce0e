"""What is told to a user about a mistake: what, where, why, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from declarative.model.position import Position


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Diagnostic(Struct, frozen=True):
    """One finding.

    `summary` is a short sentence without names, `detail` says what was found and what was expected, `hint` is the
    fix. `where` is the place in the file as the author typed it. `notes` say how it came to be: the turn of a loop, or what
    a template made of it. `field` is the field of an object that a control plane complained about, in dots. What `is_private`
    has a secret on its line, which is not shown.
    """

    summary: str
    detail: str = ""
    hint: str | None = None
    where: Position | None = None
    severity: Severity = Severity.ERROR
    notes: tuple[str, ...] = ()
    field: str | None = None
    is_private: bool = False

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.summary}" + (f": {self.detail}" if self.detail else "")


def by_place(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The findings in the order of their places, first those that have none."""
    return tuple(sorted(diagnostics, key=lambda one: one.where or Position("")))


def repeated(diagnostic: Diagnostic, more: int) -> Diagnostic:
    """The first of a mistake that one line makes in several turns of a loop, with how many `more` there are."""
    if not more:
        return diagnostic
    again = "once more" if more == 1 else f"{more} more times"
    return replace(diagnostic, notes=(*diagnostic.notes, f"this line makes the same mistake {again}"))


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` was most likely meant to be, or None. Case, `-` and `_` do not count."""

    def plain(text: str) -> str:
        return text.replace("_", "").replace("-", "").lower()

    by_plain = {plain(candidate): candidate for candidate in candidates}
    found = difflib.get_close_matches(plain(word), by_plain, n=1, cutoff=0.6)
    return by_plain[found[0]] if found else None
