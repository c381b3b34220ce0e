"""What the policy presets and refuses: all that is wrong at once. And which fields can be bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from declarative import kinds
from declarative.diagnostics import nearest
from declarative.kinds.check import shown
from declarative.kinds.quantity import amount
from declarative.kinds.rules import Violation
from declarative.kinds.shape import ListOf, Object, Scalar, Shape, shape_of
from declarative.kinds.training import TrainingSpec
from declarative.model.secret import alike
from declarative.model.value import Path, Value, dotted
from declarative.plan.guard import some
from declarative.sandbox.wire import Refusal

_EXACTLY = Scalar()


def _single(shape: Shape, names: tuple[str, ...] = ()) -> Iterator[str]:
    """The fields with single values, by their dotted paths; a list on the way has no step of its own."""
    if isinstance(shape, ListOf):
        yield from _single(shape.item, names)
    elif isinstance(shape, Object):
        for name, inner in shape.fields.items():
            yield from _single(inner, (*names, name))
    elif isinstance(shape, Scalar):
        yield ".".join(names)


# What a limit can be for: the fields of the specs of all kinds.
FIELDS = tuple(sorted({field for kind in kinds.ALL for field in _single(shape_of(kind.spec))}))


def _lists(shape: Shape, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ListOf]]:
    """The lists of items, by their dotted paths."""
    if isinstance(shape, ListOf) and isinstance(shape.item, Object):
        yield ".".join(names), shape
    elif isinstance(shape, Object):
        for name, inner in shape.fields.items():
            yield from _lists(inner, (*names, name))


_TRAINING = shape_of(TrainingSpec)
# What a preset, and a rule about items, can be for: the fields and the lists of trainings.
PRESETS = tuple(sorted(set(_single(_TRAINING))))
LISTS: Mapping[str, ListOf] = dict(sorted(_lists(_TRAINING)))
# Sections whose fields count although the section is not given.
_SECTIONS = ("compute", "security")


class KnownFields:
    """The parts of a policy are for fields that exist, and have single values; or for lists that exist."""

    def check(self, given: Mapping[str, Any]) -> Iterator[Violation]:
        for part, known in (("limits", FIELDS), ("defaults", PRESETS), ("lists", tuple(LISTS))):
            fields = given.get(part)
            for field in fields if isinstance(fields, Mapping) else ():
                if field not in known:
                    yield Violation((part, field), "Unknown field", _unknown(field, known))

    def schema(self) -> None:
        """The schemas of the parts say it already."""


def _unknown(field: str, fields: tuple[str, ...]) -> str:
    inner = sorted(known for known in fields if known.startswith(f"{field}."))
    if inner:
        return f"`{field}` has no value of its own to limit; it has {some(inner)}."
    spelling = nearest(field.removeprefix("spec."), fields)
    return f"No spec has a field `{field}`" + (f"; did you mean `{spelling}`?" if spelling else ".")


def comply(spec: Mapping[str, Any], policy: Mapping[str, Any], *, submitted: bool = False) -> None:
    """Refuses a spec that its sender gave, where the policy has anything against it.

    Of a workload that is `submitted` fields can be missing, and items too many; a template is only a part of one.
    """
    issues = [
        (dotted(path), text)
        for field, limit in policy.get("limits", {}).items()
        for path, value in _values(spec, tuple(field.split(".")), ())
        if (text := _complaint(value, limit, policy.get("defaults", {}).get(field)))
    ]
    if submitted:
        issues += ((dotted(path), "value is required") for path in _missing(spec, policy))
        issues += ((dotted(path), text) for path, text in _unwelcome(spec, policy))
    if issues:
        raise Refusal(400, "The policy does not allow this", issues=tuple(issues))


def preset(spec: Mapping[str, Any], policy: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy of a training's spec with the defaults of the policy."""
    for field, value in policy.get("defaults", {}).items():
        spec = _preset(spec, tuple(field.split(".")), value)
    return spec


def _preset(given: Any, names: tuple[str, ...], value: Value) -> Any:
    if isinstance(given, (list, tuple)):
        return tuple(_preset(item, names, value) for item in given)
    if not isinstance(given, Mapping):
        return given
    name, *rest = names
    inner = given.get(name)
    if rest and inner is None and name in _SECTIONS:
        inner = {}
    new = _preset(inner, tuple(rest), value) if rest else value if inner is None else inner
    return given if new is None else {**given, name: new}


def _missing(spec: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[Path]:
    """The fields that are required, and neither given nor preset."""
    for field, limit in policy.get("limits", {}).items():
        if limit.get("required") and field in PRESETS and field not in policy.get("defaults", {}):
            yield from _gaps(spec, tuple(field.split(".")), ())


def _gaps(value: Any, names: tuple[str, ...], path: Path) -> Iterator[Path]:
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            if names and not item.get("exclude"):
                yield from _gaps(item, names, (*path, index))
        if not names and not value:
            yield path
    elif not names:
        if value is None:
            yield path
    elif isinstance(value, Mapping):
        inner, rest = value.get(names[0]), names[1:]
        if inner is not None or not rest or names[0] in _SECTIONS:
            yield from _gaps({} if rest and inner is None else inner, rest, (*path, names[0]))


def _unwelcome(spec: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The items that may not be added, changed or excluded."""
    for field, rule in policy.get("lists", {}).items():
        keys = keyed.fields if (keyed := LISTS[field].keyed) else ()
        own = policy.get(field, {})
        for path, item in _values(spec, tuple(field.split(".")), ()):
            is_locked = any(item.get(key) in (rule.get("locked") or ()) for key in ("name", *keys))
            changed = item.get("name") in own and item.get("value") != own[item["name"]]
            if is_locked and (item.get("exclude") or changed):
                yield path, "the item is locked"
            elif rule.get("canAdd") is False and not item.get("exclude") and item.get("name") not in own:
                yield path, "items cannot be added"


def _values(value: Value, names: tuple[str, ...], path: Path) -> Iterator[tuple[Path, Value]]:
    """The values of a field that are given, each with its path; of a list every item counts."""
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _values(item, names, (*path, index))
    elif not names:
        yield path, value
    elif isinstance(value, Mapping) and value.get(names[0]) is not None and not value.get("exclude"):
        yield from _values(value[names[0]], names[1:], (*path, names[0]))


def _complaint(value: Value, limit: Mapping[str, Any], default: Value) -> str | None:
    """What a limit has against a value; None where nothing. Bounds keep silent where a value is no amount."""
    allowed = limit.get("allowed")
    if limit.get("canEdit") is False and not (default is None and value is False):
        fixed = default if isinstance(default, tuple) else (default,)
        if not any(alike(value, one) or _EXACTLY.same(value, one) for one in fixed):
            return "value cannot be changed"
    if allowed is not None and not any(_EXACTLY.same(value, one) for one in allowed):
        words = " or ".join(shown(one) for one in allowed)
        return f"value must be {words}"
    return _out_of_bounds(value, limit)


def _out_of_bounds(value: Value, limit: Mapping[str, Any]) -> str | None:
    found = amount(value)
    least, most, step = (amount(limit.get(name)) for name in ("min", "max", "step"))
    if found is None:
        return None
    if least is not None and found < least:
        return f"value must be at least {limit['min']}"
    if most is not None and found > most:
        return f"value must be at most {limit['max']}"
    if step and (found - (least or 0)) % step:
        return f"value must be {limit.get('min') or 0} and steps of {limit['step']}"
    return None
