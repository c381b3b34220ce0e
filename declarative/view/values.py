"""Writes values as YAML, so that what is shown could be pasted into a manifest and would mean the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from declarative.manifest.writing import laid_out, literal, plain, quoted, reads_back
from declarative.model.secret import MASK, Hidden
from declarative.model.value import Value
from declarative.view.style import Style

_FLOW = re.compile(r"[^\s,\[\]{}?]+")


def scalar(value: Value, style: Style) -> str:
    """One scalar on one line. Text is quoted where YAML would not read the same text back, and masked where it is secret."""
    if isinstance(value, Hidden):
        return MASK
    if not isinstance(value, str):
        return plain(value)
    return _text(value, style)


# The keys and many values of a thousand bodies are the same few.
@lru_cache(maxsize=4096)
def _text(value: str, style: Style) -> str:
    return value if reads_back(value) and style.safe(value) == value else quoted(value, style.shows)


def flow(value: Value, style: Style) -> str:
    """Any value on one line; text with spaces is quoted, so that a sentence around it stays readable."""
    if isinstance(value, Mapping):
        items = (f"{_flow_scalar(key, style)}: {flow(item, style)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(flow(item, style) for item in value) + "]"
    return _flow_scalar(value, style)


def _flow_scalar(value: Value, style: Style) -> str:
    text = scalar(value, style)
    if isinstance(value, str) and text == value and (not _FLOW.fullmatch(value) or value[0] in "-?:"):
        return quoted(value, style.shows)
    return text


def block(value: Value, style: Style) -> list[str]:
    """The lines of any value, nested by two spaces."""

    def leaf(one: Value) -> list[str]:
        lines = literal(one, style.shows) if isinstance(one, str) else None
        return lines or [scalar(one, style) if not isinstance(one, (dict, tuple, list)) else flow(one, style)]

    return laid_out(value, lambda key: scalar(key, style), leaf)
