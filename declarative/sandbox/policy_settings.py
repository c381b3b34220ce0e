"""What the policy of the sandbox can be set to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from declarative.kinds.fields.base import Fields
from declarative.kinds.rules import Rule
from declarative.sandbox.policy import FIELDS, LISTS, PRESETS, KnownFields

_POLICY = "Added to every object that is created or replaced, unless it names the item itself; by name."


def _texts(value: Any) -> Any:
    good = isinstance(value, Mapping) and all(
        1 <= len(name) <= 63 and isinstance(text, str) for name, text in value.items()
    )
    if not good:
        raise PydanticCustomError(
            "format", "{expected}", {"expected": "a mapping from names (up to 63 characters) to texts"}
        )
    return value


def _bound(value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number and not (isinstance(value, str) and re.fullmatch(_BOUND, value)):
        raise PydanticCustomError("format", "{expected}", {"expected": "a number, or an amount such as 4G,"})
    return value


def _allowed(value: Any) -> Any:
    if not (isinstance(value, tuple) and value and all(isinstance(one, (str, int, float)) for one in value)):
        raise PydanticCustomError("format", "{expected}", {"expected": "a list of texts, numbers or true and false"})
    return value


def _preset(value: Any) -> Any:
    texts = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
    if not texts and not isinstance(value, (str, int, float)):
        raise PydanticCustomError(
            "format", "{expected}", {"expected": "a text, a number, true, false or a list of texts"}
        )
    return value


Texts = Annotated[
    Any,
    AfterValidator(_texts),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"minLength": 1, "maxLength": 63},
            "additionalProperties": {"type": "string"},
        }
    ),
]
_BOUND = r"[+-]?[0-9]{1,15}(\.[0-9]{1,6})?([numkMGTPE]|[KMGTPE]i)?"
Bound = Annotated[
    Any,
    AfterValidator(_bound),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_BOUND}$"}]}),
]
Allowed = Annotated[
    Any,
    AfterValidator(_allowed),
    WithJsonSchema({"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}}),
]

Preset = Annotated[
    Any,
    AfterValidator(_preset),
    WithJsonSchema(
        {"anyOf": [{"type": ["string", "number", "boolean"]}, {"type": "array", "items": {"type": "string"}}]}
    ),
]


class Limit(Fields):
    """What the values of a field may be. A field that is not given is beyond no limit, unless it is required."""

    min: Bound | None = Field(None, description="The least, as a number or an amount such as 4G.")
    max: Bound | None = Field(None, description="The most, as a number or an amount such as 4G.")
    step: Annotated[float, Field(gt=0, le=1_000_000)] | None = Field(
        None, description="Only the least, or 0, and whole steps from there."
    )
    allowed: Allowed | None = Field(None, description="The only values.")
    required: bool | None = Field(None, description="Whether a training has to give it, unless it is preset.")
    canEdit: bool | None = Field(None, description="False for what has to stay as it is preset.")


class ListRule(Fields):
    """What may be done with the items of a list."""

    canAdd: bool | None = Field(None, description="False for a list that keeps to the items of the policy.")
    locked: Annotated[tuple[str, ...], Field(max_length=100)] | None = Field(
        None, description="Names of the items that can be neither excluded nor changed."
    )


class Policy(Fields):
    """What the control plane adds to specs, and what it refuses."""

    rules: ClassVar[tuple[Rule, ...]] = (KnownFields(),)

    labels: Texts = Field(default_factory=dict, description=f"Labels. {_POLICY}")
    annotations: Texts = Field(default_factory=dict, description=f"Annotations. {_POLICY}")
    environmentVariables: Texts = Field(default_factory=dict, description=f"Environment variables. {_POLICY}")
    limits: dict[str, Limit] = Field(
        default_factory=dict,
        description="Limits of fields, by their dotted paths within the spec (compute.gpuDevicesRequest); of a list on"
        " the way every item counts. What is beyond a limit is neither created nor replaced: 400 with complianceIssues.",
        json_schema_extra={"propertyNames": {"enum": list(FIELDS)}},
    )
    defaults: dict[str, Preset] = Field(
        default_factory=dict,
        description="What fields of trainings have that do not give them, by their dotted paths.",
        json_schema_extra={"propertyNames": {"enum": list(PRESETS)}},
    )
    lists: dict[str, ListRule] = Field(
        default_factory=dict,
        description="What may be done with the items of the lists of trainings, by their dotted paths.",
        json_schema_extra={"propertyNames": {"enum": list(LISTS)}},
    )
