"""How to write what was meant, where a value shows which habit it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal

from declarative.kinds.quantity import amount
from declarative.kinds.shape import ListOf, Object, Shape
from declarative.model.value import Path, Value

# Names of Kubernetes for fields that have others here, where they can mean nothing else.
OTHER_NAMES = {"env": "environmentVariables", "resources": "compute", "namespace": "project"}
# The hint for a number in quotes.
UNQUOTE = "write it without quotes"
# Decimal places, and digits before the point, of a number that a hint writes out.
_MOST_PLACES, _MOST_DIGITS = 9, 19
_BYTES = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtpe])(i?)(?:b|bytes)?", re.IGNORECASE)
_UNPASTED = re.compile(r"\$?[{(]?\s*(var\.\w+)\s*[})]?")
_SAFE_TEXT = re.compile(r"(?!(true|false|null)$)[A-Za-z][\w./-]*", re.IGNORECASE)


def usable_name(path: Path, found: Value) -> str | None:
    """A name of the form that workloads take, out of one that they do not."""
    if path != ("metadata", "name") or type(found) is not str or not re.fullmatch(r"[\w .-]+", found):
        return None
    name = re.sub(r"[^a-z0-9]+", "-", found.lower()).lstrip("-0123456789")[:63].rstrip("-")
    return f"write it like `{name}`" if name else None


def number(found: Value, *, is_whole: bool) -> str | None:
    """A number out of a text, such as that of a share of a core as Kubernetes has it: 500m. A secret's is not told."""
    if not isinstance(found, str):
        return None
    if re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?", found):
        return UNQUOTE
    # Digits with an exponent but no point are text, because image tags look like that.
    if re.fullmatch(r"[-+]?[0-9]+[eE][-+]?[0-9]+", found):
        return "write it with a point, such as 1.0e3"
    meant = _writable(found) if type(found) is str else None
    if meant is None or (is_whole and meant % 1):
        return None
    return f"write `{meant.normalize():f}`"


def _writable(found: Value) -> Decimal | None:
    """The number that a value stands for, if its digits can be written out: one meant for a field has few."""
    meant = amount(found)
    if meant is None or not meant.is_finite():
        return None
    return meant if not meant or -_MOST_PLACES <= meant.adjusted() < _MOST_DIGITS else None


def amount_of_bytes(found: Value) -> str | None:
    """`16 GB` and `512mb` in the notation of amounts, where the unit is no part of it."""
    parts = _BYTES.fullmatch(found.strip()) if type(found) is str else None
    if parts is None:
        return None
    size, prefix, binary = parts.groups()
    return f"write `{size}{'k' if prefix in 'kK' and not binary else prefix.upper()}{binary.lower()}`"


def part_of_a_device(path: Path, found: Value) -> str | None:
    """How less than one GPU is asked for."""
    is_plain = type(found) in (float, str) and path[-1:] == ("gpuDevicesRequest",)
    portion = _writable(found) if is_plain else None
    if portion is None or not 0 < portion < 1:
        return None
    return f"for a part of a GPU write 1, `gpuRequestType: portion` and `gpuPortionRequest: {portion.normalize():f}`"


def as_items(shape: Shape, found: Mapping[str, Value]) -> str | None:
    """A mapping of names to values as the list that it was meant to be."""
    if not (
        isinstance(shape, ListOf) and isinstance(shape.item, Object) and shape.item.fields.keys() >= {"name", "value"}
    ):
        return None
    name, value = next(iter(found.items()), ("NAME", "VALUE"))
    if value is None or isinstance(value, (Mapping, list, tuple)):
        return None
    text = str(value).lower() if isinstance(value, bool) else str(value)
    # The values are text; a secret is no plain `str`, and prints as its mask.
    is_plain = isinstance(value, str) and (type(value) is not str or _SAFE_TEXT.fullmatch(text))
    text = text if is_plain else json.dumps(text, ensure_ascii=False)
    return f"write [{{name: {name}, value: {text}}}]" + (", and so on" if len(found) > 1 else "")


def unpasted(found: Value, expected: str) -> str | None:
    """The hint for a variable that is named rather than pasted. In braces of YAML it is a mapping of one key."""
    if isinstance(found, Mapping):
        text = next(iter(found)) if len(found) == 1 and None in found.values() else ""
    else:
        text = found if isinstance(found, str) and expected != "text" else ""
    variable = _UNPASTED.fullmatch(text)
    return f"write `{{{{ {variable[1]} }}}}`" if variable else None
