"""JSON-like values, frozen all the way down.

A `Value` is None, a bool, an int, a float, a str, a text that is hidden (`secret.Hidden`), a tuple of values or a
`FrozenMap` from str to values. Manifests, what was last applied and what is live are all of this one type, so that they can
be compared, hashed and shared safely.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias

from declarative.model.secret import MASK, Hidden, hides, written

Path: TypeAlias = tuple[str | int, ...]
Value: TypeAlias = Any


class FrozenMap(dict[str, Any]):
    """A mapping that cannot change. It is a dict, so JSON, pydantic and deepdiff read it at full speed."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a FrozenMap cannot be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __copy__(self) -> FrozenMap:
        return self

    def __deepcopy__(self, _: object) -> FrozenMap:
        return self

    def __reduce__(self) -> tuple[type[FrozenMap], tuple[dict[str, Any]]]:
        return FrozenMap, (dict(self),)


EMPTY = FrozenMap()


def freeze(value: Value) -> Value:
    """A deep frozen copy of any JSON-like value."""
    if isinstance(value, Mapping):
        return FrozenMap({str(key): freeze(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(freeze(item) for item in value)
    return value


def from_json(text: str) -> Value:
    """The frozen value of a JSON text; raises ValueError."""
    value = _DECODER.decode(text)
    return _freeze_list(value) if type(value) is list else value


def freeze_entries(entries: dict[str, Any]) -> FrozenMap:
    """A mapping whose inner mappings are frozen, but whose lists are not: for a JSON decoder, which goes from the inside out."""
    return shared(entries) or FrozenMap(
        {sys.intern(key): _freeze_list(item) if type(item) is list else item for key, item in entries.items()}
    )


# What many resources have in common stands in memory once: that is half of it, and costs no time.
_SHARED: dict[tuple[tuple[str, str], ...], FrozenMap] = {}
_MOST_SHARED, _LONGEST_SHARED = 1 << 16, 100


def shared(entries: dict[str, Any]) -> FrozenMap | None:
    """The one frozen mapping of these entries, where all of them are short texts; None for any other mapping."""
    for item in entries.values():
        if type(item) is not str or len(item) > _LONGEST_SHARED:  # 1 and True would be the same entry
            return None
    key = tuple(entries.items())
    found = _SHARED.get(key)
    if found is None:
        if len(_SHARED) >= _MOST_SHARED:
            _SHARED.clear()
        found = _SHARED[key] = FrozenMap({sys.intern(name): text for name, text in key})
    return found


def _freeze_list(items: list[Any]) -> tuple[Any, ...]:
    return tuple([_freeze_list(item) if type(item) is list else item for item in items])


# Made once: `json.loads` with a hook makes a decoder at every call.
_DECODER = json.JSONDecoder(object_hook=freeze_entries)


def canonical(value: Value) -> str:
    """One JSON text per value: sorted keys, no spaces; of what is hidden, what it refers to or its digest."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=written)


def digest(value: Value) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def dig(value: Value, path: Path) -> Value:
    """The value at `path`, or None where the path leads nowhere."""
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, tuple) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def put(value: FrozenMap, path: Path, new: Value) -> FrozenMap:
    """A copy of `value` with `new` at `path`; mappings on the way are made where missing."""
    head, *rest = path
    if rest:
        inner = value.get(str(head)) if not isinstance(head, int) else None
        new = put_in(inner, tuple(rest), new)
    return FrozenMap({**value, str(head): new})


def put_in(value: Value, path: Path, new: Value) -> Value:
    """`put` for values that may be tuples, too."""
    if not path:
        return new
    if isinstance(value, tuple) and isinstance(path[0], int):
        index = path[0]
        return (*value[:index], put_in(value[index], path[1:], new), *value[index + 1 :])
    return put(value if isinstance(value, FrozenMap) else EMPTY, path, new)


def without_nulls(value: Value) -> Value:
    """A copy without the keys whose value is null: null is absent."""
    if isinstance(value, Mapping):
        return FrozenMap({key: without_nulls(item) for key, item in value.items() if item is not None})
    if isinstance(value, tuple):
        return tuple(without_nulls(item) for item in value)
    return value


def turned(value: Value, turn: Callable[[Hidden], Value]) -> Value:
    """A copy with `turn` of everything that is hidden in its place; the value itself where nothing is."""
    if isinstance(value, Hidden):
        return turn(value)
    if not hides(value):
        return value
    if isinstance(value, Mapping):
        return FrozenMap({key: turned(item, turn) for key, item in value.items()})
    return tuple(turned(item, turn) for item in value)


def masked(value: Value) -> Value:
    """A copy that may be shown."""
    return turned(value, lambda _: MASK)


def revealed(value: Value) -> Value:
    """A copy with the texts themselves, for a request."""
    return turned(value, lambda hidden: hidden.revealed())


def dotted(path: Path) -> str:
    """`("spec", "ports", 0, "name")` as `spec.ports[0].name`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text
