"""What the control plane adds to what it was sent: defaults, nulls, injections of the policy, and an order of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from declarative.kinds.fields.base import UUID
from declarative.kinds.shape import ListOf, Object, Sameness, Scalar, Shape

INJECTED = ("labels", "annotations", "environmentVariables")
_BINARY = ("Ki", "Mi", "Gi", "Ti")


def filled(shape: Shape, value: Any) -> Any:
    """A copy of `value` with every field of its models: the default where there is one, null elsewhere."""
    if isinstance(shape, Object) and isinstance(value, Mapping):
        return {name: _field(shape, name, value.get(name)) for name in shape.fields}
    if isinstance(shape, ListOf) and isinstance(value, (list, tuple)):
        items = [filled(shape.item, item) for item in value]
        if shape.keyed and shape.keyed.unique:
            key = shape.keyed.fields[0]
            items.sort(key=lambda item: str(item[key]))
        return items
    if isinstance(shape, Scalar) and shape.sameness is Sameness.QUANTITY and isinstance(value, str):
        return _carried(value)
    if isinstance(shape, Scalar) and shape.sameness is Sameness.IDENTIFIER and UUID.fullmatch(str(value)):
        return str(value).lower()
    return value


def _field(shape: Object, name: str, value: Any) -> Any:
    inner = shape.fields[name]
    if value is not None or shape.model is None:
        return filled(inner, value)
    default = shape.model.model_fields[name].get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return None
    if isinstance(default, BaseModel):
        return filled(inner, {})
    return list(default) if isinstance(default, tuple) else default


def _carried(quantity: str) -> str:
    """`1024Mi` as `1Gi`: whole binary amounts in the largest unit."""
    found = re.fullmatch(r"([1-9][0-9]{0,15})(Ki|Mi|Gi)", quantity)
    if not found:
        return quantity
    number, unit = int(found[1]), found[2]
    while number % 1024 == 0 and unit != _BINARY[-1]:
        number, unit = number // 1024, _BINARY[_BINARY.index(unit) + 1]
    return f"{number}{unit}"


def injected(spec: Mapping[str, Any], policy: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A copy of `spec` with what the policy adds; an item that the spec names, also to exclude it, stands."""
    result = dict(spec)
    for field in INJECTED:
        added = policy.get(field, {})
        if added:
            given = list(spec.get(field) or ())
            names = {item["name"] for item in given}
            result[field] = [*given, *({"name": n, "value": v} for n, v in added.items() if n not in names)]
    return result
