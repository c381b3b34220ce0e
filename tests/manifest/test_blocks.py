"""Texts of several lines in block scalars, and what the filters of texts do to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarative.manifest.document import parse
from declarative.manifest.template import Templates
from declarative.model.value import FrozenMap
from tests.examples import examples
from tests.manifest.projects import value_of

SCRIPT = "set -e\nif x; then\n  echo 'a: b'  # {{ 1 }}\nfi\n\necho done\n"


def made(template: str, script: str = SCRIPT) -> object:
    return value_of(Templates(Path(), FrozenMap({"script": script}), None), template)["a"]


def typed(template: str, script: str = SCRIPT, width: int = 2) -> object:
    """What the template would mean if the script were typed in place of its expression."""
    before, _, rest = template.partition("{{")
    after = rest.partition("}}")[2]
    lines = [" " * width + line if line.strip() else line for line in script.split("\n")]
    (document,) = parse(before + "\n".join(lines).lstrip(" ") + after, "a.yaml").documents
    return document.value["a"]


@pytest.mark.parametrize(
    "header", ["|", "|-", "|+", "|2", "|2-", "|+2", "| # a + comment", "|- # a + comment", "!!str |", "&b |+"]
)
@pytest.mark.parametrize("newlines", ["", "\n", "\n\n\n"])
@pytest.mark.parametrize("filters", ["", " | indent(2)", " | indent(width=2)", " | trim", " | trim | indent(2)"])
def test_a_script_in_a_block_is_as_if_it_were_typed(header: str, newlines: str, filters: str) -> None:
    """With `indent` and without, a text means in a block what it would mean there in the author's own hand."""
    script = SCRIPT.rstrip("\n") + newlines
    template = f"a: {header}\n  {{{{ var.script{filters} }}}}\nb: 1\n"
    assert made(template, script) == typed(template, script.strip() if "trim" in filters else script)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("a: |\n  {{ var.script | indent(4) }}\n", "x\n  y\n"),
        ("a: |\n  {{ var.script | indent(4) | replace('z', '') }}\n", "x\n    y\n"),
        ("a: |\n    {{ var.script | indent(2) }}\n", "x\ny\n"),
        ("a: |\n  o:\n    {{ var.script }}\n", "o:\n  x\n  y\n"),
        ("a: |\n  o:\n    {{ var.script | indent(4) }}\n", "o:\n  x\n  y\n"),
        ("a: |\n  o:\n    {{ var.script | indent(6) }}\n", "o:\n  x\n    y\n"),
        ("a: |2\n    o:\n      {{ var.script }}\n", "  o:\n    x\n    y\n"),
        ('a: "{{ var.script | indent(4) }}"\n', "x\n    y"),
        ("a: |\n  {{ var.script | indent(2, true) }}\n", "  x\n  y\n"),
        ("a: |\n  > {{ var.script | indent(2) }}\n", "> x\ny\n"),
        ("a: |\n  {{ var.script | indent(2) }} z\n", "x\ny z\n"),
        ("a: >\n  {{ var.script }}\n", "x\ny\n"),
        ("a: {{ var.script | indent(4) }}\n", "x\n    y"),
        ("a: |\n  {% filter indent(2) %}{{ var.script }}{% endfilter %}\n", "x\ny\n"),
        ("a: |\n  {% filter indent(2) %}0\n{{ var.script }}\n 1{% endfilter %}\n", "0\nx\ny\n 1\n"),
        ("{% set s %}0\n{{ var.script }}\n{% endset %}a: |\n  {{ s | indent(2) }}\n", "0\nx\ny\n"),
        ("{% macro m() %}\n0\n{{ var.script }}\n{% endmacro %}a: |\n  {{ m() | trim | indent(2) }}\n", "0\nx\ny\n"),
    ],
)
def test_where_a_text_of_lines_stands(template: str, expected: str) -> None:
    """In a block the lines line up with the expression, or stand where `indent` says; elsewhere they are as they are."""
    assert made(template, "x\ny") == expected


def test_an_indented_block_keeps_its_structure() -> None:
    """A line that begins with an expression is moved like every other line."""
    items = "{% set items %}- {{ 1 }}\n- k: {{ 2 }}\n  {{ 'l' }}: 3{% endset %}a:\n    {{ items | indent(4) }}\nb: 1\n"
    assert made(items) == (1, {"k": 2, "l": 3})
    keys = "{% set keys %}{{ 'k' }}: 1\n{{ 'l' }}: 2{% endset %}a:\n  {{ keys | indent(2) }}\nb: 1\n"
    assert made(keys) == {"k": 1, "l": 2}
    assert made(keys.replace("  {{ keys | indent(2) }}", "{{ keys | indent(2, true) }}")) == {"k": 1, "l": 2}


@settings(max_examples=examples(100))
@given(
    lines=st.lists(st.text("ab: #'\"-", max_size=6).map(str.rstrip), min_size=1, max_size=5),
    header=st.sampled_from(["|", "|-", "|+"]),
    filters=st.sampled_from(["", " | indent(2)"]),
)
def test_lines_in_a_block_are_as_if_they_were_typed(lines: list[str], header: str, filters: str) -> None:
    """As above, for lines that nobody thought of; the first one fixes the indentation, so it has to begin with a letter."""
    script = "\n".join(["a", *lines])
    template = f"a: {header}\n  {{{{ var.script{filters} }}}}\nb: 1\n"
    assert made(template, script) == typed(template, script)
