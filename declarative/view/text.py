"""Measures, shortens and wraps text for a terminal."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable

from declarative.view.style import Style

# How a line of a text begins that is a command.
COMMAND = "    "


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, room: int, style: Style) -> str:
    """At most `room` columns: what is too long loses its middle, because both ends tell most."""
    if columns(text) <= room:
        return text
    room = max(room, 12)
    keep = room - len(style.ellipsis)
    tail = keep // 3
    return head_of(text, keep - tail) + style.ellipsis + head_of(text[::-1], tail)[::-1]


def shorten_pair(before: str, after: str, room: int, style: Style) -> tuple[str, str]:
    """Both shortened to `room` columns, so that where they differ stays in sight."""
    if max(columns(before), columns(after)) <= room:
        return before, after
    same = before[: _common(before, after)]
    if columns(same) <= room // 3:
        return shorten(before, room, style), shorten(after, room, style)
    context = head_of(same[::-1], room // 5)
    start = len(same) - len(context)
    head = head_of(same, room // 5) + style.ellipsis
    return shorten(head + before[start:], room, style), shorten(head + after[start:], room, style)


def _common(before: str, after: str) -> int:
    for index, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other:
            return index
    return min(len(before), len(after))


def head_of(text: str, room: int) -> str:
    """The longest beginning that takes at most `room` columns."""
    used = 0
    for index, character in enumerate(text):
        used += _columns(character)
        if used > room:
            return text[:index]
    return text


def wrapped(text: str, style: Style, indent: str = "", hanging: str | None = None) -> list[str]:
    """Lines no wider than the style, where words allow it; `hanging` indents all but the first.

    A line of the text that begins with four spaces is a command, and stays on one line however long it is: it can be pasted.
    """
    lines: list[str] = []
    for paragraph in text.rstrip().split("\n") if text.strip() else ():
        if paragraph.startswith(COMMAND):
            lines.append((hanging or indent) + style.safe(paragraph.strip()))
            continue
        lines += textwrap.wrap(
            style.safe(paragraph.rstrip("\r")),
            max(style.width, 40),
            initial_indent=indent if not lines or hanging is None else hanging,
            subsequent_indent=indent if hanging is None else hanging,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return lines


def packed(words: Iterable[str], room: int, gap: str = "   ") -> list[str]:
    """The words side by side, on as many lines as it takes."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(gap) + len(word) <= room:
            lines[-1] += gap + word
        else:
            lines.append(word)
    return lines


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def duration(seconds: float) -> str:
    """`0s`, `1m5s`, `2h0m3s`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
