"""Every character of a rendered text leads back to where the author typed it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarative.manifest.template import Templates
from declarative.model.position import Position
from declarative.model.value import FrozenMap
from tests.examples import examples
from tests.manifest.projects import HEAD, compiled, findings

LITERAL = st.text("ab:\n é😀'\"#", min_size=0, max_size=6)


class Template:
    """A template under construction; every literal character is unique, so that its place can be looked up."""

    def __init__(self) -> None:
        self.text = ""
        self.next = 0x4E00

    def literal(self, around: str) -> None:
        self.text += around + chr(self.next) + "\n" * (around.count("\n") % 2)
        self.next += 1


@st.composite
def templates(draw: st.DrawFn) -> str:
    """Literals, expressions, loops, conditions, raw blocks, comments, white space control and includes, nested."""
    template = Template()

    def part(depth: int) -> None:
        kind = draw(st.sampled_from(("literal", "value", "for", "if", "comment", "raw", "set", "include", "call")))
        dash = draw(st.sampled_from(("", "-")))
        template.literal(draw(LITERAL))
        if kind == "value":
            template.text += "{{" + dash + " 'x\\ny' " + dash + "}}"
        elif kind == "comment":
            template.text += "{# a\nb {{ c }} #}"
        elif kind == "raw":
            template.text += "{% raw %}{{ "
            template.literal(draw(LITERAL))
            template.text += "{% endraw %}"
        elif kind == "set":
            template.text += "{% set a %}captured {{ 1 }}{% endset %}"
        elif kind == "include":
            template.text += "{% include 'part' %}"
        elif kind == "call":
            template.text += "{% macro m() %}made {{ 1 }}{% endmacro %}{{ m() }}"
        elif kind in ("for", "if") and depth:
            head = "for i in [1, 2]" if kind == "for" else "if true"
            template.text += "{%" + dash + f" {head} " + dash + "%}"
            for _ in range(draw(st.integers(0, 3))):
                part(depth - 1)
            template.text += "{% end" + kind + " %}"
        template.literal(draw(LITERAL))

    for _ in range(draw(st.integers(1, 4))):
        part(2)
    return template.text


def place_of(text: str, character: str, file: str) -> Position:
    offset = text.index(character)
    return Position(file, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


@settings(max_examples=examples(100))
@given(text=templates())
def test_literal_characters_know_their_place(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """However a template is nested, each literal character leads to the line and column where it was typed."""
    root = tmp_path_factory.getbasetemp()
    part = "one 一\n two 丁\n"
    (root / "part").write_text(part, encoding="utf-8")
    text = text.replace("一", "三").replace("丁", "三") + "{{ '' }}"
    rendered = Templates(root, FrozenMap(), None).render(text, "main")
    for offset, character in enumerate(rendered.text):
        if character in "一丁":
            assert rendered.source_map.position(offset) == place_of(part, character, "part")
        elif character > "一" and text.count(character) == 1:
            assert rendered.source_map.position(offset) == place_of(text, character, "main")
            assert not rendered.source_map.is_computed(offset)


def test_the_output_of_an_expression_leads_to_its_braces(tmp_path: Path) -> None:
    """All characters that an expression writes are its own, whatever their number of lines."""
    rendered = Templates(tmp_path, FrozenMap(), None).render("a\nb {{ 'x\ny' }} c", "main")
    for offset in (rendered.text.index("x"), rendered.text.index("y")):
        assert rendered.source_map.position(offset) == Position("main", 2, 3)
        assert rendered.source_map.is_computed(offset)
    assert rendered.source_map.position(rendered.text.index("c")) == Position("main", 3, 7)


@pytest.mark.parametrize("forged", ["\ue0000\ue001", "\ue0001-0\ue001", "\ue000", "\ue001"])
def test_a_value_cannot_forge_a_place(tmp_path: Path, forged: str) -> None:
    """What looks like a mark inside a variable is just text."""
    rendered = Templates(tmp_path, FrozenMap({"x": forged}), None).render("a {{ var.x }} b", "main")
    assert rendered.text == f"a {forged} b"


def test_line_separators_of_unicode_end_no_line(tmp_path: Path) -> None:
    """Editors count lines by line feeds; so do places, whatever YAML thinks of other separators."""
    text = HEAD + 'spec:\n  args: "a\u2028b\x85c"\n  imag: x\n'
    assert findings(compiled(tmp_path, {"manifests/a.yaml": text})) == ["manifests/a.yaml:9:3: Unknown key"]


def test_a_blocks_own_marks_survive_inheritance(tmp_path: Path) -> None:
    """A manifest that extends another one points into both."""
    base = HEAD + "spec:\n  imag: x\n  {% block more %}{% endblock %}\n"
    child = "{% extends 'manifests/_base.yaml' %}\n{% block more %}\n  comand: x\n{% endblock %}\n"
    result = compiled(tmp_path, {"manifests/_base.yaml": base, "manifests/a.yaml": child})
    assert findings(result) == ["manifests/_base.yaml:8:3: Unknown key", "manifests/a.yaml:3:3: Unknown key"]


def test_a_resource_of_a_loop_finds_its_own_values(tmp_path: Path) -> None:
    """The resources of a loop share a place; what is asked of one is answered from its own document."""
    text = (
        "{% for i in [1, 2] %}\n---\n"
        + HEAD.replace("resnet50", "run-{{ i }}")
        + ("{% if i == 2 %}\nspec:\n  image: busybox\n{% else %}\nspec: {}\n{% endif %}\n{% endfor %}\n")
    )
    result = compiled(tmp_path, {"manifests/a.yaml": text})
    first, second = result.resources
    assert first.where == second.where
    assert result.locate(second, ("spec", "image")).line == 11
    assert result.locate(first, ("spec", "image")).line == 13
