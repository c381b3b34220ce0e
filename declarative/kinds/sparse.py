"""Bodies as a person would write them: only what leaving out would change, and what tells most first."""

from __future__ import annotations

from collections.abc import Mapping

from declarative.kinds.fields.base import FilledIn
from declarative.kinds.kind import Kind
from declarative.kinds.shape import ListOf, Object, Shape
from declarative.model.value import FrozenMap, Value

# The order in which a reader asks; what is not here follows in the order of the kind's fields.
_FIRST = (
    "name", "key", "description", "scope", "project", "projectId", "department", "departmentId", "cluster", "clusterId",
    "image", "command", "args", "workingDir", "environmentVariables", "environment", "compute", "storage",
)  # fmt: skip
_LAST = ("exclude",)


def sparse(kind: Kind, body: FrozenMap) -> FrozenMap:
    """A live body without nulls, defaults and what the control plane made up, its fields in order."""
    body = kind.authored(body)
    phase = {"desiredPhase": body["desiredPhase"]} if body.get("desiredPhase") == "Stopped" else {}
    metadata, spec = (_within(kind.shape.fields[name], body[name]) for name in ("metadata", "spec"))
    return FrozenMap({"metadata": metadata, **phase, "spec": spec})


def _within(shape: Shape, value: Value) -> Value:
    if isinstance(shape, Object) and isinstance(value, Mapping):
        names = sorted((name for name in shape.fields if name in value), key=lambda name: _rank(shape, name))
        parts = {name: _within(shape.fields[name], value[name]) for name in names}
        return FrozenMap({name: part for name, part in parts.items() if _tells(shape, name, part, parts)})
    if isinstance(shape, ListOf) and isinstance(value, tuple):
        return tuple(_within(shape.item, item) for item in value)
    return value


def _rank(shape: Object, name: str) -> tuple[int, int]:
    """First, middle or last, and where among those."""
    if name in _FIRST:
        return 0, _FIRST.index(name)
    return 1 + (name in _LAST), tuple(shape.fields).index(name)


def _tells(shape: Object, name: str, value: Value, beside: Mapping[str, Value]) -> bool:
    """Whether a field says more than leaving it out would."""
    if value is None:
        return False
    if name in shape.required:
        return True
    if value in ((), {}):
        return False
    if shape.model is None:
        return True
    field = shape.model.model_fields[name]
    marks = (mark.beside(beside) for mark in field.metadata if isinstance(mark, FilledIn))
    return not any(_is(value, default) for default in (field.get_default(call_default_factory=True), *marks))


def _is(value: Value, default: Value) -> bool:
    return type(value) is type(default) and bool(value == default)
