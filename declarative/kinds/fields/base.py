"""The vocabulary in which fields are written: base model, scalar types and how values compare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeAlias

from msgspec import Struct
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError

from declarative.kinds.rules import Rule


class Fields(BaseModel):
    """A mapping with known keys. `rules` are what the keys owe one another."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)
    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core)
        said = [rule_schema for rule in cls.rules if (rule_schema := rule.schema())]
        if said:
            handler.resolve_ref_schema(schema)["allOf"] = said
        return schema


# --- how values compare -----------------------------------------------------------------------------------------------
class Keyed(Struct, frozen=True):
    """The items of this list are the same item when one of these fields is equal; the first that both have decides.

    `unique` says that no two items may share the first field.
    """

    fields: tuple[str, ...]
    unique: bool = False


class Unordered(Struct, frozen=True):
    """The order of this list means nothing."""


class AsQuantity(Struct, frozen=True):
    """Compares by amount: `1Gi` is `1024Mi`, `0.5` is `500m`."""


class AsIdentifier(Struct, frozen=True):
    """Compares across types and spellings: the project id 4501 is "4501", and case means nothing to a UUID."""


class FilledIn(Struct, frozen=True):
    """What the control plane puts in where the field is left out, so that writing it says no more than leaving it out.

    `value` may also be a function of the fields beside it.
    """

    value: Any

    def beside(self, given: Mapping[str, Any]) -> Any:
        """The value, given the mapping that lacks the field."""
        return self.value(given) if callable(self.value) else self.value


def unsaid(schema: dict[str, Any]) -> None:
    """Takes the default out of a field's JSON Schema: the field may be left out, but the documents name no default."""
    schema.pop("default", None)


# --- scalars ----------------------------------------------------------------------------------------------------------
QUANTITY_PATTERN = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
HOSTNAME = re.compile(
    r"(?=.{1,253}\.?$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?"
)


def _format(name: str, pattern: re.Pattern[str], expected: str) -> Any:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise PydanticCustomError("format", "{expected}", {"expected": expected})
        return value

    return AfterValidator(check), Field(json_schema_extra={"format": name})


_uuid_check, _uuid_schema = _format("uuid", UUID, "a UUID such as 71f69d83-ba66-4822-adf5-55ce55efd210")
_host_check, _host_schema = _format("hostname", HOSTNAME, "a host name such as metrics.example.com")

Text: TypeAlias = Annotated[str, Field(min_length=1)]
Quantity: TypeAlias = Annotated[str, Field(pattern=QUANTITY_PATTERN), AsQuantity()]
Uuid: TypeAlias = Annotated[str, _uuid_check, _uuid_schema, AsIdentifier()]
Hostname: TypeAlias = Annotated[str, _host_check, _host_schema]
Int32: TypeAlias = Annotated[int, Field(ge=-(2**31), le=2**31 - 1, json_schema_extra={"format": "int32"})]
Int64: TypeAlias = Annotated[int, Field(ge=-(2**63), le=2**63 - 1, json_schema_extra={"format": "int64"})]
NonNegative32: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1, json_schema_extra={"format": "int32"})]
Positive32: TypeAlias = Annotated[int, Field(ge=1, le=2**31 - 1, json_schema_extra={"format": "int32"})]
Amount: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False, json_schema_extra={"format": "double"})]
PortNumber: TypeAlias = Annotated[int, Field(ge=1, le=65535, json_schema_extra={"format": "int32"})]
Exclude: TypeAlias = Annotated[bool | None, FilledIn(False)]
DateTime: TypeAlias = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


def _id(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or value == "":
        raise PydanticCustomError("format", "{expected}", {"expected": "an id, as text or number"})
    if isinstance(value, str) and value.isdigit() and value != str(int(value)):
        raise PydanticCustomError("format", "{expected}", {"expected": f"an id without leading zeros ({int(value)})"})
    return value


def _numeric_id(value: Any) -> Any:
    text = str(_id(value))
    if not text.isascii() or not text.isdigit() or int(text) >= 2**31:
        raise PydanticCustomError("format", "{expected}", {"expected": "a whole number up to 2147483647"})
    return value


def _asset_reference(value: Any) -> Any:
    if isinstance(value, str) and UUID.fullmatch(value):
        return value
    if isinstance(value, Mapping) and set(value) == {"name"} and isinstance(value["name"], str) and value["name"]:
        return value
    raise PydanticCustomError("format", "{expected}", {"expected": "an asset's id (a UUID) or {name: ...}"})


# A project id is text for workloads and a number for assets; authors may write either.
AnyId: TypeAlias = Annotated[
    Any,
    AfterValidator(_id),
    AsIdentifier(),
    WithJsonSchema({"type": ["string", "integer"], "minLength": 1}),
]
NumericId: TypeAlias = Annotated[
    Any,
    AfterValidator(_numeric_id),
    AsIdentifier(),
    WithJsonSchema({"type": ["string", "integer"], "pattern": "^[0-9]+$", "minimum": 0, "maximum": 2**31 - 1}),
]
AssetReference: TypeAlias = Annotated[
    Any,
    AfterValidator(_asset_reference),
    AsIdentifier(),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "string", "format": "uuid"},
                {
                    "type": "object",
                    "properties": {"name": {"type": "string", "minLength": 1, "description": "Name of the asset."}},
                    "required": ["name"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
