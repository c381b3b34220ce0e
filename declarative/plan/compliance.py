"""What an effective policy has against a training that would be created. What cannot be told is left to the control plane."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from declarative import kinds
from declarative.diagnostics import Diagnostic, repeated
from declarative.kinds.shape import ListOf, Object, Shape
from declarative.model.foresight import Finding, Policy
from declarative.model.plan import Change
from declarative.model.secret import alike, hides
from declarative.model.value import EMPTY, FrozenMap, Path, Value, dotted
from declarative.plan.limits import Verdict, against, derived, source
from declarative.plan.match import is_same, item_name

# Sections whose fields count although the section is not given. Of others, such as probes, a rule is for those who use them.
_SECTIONS = ("compute", "security")
_Rules = Mapping[str, Any]


def violations(change: Change, policy: Policy) -> Iterator[Finding]:
    """What the policy refuses of what a change would create, each with its field."""
    shape = kinds.kind_named(change.address.kind).shape.fields["spec"]
    spec = (change.after or EMPTY).get("spec")
    assert isinstance(shape, Object)
    if isinstance(spec, FrozenMap):
        place = _Place(("spec",), "spec")
        yield from (Finding(change, told) for told in _object(policy.rules, policy.defaults, spec, shape, place))


class _Place(Struct, frozen=True):
    """A place in a manifest: its `path`, and what it is called."""

    path: Path
    label: str

    def field(self, name: str) -> _Place:
        return _Place((*self.path, name), f"{self.label}.{name}")

    def item(self, index: int, name: str) -> _Place:
        return _Place((*self.path, index), f"{self.label}[{name or index}]")

    def told(self, verdict: Verdict, rule: _Rules) -> Diagnostic:
        detail = f"`{self.label}` {verdict.found}, but the policy{source(rule)} {verdict.wants}."
        return Diagnostic("Against the policy", detail, verdict.hint, field=dotted(self.path))


def _object(rules: _Rules, defaults: _Rules, given: _Rules, shape: Object, place: _Place) -> Iterator[Diagnostic]:
    """Everything that the rules of an object's fields refuse; `defaults` are those of the same fields."""
    for name, rule in rules.items():
        inner, value = shape.fields.get(name), given.get(name)
        # Rules for fields of a later release are none of ours.
        if inner is None or not isinstance(rule, Mapping) or hides(value):
            continue
        preset, at = defaults.get(name), place.field(name)
        if isinstance(inner, Object):
            if value is not None or (len(place.path) == 1 and name in _SECTIONS):
                yield from _object(rule, _mapping(preset), _mapping(value), inner, at)
        elif isinstance(inner, ListOf) and isinstance(inner.item, Object):
            yield from _items(rule, _mapping(preset), value, inner, at)
        else:
            yield from _field(rule, preset, value, (given, defaults), inner, at)


def _field(
    rule: _Rules, preset: Value, value: Value, beside: tuple[_Rules, _Rules], shape: Shape, place: _Place
) -> Iterator[Diagnostic]:
    """What a rule has against one field; `beside` are the fields beside it, given and preset."""
    default = preset if preset is not None else derived(rule, *beside)
    unordered = isinstance(shape, ListOf) and shape.unordered
    found = against(rule, value, default, unordered=unordered)
    for verdict in found:
        yield place.told(verdict, rule)


def _items(rules: _Rules, defaults: _Rules, items: Value, shape: ListOf, place: _Place) -> Iterator[Diagnostic]:
    """What is wrong with the items of a list: that they are there, that they differ, or what is in them."""
    keys = shape.keyed.fields if shape.keyed else ()
    about, each = _mapping(rules.get("instances")), _mapping(rules.get("attributes"))
    presets = [one for one in _several(defaults.get("instances")) if isinstance(one, Mapping)]
    assert isinstance(shape.item, Object)
    for index, item in enumerate(_several(items)):
        if not isinstance(item, Mapping):
            continue
        at = place.item(index, item_name(item, keys))
        twin = next((one for one in presets if is_same(item, one, keys)), None)
        verdict = _membership(about, item, twin, keys)
        if verdict is not None:
            yield at.told(verdict, about)
        elif item.get("exclude") is not True:
            base = {**_mapping(defaults.get("attributes")), **(twin or {})}
            yield from _object(each, base, item, shape.item, at)


def _membership(about: _Rules, item: _Rules, twin: _Rules | None, keys: tuple[str, ...]) -> Verdict | None:
    """What is wrong with an item as such; `twin` is the item that the policy itself adds in its place."""
    excluded = item.get("exclude") is True
    locked = {str(name) for name in _several(about.get("locked"))}
    is_locked = any(item.get(key) is not None and str(item[key]) in locked for key in ("name", *keys))
    if is_locked and excluded:
        return Verdict("excludes what the policy adds", "has it locked", "remove the item")
    if is_locked and twin is not None and _differs(item, twin):
        return Verdict("is another than the policy's", "has it locked", "remove the item; the policy adds its own")
    if about.get("canAdd") is False and twin is None and not excluded:
        return Verdict("is added", "allows no items beside its own", "remove the item")
    return None


def _differs(item: _Rules, twin: _Rules) -> bool:
    """Whether an item says anything else than its twin. False is as good as absent, and what is hidden cannot be told."""
    return any(
        not hides(value) and (value or None) is not None and not alike(value, twin.get(name))
        for name, value in item.items()
    )


def _mapping(value: Value) -> _Rules:
    return value if isinstance(value, Mapping) else EMPTY


def _several(value: Value) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else ()


def told_once(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Each finding once: the turns of a loop have the same fields at the same place. In order of place."""
    first: dict[object, Diagnostic] = {}
    more: dict[object, int] = {}
    for one in found:
        # The values may differ from turn to turn; the author wrote one line.
        cause = (one.where, one.summary, one.severity, one.field) if one.where else object()
        more[cause] = more.get(cause, -1) + 1
        first.setdefault(cause, one)
    return tuple(repeated(one, more[cause]) for cause, one in first.items())
