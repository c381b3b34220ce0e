"""A picture of who needs whom: what comes first stands left, what needs it right of it, and lines join the two.

What neither needs nor is needed stands below, side by side. The picture is one SVG element without anything from elsewhere,
and follows the reader's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from msgspec import Struct

from declarative.model.address import Address
from declarative.view.graph import Node
from declarative.view.text import columns

# All in the picture's own units, which are pixels at its natural size.
_LETTER, _HEIGHT, _PADDING = 7.3, 30, 24
_GAP, _ROW, _MARGIN = 70, 42, 16
# Single resources are laid out in rows of about this width.
_WIDTH = 1000
_MOST_LETTERS = 48
_STYLE = """
.graph { font: 12px ui-monospace, Menlo, Consolas, monospace; --line: #8c959f; --box: #fff; --ink: #1f2328; }
.graph rect { fill: var(--box); stroke: var(--line); rx: 5; }
.graph text { fill: var(--ink); }
.graph path { fill: none; stroke: var(--line); }
.graph .arrow { fill: var(--line); stroke: none; }
.graph .add rect { stroke: #1a7f37; } .graph .change rect { stroke: #bf8700; } .graph .replace rect { stroke: #bc4c00; }
.graph .destroy rect { stroke: #cf222e; } .graph .forget rect { stroke: #6e7781; stroke-dasharray: 4 3; }
.graph .add rect, .graph .change rect, .graph .replace rect, .graph .destroy rect { stroke-width: 2; }
@media (prefers-color-scheme: dark) { .graph { --line: #6e7681; --box: #161b22; --ink: #e6edf3; } }
"""


class _Box(Struct, frozen=True):
    node: Node
    x: float
    y: float

    @property
    def width(self) -> float:
        return _width(self.node)

    @property
    def middle(self) -> float:
        return self.y + _HEIGHT / 2


def svg(nodes: Iterable[Node]) -> str:
    """The picture as an SVG element."""
    nodes = tuple(nodes)
    there = {node.address for node in nodes}
    needs = {node.address: tuple(one for one in node.needs if one in there) for node in nodes}
    joined = {address for address, found in needs.items() if found} | {one for found in needs.values() for one in found}
    boxes = _layered([node for node in nodes if node.address in joined], needs)
    bottom = max((box.y + _ROW for box in boxes), default=_MARGIN)
    boxes += _side_by_side([node for node in nodes if node.address not in joined], bottom)
    width = max((box.x + box.width for box in boxes), default=0) + _MARGIN
    height = max((box.y + _HEIGHT for box in boxes), default=0) + _MARGIN
    placed = {box.node.address: box for box in boxes}
    lines = [_line(placed[need], box) for box in boxes for need in _direct(needs, box.node.address)]
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" role="img" aria-label="Dependencies" {size}>'
    arrow = (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="arrow" d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    return "\n".join([head, f"<style>{_STYLE}</style>", arrow, *lines, *map(_drawn, boxes), "</svg>"])


def _layered(nodes: Sequence[Node], needs: Mapping[Address, tuple[Address, ...]]) -> list[_Box]:
    """Columns by how long the way to the first is; in each, next to what is needed."""
    columns_of: list[list[Node]] = []
    depths = _depths(needs)
    for node in nodes:
        depth = depths[node.address]
        columns_of += [[] for _ in range(depth + 1 - len(columns_of))]
        columns_of[depth].append(node)
    boxes: list[_Box] = []
    rows: dict[Address, float] = {}
    x = float(_MARGIN)
    for column in columns_of:
        column.sort(key=lambda node: (_mean([rows[one] for one in needs[node.address]]), str(node.address)))
        for index, node in enumerate(column):
            rows[node.address] = index
            boxes.append(_Box(node, x, _MARGIN + index * _ROW))
        x += max(map(_width, column)) + _GAP
    return boxes


def _direct(needs: Mapping[Address, tuple[Address, ...]], address: Address) -> list[Address]:
    """What is needed, but for what a neighbour needs as well: its line would run behind the neighbour."""
    through = {further for one in needs[address] for further in needs[one]}
    return [one for one in needs[address] if one not in through]


def _depths(needs: Mapping[Address, tuple[Address, ...]]) -> dict[Address, int]:
    """How many steps lead from each to the one furthest away that it needs."""
    found: dict[Address, int] = {}
    # Not by recursion: a chain may be longer than Python's stack.
    waiting = list(needs)
    while waiting:
        address = waiting[-1]
        missing = [one for one in needs[address] if one not in found]
        if missing and address not in found:
            waiting += missing
            continue
        found.setdefault(address, max((found[one] + 1 for one in needs[address]), default=0))
        waiting.pop()
    return found


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _side_by_side(nodes: Sequence[Node], top: float) -> list[_Box]:
    boxes: list[_Box] = []
    x, y = float(_MARGIN), top
    for node in nodes:
        if x > _MARGIN and x + _width(node) > _WIDTH:
            x, y = float(_MARGIN), y + _ROW
        boxes.append(_Box(node, x, y))
        x += _width(node) + _MARGIN
    return boxes


def _label(node: Node) -> str:
    label = node.label
    return label if columns(label) <= _MOST_LETTERS else f"{label[: _MOST_LETTERS - 1]}…"


def _width(node: Node) -> float:
    return columns(_label(node)) * _LETTER + _PADDING


def _drawn(box: _Box) -> str:
    place = f'x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{_HEIGHT}"'
    label = f'<text x="{box.x + _PADDING / 2:.0f}" y="{box.middle + 4:.0f}">{escape(_label(box.node))}</text>'
    return f'<g class="{box.node.sort}"><title>{escape(box.node.label)}</title><rect {place}/>{label}</g>'


def _line(need: _Box, box: _Box) -> str:
    """From a resource to what it needs, bent as rivers are."""
    start, end = box.x, need.x + need.width
    bend = max((start - end) / 2, 20)
    curve = f"M{start:.0f} {box.middle:.0f}C{start - bend:.0f} {box.middle:.0f} {end + bend:.0f} {need.middle:.0f} "
    return f'<path marker-end="url(#arrow)" d="{curve}{end:.0f} {need.middle:.0f}"/>'
