"""Writes values as YAML that reads back the same: laid out in lines, quoted where needed.

A whole manifest reads as if a person had written it, and stays what it says when it is rendered as a template.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping

from declarative.model.value import FrozenMap, Value

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
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_OPENS_TEMPLATE = re.compile(r"\{(?=[{%#])")
RAW, END_RAW = "{% raw %}", "{% endraw %}"


def reads_back(text: str) -> bool:
    """Whether text on one line, written without quotes, is read as the same text."""
    return (
        bool(_STARTS_PLAIN.match(text))
        and not text.endswith((" ", ":"))
        and ": " not in text
        and " #" not in text
        and not text.startswith(("--- ", "... "))
        and not _AMBIGUOUS.fullmatch(text)
    )


def escaped(character: str) -> str:
    """The escape of one character in double quotes, as both YAML and Python read it."""
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quoted(text: str, shows: Callable[[str], bool]) -> str:
    """Text in double quotes; what is not to be shown as it is becomes an escape."""
    escapes = {"\\": "\\\\", '"': '\\"'}
    inner = (escapes.get(character) or (character if shows(character) else escaped(character)) for character in text)
    return '"' + "".join(inner) + '"'


def plain(value: Value) -> str:
    """A scalar that is no text, or text that needs no quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return str(value)


def literal(text: str, shows: Callable[[str], bool]) -> list[str] | None:
    """Text of several lines below a `|`, header first; None where it could not be read back the same."""
    if "\n" not in text:
        return None
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    fits = (
        bool(lines)
        and bool(lines[0] and lines[-1])
        and not lines[0].startswith(" ")
        and not any(line.endswith(" ") for line in lines)
        and all(map(shows, "".join(lines)))
    )
    return ["|" if text.endswith("\n") else "|-", *indented(lines)] if fits else None


def laid_out(
    value: Value, key: Callable[[str], str], leaf: Callable[[Value], list[str]], indent: str = ""
) -> list[str]:
    """The lines of any value, nested by two spaces. `leaf` are the lines of what has no parts, `key` is the text of a key."""
    if isinstance(value, dict) and value:
        heads: Iterable[tuple[str, Value]] = ((f"{indent}{key(name)}:", item) for name, item in value.items())
    elif isinstance(value, (tuple, list)) and value:
        heads = ((f"{indent}-", item) for item in value)
    else:
        return [f"{indent}{line}" if line else "" for line in leaf(value)]
    lines: list[str] = []
    for head, item in heads:
        if not isinstance(item, (dict, tuple, list)) or not item:
            first, *rest = leaf(item)
            lines.append(f"{head} {first}")
            lines += [f"{indent}{line}" if line else "" for line in rest]
            continue
        inner = laid_out(item, key, leaf, f"{indent}  ")
        if head[-1] == "-":  # the first line of an item stands beside its dash
            inner[0] = f"{head} {inner[0].lstrip(' ')}"
        else:
            lines.append(head)
        lines += inner
    return lines


def indented(lines: list[str]) -> list[str]:
    """The lines, two spaces further right."""
    return [f"  {line}" if line else "" for line in lines]


def document_text(fields: Mapping[str, Value]) -> str:
    """A document of a manifest file, from its fields in their order. Rendered and read, it has the same values."""
    return "".join(f"{line}\n" for line in laid_out(FrozenMap(fields), _key, _leaf))


def _leaf(value: Value) -> list[str]:
    if isinstance(value, (Mapping, tuple, list)):
        return ["{}" if isinstance(value, Mapping) else "[]"]
    if not isinstance(value, str):
        return [plain(value)]
    lines = literal(value, str.isprintable)
    if not _OPENS_TEMPLATE.search(value):
        return lines or [_scalar(value)]
    if "endraw" in value:
        # What would end the raw part; an escape tells the template nothing.
        return [_escaping(value)]
    if lines:
        return [f"  {RAW}{line[2:]}{END_RAW}" if _OPENS_TEMPLATE.search(line) else line for line in lines]
    text = _in_quotes(value)  # it begins with a brace now
    return [f"{text[0]}{RAW}{text[1:-1]}{END_RAW}{text[-1]}"]


def _escaping(text: str) -> str:
    """Text in double quotes in which a template sees nothing of its own."""
    return _OPENS_TEMPLATE.sub(r"\\x7b", quoted(text, str.isprintable))


def _key(text: str) -> str:
    return _escaping(text) if _OPENS_TEMPLATE.search(text) else _scalar(text)


def _scalar(text: str) -> str:
    return text if text.isprintable() and reads_back(text) else _in_quotes(text)


def _in_quotes(text: str) -> str:
    """In the quotes that need no escapes, where there are such."""
    single = text.isprintable() and "'" not in text and ('"' in text or "\\" in text)
    return f"'{text}'" if single else quoted(text, str.isprintable)
