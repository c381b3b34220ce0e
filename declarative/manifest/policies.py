"""Rules over plans, as the project file declares them. They are loaded and asked in `declarative.policy`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Struct
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from declarative.kinds.fields.base import Fields, Text
from declarative.kinds.rules import ExactlyOne, Given, Rule, Violation, present

_DURATION = r"^[1-9][0-9]{0,5}[sm]$"


def _duration(value: str) -> str:
    if not re.match(_DURATION, value):
        raise PydanticCustomError("format", "{expected}", {"expected": "a duration such as 60s or 5m"})
    return value


Duration = Annotated[str, AfterValidator(_duration), Field(json_schema_extra={"pattern": _DURATION})]
ActionName = Literal["create", "update", "replace", "delete", "forget"]


class GoesWith(Struct, frozen=True):
    """`field` may be given only beside one of `others`."""

    field: str
    others: tuple[str, ...]

    def check(self, given: Given) -> Iterator[Violation]:
        if given.get(self.field) is not None and not any(given.get(name) is not None for name in self.others):
            beside = " or ".join(f"`{name}`" for name in self.others)
            detail = f"`{self.field}` goes with {beside}, but there is none here."
            yield Violation(
                (self.field,), "Field not allowed here", detail, f"remove `{self.field}` or add {beside}", on_key=True
            )

    def schema(self) -> dict[str, Any]:
        return {"if": present(self.field), "then": {"anyOf": [present(name) for name in self.others]}}


class PolicyDeclaration(Fields):
    """Rules that every plan has to keep: Python functions, a command that reads the plan, or one CEL expression."""

    rules: ClassVar[tuple[Rule, ...]] = (
        ExactlyOne(("python", "command", "cel")),
        GoesWith("timeout", ("command",)),
        GoesWith("effect", ("command", "cel")),
        *(GoesWith(field, ("cel",)) for field in ("message", "on", "actions")),
    )

    python: Text | None = Field(
        None, description="File of Python functions whose names begin with deny or warn, relative to this file."
    )
    command: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        None, description="Program and arguments; it reads the plan as JSON, and ends with 0 when nothing is wrong."
    )
    timeout: Duration | None = Field(
        None, description="How long the command may take, such as 60s (the default) or 5m."
    )
    cel: Text | None = Field(None, description="Expression in CEL that has to be true of each change.")
    message: Text | None = Field(None, description="What is told of a change of which the expression is false.")
    on: Text | None = Field(None, description="Glob over the addresses that the expression is about; default: all.")
    actions: Annotated[tuple[ActionName, ...], Field(min_length=1)] | None = Field(
        None, description="Actions that the expression is about; default: create, update and replace."
    )
    effect: Literal["deny", "warn"] | None = Field(
        None, description="deny (the default) refuses the plan, warn only tells."
    )
