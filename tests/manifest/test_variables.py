"""Variables: types, bounds, precedence and places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from declarative.diagnostics import Diagnostic
from declarative.errors import ProjectError
from declarative.manifest import project, variables
from declarative.model.value import EMPTY, FrozenMap, freeze


def nowhere(*_: Any, **__: Any) -> None:
    return None


def given(name: str, text: str, declarations: FrozenMap) -> tuple[FrozenMap, tuple[Diagnostic, ...]]:
    option = variables.from_option(f"{name}={text}", declarations)
    assert isinstance(option, variables.Given)
    return variables.resolve(declarations, EMPTY, nowhere, [option], None)


@pytest.mark.parametrize(
    ("declared", "text", "expected"),
    [
        ({}, "5", "5"),
        ({"type": "string"}, "", ""),
        ({"type": "string"}, "a=b: [c", "a=b: [c"),
        ({"type": "integer"}, "5", 5),
        ({"type": "number"}, "5", 5),
        ({"type": "number"}, "0.5", 0.5),
        ({"type": "number"}, "1.0e-3", 0.001),
        ({"type": "boolean"}, "true", True),
        ({"type": "list"}, "[1, a]", (1, "a")),
        ({"type": "list", "items": "string"}, "[a, b]", ("a", "b")),
        ({"type": "map", "items": "integer"}, "{a: 1}", {"a": 1}),
        ({"type": "integer", "minimum": 0, "maximum": 8}, "0", 0),
        ({"type": "integer", "minimum": 0, "maximum": 8}, "8", 8),
        ({"type": "list", "minimum": 1, "maximum": 2}, "[a, b]", ("a", "b")),
        ({"enum": ["a", "b"]}, "b", "b"),
        ({"pattern": "[a-z]+"}, "abc", "abc"),
    ],
)
def test_text_becomes_a_value_of_the_declared_type(declared: dict[str, Any], text: str, expected: Any) -> None:
    values, problems = given("x", text, freeze({"x": declared}))
    assert problems == ()
    assert values["x"] == expected
    assert type(values["x"]) is type(freeze(expected))


@pytest.mark.parametrize(
    ("declared", "text", "expected"),
    [
        ({"type": "integer"}, "many", '`x` (from --var x) is the text "many", but a whole number is expected.'),
        ({"type": "integer"}, "0.5", "`x` (from --var x) is the number 0.5, but a whole number is expected."),
        ({"type": "integer"}, "true", "`x` (from --var x) is true, but a whole number is expected."),
        ({"type": "number"}, "null", '`x` (from --var x) is the text "null", but a number is expected.'),
        ({"type": "boolean"}, "yes", '`x` (from --var x) is the text "yes", but true or false is expected.'),
        ({"type": "boolean"}, "1", "`x` (from --var x) is the number 1, but true or false is expected."),
        ({"type": "list"}, "a", '`x` (from --var x) is the text "a", but a list is expected.'),
        ({"type": "list"}, "[a", '`x` (from --var x) is the text "[a", but a list is expected.'),
        ({"type": "map"}, "[a]", "`x` (from --var x) is a list, but a mapping is expected."),
        ({"type": "list", "items": "integer"}, "[1, b]", '`x[1]` (from --var x) is the text "b", but a whole number is expected.'),
        ({"type": "map", "items": "boolean"}, "{a: 1}", "`x.a` (from --var x) is the number 1, but true or false is expected."),
        ({"type": "integer", "minimum": 0}, "-1", "`x` (from --var x) is -1, but has to be at least 0."),
        ({"type": "number", "maximum": 1}, "1.5", "`x` (from --var x) is 1.5, but has to be at most 1."),
        ({"type": "list", "minimum": 1}, "[]", "`x` (from --var x) is 0 items long, but has to be at least 1."),
        ({"enum": ["a", "b"]}, "c", '`x` (from --var x) is the text "c", but has to be one of a, b.'),
        ({"type": "integer", "enum": [1, 2]}, "3", "`x` (from --var x) is the number 3, but has to be one of 1, 2."),
        ({"pattern": "[a-z]+"}, "ab1", '`x` (from --var x) is the text "ab1", but has to match [a-z]+.'),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_one_finding(declared: dict[str, Any], text: str, expected: str) -> None:
    """Whence it came, what was found, and what was expected."""
    _, problems = given("x", text, freeze({"x": declared}))
    assert [one.detail for one in problems] == [f"Variable {expected}"]


PROJECT = """apiVersion: declarative/v1
kind: Project
variables:
  x: {default: default}
environments:
  prod:
    variables: {x: environment}
  bare: {}
"""


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ((), "default"),
        (("environment",), "environment"),
        (("environment", "process"), "process"),
        (("environment", "process", "file"), "file"),
        (("environment", "process", "file", "option"), "option"),
        (("process", "option"), "option"),
        (("file",), "file"),
    ],
)
def test_precedence(tmp_path: Path, sources: tuple[str, ...], expected: str) -> None:
    """Low to high: default, environment, DECLARATIVE_VAR_, --var-file, --var."""
    (tmp_path / "declarative.yaml").write_text(PROJECT)
    (tmp_path / "vars.yaml").write_text("x: file\n")
    found = project.load(tmp_path, "prod" if "environment" in sources else None)
    outside: list[variables.Given] = []
    if "process" in sources:
        outside += variables.from_environment({"DECLARATIVE_VAR_x": "process", "OTHER": "y"}, found.variables)
    if "file" in sources:
        outside += variables.from_file(tmp_path / "vars.yaml", {})[0]
    if "option" in sources:
        option = variables.from_option("x=option", found.variables)
        assert isinstance(option, variables.Given)
        outside.append(option)
    values, problems = variables.resolve(found.variables, found.overlay, found.locate, outside, found.environment)
    assert (values, problems) == ({"x": expected}, ())


def test_problems_in_files_have_places(tmp_path: Path) -> None:
    """The value where it is wrong, the key where it is not declared; environments are overlays of their own."""
    text = PROJECT.replace("default: default", "type: integer, default: 1").replace("{x: environment}", "{x: a, y: 1}")
    (tmp_path / "declarative.yaml").write_text(text)
    found = project.load(tmp_path, "prod")
    _, problems = variables.resolve(found.variables, found.overlay, found.locate, (), found.environment)
    assert [(str(one.where), one.summary) for one in problems] == [
        ("declarative.yaml:7:23", "Undeclared variable"),
        ("declarative.yaml:7:20", "Wrong type"),
    ]
    found = project.load(tmp_path, "bare")
    assert variables.resolve(found.variables, found.overlay, found.locate, (), "bare") == ({"x": 1}, ())


@pytest.mark.parametrize("text", ["a: [", "\t", "- a", "just text", "a: 1\na: 2", b"\xff"])
def test_an_unusable_variable_file_is_a_finding(tmp_path: Path, text: str | bytes) -> None:
    file = tmp_path / "vars.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    _, problems = variables.from_file(file, {})
    assert len(problems) == 1
    assert problems[0].where is not None
    assert problems[0].where.file == str(file)


@pytest.mark.parametrize("option", ["", "x", "=1", "="])
def test_an_option_needs_a_name_and_a_value(option: str) -> None:
    assert isinstance(variables.from_option(option, EMPTY), Diagnostic)


@pytest.mark.parametrize("pattern", ["[a", "(", "*", "a{99999999999999999999}"])
def test_a_pattern_has_to_be_a_regular_expression(tmp_path: Path, pattern: str) -> None:
    """It is refused where it is declared, before any value meets it."""
    text = f"apiVersion: declarative/v1\nkind: Project\nvariables:\n  x: {{pattern: '{pattern}', default: a}}\n"
    (tmp_path / "declarative.yaml").write_text(text)
    with pytest.raises(ProjectError) as caught:
        project.load(tmp_path, None)
    (found,) = caught.value.diagnostics
    assert str(found.where) == "declarative.yaml:4:16"


def test_a_variable_may_be_any_name(tmp_path: Path) -> None:
    """Names that a mapping has methods of, such as items, are variables like others."""
    values, _ = variables.resolve(freeze({"items": {}, "x": {}}), freeze({"items": "a", "x": "b"}), nowhere, (), "e")
    assert values == {"items": "a", "x": "b"}


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ({"type": "integer"}, "hunter2"),
        ({"type": "list", "items": "integer"}, ["hunter2"]),
        ({"type": "string", "pattern": "[0-9]+"}, "hunter2"),
        ({"type": "string", "enum": ["hunter3"]}, "hunter2"),
        ({"type": "integer", "maximum": 1}, 4711),
    ],
)
def test_a_sensitive_value_is_not_shown_when_it_is_wrong(tmp_path: Path, declared: dict[str, Any], value: Any) -> None:
    """What is wrong with it tells the place, but its line, with the value on it, may not be shown."""
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps({"key": value}))
    values, _ = variables.from_file(file, {})
    declarations = {"key": {**declared, "sensitive": True}}
    _, (found,) = variables.resolve(declarations, EMPTY, nowhere, values, None)
    assert found.is_private
    assert found.where is not None
    assert found.where.file.endswith("values.yaml")
    assert not [word for word in ("hunter2", "4711") if word in f"{found!r}"]
