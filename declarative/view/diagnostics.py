"""Shows what is wrong, and where, in the author's own text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

from declarative.diagnostics import Diagnostic, Severity
from declarative.manifest.writing import escaped
from declarative.model.position import Position
from declarative.view.style import Style
from declarative.view.text import columns, counted, wrapped

# Answers the text of a file as the author typed it, or None where it cannot be read.
Source: TypeAlias = Callable[[str], str | None]

_TAB = "    "
# What a caret underlines: an expression of a template, or a word.
_WORD = re.compile(r"\{\{.*?\}\}|[\w.\-/]+")


def diagnostics_text(diagnostics: Iterable[Diagnostic], style: Style, source: Source = lambda _: None) -> str:
    """All findings, each with its line of the source, and how many there are; "" for none."""
    found = in_order(diagnostics)
    if not found:
        return ""
    blocks = diagnostic_blocks(((None, diagnostic) for diagnostic in found), style, source)
    if len(found) > 1:
        blocks.append(style.bold(count_text(found)))
    return "\n\n".join(blocks) + "\n"


def diagnostic_blocks(
    findings: Iterable[tuple[str | None, Diagnostic]], style: Style, source: Source = lambda _: None
) -> list[str]:
    """Each finding with its line of the source, in the order given; before its summary whose it is, if that is given."""
    read = _Lines(source)
    return ["\n".join(_lines(subject, diagnostic, style, read)) for subject, diagnostic in findings]


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """File by file, errors before warnings, then by line; those without a place at the end."""

    def key(diagnostic: Diagnostic) -> tuple[bool, str, bool, int, int]:
        where = diagnostic.where or Position("")
        is_warning = diagnostic.severity is not Severity.ERROR
        return diagnostic.where is None, where.file, is_warning, where.line, where.column

    return sorted(diagnostics, key=key)


def count_text(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors and 1 warning in 1 file.`"""
    found = list(diagnostics)
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in found)
    warnings = len(found) - errors
    parts = [counted(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number]
    files = len({diagnostic.where.file for diagnostic in found if diagnostic.where})
    return " and ".join(parts) + (f" in {counted(files, 'file')}" if files else "") + "."


class _Lines:
    """Reads every file once."""

    def __init__(self, read: Source) -> None:
        self._read = read
        self._lines: dict[str, list[str]] = {}

    def line(self, where: Position) -> str | None:
        if where.file not in self._lines:
            text = self._read(where.file)
            self._lines[where.file] = [] if text is None else text.split("\n")
        lines = self._lines[where.file]
        return lines[where.line - 1].rstrip("\r") if 0 < where.line <= len(lines) else None


def _lines(subject: str | None, diagnostic: Diagnostic, style: Style, source: _Lines) -> list[str]:
    is_error = diagnostic.severity is Severity.ERROR
    paint = style.red if is_error else style.yellow
    title = f"{subject}: {diagnostic.summary}" if subject else diagnostic.summary
    lines = [f"{style.bold(paint(str(diagnostic.severity) + ':'))} {style.bold(style.safe(title))}"]
    if diagnostic.where:
        lines += _place(diagnostic, diagnostic.where, style, source, paint)
    lines += wrapped(diagnostic.detail, style, "  ")
    for label, text in (*(("note:", note) for note in diagnostic.notes), ("hint:", diagnostic.hint or "")):
        more = wrapped(text, style, f"  {label} ", "        ")
        lines += [more[0].replace(label, style.cyan(label), 1), *more[1:]] if more else ()
    return lines


def _place(
    diagnostic: Diagnostic, where: Position, style: Style, source: _Lines, paint: Callable[[str], str]
) -> list[str]:
    number = str(where.line)
    margin = " " * len(number)
    lines = [f"{margin}{style.cyan('-->')} {style.safe(str(where))}"]
    text = None if diagnostic.is_private else source.line(where)
    if text is None or not text.strip():
        return lines
    shown, offset, length = excerpt(text, where.column, style.width - len(number) - 3, style)
    bar = style.cyan(style.bar)
    return [
        *lines,
        f"{margin} {bar}",
        f"{style.cyan(number)} {bar} {shown}".rstrip(),
        f"{margin} {bar} {' ' * offset}{paint('^' * length)}",
    ]


def excerpt(line: str, column: int, room: int, style: Style) -> tuple[str, int, int]:
    """The part of a line around a column that counts from 1: its text, the caret's offset and the caret's length."""
    cells = [_TAB if char == "\t" else char if style.shows(char) else escaped(char) for char in line.rstrip()]
    at = min(max(column - 1, 0), len(cells))
    word = _WORD.match(line, at)
    end = min(word.end() if word else at + 1, len(cells))
    first, last = _window([columns(cell) for cell in cells], at, room - 2 * len(style.ellipsis))
    before = style.ellipsis if first else ""
    after = style.ellipsis if last < len(cells) else ""
    text = before + "".join(cells[first:last]) + after
    offset = columns(before + "".join(cells[first:at]))
    return text, offset, max(columns("".join(cells[at : min(end, last)])), 1)


def _window(widths: list[int], at: int, room: int) -> tuple[int, int]:
    """Which cells to show, so that they fit and the one at `at` has its neighbours on both sides."""
    if sum(widths) <= room:
        return 0, len(widths)
    first = at
    while first and sum(widths[first - 1 : at]) <= room // 2:
        first -= 1
    if sum(widths[:at]) <= room // 2:
        first = 0
    last, used = first, 0
    while last < len(widths) and used + widths[last] <= room:
        used += widths[last]
        last += 1
    return first, last
