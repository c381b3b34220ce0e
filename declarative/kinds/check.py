"""Checks a value against a model: types, bounds and spellings by pydantic, rules between fields by `rules`.

Both the manifests and the embedded control plane are held to the models by this one function.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from msgspec.structs import replace
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from declarative.diagnostics import nearest
from declarative.kinds import hints
from declarative.kinds.fields.base import QUANTITY_PATTERN, Fields
from declarative.kinds.rules import UNKNOWN, Violation
from declarative.kinds.shape import ListOf, MapOf, Object, Shape, has_rules, shape_of
from declarative.model.value import Path, Value, dig, dotted, put_in

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "finite_number": "a finite number",
}

_SWITCHES = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}


def check(model: type[Fields], value: Value) -> tuple[Violation, ...]:
    """Everything that is wrong with `value`, which is frozen; nothing twice and no cascade from one cause."""
    found: list[Violation] = []
    misspelt: set[Path] = set()
    try:
        model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
        unknown = [_unknown_key(model, value, item) for item in details if item["type"] == "extra_forbidden"]
        meant = {(*violation.path[:-1], spelling) for violation, spelling in unknown if spelling}
        misspelt = {violation.path[:-1] for violation, _ in unknown}
        found += [violation for violation, _ in unknown]
        found += [_told(model, item) for item in details if _stands_alone(item, meant)]
    refused = {violation.path for violation in found}
    for violation in found:
        if not violation.on_key:
            value = put_in(value, violation.path, UNKNOWN)
    # Where a key is misspelt, the rules of its mapping would complain about the field that it was meant to be.
    found += [
        violation
        for at, violation in _rules(shape_of(model), value, ())
        if at not in misspelt and violation.path not in refused
    ]
    return tuple(found)


def _stands_alone(item: ErrorDetails, meant: set[Path]) -> bool:
    """Unknown keys are told elsewhere; a missing field that a misspelt key stands for is no error of its own."""
    return item["type"] != "extra_forbidden" and not (item["type"] == "missing" and item["loc"] in meant)


def _unknown_key(model: type[Fields], value: Value, item: ErrorDetails) -> tuple[Violation, str | None]:
    path = item["loc"]
    key, parent = str(path[-1]), path[:-1]
    fields = _fields_at(shape_of(model), parent)
    given = dig(value, parent)
    free = [name for name in fields if not (isinstance(given, Mapping) and name in given)]
    known_as = hints.OTHER_NAMES.get(key)
    spelling = known_as if known_as in free else nearest(key, free)
    place = f"`{dotted(parent)}`" if parent else "the document's top level"
    if spelling:
        hint = f"did you mean `{spelling}`?"
    elif home := _home(shape_of(model), key):
        hint = f"`{key}` belongs under `{dotted(home)}`"
    else:
        hint = f"{place} takes {', '.join(sorted(fields))}" if fields else f"remove `{key}`"
    return Violation(path, "Unknown key", f"`{key}` is not a field of {place}.", hint, on_key=True), spelling


def _fields_at(shape: Shape, path: Path) -> tuple[str, ...]:
    shape = _shape_at(shape, path)
    return tuple(shape.fields) if isinstance(shape, Object) else ()


def _shape_at(shape: Shape, path: Path) -> Shape:
    for step in path:
        if isinstance(shape, Object):
            shape = shape.fields[str(step)]
        elif isinstance(shape, (ListOf, MapOf)):
            shape = shape.item
    return shape


def _home(shape: Object, key: str, path: Path = ()) -> Path | None:
    """Where in the tree a field of this name lives: the fix for a field at the wrong depth."""
    for name, inner in shape.fields.items():
        if isinstance(inner, Object):
            if key in inner.fields:
                return (*path, name)
            if deeper := _home(inner, key, (*path, name)):
                return deeper
    return None


def _told(model: type[Fields], item: ErrorDetails) -> Violation:
    kind, path, found = item["type"], item["loc"], item["input"]
    name = f"`{dotted(path)}`"
    bounds: dict[str, Any] = item.get("ctx", {})
    if kind == "missing":
        options = _options(model, path)
        value = f" {options[0]}" if len(options) == 1 else ""
        return Violation(path[:-1], "Missing field", f"{name} is required.", f"add `{path[-1]}:{value}`", on_key=True)
    if kind in _TYPES:
        return _wrong_type(model, path, found, _TYPES[kind])
    if kind == "literal_error":
        return _wrong_word(model, path, name, found)
    if kind == "string_pattern_mismatch":
        is_amount = bounds["pattern"] == QUANTITY_PATTERN
        expected = "an amount such as 20G or 512Mi" if is_amount else f"text that fits {bounds['pattern']}"
        detail = f"{name} is {shown(found)}, but {expected} is expected."
        return Violation(path, "Malformed value", detail, hints.amount_of_bytes(found) if is_amount else None)
    if kind == "format":
        detail = f"{name} is {shown(found)}, but {bounds['expected']} is expected."
        return Violation(path, "Malformed value", detail, hints.usable_name(path, found))
    if kind in ("string_too_short", "string_too_long"):
        limit = "may not be empty" if kind == "string_too_short" else f"takes at most {bounds['max_length']} characters"
        size = "" if kind == "string_too_short" else f"; this has {len(found)}"
        return Violation(path, "Text of the wrong length", f"{name} {limit}{size}.")
    words = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}
    if kind in words:
        word, limit = words[kind]
        return Violation(
            path, "Number out of bounds", f"{name} is {shown(found)}, but has to be {word} {bounds[limit]}."
        )
    return Violation(path, "Wrong value", f"{name} is {shown(found)}: {item['msg']}.")


def _wrong_type(model: type[Fields], path: Path, found: Value, expected: str) -> Violation:
    detail = f"`{dotted(path)}` is {described(found)}, but {expected} is expected."
    hint = hints.part_of_a_device(path, found) or conversion(found, expected)
    if expected == "a list" and isinstance(found, Mapping) and not hint:
        hint = hints.as_items(_shape_at(shape_of(model), path), found)
    return Violation(path, "Wrong type", detail, hint)


def conversion(found: Value, expected: str) -> str | None:
    """How to write what was meant."""
    if meant := hints.unpasted(found, expected):
        return meant
    if expected == "text":
        if isinstance(found, (bool, int, float)):
            # Not the value itself: 1.10 is 1.1 by now.
            return "put it in quotes, so that it stays as you typed it"
        return "write one text, not a list" if isinstance(found, (list, tuple)) else None
    if expected == "true or false":
        switch = _SWITCHES.get(str(found).lower())
        return f"write `{switch}`" if switch else None
    if expected in ("a whole number", "a number"):
        return hints.number(found, is_whole=expected == "a whole number")
    if expected == "a list" and isinstance(found, (str, bool, int, float)):
        return f"write [{shown(found)}], or each item on a line of its own that starts with `- `"
    return None


def _wrong_word(model: type[Fields], path: Path, name: str, found: Value) -> Violation:
    options = _options(model, path)
    spelling = nearest(found, options) if isinstance(found, str) else None
    listed = ", ".join(options) if len(options) <= 12 else f"{', '.join(options[:8])} … ({len(options)} in all)"
    one_of = "one of " if len(options) > 1 else ""
    return Violation(
        path,
        "Unknown value",
        f"{name} is {shown(found)}, but has to be {one_of}{listed}.",
        f"did you mean `{spelling}`?" if spelling else None,
    )


def _options(model: type[Fields], path: Path) -> tuple[str, ...]:
    """The words that an enum at `path` knows, from the model's own JSON Schema."""
    schema = _schema(model)
    definitions = schema.get("$defs", {})

    def choices(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        node = definitions[node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        yield node
        for option in node.get("anyOf", ()):
            yield from choices(option)

    def below(node: dict[str, Any], step: str | int) -> dict[str, Any] | None:
        found = node.get("items") if isinstance(step, int) else node.get("properties", {}).get(step)
        return found or (node.get("additionalProperties") or None)

    nodes = list(choices(schema))
    for step in path:
        nodes = [choice for node in nodes if (inner := below(node, step)) for choice in choices(inner)]
    return tuple(str(word) for node in nodes for word in node.get("enum", [node["const"]] if "const" in node else []))


@cache
def _schema(model: type[Fields]) -> dict[str, Any]:
    return model.model_json_schema()


def _rules(shape: Shape, value: Value, path: Path) -> Iterator[tuple[Path, Violation]]:
    """What the rules have to say, each with the path of the mapping that it is about."""
    if isinstance(shape, Object):
        if isinstance(value, dict):
            yield from _rules_of_mapping(shape, value, path)
    elif isinstance(value, (list, tuple)) and isinstance(shape, ListOf):
        if shape.keyed and shape.keyed.unique:
            for violation in _duplicates(shape.keyed.fields[0], value, path):
                yield path, violation
        if has_rules(shape.item):
            for index, item in enumerate(value):
                yield from _rules(shape.item, item, (*path, index))
    elif isinstance(value, dict) and isinstance(shape, MapOf):
        for name, item in value.items():
            yield from _rules(shape.item, item, (*path, name))


def _rules_of_mapping(shape: Object, value: Mapping[str, Value], path: Path) -> Iterator[tuple[Path, Violation]]:
    for rule in shape.model.rules if shape.model else ():
        for violation in rule.check(value):
            yield path, replace(violation, path=(*path, *violation.path))
    for name, inner in shape.ruled:
        if name in value:
            yield from _rules(inner, value[name], (*path, name))


def _duplicates(field: str, items: Sequence[Value], path: Path) -> Iterator[Violation]:
    seen: dict[Any, int] = {}
    for index, item in enumerate(items):
        name = item.get(field) if isinstance(item, Mapping) else None
        if isinstance(name, str) and seen.setdefault(name, index) != index:
            yield Violation(
                (*path, index, field),
                "Duplicate item",
                f"`{dotted(path)}` has {name} twice: items {seen[name] + 1} and {index + 1}.",
                "remove one of the two",
            )


def shown(value: Value) -> str:
    """A value as an author would type it, shortened."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (Mapping, list, tuple)):
        value = json.dumps(_printable(value), ensure_ascii=False, default=str)
        return value if len(value) <= 60 else f"{value[:40]}…{value[-15:]}"
    text = f'"{value}"'.replace("\n", "\\n") if type(value) is str else str(value)
    return text if len(text) <= 60 else f"{text[:40]}…{text[-15:]}"


def _printable(value: Value) -> Value:
    """A copy whose texts are as they print: secrets are masked."""
    if isinstance(value, Mapping):
        return {key: _printable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(item) for item in value]
    return str(value) if isinstance(value, str) else value


def described(value: Value) -> str:
    """A value with its type, for the sentence "... is X, but Y is expected"."""
    if value is None:
        return "empty (null)"
    if isinstance(value, bool):
        return shown(value)
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"the {'text' if isinstance(value, str) else 'number'} {shown(value)}"
