"""Schemas as flat tables of facts: one entry a property path, so that two of them can be compared line by line.

Understands JSON Schema (draft 2020-12) and the dialects of OpenAPI 3.0 and 3.1. Rules between fields (`allOf` of an object
that has properties of its own) are no facts about a path.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Fact = dict[str, Any]
Facts = dict[str, Fact]

_INTEGER_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_TAKEN = ("format", "minimum", "maximum", "minLength", "maxLength", "pattern", "default", "deprecated")


def flatten(schema: dict[str, Any], root: dict[str, Any]) -> Facts:
    """Every property path of `schema` with its facts; `root` is the document that references point into."""
    return dict(_walk(schema, root, "", False))


def normal(fact: Fact) -> Fact:
    """A fact with what its format implies, and without what its format or enum makes superfluous."""
    low, high = _INTEGER_BOUNDS.get(fact.get("format", ""), (None, None))
    plain = {**fact}
    if low is not None and high is not None:
        plain |= {"minimum": max(low, fact.get("minimum", low)), "maximum": min(high, fact.get("maximum", high))}
    if "enum" in fact:
        plain["enum"] = sorted(fact["enum"])
    if "enum" in fact or fact.get("format") in ("uuid", "date-time", "hostname"):
        plain.pop("minLength", None)
    return {key: value for key, value in plain.items() if value is not False or key == "default"}


def _walk(schema: dict[str, Any], root: dict[str, Any], path: str, required: bool) -> Iterator[tuple[str, Fact]]:
    node, nullable = _resolve(schema, root)
    types = node.get("type", "object" if "properties" in node else "any")
    names = [name for name in (types if isinstance(types, list) else [types]) if name != "null"]
    fact: Fact = {"type": names[0] if len(names) == 1 else names}
    fact |= {key: node[key] for key in _TAKEN if node.get(key) is not None}
    words = [word for word in node.get("enum", [node["const"]] if "const" in node else []) if word is not None]
    fact |= {"enum": words} if words else {}
    fact |= {"nullable": nullable or (names != types and isinstance(types, list)), "required": required}
    yield path or ".", normal(fact)
    for name, inner in node.get("properties", {}).items():
        yield from _walk(inner, root, f"{path}.{name}" if path else name, name in node.get("required", ()))
    if "items" in node:
        yield from _walk(node["items"], root, f"{path}[]", False)


def _resolve(schema: dict[str, Any], root: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The schema without references and null options, and whether it takes null."""
    node, nullable = dict(schema), bool(schema.get("nullable"))
    while True:
        if "$ref" in node:
            target: Any = root
            for step in node.pop("$ref").removeprefix("#/").split("/"):
                target = target[step]
            more = dict(target)
        elif options := [option for key in ("anyOf", "oneOf") for option in node.get(key, ())]:
            given = [option for option in options if option.get("type") != "null"]
            if len(given) != 1:
                return node, nullable or len(given) < len(options)
            nullable = nullable or len(given) < len(options)
            node = {key: value for key, value in node.items() if key not in ("anyOf", "oneOf")}
            more = dict(given[0])
        elif "allOf" in node and "properties" not in node and len(node["allOf"]) == 1:
            more = dict(node.pop("allOf")[0])
        else:
            return node, nullable
        nullable = nullable or bool(more.get("nullable"))
        node = {**more, **node}
