"""Hypothesis strategies for single values, from the JSON Schema of a field."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from declarative.kinds.fields.base import QUANTITY_PATTERN
from declarative.kinds.training import WORKLOAD_NAME
from declarative.model.value import Value

# Texts that a careless YAML writer or reader turns into something else.
_TRICKY = (
    *("no", "on", "off", "~", "null", "true", "22:22", "1e3", "0o17", "1.10", "0x1F", "2024-01-01", "=", "<<", "-"),
    *(
        ": a",
        "a: b",
        " leading",
        "trailing ",
        "it's",
        '"quoted"',
        "two\nlines",
        "ü",
        "日本",
        "&a",
        "*a",
        "!a",
        "|",
        "\\n",
    ),
)
# Without the signs that open something in a Jinja template, so that a manifest may hold the text as it is.
_CHARACTERS = st.characters(exclude_categories=("C", "Zl", "Zp"), exclude_characters="{}%#")
_SUFFIXES = ("", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "m")
_PATTERNS = {
    WORKLOAD_NAME: st.from_regex(r"[a-z][a-z0-9-]{0,40}", fullmatch=True),
    QUANTITY_PATTERN: st.builds(lambda n, suffix: f"{n}{suffix}", st.integers(1, 4096), st.sampled_from(_SUFFIXES)),
}
_FORMATS = {
    "uuid": st.uuids().map(str),
    "hostname": st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z][a-z0-9]{0,8}){0,2}", fullmatch=True),
}


def scalar(schema: dict[str, Any], at_most: float | None = None) -> st.SearchStrategy[Value]:
    """Values other than null that fit `schema`; `at_most` is a bound that a rule adds."""
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = next(name for name in types if name != "null")
    if "enum" in schema:
        return st.sampled_from([word for word in schema["enum"] if word is not None])
    if kind == "boolean":
        return st.booleans()
    if kind == "integer":
        return st.integers(schema.get("minimum"), schema.get("maximum"))
    if kind == "number":
        return _number(schema.get("minimum", 0), at_most if at_most is not None else 1e6)
    return _text(schema)


def _number(low: float, high: float) -> st.SearchStrategy[Value]:
    hundredths = st.integers(int(low * 100), int(high * 100)).map(lambda n: n / 100)
    return st.one_of(hundredths, st.integers(int(low), int(high)), st.floats(float(low), float(high), allow_nan=False))


def _text(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    if "pattern" in schema:
        known = _PATTERNS.get(schema["pattern"])
        return known if known is not None else st.from_regex(schema["pattern"], fullmatch=True)
    if "format" in schema:
        return _FORMATS[schema["format"]]
    size = {"min_size": schema.get("minLength", 0), "max_size": min(schema.get("maxLength", 20), 20)}
    return st.one_of(st.sampled_from(_TRICKY), st.text(_CHARACTERS, **size))
