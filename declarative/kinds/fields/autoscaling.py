"""How many replicas run, and by which measure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Struct
from pydantic import Field

from declarative.kinds.fields.base import Fields, Int32, NonNegative32, Positive32
from declarative.kinds.rules import UNKNOWN, Given, Violation


def _integer(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


class Thresholds(Struct, frozen=True):
    """A range of replicas needs a metric, except 0 to 1, which follows network activity."""

    def check(self, given: Given) -> Iterator[Violation]:
        if UNKNOWN in (given.get("minReplicas"), given.get("maxReplicas")):
            return
        low = _integer(given.get("minReplicas"), 1)
        high = _integer(given.get("maxReplicas"), max(low, 1))
        metric = given.get("thresholdMetric")
        if high < low:
            yield Violation(
                ("maxReplicas",),
                "Limit below the request",
                f"`maxReplicas` is {high}, less than `minReplicas`, which is {low}.",
                f"raise `maxReplicas` to at least {low}",
            )
        if low < high and (low, high) != (0, 1):
            for name in ("thresholdMetric", "thresholdValue"):
                if given.get(name) is None:
                    yield Violation(
                        (),
                        "Missing field",
                        f"`{name}` is required when replicas range from {low} to {high}.",
                        f"add `{name}:`",
                    )
        elif given.get("thresholdValue") is not None and metric is None:
            yield Violation(
                ("thresholdValue",),
                "Missing field",
                "`thresholdValue` measures nothing without `thresholdMetric`.",
                "add `thresholdMetric:`",
            )
        if low == 0 and metric == "latency":
            yield Violation(
                ("thresholdMetric",),
                "Value not allowed here",
                "The metric latency does not support scaling to zero, but `minReplicas` is 0.",
                "use throughput or concurrency, or raise `minReplicas`",
            )
        if low != 0 and given.get("scaleToZeroRetentionSeconds") is not None:
            yield Violation(
                ("scaleToZeroRetentionSeconds",),
                "Field not allowed here",
                f"`scaleToZeroRetentionSeconds` is for `minReplicas: 0`, but `minReplicas` is {low}.",
                "set `minReplicas: 0` or remove `scaleToZeroRetentionSeconds`",
                on_key=True,
            )

    def schema(self) -> dict[str, Any]:
        zero = {"required": ["minReplicas"], "properties": {"minReplicas": {"const": 0}}}
        return {
            "allOf": [
                {
                    "if": {
                        "required": ["scaleToZeroRetentionSeconds"],
                        "properties": {"scaleToZeroRetentionSeconds": {"type": "integer"}},
                    },
                    "then": zero,
                },
                {
                    "if": zero,
                    "then": {"properties": {"thresholdMetric": {"enum": ["throughput", "concurrency", None]}}},
                },
                {
                    "if": {"required": ["thresholdValue"], "properties": {"thresholdValue": {"type": "integer"}}},
                    "then": {"required": ["thresholdMetric"], "properties": {"thresholdMetric": {"type": "string"}}},
                },
            ]
        }


class AutoScaling(Fields):
    """The range of replicas and the metric that moves them."""

    rules = (Thresholds(),)

    minReplicas: NonNegative32 | None = Field(
        None, description="Fewest replicas; 1 when not given, 0 allows scaling to zero."
    )
    maxReplicas: Positive32 | None = Field(None, description="Most replicas; minReplicas (at least 1) when not given.")
    scaleToZeroRetentionSeconds: Annotated[int, Field(ge=0, le=3600, json_schema_extra={"format": "int32"})] | None = (
        Field(None, description="Seconds that the last replica stays after the decision to scale to zero.")
    )
    thresholdMetric: Literal["throughput", "concurrency", "latency"] | None = Field(
        None, description="Metric that moves the number of replicas."
    )
    thresholdValue: Int32 | None = Field(None, description="Value of the metric at which replicas are added.")
