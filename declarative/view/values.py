"""Writes values as YAML, so that what is shown could be pasted into a manifest and would mean the same."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from declarative.model.secret import MASK, Hidden
from declarative.model.value import Value
from declarative.view.style import Style, escaped

# What YAML 1.1 or 1.2 would read as something else than text, although it is text here.
_AMBIGUOUS = re.compile(
    r"""
      y | yes | n | no | on | off | true | false | null | ~ | = | << | --- | \.\.\.
    | [-+]? [0-9] [0-9_]* | [-+]? 0 [xob] [0-9a-f_]+
    | [-+]? ( [0-9] [0-9_]* (\.[0-9_]*)? | \.[0-9_]+ ) ( e [-+]? [0-9]+ )?
    | [-+]? \. ( inf | nan )
    | [-+]? [0-9] [0-9_]* ( : [0-5]? [0-9] )+ ( \. [0-9_]* )?
    | [0-9]{4} - [0-9]{1,2} - [0-9]{1,2} ( [t\ ] .* )?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_STARTS_PLAIN = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`]|[-?:][^\s,\[\]{}]")
_FLOW = re.compile(r"[^\s,\[\]{}?]+")


def scalar(value: Value, style: Style) -> str:
    """One scalar on one line. Text is quoted where YAML would not read the same text back, and masked where it is secret."""
    if isinstance(value, Hidden):
        return MASK
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if not isinstance(value, str):
        return str(value)
    return value if _is_plain(value, style) else quoted(value, style)


def _is_plain(text: str, style: Style) -> bool:
    return (
        bool(_STARTS_PLAIN.match(text))
        and not text.endswith((" ", ":"))
        and ": " not in text
        and " #" not in text
        and not text.startswith(("--- ", "... "))
        and style.safe(text) == text
        and not _AMBIGUOUS.fullmatch(text)
    )


def quoted(text: str, style: Style) -> str:
    """Text in double quotes, with escapes."""
    escapes = {"\\": "\\\\", '"': '\\"'}
    inner = (escapes.get(char) or (char if style.shows(char) else escaped(char)) for char in text)
    return '"' + "".join(inner) + '"'


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
        return quoted(value, style)
    return text


def block(value: Value, style: Style) -> list[str]:
    """The lines of any value, nested by two spaces."""
    if isinstance(value, Mapping) and value:
        return [line for key, item in value.items() for line in _entry(scalar(key, style) + ":", item, style)]
    if isinstance(value, (tuple, list)) and value:
        return [line for item in value for line in _item(item, style)]
    if isinstance(value, str) and _is_literal(value, style):
        # Alone, without a key before it: the caller's first line is the header of the literal.
        return [_literal_header(value), *_indented(value.splitlines())]
    return [flow(value, style) if isinstance(value, (Mapping, tuple, list)) else scalar(value, style)]


def _entry(head: str, value: Value, style: Style) -> list[str]:
    lines = block(value, style)
    if isinstance(value, Mapping) and value:
        return [head, *_indented(lines)]
    if isinstance(value, (tuple, list)) and value:
        return [head, *_indented(lines)]
    return [f"{head} {lines[0]}", *lines[1:]]


def _item(value: Value, style: Style) -> list[str]:
    first, *rest = block(value, style)
    return [f"- {first}", *(_indented(rest) if isinstance(value, (Mapping, tuple, list)) else rest)]


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]


def _literal_header(text: str) -> str:
    return "|" if text.endswith("\n") else "|-"


def _is_literal(text: str, style: Style) -> bool:
    """Whether text can be written line by line below a `|` and be read back the same."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return (
        "\n" in text
        and bool(lines)
        and not lines[0].startswith(" ")
        and bool(lines[0] and lines[-1])
        and all(style.safe(line) == line and not line.endswith(" ") for line in lines)
    )
