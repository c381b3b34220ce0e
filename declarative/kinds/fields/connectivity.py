"""Ports, URLs and connections of a workload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Struct
from pydantic import Field

from declarative.kinds.fields.base import Exclude, Fields, Int32, Keyed, PortNumber, Text, Unordered
from declarative.kinds.rules import AtMostOne, Given, Violation, present

_NAME = "Name of this item, by which policy rules refer to it."
_EXCLUDE = "True leaves out an item that the policy would add."
Names = Annotated[tuple[str, ...], Unordered()]
_either = AtMostOne(("authorizedUsers", "authorizedGroups"))


class Port(Fields):
    """A port of the container that the workload exposes."""

    container: PortNumber = Field(description="Port of the container.")
    serviceType: Literal["LoadBalancer", "NodePort", "ClusterIP"] = Field(description="Kind of Kubernetes service.")
    external: Int32 | None = Field(None, description="Port outside; chosen by the system when not given.")
    toolType: str | None = Field(None, description="Type of the tool behind the port.")
    toolName: str | None = Field(None, description="Name of the tool behind the port.")
    name: Text | None = Field(None, description=_NAME)
    exclude: bool | None = Field(False, description=_EXCLUDE)


class ExposedUrl(Fields):
    """A port of the container that the workload exposes by URL."""

    rules = (_either,)

    container: Int32 = Field(description="Port of the container.")
    url: str | None = Field(None, description="URL; generated when not given.")
    authorizedUsers: Names | None = Field(None, description="Users who may open the URL; excludes authorizedGroups.")
    authorizedGroups: Names | None = Field(None, description="Groups that may open the URL; excludes authorizedUsers.")
    toolType: str | None = Field(None, description="Type of the tool behind the URL.")
    toolName: str | None = Field(None, description="Name of the tool behind the URL.")
    name: Text | None = Field(None, description=_NAME)
    exclude: Exclude = Field(None, description=_EXCLUDE)


class RelatedUrl(Fields):
    """A page elsewhere that belongs to the workload, such as its dashboard."""

    url: str = Field(description="URL of the page.")
    type: str = Field(description="What the page offers, such as wandb.")
    name: str | None = Field(None, description=_NAME)
    exclude: bool | None = Field(False, description=_EXCLUDE)


class Connectivity(Fields):
    """How a workload is reached."""

    ports: Annotated[tuple[Port, ...], Keyed(("container",))] | None = Field(
        None, description="Ports, by container port."
    )
    exposedUrls: Annotated[tuple[ExposedUrl, ...], Keyed(("container",))] | None = Field(
        None, description="URLs, by container port."
    )
    relatedUrls: Annotated[tuple[RelatedUrl, ...], Keyed(("name", "url"))] | None = Field(
        None, description="Pages elsewhere that belong to the workload."
    )


class HasConnectionName(Struct, frozen=True):
    """The documents require `connectionName` but declare `name`; either will do."""

    def check(self, given: Given) -> Iterator[Violation]:
        if given.get("name") is None and given.get("connectionName") is None:
            yield Violation((), "Missing field", "`connectionName` is required.", "add `connectionName:`")

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [present("connectionName"), present("name")]}


class Connection(Fields):
    """A connection of the environment, as this template offers it."""

    rules = (_either, HasConnectionName())

    connectionName: Text | None = Field(None, description="Name of the connection in the environment.")
    name: Text | None = Field(None, description="The same as connectionName, in an older spelling.")
    nodePort: Annotated[int, Field(ge=0, le=65535, json_schema_extra={"format": "int32"})] | None = Field(
        None, description="Port of the node; only where the environment leaves the port open."
    )
    externalUrl: Text | None = Field(None, description="URL; only where the environment leaves the URL open.")
    authorizedUsers: Names | None = Field(None, description="Users who may connect; excludes authorizedGroups.")
    authorizedGroups: Names | None = Field(None, description="Groups that may connect; excludes authorizedUsers.")
