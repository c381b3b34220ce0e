"""Bad days on demand: what befalls a request, as the settings say."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Struct
from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from declarative.kinds.fields.base import Fields
from declarative.sandbox.wire import Refusal

_LONGEST = 60_000
# Before the request is processed, in this order, and after it.
BEFORE, AFTER = ("dropped", "unavailable", "throttled"), ("lost", "failed")
_FAILURES = (500, 502, 504)


def _milliseconds(value: Any) -> Any:
    ends = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    if not all(isinstance(end, (int, float)) and not isinstance(end, bool) and 0 <= end <= _LONGEST for end in ends):
        expected = f"a number up to {_LONGEST}, or a list of two, between which it varies,"
        raise PydanticCustomError("format", "{expected}", {"expected": expected})
    return value


_NUMBER = {"type": "number", "minimum": 0, "maximum": _LONGEST}
Milliseconds = Annotated[
    Any,
    AfterValidator(_milliseconds),
    WithJsonSchema({"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}]}),
]
Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Faults(Fields):
    """What befalls requests under /api, by rates from 0 to 1, each of the requests that none before it has hit."""

    dropped: Rate = Field(0, description="Rate of connections that are closed before the request is processed.")
    unavailable: Rate = Field(0, description="Rate of 503, without processing.")
    throttled: Rate = Field(0, description="Rate of 429, without processing.")
    lost: Rate = Field(0, description="Rate of requests that are processed, and their connections closed in silence.")
    failed: Rate = Field(0, description="Rate of requests that are processed, and answered by 500, 502 or 504.")
    retryAfterSeconds: Annotated[int, Field(ge=0, le=3600)] | None = Field(
        None, description="Retry-After of those 503 and 429; null sends none."
    )
    latencyMilliseconds: Milliseconds = Field(
        0, description="How long every request waits before it is processed; two numbers, between which it varies."
    )
    seed: int | None = Field(
        None,
        description="With a seed the same befalls the n-th request of each operation since the last reset, every time.",
    )


DEFAULTS: dict[str, Any] = {name: field.default for name, field in Faults.model_fields.items()}


class Dropped(BaseException):
    """The connection is to be closed without an answer. No Exception: of those an answer is made."""


class Fate(Struct, frozen=True):
    """What befalls one request: `seconds` of waiting, then the fault, if any, with the status of its answer.

    `counted` says that the request is in the counts already.
    """

    seconds: float = 0.0
    fault: str | None = None
    status: int = 0
    retry_after: int | None = None
    counted: bool = False

    @property
    def processes(self) -> bool:
        return self.fault not in BEFORE

    def strike(self) -> None:
        """Raises what comes in place of the answer: Dropped, or a Refusal."""
        if self.fault in ("dropped", "lost"):
            raise Dropped
        if self.fault is not None:
            headers = {} if self.retry_after is None or self.processes else {"Retry-After": str(self.retry_after)}
            raise Refusal(
                self.status, "A fault on demand", f"The sandbox's setting faults.{self.fault}.", headers=headers
            )


def fate(faults: Mapping[str, Any], method: str, path: str, number: int) -> Fate:
    """What befalls the request that is the `number`-th of its operation."""
    seed = faults["seed"]
    chance = random.Random() if seed is None else random.Random(f"{seed} {method} {path} {number}")  # noqa: S311
    latency = faults["latencyMilliseconds"]
    least, most = latency if isinstance(latency, (list, tuple)) else (latency, latency)
    seconds = chance.uniform(least, most) / 1000
    hit = next((name for name in (*BEFORE, *AFTER) if chance.random() < faults[name]), None)
    status = {"unavailable": 503, "throttled": 429, "failed": chance.choice(_FAILURES)}.get(hit or "", 0)
    return Fate(seconds, hit, status, faults["retryAfterSeconds"])


def quiet(faults: Mapping[str, Any]) -> bool:
    """Whether nothing can befall anybody."""
    return not (faults["latencyMilliseconds"] or any(faults[name] for name in (*BEFORE, *AFTER)))
