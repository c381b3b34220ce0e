"""What a workload computes with: GPUs, CPUs and memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Struct
from pydantic import Field

from declarative.kinds.fields.base import Amount, Exclude, Fields, Keyed, NonNegative32, Quantity, Text
from declarative.kinds.rules import AtMost, Given, NoLess, RequiredWhen, Violation


class ExtendedResource(Fields):
    """An amount of a resource that a device plugin offers."""

    resource: Text = Field(description="Name of the resource, such as rdma/ib.")
    quantity: Text | None = Field(None, description="Amount, as text.")
    exclude: Exclude = Field(None, description="True leaves out a resource that the policy would add.")


class SeveralDevices(Struct, frozen=True):
    """More than one GPU device excludes memory and MIG requests."""

    excluded = ("gpuMemoryRequest", "gpuMemoryLimit", "migProfile")

    def check(self, given: Given) -> Iterator[Violation]:
        devices = given.get("gpuDevicesRequest")
        if not isinstance(devices, int) or devices <= 1:
            return
        for name in self.excluded:
            if given.get(name) is not None:
                yield Violation(
                    (name,),
                    "Fields that exclude each other",
                    f"`{name}` cannot be given when `gpuDevicesRequest` is more than 1; it is {devices}.",
                    "ask for one device, or use `gpuRequestType: portion`",
                    on_key=True,
                )
        kind = given.get("gpuRequestType")
        # With the amount given too, the message above already names the cause.
        if kind in ("memory", "migProfile") and all(given.get(name) is None for name in self.excluded):
            yield Violation(
                ("gpuRequestType",),
                "Fields that exclude each other",
                f"`gpuRequestType: {kind}` is for one device, but `gpuDevicesRequest` is {devices}.",
                "ask for one device, or use `gpuRequestType: portion`",
            )

    def schema(self) -> dict[str, Any]:
        absent = {name: {"type": "null"} for name in self.excluded}
        return {
            "if": {
                "required": ["gpuDevicesRequest"],
                "properties": {"gpuDevicesRequest": {"type": "integer", "minimum": 2}},
            },
            "then": {"properties": {**absent, "gpuRequestType": {"enum": ["portion", None]}}},
        }


class Compute(Fields):
    """Devices, portions, cores and memory, each as a request (guaranteed) and a limit."""

    rules = (
        RequiredWhen("gpuPortionRequest", "gpuRequestType", "portion", only=True),
        RequiredWhen("gpuMemoryRequest", "gpuRequestType", "memory", only=True),
        RequiredWhen("migProfile", "gpuRequestType", "migProfile", only=True),
        AtMost("gpuPortionRequest", 1, "a portion of one GPU is between 0 and 1"),
        SeveralDevices(),
        NoLess("gpuPortionLimit", "gpuPortionRequest"),
        NoLess("gpuMemoryLimit", "gpuMemoryRequest"),
        NoLess("cpuCoreLimit", "cpuCoreRequest"),
        NoLess("cpuMemoryLimit", "cpuMemoryRequest"),
    )

    gpuDevicesRequest: NonNegative32 | None = Field(None, description="GPU devices.")
    gpuRequestType: Literal["portion", "memory", "migProfile"] | None = Field(
        None, description="Unit in which GPUs are requested."
    )
    gpuPortionRequest: Amount | None = Field(
        None, description="Portion of each GPU device, from 0 to 1; with the request type portion."
    )
    gpuPortionLimit: Amount | None = Field(
        None, description="Largest portion of each GPU device; no less than the request."
    )
    gpuMemoryRequest: Quantity | None = Field(
        None, description="Memory of each GPU device, such as 20G; with the request type memory."
    )
    gpuMemoryLimit: Quantity | None = Field(
        None, description="Most memory of each GPU device; no less than the request."
    )
    migProfile: (
        Literal[
            "1g.5gb", "1g.10gb", "2g.10gb", "2g.20gb", "3g.20gb", "3g.40gb", "4g.20gb", "4g.40gb", "7g.40gb", "7g.80gb"
        ]
        | None
    ) = Field(
        None,
        description="MIG profile; with the request type migProfile. Deprecated by the control plane.",
        json_schema_extra={"deprecated": True},
    )
    cpuCoreRequest: Amount | None = Field(None, description="CPU cores, guaranteed.")
    cpuCoreLimit: Amount | None = Field(None, description="Most CPU cores; no less than the request.")
    cpuMemoryRequest: Quantity | None = Field(None, description="CPU memory, guaranteed, such as 32G.")
    cpuMemoryLimit: Quantity | None = Field(None, description="Most CPU memory; no less than the request.")
    largeShmRequest: bool | None = Field(None, description="Mount a large /dev/shm.")
    extendedResources: Annotated[tuple[ExtendedResource, ...], Keyed(("resource",), unique=True)] | None = Field(
        None, description="Resources of device plugins, by name."
    )
