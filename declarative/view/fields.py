"""Shows the difference of one resource, field by field."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from declarative.model.plan import FieldChange
from declarative.model.value import Value, masked
from declarative.plan.diff import wording
from declarative.view.known import NOTHING_KNOWN, Known
from declarative.view.style import Style
from declarative.view.text import columns, counted, shorten, shorten_pair
from declarative.view.values import block, flow

_INDENT = "    "
_FORCES = "forces replacement"
_CONTEXT = 2  # unchanged lines around a change in multi-line text
_MOST_LINES = 60  # of one difference; the rest is counted
_WIDEST_LABEL = 36  # a longer label does not push the values of its neighbours to the right
_LONGEST_LINES = 4  # a line of a body is cut in the middle when it takes more lines of the terminal than this


def fields_lines(
    fields: tuple[FieldChange, ...], style: Style, *, phases: bool, known: Known = NOTHING_KNOWN
) -> list[str]:
    """One line a difference where it fits, else the old below the new. `phases` names a suspend or resume."""
    rows = [_Row.of(_masked(field), style, _notes(field, style, phases, known)) for field in fields]
    pad = _padding(rows, style)
    return [line for row in rows for line in row.lines(style, pad)]


def _masked(field: FieldChange) -> FieldChange:
    return replace(field, before=masked(field.before), after=masked(field.after))


def phase_word(field: FieldChange) -> str | None:
    """`suspend` or `resume` where the difference is one of those."""
    if field.path != ("desiredPhase",):
        return None
    return {"Stopped": "suspend", "Running": "resume"}.get(str(field.after))


def body_lines(value: Value, style: Style, mark: str, indent: str = _INDENT, known: Known = NOTHING_KNOWN) -> list[str]:
    """A value as YAML, every line behind its mark."""
    room = style.width * _LONGEST_LINES
    head = f"{indent}{marked(mark, style)} "
    lines = (known.told(shorten(line, room, style), style) for line in block(value, style))
    return [(head + line).rstrip() for line in lines]


def marked(mark: str, style: Style) -> str:
    """A symbol in its colour."""
    paint = {"+": style.green, "-": style.red, "~": style.yellow, ".": style.cyan}
    return paint[mark](mark) if mark in paint else style.yellow(mark)


def _notes(field: FieldChange, style: Style, phases: bool, known: Known) -> tuple[str, ...]:
    """What is said of a difference beside its values: what it leads to, and what ids in it are called."""
    word = _FORCES if field.replaces else phase_word(field) if phases else None
    return tuple(filter(None, (word, _called(field, style, known))))


def _called(field: FieldChange, style: Style, known: Known) -> str | None:
    """The names of the ids that a difference is about, as far as they are known."""
    key = field.path[-1] if field.path else None
    before, after = (known.name(key, value) for value in (field.before, field.after))
    if before and after:
        return style.safe(before) + f" {style.arrow} " + style.safe(after)
    if before:
        return style.safe(before if field.after is None else f"from {before}")
    return style.safe(after if field.before is None else f"to {after}") if after else None


class _Row(Struct, frozen=True):
    """A difference with what it takes to lay it out; `short` is None where one line would not do it justice."""

    field: FieldChange
    mark: str
    label: str
    short: str | None
    notes: tuple[str, ...]

    @classmethod
    def of(cls, field: FieldChange, style: Style, notes: tuple[str, ...]) -> _Row:
        mark = "+" if field.before is None else "-" if field.after is None else "~"
        return cls(field, mark, style.safe(field.label) + ":", _inline(field, mark, style), notes)

    def fits(self, style: Style, pad: int) -> bool:
        if self.short is None:
            return False
        note = columns("; ".join(self.notes)) + 4 if self.notes else 0
        return len(_INDENT) + 3 + max(columns(self.label), pad) + columns(self.short) + note <= style.width

    def lines(self, style: Style, pad: int) -> list[str]:
        head = f"{_INDENT}{marked(self.mark, style)} {self.label}"
        tail = _painted_notes(self.notes, style)
        size = columns(self.label)
        if self.fits(style, pad if size <= pad else 0):
            return [f"{head}{' ' * max(pad - size, 0)} {self.short}{tail}"]
        return [f"{head}{tail}", *_long_lines(self.field, self.mark, style)]


def _padding(rows: list[_Row], style: Style) -> int:
    """The widest column of labels that still leaves every line of its rows on one line."""
    short = [row for row in rows if row.fits(style, 0)]
    for pad in sorted({columns(row.label) for row in short}, reverse=True):
        if pad <= _WIDEST_LABEL and all(row.fits(style, pad) for row in short if columns(row.label) <= pad):
            return pad
    return 0


def _long_lines(field: FieldChange, mark: str, style: Style) -> list[str]:
    """The old below the new, or the lines that differ."""
    inner = " " * 8
    if isinstance(field.before, str) and isinstance(field.after, str) and "\n" in field.before + field.after:
        return [(inner + line).rstrip() for line in text_difference(field.before, field.after, style)]
    if mark == "~" and field.before == field.after:
        return body_lines(field.after, style, mark, inner)
    if isinstance(field.before, tuple) and isinstance(field.after, tuple):
        return [
            line
            for sign, index, item in wording(field.before, field.after)
            for line in body_lines(item, style, sign, f"{inner}[{index}] ")
        ]
    if mark != "~" or _is_large(field.before) or _is_large(field.after):
        pairs = (("-", field.before), ("+", field.after))
        return [line for sign, value in pairs if value is not None for line in body_lines(value, style, sign, inner)]
    pair = shorten_pair(flow(field.before, style), flow(field.after, style), style.width - len(inner) - 2, style)
    return [f"{inner}{marked(sign, style)} {text}" for sign, text in zip("-+", pair, strict=True)]


def _painted_notes(notes: tuple[str, ...], style: Style) -> str:
    if not notes:
        return ""
    return "  " + (style.red if _FORCES in notes else style.yellow)(f"# {'; '.join(notes)}")


def _inline(field: FieldChange, mark: str, style: Style) -> str | None:
    """The difference on one line; None where text of several lines deserves better."""
    if any(isinstance(value, str) and "\n" in value.rstrip("\n") for value in (field.before, field.after)):
        return None
    if mark == "~" and field.before == field.after:
        return flow(field.after, style)  # only what is secret in it differs
    if mark == "~":
        return f"{flow(field.before, style)} {style.arrow} {flow(field.after, style)}"
    return flow(field.after if mark == "+" else field.before, style)


def _is_large(value: Value) -> bool:
    return isinstance(value, (Mapping, tuple, list)) and bool(value)


def text_difference(before: str, after: str, style: Style) -> list[str]:
    """Two texts of several lines as the lines that differ, with a little around them."""
    old, new = before.split("\n"), after.split("\n")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    lines: list[str] = []
    shown_until = 0
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        lines += _skipped(group[0][1] - shown_until, style)
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [_text_line(" ", line, style) for line in old[i1:i2]]
                continue
            lines += [_text_line("-", line, style) for line in old[i1:i2]]
            lines += [_text_line("+", line, style) for line in new[j1:j2]]
        shown_until = group[-1][2]
    lines += _skipped(len(old) - shown_until, style)
    if len(lines) <= _MOST_LINES:
        return lines
    more = counted(len(lines) - _MOST_LINES, "more line")
    return [*lines[:_MOST_LINES], style.dim(f"{style.ellipsis} {more}")]


def _skipped(number: int, style: Style) -> list[str]:
    return [style.dim(f"{style.ellipsis} {counted(number, 'unchanged line')}")] if number > 0 else []


def _text_line(mark: str, line: str, style: Style) -> str:
    text = line.rstrip(" ")
    # White space at the end would be an invisible difference.
    text = style.safe(text) + "\\x20" * (len(line) - len(text))
    sign = mark if mark == " " else marked(mark, style)
    return f"{sign} {shorten(text, style.width * _LONGEST_LINES, style)}".rstrip()
