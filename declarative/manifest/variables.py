"""Variables: declared in the project file, given from outside, checked before anything is rendered.

Precedence, low to high: default, environment, `DECLARATIVE_VAR_name`, `--var-file`, `--var name=value`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Struct
from msgspec.structs import replace
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import ProjectError
from declarative.kinds.check import conversion, described
from declarative.kinds.fields.base import Fields
from declarative.manifest.document import Document, decode, parse
from declarative.model.position import Position
from declarative.model.secret import MASK, Reference, Secret
from declarative.model.value import FrozenMap, Value, dotted

TypeName = Literal["string", "integer", "number", "boolean", "list", "map"]
ENVIRONMENT_PREFIX = "DECLARATIVE_VAR_"


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        expected = f"a regular expression ({error})"
        raise PydanticCustomError("format", "{expected}", {"expected": expected}) from error
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]


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
    pattern: Pattern | None = Field(None, description="Regular expression that a text has to match as a whole.")
    sensitive: bool = Field(
        False, description="True keeps the value out of everything that is shown or written; it may stand in free text."
    )


def _nowhere(*_: str | int, on_key: bool = False) -> None:  # noqa: ARG001  (the place of what is in no file)
    return None


class Given(Struct, frozen=True):
    """A value for a variable, and whence it came: `source` for people; `locate` finds its parts where it is in a file."""

    name: str
    value: Value
    source: str
    locate: Callable[..., Position | None] = _nowhere


def resolve(
    declarations: Mapping[str, Any],
    overlay: Mapping[str, Value],
    locate: Callable[..., Position | None],
    given: Iterable[Given],
    environment: str | None,
    *,
    all_read: bool = True,
) -> tuple[FrozenMap, tuple[Diagnostic, ...]]:
    """The value of every declared variable that has a good one, and what is wrong with the others.

    `declarations` and `overlay` are those of the project file, whose places `locate` knows; `given` come from outside in
    order of rising precedence. Unless `all_read`, what is missing may be among what could not be read, and is no error.
    """
    sources = [
        Given(name, declared["default"], "its default", partial(locate, "variables", name, "default"))
        for name, declared in declarations.items()
        if declared.get("default") is not None
    ]
    path = ("environments", environment, "variables")
    sources += [
        Given(name, value, f"environment {environment}", partial(locate, *path, name))
        for name, value in overlay.items()
    ]
    chosen: dict[str, Given] = {}
    diagnostics: list[Diagnostic] = []
    for one in (*sources, *given):
        if one.name in declarations:
            chosen[one.name] = one
        else:
            diagnostics.append(_undeclared(one, declarations))
    for name, declared in declarations.items():
        problems = tuple(_problems(chosen[name], declared)) if name in chosen else ()
        if problems:
            diagnostics += problems
            del chosen[name]
        elif name not in chosen and all_read:
            diagnostics.append(_missing(name, locate("variables", name, on_key=True)))
    values = {
        name: _secret(one.value, Reference("variable", name)) if declarations[name].get("sensitive") else one.value
        for name, one in chosen.items()
    }
    return FrozenMap(values), tuple(diagnostics)


def check_overlays(
    declarations: Mapping[str, Any], environments: Mapping[str, Any], locate: Callable[..., Position | None]
) -> tuple[Diagnostic, ...]:
    """What is wrong with the values that the `environments` of a project file give, whichever is chosen."""
    found: list[Diagnostic] = []
    for environment, overlay in environments.items():
        path = ("environments", environment, "variables")
        for name, value in ((overlay or {}).get("variables") or {}).items():
            one = Given(name, value, f"environment {environment}", partial(locate, *path, name))
            declared = declarations.get(name)
            found += [_undeclared(one, declarations)] if declared is None else _problems(one, declared)
    return tuple(found)


def _secret(value: Value, reference: Reference) -> Value:
    """A sensitive value: every text and number in it is secret, while the keys and the length of it are not."""
    if isinstance(value, FrozenMap):
        return FrozenMap({key: _secret(item, _below(reference, key)) for key, item in value.items()})
    if isinstance(value, tuple):
        return tuple(_secret(item, _below(reference, index)) for index, item in enumerate(value))
    text = value if isinstance(value, str) else json.dumps(value)
    return Secret((reference,), text, (text,))


def _below(reference: Reference, step: str | int) -> Reference:
    return replace(reference, path=(*reference.path, step))


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
        detail = f"--var {name} has no value." if name else "--var names no variable."
        return Diagnostic("Malformed option", detail, "write --var name=value")
    return Given(name, _typed(text, declarations.get(name)), f"--var {name}")


def from_file(path: Path, declarations: Mapping[str, Any]) -> tuple[tuple[Given, ...], tuple[Diagnostic, ...]]:
    """The values of a `--var-file`: a YAML mapping of names to values."""
    try:
        documents, diagnostics, *_ = parse(decode(path.read_bytes(), str(path)), str(path))
    except OSError as error:
        return (), (
            Diagnostic("Unreadable variable file", f"{path}: {error.strerror}.", "name a YAML file of variables"),
        )
    except ProjectError as error:
        return (), error.diagnostics
    private = _any_sensitive(declarations)
    if private:
        detail = "The words are not repeated here, because sensitive values stand in this file."
        diagnostics = tuple(Diagnostic(one.summary, detail, None, one.where, is_private=True) for one in diagnostics)
    mappings = tuple(document for document in documents if isinstance(document.value, FrozenMap))
    if len(mappings) < len(documents):
        detail = f"{path} is {'no mapping' if private else described(documents[0].value)}, but a mapping of variables is expected."
        hint = "write each as `name: value`"
        diagnostics += (Diagnostic("Wrong type", detail, hint, Position(str(path)), is_private=private),)
    return tuple(_in_file(mappings)), diagnostics


def _in_file(documents: tuple[Document, ...]) -> Iterator[Given]:
    for document in documents:
        for name, value in document.value.items():
            yield Given(name, value, document.file, partial(_locate, document, name))


def _locate(document: Document, *path: str | int, on_key: bool = False) -> Position:
    return document.locate(path, on_key)


def _typed(text: str, declared: Mapping[str, Any] | None) -> Value:
    """Text from outside as a value: text stays text, everything else is read as YAML."""
    if declared is None or declared.get("type", "string") == "string":
        return text
    documents, diagnostics, *_ = parse(text, "")
    return text if diagnostics or len(documents) != 1 else documents[0].value


def _undeclared(one: Given, declarations: Mapping[str, Any]) -> Diagnostic:
    spelling = nearest(one.name, declarations)
    hint = f"did you mean `{spelling}`?" if spelling else "declare it under `variables:` in declarative.yaml"
    detail = f"{one.source} gives `{one.name}`, which is not declared."
    private = _any_sensitive(declarations)
    return Diagnostic("Undeclared variable", detail, hint, one.locate(on_key=True), is_private=private)


def _any_sensitive(declarations: Mapping[str, Any]) -> bool:
    """Whether a line that is not understood may be that of a sensitive variable."""
    return any(declared.get("sensitive") for declared in declarations.values())


def _missing(name: str, where: Position | None) -> Diagnostic:
    return Diagnostic(
        "Missing variable",
        f"`{name}` has no default and no value was given.",
        f"give it with --var {name}=VALUE, {ENVIRONMENT_PREFIX}{name} or --var-file",
        where,
    )


def no_secret(name: str, value: str | None, where: Position | None = None) -> Diagnostic:
    """What is said of a secret that the process environment does not have, or has as an empty text."""
    state = "is set, but empty" if value == "" else "is not set"
    detail = f"`{name}` {state} in the environment of this command."
    hint = (
        "give it a value, or allow for that with `| default('')`"
        if value == ""
        else f"export {name} before the command runs"
    )
    return Diagnostic("Missing secret", detail, hint, where)


_CHECKS: dict[str, tuple[Callable[[Value], bool], str]] = {
    "string": (lambda value: isinstance(value, str), "text"),
    "integer": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    "number": (lambda value: isinstance(value, (int, float)) and not isinstance(value, bool), "a number"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "list": (lambda value: isinstance(value, tuple), "a list"),
    "map": (lambda value: isinstance(value, FrozenMap), "a mapping"),
}


def _problems(one: Given, declared: Mapping[str, Any]) -> Iterator[Diagnostic]:
    def told(value: Value) -> str:
        return MASK if declared.get("sensitive") else described(value)

    def problem(summary: str, found: str, expected: str, hint: str | None = None, *path: str | int) -> Diagnostic:
        detail = f"Variable `{dotted((one.name, *path))}` (from {one.source}) is {found}, but {expected}."
        return Diagnostic(summary, detail, hint, one.locate(*path), is_private=declared.get("sensitive", False))

    def wrong_type(found: Value, expected: str, *path: str | int) -> Diagnostic:
        # On the command line everything is text, and needs no advice about quotes.
        hint = conversion(found, expected) if one.locate() and not declared.get("sensitive") else None
        return problem("Wrong type", told(found), f"{expected} is expected", hint, *path)

    fits, expected = _CHECKS[declared.get("type") or "string"]
    if not fits(one.value):
        yield wrong_type(one.value, expected)
        return
    if declared.get("items"):
        item_fits, item_expected = _CHECKS[declared["items"]]
        for step, item in _items(one.value):
            if not item_fits(item):
                yield wrong_type(item, item_expected, step)
    size, unit = one.value, ""
    if isinstance(size, (tuple, FrozenMap)):
        size, unit = len(size), " items long"
    if isinstance(size, (int, float)) and not isinstance(size, bool):
        found = f"{size}{unit}" if unit or not declared.get("sensitive") else MASK
        if declared.get("minimum") is not None and size < declared["minimum"]:
            yield problem("Number out of bounds", found, f"has to be at least {declared['minimum']}")
        if declared.get("maximum") is not None and size > declared["maximum"]:
            yield problem("Number out of bounds", found, f"has to be at most {declared['maximum']}")
    if declared.get("enum") and one.value not in declared["enum"]:
        words = [str(word) for word in declared["enum"]]
        spelling = nearest(one.value, words) if isinstance(one.value, str) else None
        hint = f"did you mean `{spelling}`?" if spelling and not declared.get("sensitive") else None
        yield problem("Unknown value", told(one.value), f"has to be one of {', '.join(words)}", hint)
    if declared.get("pattern") and isinstance(one.value, str) and not re.fullmatch(declared["pattern"], one.value):
        yield problem("Malformed value", told(one.value), f"has to match {declared['pattern']}")


def _items(value: Value) -> Iterable[tuple[str | int, Value]]:
    if isinstance(value, FrozenMap):
        return value.items()
    return enumerate(value) if isinstance(value, tuple) else ()
