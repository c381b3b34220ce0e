"""Values are written as YAML that means the same, and hostile ones stay harmless."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from declarative.model.address import Address
from declarative.model.plan import Action, Change, FieldChange, Plan
from declarative.model.position import Position
from declarative.model.value import freeze
from declarative.view.fields import text_difference
from declarative.view.plan import plan_text
from declarative.view.style import Style
from declarative.view.text import columns, shorten, shorten_pair
from declarative.view.values import block, flow, scalar

STYLES = (Style(), Style(unicode=False))
# PyYAML reads a lone surrogate's escape, but no document can hold one; the planner never meets one either.
text = st.text(st.characters(exclude_categories=["Cs"]))
tricky = st.sampled_from(
    [
        "", " ", "yes", "No", "1.0", "1e3", "22:22", "0x1F", "2024-01-01", "~", "null", "- a", "a: b", "a #b", "a:", "=",
        "<<", "-", "?", "...", "---", "--- a", "|", "!t", "&a", "*a", "%a", "@a", "`a", "{a", "[a", "'a", '"a', "\\",
        "1_0", ".5", "+.inf", "#", "a\n", "a\nb", " a\nb\n", "\n", "a\n\n", "a \nb", "a\tb", "\ta\nb", "a\n\nb\n",
        "- a\n- b", "a\n  b\n",
    ]
)  # fmt: skip
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=80) | tricky  # YAML takes keys of 1,024 columns
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text | tricky
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


def read(text: str) -> Any:
    return yaml.safe_load(text)


def same(one: Any, other: Any) -> bool:
    """Equal with the same types: `1` is not `true`. PyYAML reads `1e+16` as text, as YAML 1.1 has it."""
    if isinstance(one, float):
        return float(other) == one
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("style", STYLES)
@given(value=scalars)
def test_a_scalar_is_one_line_that_reads_back_the_same(style: Style, value: Any) -> None:
    """No string is mangled and none turns into another type."""
    shown = scalar(value, style)
    assert len(shown.splitlines()) == 1
    assert same(value, read(shown))


@pytest.mark.parametrize("style", STYLES)
@given(value=values)
def test_a_value_on_one_line_reads_back_the_same(style: Style, value: Any) -> None:
    """Nested values keep their structure in flow style."""
    shown = flow(freeze(value), style)
    assert len(shown.splitlines()) == 1
    assert same(value, read(shown))


@pytest.mark.parametrize("style", STYLES)
@given(value=values)
def test_a_block_reads_back_the_same(style: Style, value: Any) -> None:
    """Nested values keep their structure in block style, text of several lines included."""
    shown = "\n".join(block(freeze(value), style)) + "\n"
    assert same(value, read(shown))
    assert all(line == line.rstrip() for line in shown.split("\n"))


def hostile_plan(one: Any, other: Any, words: str, many: str) -> Plan:
    address = Address("Training", words or "a")
    fields = (
        FieldChange(("spec", "a"), words, one, other),
        FieldChange(("spec", "b"), "spec.b", None, other, replaces=True),
        FieldChange(("spec", "c"), "spec.c", many, words),
    )
    body = freeze({"metadata": {"name": words}, "spec": {words: [one, many]}})
    where = Position(words)
    changes = [
        Change(address, Action.CREATE, after=body, where=where),
        Change(address, Action.REPLACE, words, body, body, fields, many),
        Change(address, Action.DELETE, words, body, reason=words),
    ]
    return Plan(tuple(changes), words, "l", 1)


@given(one=values, other=values, words=text, many=text | st.just("a\n\x1b[2Jb\n"), unicode=st.booleans())
def test_nothing_from_outside_reaches_the_terminal_raw(
    one: Any, other: Any, words: str, many: str, unicode: bool
) -> None:
    """Whatever values, names and reasons hold, no control character and no override of direction comes out."""
    plan = hostile_plan(freeze(one), freeze(other), words, many)
    shown = "".join(plan_text(plan, Style(unicode=unicode)))
    assert all(line.isprintable() for line in shown.split("\n"))
    assert unicode or shown.isascii()
    assert re.search(r"^Plan: 2 to add, 0 to change, 2 to destroy\.$", shown, re.MULTILINE)


@given(one=values, other=values, words=text)
def test_colour_adds_nothing_but_colour(one: Any, other: Any, words: str) -> None:
    """Without its escapes, the coloured plan is the plain one: colour never carries meaning alone."""
    plan = hostile_plan(freeze(one), freeze(other), words, words)
    assert re.sub(r"\x1b\[\d+m", "", "".join(plan_text(plan, Style(color=True)))) == "".join(plan_text(plan, Style()))


@given(value=text, room=st.integers(12, 60), unicode=st.booleans())
def test_a_shortened_text_fits(value: str, room: int, unicode: bool) -> None:
    """A shortened text takes at most the room that it was given, and begins and ends as the whole does."""
    shown = shorten(value, room, Style(unicode=unicode))
    assert columns(shown) <= room
    assert shown == value or value.startswith(shown[:3])


@given(head=text, tail=text, room=st.integers(30, 70))
def test_a_shortened_pair_still_differs(head: str, tail: str, room: int) -> None:
    """Two long texts that differ in one place are shown different."""
    before, after = shorten_pair(f"{head}1{tail}", f"{head}2{tail}", room, Style())
    assert before != after
    assert max(columns(before), columns(after)) <= room


def test_a_change_of_white_space_is_seen() -> None:
    """Trailing white space is written out, because nobody sees it otherwise."""
    assert text_difference("a\nb", "a\nb  ", Style()) == ["  a", "- b", "+ b\\x20\\x20"]


@pytest.mark.parametrize("word", ["y", "N", "0o17", "12:30", "2024-01-01", ".inf"])
def test_a_word_that_some_yaml_reads_otherwise_is_quoted(word: str) -> None:
    """Readers of YAML 1.1 and 1.2 differ; text that either takes for another type is quoted."""
    assert scalar(word, Style()) == f'"{word}"'
