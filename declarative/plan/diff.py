"""The three-way comparison: what is desired, what is live, and what was last applied.

Only what the manifest declares is compared. What it no longer declares, but the last apply did, is taken away. Everything
else at the control plane is somebody else's and stays as it stands. The comparison also merges: its second result is the
live body with the desired changes made, which is what a full replacement has to send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from declarative.kinds.kind import Kind
from declarative.kinds.shape import ListOf, Object, Scalar, Shape
from declarative.model.plan import FieldChange
from declarative.model.value import EMPTY, FrozenMap, Path, Value


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences in the order of the kind's fields, and the body that a full replacement sends."""

    fields: tuple[FieldChange, ...]
    merged: FrozenMap


def compare(
    kind: Kind, desired: FrozenMap, live: FrozenMap, prior: FrozenMap, ignored: tuple[str, ...] = ()
) -> Comparison:
    """Compares three manifest-shaped bodies of one kind; `prior` is what was last applied.

    `ignored` are paths whose differences are left alone, as in `spec.labels` or `spec.labels[*].value`.
    """
    if desired == live == prior:  # the cheap answer to the usual question
        return Comparison((), live)
    walk = _Walk(kind, tuple(map(_pattern, ignored)))
    merged = walk.object(kind.shape, _Three(desired, live, prior), _Spot())
    return Comparison(tuple(walk.changes), merged if isinstance(merged, FrozenMap) else EMPTY)


@dataclass(frozen=True, slots=True)
class _Three:
    """The three values of one place."""

    desired: Value
    live: Value
    prior: Value

    def field(self, name: str) -> _Three:
        return _Three(_get(self.desired, name), _get(self.live, name), _get(self.prior, name))


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where the walk is: the path for programs, the label for people."""

    path: Path = ()
    label: str = ""

    def field(self, name: str) -> _Spot:
        return _Spot((*self.path, name), f"{self.label}.{name}" if self.label else name)

    def item(self, index: int, name: str) -> _Spot:
        return _Spot((*self.path, index), f"{self.label}[{name}]")


@dataclass(slots=True)
class _Walk:
    """Collects changes on one walk over the shape. Each method returns the merged value."""

    kind: Kind
    ignored: tuple[re.Pattern[str], ...]
    changes: list[FieldChange] = field(default_factory=list)

    def value(self, shape: Shape, three: _Three, spot: _Spot) -> Value:
        if isinstance(shape, Object):
            return self.object(shape, three, spot)
        if isinstance(shape, ListOf) and shape.keyed:
            return self.keyed(shape, shape.keyed.fields, three, spot)
        if isinstance(shape, ListOf) and shape.unordered:
            return self.set(three, spot)
        return self.whole(shape, three, spot)

    def whole(self, shape: Shape, three: _Three, spot: _Spot) -> Value:
        """A scalar, or a sequence that is one value."""
        if _absent(three.desired):
            if _absent(three.live) or _absent(three.prior):
                return three.live
            return self.report(spot, three.live, None)
        same = _same(shape, three.desired, three.live)
        return three.live if same else self.report(spot, three.live, three.desired)

    def set(self, three: _Three, spot: _Spot) -> Value:
        """A list whose order means nothing: members come and go one by one."""
        wanted, there, ours = three.desired or (), three.live or (), three.prior or ()
        gone = [item for item in there if item in ours and item not in wanted]
        new = [item for item in wanted if item not in there]
        if not gone and not new:
            return three.live
        merged = tuple(item for item in there if item not in gone) + tuple(dict.fromkeys(new))
        return self.report(spot, three.live, merged or None)

    def object(self, shape: Object, three: _Three, spot: _Spot) -> Value:
        """A mapping, field by field."""
        if _absent(three.live):
            return three.live if _hollow(three.desired) else self.report(spot, None, three.desired)
        if _absent(three.desired):
            return three.live if _absent(three.prior) else self.undeclared(shape, three, spot)
        merged = dict(three.live)
        for name, inner in shape.fields.items():
            part = three.field(name)
            if part.desired is None and part.prior is None:
                continue
            new = self.value(inner, part, spot.field(name))
            if new is None:
                merged.pop(name, None)
            else:
                merged[name] = new
        return FrozenMap(merged)

    def undeclared(self, shape: Object, three: _Three, spot: _Spot) -> Value:
        """A mapping that the manifest no longer has: takes away what the last apply put there.

        Where nothing else is left, or what is left would not be valid, the mapping goes as a whole.
        """
        inner = _Walk(self.kind, self.ignored)
        rest = inner.object(shape, _Three(EMPTY, three.live, three.prior), spot)
        if _hollow(rest) or any(_absent(rest.get(name)) for name in shape.required):
            return self.report(spot, three.live, None)
        self.changes += inner.changes
        return rest

    def keyed(self, shape: ListOf, keys: tuple[str, ...], three: _Three, spot: _Spot) -> Value:
        """A list whose items have names: matched by them, in whatever order."""
        there, ours = list(three.live or ()), list(three.prior or ())
        items: list[Value] = []
        for index, wanted in enumerate(three.desired or ()):
            part = _Three(wanted, _take(there, wanted, keys), _take(ours, wanted, keys))
            new = self.value(shape.item, part, spot.item(index, _name(wanted, keys)))
            items.append(wanted if new is None else new)
        for item in ours:
            gone = _take(there, item, keys)
            if gone is not None:
                kept = self.report(spot.item(three.live.index(gone), _name(item, keys)), gone, None)
                items += () if kept is None else (kept,)
        return (*items, *there) or (three.live if three.desired is None else three.desired)

    def report(self, spot: _Spot, before: Value, after: Value) -> Value:
        if any(pattern.match(spot.label) for pattern in self.ignored):
            return before
        self.changes.append(FieldChange(spot.path, spot.label, before, after, self.kind.is_replaced_by(spot.path)))
        return after


def _pattern(ignored: str) -> re.Pattern[str]:
    """A path with `*` for any one name; what lies below it is meant, too."""
    return re.compile(re.escape(ignored).replace(r"\*", r"[^.\[\]]*") + r"(?=$|[.\[])")


def _absent(value: Value) -> bool:
    """Null is absent, and so is a list without items."""
    return value is None or value == ()


def _hollow(value: Value) -> bool:
    """Whether a value holds nothing but nulls and empty containers."""
    if isinstance(value, Mapping):
        return all(_hollow(item) for item in value.values())
    return _absent(value)


def _get(value: Value, name: str) -> Value:
    return value.get(name) if isinstance(value, Mapping) else None


def _same(shape: Shape, one: Value, other: Value) -> bool:
    if isinstance(shape, ListOf):
        return (
            isinstance(one, tuple)
            and isinstance(other, tuple)
            and len(one) == len(other)
            and all(_same(shape.item, a, b) for a, b in zip(one, other, strict=True))
        )
    return shape.same(one, other) if isinstance(shape, Scalar) else bool(one == other)


def _take(items: list[Value], wanted: Value, keys: tuple[str, ...]) -> Value:
    """Removes from `items` the one that is the same item as `wanted`, and returns it; None where there is none."""
    for key in keys:
        name = _get(wanted, key)
        if name is None:
            continue
        for index, item in enumerate(items):
            if _get(item, key) == name:
                return items.pop(index)
    return None


def _name(item: Value, keys: tuple[str, ...]) -> str:
    return str(next((item[key] for key in keys if _get(item, key) is not None), ""))


def wording(before: tuple[Value, ...], after: tuple[Value, ...]) -> tuple[tuple[str, int, Value], ...]:
    """What differs between two long lists: `-` or `+`, the index, and the item, in the order of the lists."""
    from deepdiff import DeepDiff  # only where there is something to word: it takes longer to import than a plan takes

    found = DeepDiff(list(before), list(after), view="tree")
    words: list[tuple[str, int, Value]] = []
    for kind in ("iterable_item_removed", "iterable_item_added", "values_changed", "type_changes"):
        for item in found.get(kind, ()):
            index = int(item.path(output_format="list")[0])
            if kind != "iterable_item_added":
                words.append(("-", index, before[index]))
            if kind != "iterable_item_removed":
                words.append(("+", index, after[index]))
    return tuple(sorted(set(words), key=lambda word: (word[1], word[0] == "+")))
