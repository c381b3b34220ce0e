"""Who needs whom, as text for other programs: DOT for Graphviz, Mermaid for Markdown. `graph_svg` draws it.

An arrow leads from a resource to what it depends on, as Terraform's do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from msgspec import Struct

from declarative.model.address import Address
from declarative.model.plan import Action, Change, Plan
from declarative.model.resource import Resource
from declarative.view.plan import SYMBOLS

# How a change looks where there are colours: its sort stands for all actions of the same colour.
SORTS: Mapping[Action, str] = {
    Action.CREATE: "add",
    Action.UPDATE: "change",
    Action.REPLACE: "replace",
    Action.CREATE_THEN_DELETE: "replace",
    Action.DELETE: "destroy",
    Action.FORGET: "forget",
}
_COLORS = {"add": "#1a7f37", "change": "#9a6700", "replace": "#bc4c00", "destroy": "#cf222e", "forget": "#6e7781"}


class Node(Struct, frozen=True):
    """One resource, what it depends on, and what happens to it where a plan says so."""

    address: Address
    needs: tuple[Address, ...] = ()
    action: Action = Action.NO_OP

    @property
    def label(self) -> str:
        """The address, with the symbol of its change before it."""
        symbol = SYMBOLS[self.action][0] + " " if self.action is not Action.NO_OP else ""
        return f"{symbol}{self.address}"

    @property
    def sort(self) -> str:
        return SORTS.get(self.action, "same")


def sort_of(change: Change) -> str:
    """Under which head a change stands; `state` where it changes the state alone."""
    return SORTS.get(change.action, "state")


def nodes_of(resources: Iterable[Resource]) -> tuple[Node, ...]:
    """The graph of manifests."""
    return tuple(Node(one.address, one.depends_on) for one in resources)


def nodes_of_plan(plan: Plan) -> tuple[Node, ...]:
    """The graph of a plan: what stays and comes by its new dependencies, what goes by those it had."""
    there = {change.address for change in plan.changes}
    return tuple(
        Node(change.address, tuple(one for one in change.depends_on if one in there), change.action)
        for change in plan.changes
    )


def dot(nodes: Iterable[Node]) -> str:
    """The graph in the language of Graphviz."""
    lines = ["digraph declarative {", '  rankdir = "RL"', '  node [shape = "box", fontname = "sans-serif"]']
    for node in nodes:
        color = f', color = "{_COLORS[node.sort]}"' if node.sort in _COLORS else ""
        lines.append(f"  {_quoted(node.address)} [label = {_quoted(node.label)}{color}]")
        lines += [f"  {_quoted(node.address)} -> {_quoted(need)}" for need in node.needs]
    return "\n".join([*lines, "}"])


def mermaid(nodes: Iterable[Node]) -> str:
    """The graph in the language of Mermaid, which code hosts draw within Markdown."""
    nodes = tuple(nodes)
    # Mermaid's own ids may hold little more than letters and digits.
    ids = {node.address: f"n{index}" for index, node in enumerate(nodes)}
    lines = ["flowchart RL"]
    for node in nodes:
        mark = f":::{node.sort}" if node.sort in _COLORS else ""
        lines.append(f'  {ids[node.address]}["{_entities(node.label)}"]{mark}')
    for node in nodes:
        lines += [f"  {ids[node.address]} --> {ids[need]}" for need in node.needs if need in ids]
    sorts = {node.sort for node in nodes}
    lines += [f"  classDef {sort} stroke:{color},stroke-width:2px" for sort, color in _COLORS.items() if sort in sorts]
    return "\n".join(lines)


def _quoted(text: object) -> str:
    # DOT's quoted text knows the escapes of JSON's that can occur here.
    return json.dumps(str(text), ensure_ascii=False)


def _entities(text: str) -> str:
    """Text within Mermaid's quotes, where `#` begins an entity."""
    return text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
