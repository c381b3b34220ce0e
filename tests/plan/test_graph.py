"""Circles of dependencies."""

from __future__ import annotations

import itertools

from msgspec.structs import replace

from declarative.diagnostics import Diagnostic
from declarative.model.address import Address
from declarative.model.position import Position
from declarative.model.resource import Lifecycle, Resource
from declarative.model.value import Path, dotted
from declarative.plan import graph as plan_graph
from tests.plan.bodies import resource, training

A, B, C, D = (Address("Training", key) for key in "abcd")


def graph(**needs: tuple[Address, ...]) -> dict[Address, Resource]:
    made = [resource(training(), key, needs[key], line) for line, key in enumerate(needs, 1)]
    return {one.address: one for one in made}


def locate(resource: Resource, field: Path, to: Address) -> Position:
    """A place that tells which reference was asked for."""
    return Position(f"{resource.address}:{dotted(field)}:{to}", resource.where.line)


def cycles(resources: dict[Address, Resource]) -> tuple[Diagnostic, ...]:
    return plan_graph.cycles(resources, locate)


def test_a_graph_without_circles_has_no_findings() -> None:
    """A diamond is no circle, and neither is a dependency that is not in the manifests."""
    assert cycles(graph(a=(B, C), b=(D,), c=(D,), d=())) == ()
    assert cycles(graph(a=(B,))) == ()


def test_a_circle_is_told_as_a_path_with_places() -> None:
    (found,) = cycles(graph(a=(B,), b=(C,), c=(A,), d=(A,)))
    path, _, places = found.detail.partition(" (")
    stops = path.split(" -> ")
    assert stops[0] == stops[-1]
    assert sorted(stops[1:]) == ["Training.a", "Training.b", "Training.c"]
    arrows = {("Training.a", "Training.b"), ("Training.b", "Training.c"), ("Training.c", "Training.a")}
    assert set(itertools.pairwise(stops)) == arrows
    for key, line in (("a", 1), ("b", 2), ("c", 3)):
        assert f"Training.{key} at m.yaml:{line}:1" in places
    assert found.where is not None
    assert found.where.file == f"{stops[0]}:dependsOn:{stops[1]}"
    assert "dependsOn" in (found.hint or "")


def test_a_resource_that_needs_itself_is_a_circle() -> None:
    (found,) = cycles(graph(a=(A,)))
    assert found.detail == "Training.a -> Training.a (Training.a at m.yaml:1:1)."
    assert found.where == Position("Training.a:dependsOn:Training.a", 1)


def test_every_circle_is_told() -> None:
    """Two circles that share nothing are two findings, whatever leads from one to the other."""
    found = cycles(graph(a=(B,), b=(A, C), c=(D,), d=(C,)))
    circles = [set(one.detail.partition(" (")[0].split(" -> ")) for one in found]
    assert sorted(map(sorted, circles)) == [["Training.a", "Training.b"], ["Training.c", "Training.d"]]
    places = {one.where for one in found}
    assert len(places) == 2


def test_circles_that_share_a_resource_are_told_once() -> None:
    """Mending one of them may mend the other, so the second is told by the next run."""
    assert len(cycles(graph(a=(B, C), b=(A,), c=(A,)))) == 1


def test_a_circle_points_at_the_line_that_closes_it() -> None:
    """`replaceWhen` makes an order, too, and is then the place to mend."""
    one = replace(graph(a=(D, B))[A], lifecycle=Lifecycle(replace_when=(B,)))
    two = graph(b=(C, A))[B]
    (found,) = cycles({A: one, B: two})
    assert found.where in (
        Position("Training.a:lifecycle.replaceWhen:Training.b", 1),
        Position("Training.b:dependsOn:Training.a", 1),
    )
