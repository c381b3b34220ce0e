"""YAML 1.2, with places."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from declarative.manifest.document import parse
from declarative.manifest.nodes import MAX_DEPTH
from declarative.manifest.source_map import Verbatim
from declarative.manifest.yaml_errors import bad_character
from tests.manifest.projects import HEAD, compiled, findings


def value(text: str) -> Any:
    documents, diagnostics, _ = parse(text, "a")
    assert not diagnostics
    assert len(documents) == 1
    return documents[0].value


def summaries(text: str) -> list[str]:
    return [f"{one.where.line}:{one.where.column} {one.summary}" for one in parse(text, "a")[1] if one.where]


SCALARS: list[tuple[str, Any]] = [
    ("no", "no"), ("No", "No"), ("off", "off"), ("on", "on"), ("yes", "yes"), ("y", "y"), ("n", "n"),
    ("true", True), ("True", True), ("TRUE", True), ("tRue", "tRue"), ("false", False), ("FALSE", False),
    ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nULL", "nULL"), ("", None),
    ("0", 0), ("-0", 0), ("12", 12), ("+12", 12), ("-12", -12), ("007", 7), ("0o17", 15), ("0x1F", 31), ("0b1", "0b1"),
    ("017", 17), ("1_000", "1_000"), ("22:22", "22:22"), ("1:2:3", "1:2:3"),
    ("1.5", 1.5), ("1.10", 1.1), (".5", 0.5), ("1.", 1.0), ("-1.5e3", -1500.0), ("1.0e3", 1000.0), ("1.e3", 1000.0),
    ("1e3", "1e3"), ("12E4", "12E4"), ("1e-3", "1e-3"), ("-1e3", "-1e3"), ("e3", "e3"), (".", "."), ("-", None),
    (".inf", math.inf), ("-.Inf", -math.inf), ("+.INF", math.inf), ("inf", "inf"), ("nan", "nan"),
    ("2024-01-01", "2024-01-01"), ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("=", "="), ("<<", "<<"), ("0.1.2", "0.1.2"), ("1.2.3-4", "1.2.3-4"),
    ('"12"', "12"), ("'no'", "no"), ("!!str 12", "12"), ("!!int '12'", 12), ("!!float 1e3", 1000.0),
    ("!!bool 'true'", True), ("!!null ''", None), ("! 12", 12),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "expected"), SCALARS)
def test_scalars_are_those_of_yaml_1_2(typed: str, expected: Any) -> None:
    """The core schema decides, but digits with an exponent and no point stay text."""
    if typed == "-":
        assert value("a:\n  -") == {"a": (None,)}
        return
    found = value(f"a: {typed}")["a"]
    assert found == expected
    assert type(found) is type(expected)


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(value("a: .nan")["a"])


def test_keys_are_text() -> None:
    """A key is what was typed, never a number or a boolean."""
    assert value("{1: a, true: b, 1.10: c, ~: d, no: e}") == {"1": "a", "true": "b", "1.10": "c", "~": "d", "no": "e"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ["3:1 Duplicate key"]),
        ("a: {b: 1, b: 2}\n", ["1:11 Duplicate key"]),
        ("a: 1\n'a': 2\na: 3\n", ["2:1 Duplicate key", "3:1 Duplicate key"]),
        ("[a]: 1\n", ["1:1 Key that is no text"]),
        ("{{ a: 1 }}\n", ["1:2 Key that is no text"]),
        ("a: !!set {b}\n", ["1:4 Unknown tag"]),
        ("a: !!timestamp 2024-01-01\n", ["1:4 Unknown tag"]),
        ("a: !!int x\n", ["1:4 Malformed value"]),
        ("a: !!bool yes\n", ["1:4 Malformed value"]),
        ("a: " + "9" * 2000 + "\n", ["1:4 Malformed value"]),
        ("a: 0x" + "f" * 9000 + "\n", ["1:4 Malformed value"]),
        ("a: &a [*a]\n", ["1:4 Value that contains itself"]),
        ("a: &a {<<: *a}\n", ["1:4 Value that contains itself"]),
        ("a: {<<: [1]}\n", ["1:9 Merge of something else than a mapping"]),
        ("a: *b\n", ["1:4 Malformed YAML"]),
        ("é: a\x07\n", ["1:5 Malformed YAML"]),
    ],
)
def test_mistakes_have_a_place(text: str, expected: list[str]) -> None:
    assert summaries(text) == expected


def test_the_first_of_two_keys_counts() -> None:
    """After a duplicate key the rest is still checked, with the first value."""
    documents, _, _ = parse("a: 1\na: 2\n", "a")
    assert documents[0].value == {"a": 1}


def test_merge_keys_fill_in_what_is_missing() -> None:
    """Own keys win over merged ones, and earlier sources over later ones."""
    text = "one: &one {a: 1, b: 1}\ntwo: &two {b: 2, c: 2}\nboth: {<<: [*one, *two], a: 0}\n"
    assert value(text)["both"] == {"a": 0, "b": 1, "c": 2}


def test_merged_values_have_the_place_of_their_anchor() -> None:
    documents, _, _ = parse("one: &one {a: 1}\ntwo: {<<: *one, b: 2}\n", "a")
    assert str(documents[0].locate(("two", "a"))) == "a:1:15"
    assert str(documents[0].locate(("two", "b"))) == "a:2:20"


def test_documents_without_a_value_are_left_out() -> None:
    """Comments, empty documents and separators are no documents."""
    for text in ("", "\n", "# only a comment\n", "---\n", "---\n---\n# x\n---\n", "~\n"):
        assert parse(text, "a") == ((), (), True)
    documents, diagnostics, _ = parse("---\n# x\n---\na: 1\n---\n...\n---\nb: 2\n", "a")
    assert [document.value for document in documents] == [{"a": 1}, {"b": 2}]
    assert [document.where.line for document in documents] == [4, 8]
    assert not diagnostics


def test_documents_before_a_syntax_error_are_read() -> None:
    documents, diagnostics, complete = parse("a: 1\n---\nb: [\n", "a")
    assert not complete
    assert [document.value for document in documents] == [{"a": 1}]
    assert len(diagnostics) == 1


def test_values_are_frozen() -> None:
    """Lists are tuples and mappings refuse to change."""
    found = value("a: [{b: 1}]")
    assert isinstance(found["a"], tuple)
    with pytest.raises(TypeError):
        found["a"][0]["b"] = 2


@pytest.mark.parametrize(
    "text",
    [
        "[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1),
        "[{a: " * 60 + "1" + "}]" * 60,
        "- " * (MAX_DEPTH + 1) + "1",
        "- ? " * 60 + "1",
        "".join(" " * depth + f"k{depth}:\n" for depth in range(MAX_DEPTH + 5)) + " " * 150 + "v: 1\n",
        "[" * 100_000,
        "- " * 100_000,
    ],
)
def test_depth_is_bounded(text: str) -> None:
    """A value nested too deep is refused before anything recurses into it."""
    (diagnostic,) = parse(text, "a")[1]
    assert diagnostic.detail == f"Nested more than {MAX_DEPTH} levels deep."


def test_aliases_are_bounded() -> None:
    """A billion laughs ends in an error, at once."""
    levels = ["&a0 [x, x, x, x, x, x, x, x, x]"] + [f"&a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    text = "".join(f"k{i}: {level}\n" for i, level in enumerate(levels))
    assert summaries(text) == ["1:1 Document too large"]


@pytest.mark.parametrize(
    "link", ["&a{i} [*a{j}]", "&a{i} {{x: *a{j}}}", "&a{i} {{<<: *a{j}}}", "&a{i} {{<<: [*a{j}, *a{j}]}}"]
)
@pytest.mark.parametrize("links", [90, 600, 5000])
def test_chains_of_aliases_raise_nothing(tmp_path: Path, link: str, links: int) -> None:
    """However deep aliases and merges lead, the answer is a diagnostic."""
    chain = "".join(f"  k{i}: {link.format(i=i, j=i - 1)}\n" for i in range(1, links))
    text = HEAD + "spec:\n  k0: &a0 {y: 1}\n" + chain + f"  args: *a{links - 1}\n"
    assert findings(compiled(tmp_path, {"manifests/a.yaml": text}))


def test_exactly_what_yaml_forbids_and_what_placeholders_are_made_of_is_refused() -> None:
    """Of all characters: those that PyYAML calls not printable, and U+FDD0 to U+FDEF."""
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    forbidden = {*yaml.reader.Reader.NON_PRINTABLE.findall(everything), *map(chr, range(0xFDD0, 0xFDF0))}
    places = Verbatim("a", everything)
    assert {one for one in everything if bad_character(one, places)} == forbidden
