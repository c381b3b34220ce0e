"""The three-way comparison: what is desired, what is live, and what was last applied.

Only what the manifest declares is compared. What it no longer declares, but the last apply did, is taken away. Everything
else at the control plane is somebody else's and stays as it stands. The comparison also merges: its second result is the
live body with the desired changes made, which is what a full replacement has to send.

Texts may be hidden on any side, and compare all the same. What is told of the live body is as it was given: see `veil`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from declarative.kinds.kind import Kind
from declarative.kinds.shape import ListOf, Object, Scalar, Shape
from declarative.model.plan import FieldChange
from declarative.model.secret import alike, hides
from declarative.model.value import EMPTY, FrozenMap, Path, Value
from declarative.plan.match import item_name, partners


class Comparison(Struct, frozen=True):
    """The differences in the order of the kind's fields, and the body that a full replacement sends."""

    fields: tuple[FieldChange, ...]
    merged: FrozenMap


def compare(
    kind: Kind, desired: FrozenMap, live: FrozenMap, prior: FrozenMap, ignored: tuple[str, ...] = ()
) -> Comparison:
    """Compares three manifest-shaped bodies of one kind; `prior` is what was last applied.

    `ignored` are paths whose differences are left alone, as in `spec.labels` or `spec.labels[*].value`. A mapping or an
    item that comes or goes as a whole takes its ignored parts along.
    """
    if desired == live == prior:  # the cheap answer to the usual question
        return Comparison((), live)
    walk = _Walk(kind, tuple(map(_pattern, ignored)))
    merged = walk.object(kind.shape, _Three(desired, live, prior), _Spot())
    return Comparison(tuple(walk.changes), merged if isinstance(merged, FrozenMap) else EMPTY)


class _Three(Struct, frozen=True):
    """The three values of one place."""

    desired: Value
    live: Value
    prior: Value

    def field(self, name: str) -> _Three:
        return _Three(_get(self.desired, name), _get(self.live, name), _get(self.prior, name))


class _Spot(Struct, frozen=True):
    """Where the walk is: the path for programs, the label for people."""

    path: Path = ()
    label: str = ""

    def field(self, name: str) -> _Spot:
        return _Spot((*self.path, name), f"{self.label}.{name}" if self.label else name)

    def item(self, index: int, name: str) -> _Spot:
        return _Spot((*self.path, index), f"{self.label}[{name}]")


class _Walk(Struct):
    """Collects changes on one walk over the shape. Each method returns the merged value."""

    kind: Kind
    ignored: tuple[re.Pattern[str], ...]
    changes: list[FieldChange] = field(default_factory=list)

    def value(self, shape: Shape, three: _Three, spot: _Spot) -> Value:
        if three.desired == three.live == three.prior:
            return three.live
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
        gone = [item for item in there if _among(ours, item) and not _among(wanted, item)]
        new = [item for item in wanted if not _among(there, item)]
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
        merged, known = dict(three.live), len(self.changes)
        for name, inner in shape.fields.items():
            part = three.field(name)
            if part.desired is None and part.prior is None:
                continue
            new = self.value(inner, part, spot.field(name))
            if new is None:
                merged.pop(name, None)
            else:
                merged[name] = new
        if len(self.changes) > known and _breaks_rules(shape, merged):
            self.give_way(shape, three.desired, merged, spot)
        return FrozenMap(merged)

    def give_way(self, shape: Object, desired: Value, merged: dict[str, Value], spot: _Spot) -> None:
        """Takes fields that others set out of `merged` where they cannot stand beside ours: one, if that is enough."""
        theirs = [name for name in shape.fields if merged.get(name) is not None and _get(desired, name) is None]
        ways = (
            names for names in [*([name] for name in theirs), theirs] if not _breaks_rules(shape, _less(merged, names))
        )
        for name in next(ways, ()):
            if self.report(spot.field(name), merged[name], None) is None:
                del merged[name]

    def undeclared(self, shape: Object, three: _Three, spot: _Spot) -> Value:
        """A mapping that the manifest no longer has: takes away what the last apply put there.

        Where nothing else is left, or what is left would not be valid, the mapping goes as a whole.
        """
        inner = _Walk(self.kind, self.ignored)
        rest = inner.object(shape, _Three(EMPTY, three.live, three.prior), spot)
        if not inner.changes:
            return three.live
        if _hollow(rest) or any(_absent(rest.get(name)) for name in shape.required) or _breaks_rules(shape, rest):
            return self.report(spot, three.live, None)
        self.changes += inner.changes
        return rest

    def keyed(self, shape: ListOf, keys: tuple[str, ...], three: _Three, spot: _Spot) -> Value:
        """A list whose items have names: matched by them, in whatever order."""
        wanted, there, ours = three.desired or (), three.live or (), three.prior or ()
        live, prior = self.partners(shape, keys, wanted, there), self.partners(shape, keys, wanted, ours)
        merged: list[Value] = []
        for index, item in enumerate(wanted):
            part = _Three(item, _at(there, live[index]), _at(ours, prior[index]))
            merged.append(self.value(shape.item, part, spot.item(index, item_name(item, keys))))
        left, dropped = _others(there, live), [ours[index] for index in _others(ours, prior)]
        found = self.partners(shape, keys, dropped, [there[index] for index in left])
        gone = {left[place] for place in found if place is not None}
        for index in left:
            item = there[index]
            place = spot.item(index, item_name(item, keys))
            merged.append(self.report(place, item, None) if index in gone else item)
        return tuple(item for item in merged if item is not None) or (None if there else three.live)

    def partners(
        self, shape: ListOf, keys: tuple[str, ...], wanted: Sequence[Value], items: Sequence[Value]
    ) -> list[int | None]:
        def fits(one: Value, item: Value) -> bool:
            if one == item:
                return True
            inner = _Walk(self.kind, ())
            inner.value(shape.item, _Three(one, item, None), _Spot())
            return not inner.changes

        return partners(wanted, items, keys, fits)

    def report(self, spot: _Spot, before: Value, after: Value) -> Value:
        if any(pattern.match(spot.label) for pattern in self.ignored):
            return before
        self.changes.append(FieldChange(spot.path, spot.label, before, after, self.kind.is_replaced_by(spot.path)))
        return after


def _pattern(ignored: str) -> re.Pattern[str]:
    """A path with `*` for any one name; what lies below it is meant, too."""
    # Names in brackets may have dots, as those of labels do.
    parts = (
        re.escape(part).replace(r"\*", r"[^\]]*" if part[0] == "[" else r"[^.\[]*")
        for part in re.findall(r"\[[^\]]*|[^\[]+", ignored)
    )
    return re.compile("".join(parts) + r"(?=$|[.\[])")


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
    if isinstance(shape, Scalar) and not hides(one) and not hides(other):
        return shape.same(one, other)
    return alike(one, other)


def _among(items: Sequence[Value], item: Value) -> bool:
    return any(alike(one, item) for one in items)


def _breaks_rules(shape: Object, value: Mapping[str, Value]) -> bool:
    return shape.model is not None and any(True for rule in shape.model.rules for _ in rule.check(value))


def _less(value: Mapping[str, Value], names: Sequence[str]) -> dict[str, Value]:
    return {name: item for name, item in value.items() if name not in names}


def _at(items: Sequence[Value], index: int | None) -> Value:
    return None if index is None else items[index]


def _others(items: Sequence[Value], taken: Iterable[int | None]) -> list[int]:
    """The indexes of `items` that are not taken."""
    known = set(taken)
    return [index for index in range(len(items)) if index not in known]


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
