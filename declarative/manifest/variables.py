"""Variables: declared in the project file, given from outside, checked before anything is rendered.

Precedence, low to high: default, environment, `DECLARATIVE_VAR_name`, `--var-file`, `--var name=value`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from declarative.diagnostics import Diagnostic, nearest
from declarative.kinds.check import described
from declarative.kinds.fields.base import Fields
from declarative.manifest.document import Document, decode, parse
from declarative.model.position import Position
from declarative.model.value import FrozenMap, Value, dotted

TypeName = Literal["string", "integer", "number", "boolean", "list", "map"]
ENVIRONMENT_PREFIX = "DECLARATIVE_VAR_"


class VariableDeclaration(Fields):
    """What a variable may be."""

    type: TypeName = Field("string", description="Type of the value.")
    items: Literal["string", "integer", "number", "boolean"] | None = Field(
        None, description="Type of the items of a list, or of the values of a map."
    )
    default: Any = Field(None, description="Value when none is given; without it the variable is required.")
    description: str | None = Field(None, description="What the variable is for.")
    minimum: float | None = Field(None, description="Least number, or least length of a list or map.")
    maximum: float | None = Field(None, description="Greatest number, or greatest length of a list or map.")
    enum: tuple[Any, ...] | None = Field(None, description="The values that are allowed.")
    pattern: str | None = Field(None, description="Regular expression that a text has to match as a whole.")


@dataclass(frozen=True, slots=True)
class Given:
    """A value for a variable, and whence it came: `source` for people, `where` when it stands in a file."""

    name: str
    value: Value
    source: str
    where: Position | None = None


def resolve(
    declarations: Mapping[str, Any],
    overlay: Mapping[str, Value],
    locate: Callable[..., Position | None],
    given: Iterable[Given],
    environment: str | None,
) -> tuple[FrozenMap, tuple[Diagnostic, ...]]:
    """The value of every declared variable, and what is wrong with the given ones.

    `declarations` and `overlay` are those of the project file, whose places `locate` knows; `given` come from outside in
    order of rising precedence.
    """
    sources = [
        Given(name, declared["default"], "its default", locate("variables", name, "default"))
        for name, declared in declarations.items()
        if declared.get("default") is not None
    ]
    path = ("environments", environment, "variables")
    sources += [
        Given(name, value, f"environment {environment}", locate(*path, name)) for name, value in overlay.items()
    ]
    chosen: dict[str, Given] = {}
    diagnostics: list[Diagnostic] = []
    for one in (*sources, *given):
        if one.name in declarations:
            chosen[one.name] = one
        else:
            diagnostics.append(_undeclared(one, declarations))
    for name, declared in declarations.items():
        if name not in chosen:
            diagnostics.append(_missing(name, locate("variables", name)))
        else:
            diagnostics += _problems(chosen[name], declared)
    return FrozenMap({name: one.value for name, one in chosen.items()}), tuple(diagnostics)


def from_environment(environ: Mapping[str, str], declarations: Mapping[str, Any]) -> Iterator[Given]:
    """The values that `DECLARATIVE_VAR_name` gives."""
    for key, text in sorted(environ.items()):
        if key.startswith(ENVIRONMENT_PREFIX):
            name = key.removeprefix(ENVIRONMENT_PREFIX)
            yield Given(name, _typed(text, declarations.get(name)), key)


def from_option(option: str, declarations: Mapping[str, Any]) -> Given | Diagnostic:
    """The value that `--var name=value` gives."""
    name, equals, text = option.partition("=")
    if not (name and equals):
        return Diagnostic("Malformed option", f"--var {option} has no value.", "write --var name=value")
    return Given(name, _typed(text, declarations.get(name)), f"--var {name}")


def from_file(path: Path) -> tuple[tuple[Given, ...], tuple[Diagnostic, ...]]:
    """The values of a `--var-file`: a YAML mapping of names to values."""
    try:
        documents, diagnostics = parse(decode(path.read_bytes(), str(path)), str(path))
    except OSError as error:
        return (), (Diagnostic("Unreadable variable file", f"{path}: {error.strerror}."),)
    if not diagnostics and not all(isinstance(document.value, FrozenMap) for document in documents):
        diagnostics = (
            Diagnostic("Wrong type", f"{path} has to be a mapping of variables.", None, Position(str(path))),
        )
    if diagnostics:
        return (), diagnostics
    return tuple(_in_file(documents)), ()


def _in_file(documents: tuple[Document, ...]) -> Iterator[Given]:
    for document in documents:
        for name, value in document.value.items():
            yield Given(name, value, document.file, document.locate((name,)))


def _typed(text: str, declared: Mapping[str, Any] | None) -> Value:
    """Text from outside as a value: text stays text, everything else is read as YAML."""
    if declared is None or declared.get("type", "string") == "string":
        return text
    documents, diagnostics = parse(text, "")
    return text if diagnostics or len(documents) != 1 else documents[0].value


def _undeclared(one: Given, declarations: Mapping[str, Any]) -> Diagnostic:
    spelling = nearest(one.name, declarations)
    hint = f"did you mean `{spelling}`?" if spelling else "declare it under `variables:` in declarative.yaml"
    return Diagnostic(
        "Undeclared variable", f"{one.source} gives `{one.name}`, which is not declared.", hint, one.where
    )


def _missing(name: str, where: Position | None) -> Diagnostic:
    return Diagnostic(
        "Missing variable",
        f"`{name}` has no default and no value was given.",
        f"give it with --var {name}=VALUE, {ENVIRONMENT_PREFIX}{name} or --var-file",
        where,
    )


_CHECKS: dict[str, tuple[Callable[[Value], bool], str]] = {
    "string": (lambda value: isinstance(value, str), "text"),
    "integer": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    "number": (lambda value: isinstance(value, (int, float)) and not isinstance(value, bool), "a number"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "list": (lambda value: isinstance(value, tuple), "a list"),
    "map": (lambda value: isinstance(value, FrozenMap), "a mapping"),
}


def _problems(one: Given, declared: Mapping[str, Any]) -> Iterator[Diagnostic]:
    def problem(summary: str, found: str, expected: str) -> Diagnostic:
        return Diagnostic(
            summary, f"Variable `{one.name}` (from {one.source}) is {found}, but {expected}.", None, one.where
        )

    fits, expected = _CHECKS[declared.get("type", "string")]
    if not fits(one.value):
        yield problem("Wrong type", described(one.value), f"{expected} is expected")
        return
    for path, item in _items(one.value):
        item_fits, item_expected = _CHECKS[declared.get("items") or "map"]
        if declared.get("items") and not item_fits(item):
            yield problem("Wrong type", f"{described(item)} at {dotted(path)}", f"{item_expected} is expected")
    size = len(one.value) if isinstance(one.value, (tuple, FrozenMap)) else one.value
    if isinstance(size, (int, float)) and not isinstance(size, bool):
        if declared.get("minimum") is not None and size < declared["minimum"]:
            yield problem("Number out of bounds", str(size), f"has to be at least {declared['minimum']}")
        if declared.get("maximum") is not None and size > declared["maximum"]:
            yield problem("Number out of bounds", str(size), f"has to be at most {declared['maximum']}")
    if declared.get("enum") and one.value not in declared["enum"]:
        yield problem(
            "Unknown value", described(one.value), f"has to be one of {', '.join(map(str, declared['enum']))}"
        )
    if declared.get("pattern") and isinstance(one.value, str) and not re.fullmatch(declared["pattern"], one.value):
        yield problem("Malformed value", described(one.value), f"has to match {declared['pattern']}")


def _items(value: Value) -> Iterator[tuple[tuple[str | int, ...], Value]]:
    if isinstance(value, tuple):
        yield from (((index,), item) for index, item in enumerate(value))
    elif isinstance(value, FrozenMap):
        yield from (((key,), item) for key, item in value.items())
