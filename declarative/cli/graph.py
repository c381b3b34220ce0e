"""`declarative graph`."""

from __future__ import annotations

from typing import Any

import click

from declarative.cli import planning
from declarative.cli.command import Command
from declarative.cli.options import Context, context, global_options, variable_options
from declarative.plan import planfile
from declarative.session import compile_manifests, open_session
from declarative.view import graph
from declarative.view.graph import Node

FORMATS = ("dot", "mermaid", "svg")


@click.command(cls=Command)
@click.argument("paths", nargs=-1, metavar="[PATH...] | PLANFILE")
@variable_options
@click.option("--format", "form", type=click.Choice(FORMATS), default="dot", show_default=True, help="How it is drawn.")
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, form: str, **given: Any) -> int:
    """Draw which resource needs which; of a saved plan, with what happens to each. Needs no network.

    \b
    Examples:
      declarative graph | dot -Tpng > graph.png
      declarative graph prod.plan --format svg > graph.svg
    """
    found = context(given, outer)
    nodes = _nodes(found)
    if form == "svg":
        from declarative.view.graph_svg import svg

        found.console.out(svg(nodes))
    else:
        found.console.out(graph.dot(nodes) if form == "dot" else graph.mermaid(nodes))
    return 0


def _nodes(found: Context) -> tuple[Node, ...]:
    """Of the saved plan that is named, or of the manifests."""
    named = found.settings.root / found.settings.paths[0] if len(found.settings.paths) == 1 else None
    if named is not None and named.is_file() and planfile.is_planfile(text := planning.read_planfile(named)):
        return graph.nodes_of_plan(planfile.load(text, found.settings.paths[0]).plan)
    return graph.nodes_of(compile_manifests(open_session(found.settings)).resources)
