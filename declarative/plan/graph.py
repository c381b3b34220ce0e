"""The order in which resources depend on one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from declarative.diagnostics import Diagnostic
from declarative.model.address import Address
from declarative.model.position import Position
from declarative.model.resource import Resource
from declarative.model.value import Path


def cycles(
    resources: Mapping[Address, Resource], locate: Callable[[Resource, Path, Address], Position]
) -> tuple[Diagnostic, ...]:
    """Circles of dependencies, each as a path with places; those that share a resource once.

    `locate` finds the place where a resource refers to another, in a field of its manifest.
    """
    left = {address: resource.depends_on for address, resource in resources.items()}
    found: list[Diagnostic] = []
    while circle := _circle(left):
        path = " -> ".join(map(str, circle))
        places = ", ".join(f"{address} at {resources[address].where}" for address in circle[1:])
        first = resources[circle[0]]
        where = locate(first, _field_of(first, circle[1]), circle[1])
        hint = f"remove one of the {_fields(resources, circle)}"
        found.append(Diagnostic("Circular dependency", f"{path} ({places}).", hint, where))
        told = frozenset(circle)
        left = {address: needs for address, needs in left.items() if address not in told}
    return tuple(found)


def _circle(needs: Mapping[Address, tuple[Address, ...]]) -> list[Address]:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        # graphlib lists a circle against the arrows: each one is needed by the next.
        return list(reversed(error.args[1]))
    return []


def _fields(resources: Mapping[Address, Resource], circle: list[Address]) -> str:
    """The fields of manifests that make a circle."""
    fields = (_field_of(resources[one], other) for one, other in pairwise(circle))
    return " or ".join(dict.fromkeys(f"`{field[-1]}`" for field in fields))


def _field_of(resource: Resource, dependency: Address) -> Path:
    """Where a manifest names what it depends on."""
    return ("lifecycle", "replaceWhen") if dependency in resource.lifecycle.replace_when else ("dependsOn",)
