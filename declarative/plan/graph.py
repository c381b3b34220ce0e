"""The order in which resources depend on one another."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from declarative.diagnostics import Diagnostic
from declarative.model.address import Address
from declarative.model.resource import Resource


def cycles(resources: Mapping[Address, Resource]) -> tuple[Diagnostic, ...]:
    """The first circle of dependencies, as a path with places; empty when there is none."""
    sorter = TopologicalSorter({address: resource.depends_on for address, resource in resources.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        # graphlib lists a circle against the arrows: each one is needed by the next.
        circle: list[Address] = list(reversed(error.args[1]))
        path = " -> ".join(map(str, circle))
        places = ", ".join(f"{address} at {resources[address].where}" for address in circle[1:])
        where = resources[circle[0]].where
        return (Diagnostic("Circular dependency", f"{path} ({places}).", "remove one of the `dependsOn`", where),)
    return ()
