"""The filters that templates of YAML need, and Jinja's for HTML, which they do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jinja2
import yaml
from msgspec.structs import replace

from declarative.manifest.pieces import Concealed, Literal, Pasted, Text, concat, text_of, unwrapped
from declarative.manifest.source_map import Origin
from declarative.model.secret import hides

FOR_HTML = ("e", "escape", "forceescape", "safe", "striptags", "urlize", "xmlattr")


def to_json(value: Any) -> Any:
    """The value itself where it stands alone, its JSON in the middle of a text."""
    return written(value, json_text)


def to_yaml(value: Any) -> Any:
    """The value itself where it stands alone, its YAML in flow style on one line in the middle of a text."""
    return written(value, _yaml_text)


def written(value: Any, spell: Any) -> Any:
    """A value that stays one; `spell` gives its text. Secrets have none."""
    if isinstance(value, (Concealed, jinja2.Undefined)):
        return value
    plain = unwrapped(value)
    if hides(plain):
        return value
    return Pasted(spell(plain), plain)


def json_text(value: Any) -> str:
    """JSON in one line."""
    return json.dumps(value, ensure_ascii=False)


def _yaml_text(value: Any) -> str:
    plain = json.loads(json.dumps(value))
    text: str = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def string(value: Any) -> Any:
    """The value as text. What a macro or block wrote is one already."""
    return value if isinstance(value, str) else text_of(value)


def indent(value: Any, width: int = 4, first: bool = False, blank: bool = False) -> Any:
    """Lines moved to the right, but for the first and blank ones. What a macro or block wrote keeps its structure."""
    if isinstance(value, (Text, Concealed)):
        return concat(_moved(value.pieces, " " * width, first, blank))
    text = str(value)
    if "\n" not in text:
        return value if isinstance(value, Pasted) and not first else " " * (width if first else 0) + text
    lines = text.split("\n")
    moved = [" " * width + line if line or blank else line for line in lines[1:]]
    moved_text = "\n".join([" " * (width if first else 0) + lines[0], *moved])
    return moved_text if first else Pasted(moved_text, moved_text, indent=width)


def _moved(pieces: tuple[str, ...], space: str, first: bool, blank: bool) -> Iterator[str]:
    at_start = first
    origin = next((piece.origin for piece in pieces if isinstance(piece, Literal)), None)
    for piece in pieces:
        if not isinstance(piece, Literal):
            origin = getattr(piece, "origin", None) or origin
            if at_start and piece:
                yield Literal(space, replace(origin, fixed=True)) if origin else space
            at_start = at_start and not piece
            yield piece
            continue
        at, origin = 0, piece.origin
        for line in piece.splitlines(keepends=True):
            if at_start and (blank or line.strip("\n")):
                yield Literal(space, Origin(piece.origin.file, piece.origin.offset + at, fixed=True))
            yield piece.part(at, at + len(line))
            at += len(line)
            at_start = line.endswith("\n")


def trim(value: Any) -> Any:
    """Text without white space around it. What a macro or block wrote keeps its structure."""
    if not isinstance(value, Text):
        return str(value).strip()
    pieces = [piece for piece in value.pieces if piece]
    while pieces and isinstance(pieces[0], Literal) and not pieces[0].strip():
        del pieces[0]
    while pieces and isinstance(pieces[-1], Literal) and not pieces[-1].strip():
        del pieces[-1]
    if pieces and isinstance(one := pieces[0], Literal):
        pieces[0] = one.part(len(one) - len(one.lstrip()), len(one))
    if pieces and isinstance(one := pieces[-1], Literal):
        pieces[-1] = one.part(0, len(one.rstrip()))
    return Text(tuple(pieces))
