"""How the values of a model compare, derived once from the model's own annotations."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from msgspec import Struct
from pydantic import BaseModel

from declarative.kinds.fields.base import AsIdentifier, AsQuantity, Fields, Keyed, Unordered
from declarative.kinds.quantity import amount
from declarative.model.value import FrozenMap, Path, Value


class Sameness(Enum):
    EXACT = "exact"
    QUANTITY = "quantity"
    IDENTIFIER = "identifier"


class Scalar(Struct, frozen=True):
    """A value without parts. `is_text` says that it is free text, of which nothing but its reader has to know anything."""

    sameness: Sameness = Sameness.EXACT
    is_text: bool = False

    def same(self, one: Value, other: Value) -> bool:
        """Whether the two mean the same to the control plane."""
        if self.sameness is Sameness.IDENTIFIER:
            return str(one).lower() == str(other).lower()
        if self.sameness is Sameness.QUANTITY:
            first, second = amount(one), amount(other)
            return one == other or (first is not None and first == second)
        # True == 1 in Python, but not in JSON.
        return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


class Object(Struct, frozen=True):
    """A mapping with known fields.

    `required` are those without which it is no valid mapping, `ruled` those that rules have anything to say about.
    """

    model: type[Fields] | None
    fields: Mapping[str, Shape]
    required: frozenset[str] = frozenset()
    ruled: tuple[tuple[str, Shape], ...] = ()


class ListOf(Struct, frozen=True):
    """A list; `keyed` and `unordered` say what makes items the same. Neither: a sequence whose order counts."""

    item: Shape
    keyed: Keyed | None = None
    unordered: bool = False


class MapOf(Struct, frozen=True):
    """A mapping whose keys are the author's own."""

    item: Shape


Shape: TypeAlias = Scalar | Object | ListOf | MapOf
ANY = Scalar()
_TEXT = Scalar(is_text=True)


@cache
def shape_of(model: type[Fields]) -> Object:
    """The shape of a model."""
    fields = {name: _of(field.annotation, tuple(field.metadata)) for name, field in model.model_fields.items()}
    required = frozenset(name for name, field in model.model_fields.items() if field.is_required())
    ruled = tuple((name, inner) for name, inner in fields.items() if has_rules(inner))
    return Object(model, types.MappingProxyType(fields), required, ruled)


def has_rules(shape: Shape) -> bool:
    """Whether more than types decides what is right, here or below."""
    if isinstance(shape, Object):
        return bool(shape.ruled or (shape.model and shape.model.rules))
    if isinstance(shape, ListOf) and shape.keyed and shape.keyed.unique:
        return True
    return isinstance(shape, (ListOf, MapOf)) and has_rules(shape.item)


def _of(annotation: Any, metadata: tuple[Any, ...]) -> Shape:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _of(inner, (*metadata, *more))
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(annotation) if option is not type(None)]
        return _of(options[0], metadata)
    if origin is tuple:
        keyed = next((mark for mark in metadata if isinstance(mark, Keyed)), None)
        unordered = any(isinstance(mark, Unordered) for mark in metadata)
        return ListOf(_of(get_args(annotation)[0], ()), keyed, unordered)
    if origin is dict:
        return MapOf(_of(get_args(annotation)[1], ()))
    if isinstance(annotation, type) and issubclass(annotation, Fields):
        return shape_of(annotation)
    if any(isinstance(mark, AsQuantity) for mark in metadata):
        return Scalar(Sameness.QUANTITY)
    if any(isinstance(mark, AsIdentifier) for mark in metadata):
        return Scalar(Sameness.IDENTIFIER)
    assert not (isinstance(annotation, type) and issubclass(annotation, BaseModel)), annotation
    assert annotation in (str, int, float, bool, Any) or origin is Literal, annotation
    return _TEXT if annotation is str else ANY


def takes_secret(shape: Shape, path: Path) -> bool:
    """Whether the value at `path` of a body may be secret: free text in the spec that is no name of an item."""
    names: tuple[str, ...] = ()
    for step in path:
        if step in names or (inner := below(shape, step)) is None:
            return False
        names = shape.keyed.fields if isinstance(shape, ListOf) and shape.keyed else ()
        shape = inner
    return path[:1] == ("spec",) and isinstance(shape, Scalar) and shape.is_text


def below(shape: Shape, step: str | int) -> Shape | None:
    """The shape of a part; None where there is none of this name."""
    if isinstance(shape, Object):
        return shape.fields.get(str(step))
    return shape.item if isinstance(shape, (ListOf, MapOf)) else None


def steps_below(shape: Shape, text: str) -> tuple[str, tuple[str, ...]] | None:
    """The first word of a path such as `spec.labels[*].value` that leads nowhere, and what there is instead; None if all do.

    Behind a `*` that stands for any field, nothing is known.
    """
    for word in re.findall(r"\[[^\]]*\]?|[^.\[]+", text) or [text]:
        if word == "*":
            return None
        is_item = word.startswith("[")
        inner = below(shape, word) if is_item == isinstance(shape, (ListOf, MapOf)) else None
        if inner is None:
            return word, tuple(shape.fields) if isinstance(shape, Object) else ()
        shape = inner
    return None


def known(shape: Shape, value: Value) -> Value:
    """`value` with only the fields that the shape knows: answers of a newer control plane carry more."""
    if isinstance(shape, Object) and isinstance(value, Mapping):
        return FrozenMap({k: known(inner, value[k]) for k, inner in shape.fields.items() if k in value})
    if isinstance(shape, ListOf) and isinstance(value, (list, tuple)):
        return tuple(known(shape.item, item) for item in value)
    return value
