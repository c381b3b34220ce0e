"""Every character of a rendered text leads back to where the author typed it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarative.manifest.rendered import OPENING, PLACEHOLDER
from declarative.manifest.template import Templates
from declarative.model.position import Position
from declarative.model.value import FrozenMap
from tests.examples import examples
from tests.manifest.projects import HEAD, compiled, findings, value_of

LITERAL = st.text("ab:\n é😀'\"#", min_size=0, max_size=6)
# Parts that hold others, with what stands before and behind them. Macros and blocks are used twice.
AROUND = {
    "for": ("for i in [1, 2]", "endfor", ""),
    "if": ("if true", "endif", ""),
    "elif": ("if false %}no{% elif true", "endif", ""),
    "set": ("set a", "endset", "{{ a }}|{{ a }}"),
    "joined": ("set a", "endset", "{{ a ~ '/' ~ a }}"),
    "moved": ("set a", "endset", "{{ a | indent(3) }}|{{ a | trim }}"),
    "macro": ("macro m()", "endmacro", "{{ m() }}|{{ m() ~ m() }}"),
    "macro in a variable": ("macro m()", "endmacro", "{% set n = {'m': m} %}{{ n.m() }}"),
    "call": ("macro m() %}<{{ caller() }}>{% endmacro %}{% call m()", "endcall", ""),
    "filter": ("filter indent(2)", "endfilter", ""),
    "with": ("with n = 1", "endwith", ""),
}


class Template:
    """A template under construction; every literal character and every value is unique, so that its place is known."""

    def __init__(self) -> None:
        self.text = ""
        self.next = 0x4E10
        # Where characters that an expression writes come from.
        self.pasted: dict[str, int] = {}

    def unique(self) -> str:
        self.next += 1
        return chr(self.next)

    def literal(self, around: str) -> None:
        self.text += around + self.unique() + "\n" * (around.count("\n") % 2)

    def value(self, expression: str = "'x\\n{}y'", dash: str = "", prefix: str = "") -> None:
        """An expression that writes a unique character."""
        character = self.unique()
        self.text += prefix
        self.pasted[character] = len(self.text)
        self.text += "{{" + dash + " " + expression.format(character) + " " + dash + "}}"

    def argument(self) -> None:
        """A value that is given to a macro comes from where the macro writes it."""
        character = self.unique()
        self.text += "{% macro g(x) %}<"
        self.pasted[character] = len(self.text)
        self.text += "{{ x }}>{% endmacro %}{{ g('" + character + "') }}"


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """Literals, expressions, loops, conditions, macros, blocks, raw text, comments, dashes and includes, nested."""
    template = Template()

    def part(depth: int) -> None:
        kinds = ("literal", "value", "loop value", "argument", "joined text", "comment", "raw", "include")
        kind = draw(st.sampled_from((*kinds, *AROUND) if depth else kinds))
        dash = draw(st.sampled_from(("", "-")))
        template.literal(draw(LITERAL))
        if kind == "value":
            template.value(dash=dash)
        elif kind == "loop value":
            template.value("['a', '{}'][1]")
        elif kind == "joined text":
            template.value("1 ~ '{}' ~ 2", dash)
        elif kind == "argument":
            template.argument()
        elif kind == "comment":
            template.text += "{# a\nb {{ c }} #}"
        elif kind == "raw":
            template.text += "{% raw %}{{ "
            template.literal(draw(LITERAL))
            template.text += "{% endraw %}"
        elif kind == "include":
            template.text += "{% include 'part' %}"
        elif kind in AROUND:
            before, end, after = AROUND[kind]
            template.text += "{%" + dash + f" {before} " + dash + "%}"
            for _ in range(draw(st.integers(0, 3))):
                part(depth - 1)
            template.literal(draw(LITERAL))
            template.text += "{% " + end + " %}" + after
        template.literal(draw(LITERAL))

    for _ in range(draw(st.integers(1, 4))):
        part(2)
    return template


def place(text: str, offset: int, file: str = "main") -> Position:
    return Position(file, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


PART = "one 一\n two {{ '丁' }}\n"


@settings(max_examples=examples(150))
@given(template=templates())
def test_every_character_knows_its_place(tmp_path_factory: pytest.TempPathFactory, template: Template) -> None:
    """However a template is nested, each literal character leads to where it was typed, and each value to its braces.

    That holds for macros and blocks, too, however often and wherever they are written out, and nothing gets lost.
    """
    root = tmp_path_factory.getbasetemp()
    (root / "part").write_text(PART, encoding="utf-8")
    text = template.text
    rendered = Templates(root, FrozenMap(), None).render(text + "{{ '' }}", "main")
    seen = set()
    for offset, character in enumerate(rendered.text):
        if character == "一":
            assert rendered.places.position(offset) == place(PART, PART.index(character), "part")
        elif character in text and character > "一" and character not in "😀{}":
            assert character not in template.pasted
            assert rendered.places.position(offset) == place(text, text.index(character))
            seen.add(character)
    for found in PLACEHOLDER.finditer(rendered.text):
        written = set(str(rendered.pasted[int(found[1])]))
        for offset in range(found.start(), found.end()):
            if "丁" in written:
                assert rendered.places.position(offset) == place(PART, PART.index("{{"), "part")
            for character in written & template.pasted.keys():
                assert rendered.places.position(offset) == place(text, template.pasted[character])
                seen.add(character)
    assert seen == {character for character in text if "丐" < character < "龥"}


def test_the_output_of_an_expression_leads_to_its_braces(tmp_path: Path) -> None:
    """All characters that an expression writes are its own, whatever their number of lines."""
    rendered = Templates(tmp_path, FrozenMap(), None).render("a\nb {{ 'x\ny' }} c", "main")
    (found,) = PLACEHOLDER.finditer(rendered.text)
    for offset in range(found.start(), found.end()):
        assert rendered.places.position(offset) == Position("main", 2, 3)
    assert rendered.places.position(rendered.text.index("c")) == Position("main", 3, 7)


@pytest.mark.parametrize("text", ["{{ a }}", "{{ a | indent(1) }}", "{{ a | trim }}", "{{ a ~ 'x' }}", "{{ a + 'x' }}"])
@pytest.mark.parametrize(
    "block",
    ["{% set a %}\n b: {{ 1 }}\n{% endset %}", "{% macro m() %}\n b: {{ 1 }}\n{% endmacro %}{% set a = m() %}"],
)
def test_the_text_of_a_block_keeps_its_places(tmp_path: Path, block: str, text: str) -> None:
    """Filters that move lines and joining change what is around the pieces of a block, and none of their places."""
    rendered = Templates(tmp_path, FrozenMap(), None).render(block + text, "main")
    assert rendered.places.position(rendered.text.index("b")) == Position("main", 2, 2)
    assert rendered.places.position(rendered.text.index(OPENING)) == Position("main", 2, 5)


@pytest.mark.parametrize("forged", ["\ufdd00\ufdd1", "\ufdd01\ufdd1", "\ufdd0", "\ufdd1", "\ufdd0999999\ufdd1"])
def test_a_value_cannot_forge_a_placeholder(tmp_path: Path, forged: str) -> None:
    """What looks like a placeholder inside a value is just text, wherever the value stands."""
    templates = Templates(tmp_path, FrozenMap({"x": forged}), None)
    text = "a: {{ var.x }}\nb: '{{ var.x }}'\nc: {{ 1 }} {{ var.x }} {{ 2 }}\n{{ var.x }}: d\n"
    assert value_of(templates, text) == {"a": forged, "b": forged, "c": f"1 {forged} 2", forged: "d"}


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
