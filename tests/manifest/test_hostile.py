"""No value changes the structure of a document, whatever is in it and wherever it is pasted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarative.manifest.document import read
from declarative.manifest.template import Templates
from declarative.model.value import FrozenMap, freeze
from tests.examples import examples
from tests.manifest.projects import problems, value_of

HARMLESS = "harmless"
PLACES = {
    "plain": "a: {{ var.x }}\nb: 1\n",
    "plain with a comment": "a: {{ var.x }}  # {{ var.x }}\nb: 1\n",
    "single quotes": "a: '{{ var.x }}'\nb: 1\n",
    "double quotes": 'a: "{{ var.x }}"\nb: 1\n',
    "literal block": "a: |+\n  {{ var.x }}|\nb: 1\n",
    "literal block, stripped": "a: |-\n  {{ var.x }}|\nb: 1\n",
    "folded block": "a: >-\n  {{ var.x }}|\nb: 1\n",
    "flow list": "a: [0, {{ var.x }}, 2]\nb: 1\n",
    "flow mapping": "a: {k: {{ var.x }}, l: '{{ var.x }}'}\nb: 1\n",
    "list item": "a:\n  - {{ var.x }}\n  - 2\nb: 1\n",
    "key": "{{ var.x }}: 1\nb: 1\n",
    "key in quotes": "'{{ var.x }}': 1\nb: 1\n",
    "flow key": "a: { {{ var.x }}: 1, c: 2}\nb: 1\n",
    "comment": "a: 1  # {{ var.x }}\nb: 1\n",
    "comment line": "# {{ var.x }}\na: 1\nb: 1\n",
    "before a text": "a: {{ var.x }} and more\nb: 1\n",
    "behind a text": "a: more and {{ var.x }}\nb: 1\n",
    "between texts": "a: '<{{ var.x }}>'\nb: 1\n",
    "twice": "a: {{ var.x }}{{ var.x }}\nb: 1\n",
    "joined": "a: {{ var.x ~ var.x }}\nb: {{ '<' ~ var.x }}\n",
    "argument": "{% macro m(x) %}{k: {{ x }}}{% endmacro %}a: {{ m(var.x) }}\nb: 1\n",
    "argument in quotes": "{% macro m(x) %}['{{ x }}', 1]{% endmacro %}a: {{ m(var.x) }}\nb: 1\n",
    "caller": "{% macro m() %}[{{ caller() }}, 1]{% endmacro %}a: {% call m() %}{{ var.x }}{% endcall %}\nb: 1\n",
    "include": "a:\n  {% include 'part' %}\nb: 1\n",
    "set block": "{% set x %}{k: {{ var.x }}}{% endset %}a: {{ x }}\nb: 1\n",
    "set block, joined": "{% set x %}{k: {{ var.x }}, l: {% endset %}a: {{ x ~ var.x }} }\nb: 1\n",
    "filter block": "{% filter indent(2) %}a: {{ var.x }}{% endfilter %}\nb: 1\n",
    "block made plain": "{% filter upper %}[{{ var.x }}]{% endfilter %}\n",
    "block indented": "{% set x %}k:\n  {{ var.x }}\nl: 1{% endset %}a:\n  {{ x | indent(2) }}\nb: 1\n",
    "loop value": "a:\n{% for i in [var.x, var.x] %}\n  - {k: {{ i }}, n: {{ loop.index }}}\n{% endfor %}\nb: 1\n",
    "value of a list": "a: {{ [var.x] }}\nb: {{ {'k': var.x} }}\n",
    "filtered": "a: {{ var.x | indent(0) }}\nb: {{ var.x | tojson }}\nc: {{ var.x | toyaml }}\nd: {{ var.x | trim }}\n",
    "tagged": "a: !!str {{ var.x }}\nb: 1\n",
    "anchored": "a: &x {{ var.x }}\nb: *x\n",
    "multi-line plain": "a: one\n  {{ var.x }}\n  two\nb: 1\n",
    "second document": "a: {{ var.x }}\n---\na: {{ var.x }}\nb: 1\n",
}

HOSTILE = (
    "a\nb", "a: b", ": ", "x\ny: z", "\n- c\n", "a #b", " # c", "#", "'", '"', "''", '"\'', "&a", "*a", "!!int", "!!int 1", "! x",
    "\t", "a\tb", "😀", "}}", "{{", "{{ 1 }}", "{% if %}", "{# #}", "---", "\n---\n", "...", "\n...\n", "- x", "- ", "? a", "<<",
    "<<: *x", "\ufeff", "\0", "\u2028", "\u2029", "\x85", "\ufdd0", "\ufdd00\ufdd1", "\ufdd01\ufdd1", "\ufdd0999\ufdd1", "\ufdd1",
    "\ud800", "[", "]", "{", "}", ",", "a, b", "[1, 2]", "{a: 1}", "|", ">", "|\n  x", "%YAML 1.1", "@", "`", "\\", "\\n", "null", "~",
    "true", "no", "1", "1.10", "0x1F", "1e3", ".nan", "2024-01-01", "", " ", "  x  ", "\n", "\n\n", "a\n\n", "\r\n", "a\rb",
    "x" * 100_000, ("ab: [\n" * 1000),
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "part").write_text("{k: {{ var.x }}, l: '{{ var.x }}'}\n")
    return folder


def documents(root: Path, template: str, value: Any) -> list[Any]:
    rendered = Templates(root, FrozenMap({"x": value}), None).render(template, "a.yaml")
    found = read(rendered, "a.yaml")
    assert not found.diagnostics
    return [document.value for document in found.documents]


def shape(value: Any) -> Any:
    """The structure of a value without its texts; keys count, but not what they are."""
    if isinstance(value, dict):
        return [(shape(item)) for item in value.values()]
    if isinstance(value, tuple):
        return tuple(map(shape, value))
    return type(value).__name__ if isinstance(value, str) else value


def texts(value: Any) -> list[str]:
    """All texts of a value, keys included."""
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *texts(item))]
    if isinstance(value, tuple):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


def arrives(template: str, value: str, expected: str, found: str) -> bool:
    """Whether a text of the document is what it is for the harmless value, with the hostile one in its place."""
    if "| trim" in template and found == expected.replace(HARMLESS, value.strip()):
        return True
    if "upper" in template:
        return found == expected.replace(HARMLESS.upper(), value.upper())
    return found == expected.replace(HARMLESS, value)


def keeps_its_structure(root: Path, template: str, value: str) -> None:
    harmless, hostile = documents(root, template, HARMLESS), documents(root, template, value)
    assert [shape(one) for one in hostile] == [shape(one) for one in harmless]
    pairs = zip(texts(tuple(harmless)), texts(tuple(hostile)), strict=True)
    assert [(one, other) for one, other in pairs if not arrives(template, value, one, other)] == []


@pytest.mark.parametrize("place", PLACES)
def test_no_hostile_value_changes_a_document(root: Path, place: str) -> None:
    """Around every value the document is that of a harmless one, and the value arrives to the character."""
    for value in HOSTILE:
        if "key" in place and value == "b":
            continue
        keeps_its_structure(root, PLACES[place], value)


@settings(max_examples=examples(200))
@given(
    place=st.sampled_from(sorted(PLACES)),
    value=st.text(
        st.sampled_from("ab:-#'\"&*!|>%@`{}[],?\\ \t\n\r~<.0\ufdd0\ufdd1\u2028\ufeff\0😀") | st.characters(),
        max_size=12,
    ),
)
def test_no_text_changes_a_document(root: Path, place: str, value: str) -> None:
    """As above, for values that nobody thought of."""
    if "key" in place and value in ("b", "c"):
        return  # a key that is there already
    keeps_its_structure(root, PLACES[place], value)


TYPED: tuple[Any, ...] = (
    0,
    -1,
    7,
    10**30,
    0.1,
    -2.5,
    1e300,
    True,
    False,
    None,
    [],
    [1, "a", None],
    {},
    {"k": [1, {"l": None}]},
    "",
    "7",
    "null",
)


@pytest.mark.parametrize("value", TYPED, ids=repr)
@pytest.mark.parametrize(
    "template",
    [
        "{{ var.x }}",
        "[{{ var.x }}]",
        "{k: {{ var.x }}}",
        "{{ [var.x] }}",
        "&a {{ var.x }}",
        "\n  {{ var.x }}  # {{ var.x }}\n",
    ],
)
def test_a_value_alone_keeps_its_type(root: Path, template: str, value: Any) -> None:
    """In every place where YAML has a plain value, a pasted one is what it was."""
    found = value_of(Templates(root, freeze({"x": value}), None), f"a: {template}")["a"]
    found = found[0] if "[" in template else found["k"] if "k:" in template else found
    assert found == freeze(value)
    assert type(found) is type(freeze(value))


@pytest.mark.parametrize(("value", "text"), [(7, "7"), (0.1, "0.1"), (True, "true"), (None, "null"), ("", "")])
def test_a_value_in_quotes_is_text(root: Path, value: Any, text: str) -> None:
    """Quotes and blocks say that it is text, and so does other text beside it."""
    templates = Templates(root, freeze({"x": value}), None)
    for template, around in (
        ("'{{ var.x }}'", ""),
        ('"{{ var.x }}"', ""),
        ("x{{ var.x }}", "x"),
        ("|-\n  {{ var.x }}", ""),
    ):
        assert value_of(templates, f"a: {template}\n") == {"a": around + text}
    assert value_of(templates, "{{ var.x }}: b\n") == {text: "b"}


def test_a_list_is_text_beside_other_text_but_no_key(root: Path) -> None:
    """Keys are text; a list or a mapping in the place of one is a mistake."""
    templates = Templates(root, freeze({"x": [1, {"a": None}]}), None)
    assert value_of(templates, "a: '{{ var.x }}'\n") == {"a": '[1, {"a": null}]'}
    (found,) = problems(templates, "a:\n  {{ var.x }}: 1\n")
    assert (str(found.where), found.summary) == ("a.yaml:2:3", "Key that is no text")


def test_a_value_makes_neither_anchors_nor_merges(root: Path) -> None:
    """What is pasted is a value and no YAML: an anchor, an alias or `<<` in it means nothing."""
    templates = Templates(root, freeze({"x": "<<", "y": "*a", "z": "&a"}), None)
    assert value_of(templates, "a: &a {b: 1}\nc: { {{ var.x }}: {{ var.y }}}\nd: {{ var.z }} e\n") == {
        "a": {"b": 1},
        "c": {"<<": "*a"},
        "d": "&a e",
    }
