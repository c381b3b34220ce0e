"""What the policy refuses: fields out of bounds, all of them at once. And which fields can be bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from declarative import kinds
from declarative.diagnostics import nearest
from declarative.kinds.check import shown
from declarative.kinds.quantity import amount
from declarative.kinds.rules import Violation
from declarative.kinds.shape import ListOf, Object, Scalar, Shape, shape_of
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


class KnownFields:
    """The limits of a policy are for fields that exist, and have single values."""

    def check(self, given: Mapping[str, Any]) -> Iterator[Violation]:
        limits = given.get("limits")
        for field in limits if isinstance(limits, Mapping) else ():
            if field not in FIELDS:
                yield Violation(("limits", field), "Unknown field", _unknown(field))

    def schema(self) -> None:
        """The schema of `limits` says it already."""


def _unknown(field: str) -> str:
    inner = sorted(known for known in FIELDS if known.startswith(f"{field}."))
    if inner:
        return f"`{field}` has no value of its own to limit; it has {some(inner)}."
    spelling = nearest(field.removeprefix("spec."), FIELDS)
    return f"No spec has a field `{field}`" + (f"; did you mean `{spelling}`?" if spelling else ".")


def comply(spec: Mapping[str, Any], policy: Mapping[str, Any]) -> None:
    """Refuses a spec that its sender gave, where it is beyond the limits of the policy."""
    issues = tuple(
        (dotted(path), text)
        for field, limit in policy.get("limits", {}).items()
        for path, value in _values(spec, tuple(field.split(".")), ())
        if (text := _complaint(value, limit))
    )
    if issues:
        raise Refusal(400, "The policy does not allow this", issues=issues)


def _values(value: Value, names: tuple[str, ...], path: Path) -> Iterator[tuple[Path, Value]]:
    """The values of a field that are given, each with its path; of a list every item counts."""
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _values(item, names, (*path, index))
    elif not names:
        yield path, value
    elif isinstance(value, Mapping) and value.get(names[0]) is not None:
        yield from _values(value[names[0]], names[1:], (*path, names[0]))


def _complaint(value: Value, limit: Mapping[str, Any]) -> str | None:
    """What a limit has against a value; None where nothing. Bounds keep silent where a value is no amount."""
    least, most, allowed = limit.get("min"), limit.get("max"), limit.get("allowed")
    found = amount(value)
    if allowed is not None and not any(_EXACTLY.same(value, one) for one in allowed):
        words = " or ".join(shown(one) for one in allowed)
        return f"value must be {words}"
    if found is not None and least is not None and found < (amount(least) or 0):
        return f"value must be at least {least}"
    if found is not None and most is not None and found > (amount(most) or 0):
        return f"value must be at most {most}"
    return None
