"""A diagnostic's caret stands below what it is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.position import Position
from declarative.view.diagnostics import count_text, diagnostics_text, excerpt, in_order
from declarative.view.style import Style
from declarative.view.text import columns


@pytest.mark.parametrize(
    ("line", "column", "shown", "marked"),
    [
        ("name: a", 1, "name: a", "name"),
        ("\tname: a", 2, "    name: a", "name"),
        ("a: \x1bb", 4, "a: \\x1bb", "\\x1b"),
        ("a: b", 99, "a: b", ""),
        ("a: [", 4, "a: [", "["),
        ("a: {{ b }} {{ c }}", 4, "a: {{ b }} {{ c }}", "{{ b }}"),
        ("a: {{ b", 4, "a: {{ b", "{"),
    ],
)
def test_the_caret_is_below_the_word(line: str, column: int, shown: str, marked: str) -> None:
    """Tabs and escapes move it along; an expression counts as a word; a column behind the end points behind the end."""
    text, offset, length = excerpt(line, column, 70, Style())
    assert text == shown
    assert text[offset : offset + length] == marked
    assert length == max(len(marked), 1)


@given(line=st.text(max_size=300), column=st.integers(-2, 320), room=st.integers(30, 80), unicode=st.booleans())
def test_an_excerpt_fits_and_holds_its_caret(line: str, column: int, room: int, unicode: bool) -> None:
    """However long or hostile a line is, its excerpt fits, is harmless, and has the caret inside or just behind."""
    text, offset, length = excerpt(line, column, room, Style(unicode=unicode))
    assert columns(text) <= room
    assert text.isprintable()
    assert 0 <= offset <= columns(text)
    assert length >= 1


@given(before=st.text("ab ", max_size=200), after=st.text("cd ", max_size=200))
def test_a_long_line_is_cut_around_its_column(before: str, after: str) -> None:
    """The character in question is always in sight, above its caret."""
    text, offset, _ = excerpt(f"{before}X{after}", len(before) + 1, 40, Style())
    assert text[offset] == "X"


def test_errors_come_before_warnings_within_a_file() -> None:
    """The order is: file, severity, line; what has no place comes last."""
    placeless = Diagnostic("p")
    warning = Diagnostic("w", where=Position("a", 1), severity=Severity.WARNING)
    late, early, other = (Diagnostic("e", where=Position(*at)) for at in (("a", 9), ("a", 2), ("b", 1)))
    assert in_order([placeless, other, warning, late, early]) == [early, late, warning, other, placeless]


def test_counts_are_spelled_out() -> None:
    """One is singular, and files are counted once."""
    one = Diagnostic("e", where=Position("a", 1))
    warning = Diagnostic("w", where=Position("a", 2), severity=Severity.WARNING)
    assert count_text([one, one, warning]) == "2 errors and 1 warning in 1 file."
    assert count_text([Diagnostic("e"), warning, Diagnostic("e")]) == "2 errors and 1 warning in 1 file."
    assert count_text([Diagnostic("e"), Diagnostic("e")]) == "2 errors."


def test_a_file_that_is_gone_is_no_obstacle() -> None:
    """Without the source, the place alone is shown; a file is read once."""
    reads: list[str] = []

    def source(file: str) -> str | None:
        reads.append(file)
        return None

    found = diagnostics_text([Diagnostic("e", where=Position("a", line)) for line in (1, 2)], Style(), source)
    assert found == "error: e\n --> a:1:1\n\nerror: e\n --> a:2:1\n\n2 errors in 1 file.\n"
    assert reads == ["a"]


def test_none_is_nothing() -> None:
    """No diagnostics, no text."""
    assert diagnostics_text([], Style()) == ""


def test_notes_stand_between_the_detail_and_the_hint() -> None:
    """Each begins with its label, and is wrapped below it."""
    told = Diagnostic("s", "d", "h", notes=("in the third turn of the loop, with `gpus` being 4", "n"))
    assert diagnostics_text([told], Style(width=40)).split("\n") == [
        "error: s",
        "  d",
        "  note: in the third turn of the loop,",
        "        with `gpus` being 4",
        "  note: n",
        "  hint: h",
        "",
    ]
