"""What the policy refuses: fields out of bounds, all of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from declarative.kinds.check import shown
from declarative.kinds.quantity import amount
from declarative.kinds.shape import Scalar
from declarative.model.value import Path, Value, dotted
from declarative.sandbox.wire import Refusal

_EXACTLY = Scalar()


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
