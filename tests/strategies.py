"""Hypothesis strategies for manifest-shaped bodies, built from the models alone.

bodies(kind)            any valid body
field_paths(kind)       every field that a body may have; items of lists have the index 0
field_cases(kind, path) three valid bodies: without the field, with it, and with another value of it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from declarative.kinds import ALL
from declarative.kinds.fields.base import Fields
from declarative.kinds.kind import Kind
from declarative.kinds.rules import AtMost
from declarative.kinds.shape import ListOf, Object, Scalar, Shape, shape_of
from declarative.manifest.envelope import manifest_model
from declarative.manifest.schema import tidy
from declarative.model.value import FrozenMap, Path, Value, canonical, freeze
from tests.pools import POOLS, Pools, pool_of
from tests.repairs import Repair, obey, obeys
from tests.scalars import scalar

Draw = Callable[[st.SearchStrategy[Any]], Any]


ABSENT = object()
_BOOKKEEPING: dict[type[Fields], tuple[str, ...]] = {
    **{manifest_model(kind): ("apiVersion", "kind", "lifecycle", "dependsOn") for kind in ALL},
    **{kind.metadata: ("key",) for kind in ALL},
}
# Fields that stay behind, so that a mapping is not empty when the field in question goes; harmless ones first.
_ANCHORS = ("image", "nodeType", "largeShmRequest", "description")
# What the control plane fills in by itself: setting a field to this is no change that could be seen.
_FILLED_IN: dict[str, Value] = {
    "backoffLimit": 6, "priorityClass": "train", "imagePullPolicy": "IfNotPresent", "volumeMode": "Filesystem",
    "autoDeletionTimeAfterCompletionSeconds": 2592000, "minReplicas": 1, "maxReplicas": 1, "scheme": "HTTP",
    "path": "/", "uidGidSource": "fromTheImage", "hostIpc": False, "hostNetwork": False, "useGivenNameAsPrefix": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldCase:
    """A field that is set, changed and removed, by three valid bodies.

    `without` is None where no body can lack the field. `siblings` says that rules made other fields change with it.
    """

    path: Path
    without: FrozenMap | None
    first: FrozenMap
    second: FrozenMap
    siblings: bool


@st.composite
def bodies(draw: Draw, kind: Kind, pools: Pools = POOLS, nulls: bool = False) -> FrozenMap:
    """Valid bodies of `kind`; with `nulls`, fields that may be null sometimes are."""
    maker = _Maker(draw, pools, nulls)
    return freeze(maker.object(shape_of(manifest_model(kind)), most=4))  # type: ignore[no-any-return]


def field_paths(kind: Kind, pools: Pools = POOLS) -> tuple[Path, ...]:
    """Every field below metadata and spec, branches and leaves, and `desiredPhase` where the kind has it."""
    return tuple(
        path for path in _paths(shape_of(manifest_model(kind)), (), pools) if path not in (("metadata",), ("spec",))
    )


@st.composite
def field_cases(draw: Draw, kind: Kind, path: Path, pools: Pools = POOLS) -> FieldCase:
    """Minimal bodies for the life of one field."""
    case = _Maker(draw, pools, False).case(shape_of(manifest_model(kind)), None, path)
    first, second = freeze(case.first), freeze(case.second)
    without = None if case.without is ABSENT else freeze(case.without)
    return FieldCase(path, without, first, second, _replaced(second, path) != _replaced(first, path))


def _replaced(value: Value, path: Path) -> Value:
    """`value` with a mark in place of what is at `path`."""
    if not path:
        return "the field"
    if isinstance(value, tuple):
        return tuple(_replaced(item, path[1:]) if index == path[0] else item for index, item in enumerate(value))
    return {**value, path[0]: _replaced(value[path[0]], path[1:])}


def _paths(shape: Shape, path: Path, pools: Pools) -> Iterator[Path]:
    if isinstance(shape, Object):
        assert shape.model is not None
        for name, inner in shape.fields.items():
            if _usable(shape.model, name, pools):
                yield (*path, name)
                yield from _paths(inner, (*path, name), pools)
    elif isinstance(shape, ListOf) and isinstance(shape.item, Object):
        yield from _paths(shape.item, (*path, 0), pools)


@cache
def _schemas(model: type[Fields]) -> dict[str, Any]:
    return tidy(model.model_json_schema())["properties"]  # type: ignore[no-any-return]


@cache
def _usable(model: type[Fields], name: str, pools: Pools) -> bool:
    """Whether a body may have the field: bookkeeping of the manifest is no part of it."""
    if name in _BOOKKEEPING.get(model, ()):
        return False
    return pool_of(model, name, pools) != ()


@cache
def _scalar(model: type[Fields], name: str, pools: Pools) -> st.SearchStrategy[Value]:
    pool = pool_of(model, name, pools)
    if pool is not None:
        return st.sampled_from(pool)
    bounds = [rule.maximum for rule in model.rules if isinstance(rule, AtMost) and rule.field == name]
    return scalar(_schemas(model)[name], bounds[0] if bounds else None)


@cache
def _item(model: type[Fields], name: str) -> st.SearchStrategy[Value]:
    return scalar(_schemas(model)[name]["items"])


@dataclass(frozen=True, slots=True)
class _Case:
    """The life of one field within the value that holds it."""

    without: Value
    first: Value
    second: Value


@dataclass(frozen=True, slots=True)
class _Maker:
    """Draws values for the fields of models."""

    draw: Draw
    pools: Pools
    nulls: bool

    def object(self, shape: Object, most: int, least: int = 0) -> dict[str, Value]:
        """A valid mapping with the required fields and up to `most` others; empty only where it has to be."""
        model = shape.model
        assert model is not None
        optional = [name for name in self.usable(shape) if name not in shape.required]
        least = min(max(least, 0 if shape.required else 1), len(optional))
        chosen = (
            self.draw(st.lists(st.sampled_from(optional), unique=True, min_size=least, max_size=max(most, least)))
            if optional
            else []
        )
        given = {
            name: self.field(shape, name) for name in self.usable(shape) if name in shape.required or name in chosen
        }
        given = self.obedient(shape, given) or self.obedient(shape, given, keep=tuple(chosen[:1]))
        if self.nulls:
            free = [name for name in optional if name not in given and "null" in _types(_schemas(model)[name])]
            given |= dict.fromkeys(self.draw(st.lists(st.sampled_from(free), max_size=1)) if free else [], None)
        return given

    def obedient(
        self, shape: Object, given: dict[str, Value], keep: tuple[str, ...] = (), banned: tuple[str, ...] = ()
    ) -> dict[str, Value]:
        assert shape.model is not None
        unusable = shape.fields.keys() - set(self.usable(shape))

        def fill(name: str, but: Value = None) -> Value:
            return self.field(shape, name) if but is None else self.draw(self.scalar(shape, name).filter(but.__ne__))

        repair = Repair(dict(given), fill, frozenset(keep), unusable.union(banned), shape.required)
        return obey(shape.model, repair)

    def usable(self, shape: Object) -> list[str]:
        assert shape.model is not None
        return [name for name in shape.fields if _usable(shape.model, name, self.pools)]

    def field(self, shape: Object, name: str) -> Value:
        """Any value of a field."""
        inner = shape.fields[name]
        if isinstance(inner, Object):
            return self.object(inner, most=3)
        if isinstance(inner, ListOf):
            return self.items(shape, name, inner, most=3)
        return self.draw(self.scalar(shape, name))

    def scalar(self, shape: Object, name: str) -> st.SearchStrategy[Value]:
        assert shape.model is not None
        return _scalar(shape.model, name, self.pools)

    def items(self, shape: Object, name: str, inner: ListOf, most: int, least: int = 1) -> tuple[Value, ...]:
        """Items of a list, none of which could be taken for another."""
        if isinstance(inner.item, Object):
            size = self.draw(st.integers(least, most))
            return self.distinct(inner, size)
        assert shape.model is not None
        return tuple(self.draw(st.lists(_item(shape.model, name), unique=True, min_size=least, max_size=most)))

    def distinct(self, inner: ListOf, size: int) -> tuple[Value, ...]:
        """Up to `size` items that differ in each of the fields by which they are told apart."""
        assert isinstance(inner.item, Object) and inner.item.model is not None
        keys = [key for key in (inner.keyed.fields if inner.keyed else ()) if key in self.usable(inner.item)]
        pools = [pool for key in keys if (pool := pool_of(inner.item.model, key, self.pools)) is not None]
        size = min(size, *map(len, pools)) if pools else size
        names = {
            key: self.draw(st.lists(self.scalar(inner.item, key), unique=True, min_size=size, max_size=size))
            for key in keys
        }
        items = [self.object(inner.item, most=3) for _ in range(size)]
        return tuple(
            {**item, **{key: names[key][index] for key in keys if item.get(key) is not None}}
            for index, item in enumerate(items)
        )

    # --- one field ----------------------------------------------------------------------------------------------------
    def case(self, shape: Shape, holder: tuple[Object, str] | None, path: Path) -> _Case:
        """The life of the field at `path` below a value of `shape`, which `holder` has as its field."""
        if not path:
            assert holder is not None
            return _Case(ABSENT, *self.pair(*holder))
        if isinstance(shape, ListOf):
            inner = self.case(shape.item, None, path[1:])
            without = ABSENT if inner.without is ABSENT else (inner.without,)
            return _Case(without, (inner.first,), (inner.second,))
        assert isinstance(shape, Object)
        return self.case_in(shape, str(path[0]), path[1:])

    def case_in(self, shape: Object, head: str, rest: Path) -> _Case:
        assert shape.model is not None
        inner = self.case(shape.fields[head], (shape, head), rest)
        base = {name: self.field(shape, name) for name in self.usable(shape) if name in shape.required and name != head}
        first = self.obedient(shape, self.anchored(shape, {**base, head: inner.first}, head), keep=(head,))
        second = {**first, head: inner.second}
        if not obeys(shape.model, second):
            second = self.obedient(shape, {**base, head: inner.second}, keep=(head,))
        return _Case(self.without(shape, head, base, first, inner.without), first, second)

    def without(self, shape: Object, head: str, base: Value, first: Value, inner: Value) -> Value:
        """The mapping without the field, ABSENT where it has to go with the field."""
        assert shape.model is not None
        rest = {name: value for name, value in first.items() if name != head}
        candidates = [] if inner is ABSENT else [{**first, head: inner}]
        if head not in shape.required:
            candidates += [rest, self.obedient(shape, base, banned=(head,))]
        return next((given for given in candidates if given and obeys(shape.model, given)), ABSENT)

    def anchored(self, shape: Object, given: dict[str, Value], head: str) -> dict[str, Value]:
        """`given` with one more field where the mapping would be empty without `head`."""
        assert shape.model is not None
        if given.keys() == {head}:
            for name in (*_ANCHORS, *self.usable(shape)):
                if name in shape.fields and name != head and isinstance(shape.fields[name], Scalar):
                    anchored = {name: self.field(shape, name), **given}
                    alone = {key: value for key, value in anchored.items() if key != head}
                    if obeys(shape.model, anchored) and obeys(shape.model, alone):
                        return anchored
        return given

    def pair(self, shape: Object, name: str) -> tuple[Value, Value]:
        """Two values of a field that are not the same; the first is none that would be there anyway."""
        inner = shape.fields[name]
        assert shape.model is not None
        if isinstance(inner, ListOf):
            both = self.pair_of_items(shape, name, inner)
            return both[:1], both
        if isinstance(inner, Object):
            first, second = self.object(inner, most=2, least=1), self.object(inner, most=2, least=1)
            return (first, second) if canonical(first) != canonical(second) else (first, self.other(inner, first))
        schema = _schemas(shape.model)[name]
        there = _FILLED_IN.get(name, schema.get("default"))
        values = self.scalar(shape, name)
        first = self.draw(values.filter(lambda value: there is None or not inner.same(value, there)))
        return first, self.draw(values.filter(lambda value: not inner.same(value, first)))

    def pair_of_items(self, shape: Object, name: str, inner: ListOf) -> tuple[Value, ...]:
        if not isinstance(inner.item, Object):
            return self.items(shape, name, inner, most=2, least=2)
        return self.distinct(inner, 2)

    def other(self, shape: Object, first: dict[str, Value]) -> dict[str, Value]:
        """A mapping that differs from `first` in one field."""
        name = next(iter(first))
        one, two = self.pair(shape, name)
        changed = {**first, name: two if canonical(one) == canonical(first[name]) else one}
        return self.obedient(shape, changed, keep=(name,))


def _types(schema: dict[str, Any]) -> tuple[str, ...]:
    types = schema.get("type", [option.get("type") for option in schema.get("anyOf", ())])
    return tuple(types) if isinstance(types, list) else (types,)
