"""Circles of dependencies."""

from __future__ import annotations

import itertools

from declarative.model.address import Address
from declarative.model.resource import Resource
from declarative.plan.graph import cycles
from tests.plan.bodies import resource, training

A, B, C, D = (Address("Training", key) for key in "abcd")


def graph(**needs: tuple[Address, ...]) -> dict[Address, Resource]:
    made = [resource(training(), key, needs[key], line) for line, key in enumerate(needs, 1)]
    return {one.address: one for one in made}


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
    assert "dependsOn" in (found.hint or "")


def test_a_resource_that_needs_itself_is_a_circle() -> None:
    (found,) = cycles(graph(a=(A,)))
    assert found.detail == "Training.a -> Training.a (Training.a at m.yaml:1:1)."
