"""Puts pasted values in the place of their placeholders, once YAML has told the structure.

A plain scalar that is one expression becomes the value itself, with its type: a number stays a number, text stays text. In
the middle of other text, and in quotes or blocks, it becomes text. A plain scalar of several parts is typed as YAML would,
unless one of them is text: then it is text.
"""

from __future__ import annotations

import re

import yaml

from declarative.diagnostics import Diagnostic
from declarative.manifest.nodes import TAG, PastedNode, core_tag
from declarative.manifest.pieces import Pasted, is_secret, joined
from declarative.manifest.rendered import CLOSING, OPENING, PLACEHOLDER, Broken, Rendered, notes
from declarative.model.secret import Secret

_TEXT = f"{TAG}str"
_BLOCK = ("|", ">")
# The header of a block that keeps the newlines at its end, behind a tag or an anchor.
_KEEPING = re.compile(r"[^|>\n]*[|>][0-9]?\+")
_TAGGED = re.compile(r"(?:&\S+\s+)?!")


class Filling:
    """Replaces the placeholders of one rendered text in the nodes of its documents, and collects what is wrong with them."""

    def __init__(self, rendered: Rendered) -> None:
        self.rendered = rendered
        self.diagnostics: list[Diagnostic] = []
        # By the identity of the nodes of one document, because aliases share them.
        self.done: dict[int, yaml.Node] = {}

    def document(self, root: yaml.Node) -> yaml.Node:
        """A whole document, filled."""
        self.done = {}
        return self.node(root)

    def node(self, node: yaml.Node) -> yaml.Node:
        """The node with every placeholder in it and below it replaced."""
        if isinstance(node, yaml.ScalarNode) and OPENING not in node.value:
            return node
        if id(node) not in self.done:
            self.done[id(node)] = node
            if isinstance(node, yaml.ScalarNode):
                self.done[id(node)] = self.scalar(node)
            elif isinstance(node, yaml.MappingNode):
                node.value = [(self.node(key), self.node(value)) for key, value in node.value]
            else:
                node.value = [self.node(item) for item in node.value]
        return self.done[id(node)]

    def scalar(self, node: yaml.ScalarNode) -> yaml.ScalarNode:
        parts = PLACEHOLDER.split(node.value)
        numbers, literals = [int(number) for number in parts[1::2]], parts[0::2]
        values = [self.rendered.pasted[number].value for number in numbers]
        broken = next((value for value in values if isinstance(value, Broken)), None)
        if broken:
            return PastedNode(node, broken)
        if len(numbers) == 1 and not any(literals) and self.is_untyped(node):
            return PastedNode(node, values[0])
        return self.text(node, numbers, literals)

    def text(self, node: yaml.ScalarNode, numbers: list[int], literals: list[str]) -> yaml.ScalarNode:
        """A scalar of several parts."""
        pieces = [self.in_place(node, number) for number in numbers]
        for number, piece in zip(numbers, pieces, strict=True):
            if is_secret(piece) and not isinstance(piece.value, Secret):
                return PastedNode(node, self.unwritable(self.offset(node, number)))
        last = pieces[-1].value
        if node.style in _BLOCK and isinstance(last, Secret) and last.revealed().endswith("\n"):
            # The newline that the block adds is there already; those of the secret itself are a part of it.
            literals = [*literals[:-1], "" if literals[-1] == "\n" and not self.keeps(node) else literals[-1]]
        text = joined(part for pair in zip(literals, [*pieces, ""], strict=True) for part in pair)
        if isinstance(text, Secret):
            return PastedNode(node, text)
        if node.style in _BLOCK and not self.keeps(node):
            text = f"{text.rstrip(chr(10))}\n" if node.value.endswith("\n") else text.rstrip("\n")
        typed = self.is_untyped(node) and not any(isinstance(piece.value, str) for piece in pieces)
        tag = core_tag(text) if typed else node.tag
        return PastedNode(node, text) if tag == _TEXT else yaml.ScalarNode(tag, text, node.start_mark, node.end_mark)

    def is_untyped(self, node: yaml.ScalarNode) -> bool:
        """Whether the author left the type open: neither quotes nor a tag such as `!!str` say that it is text."""
        return not node.style and node.tag == _TEXT and not _TAGGED.match(self.rendered.text, node.start_mark.index)

    def in_place(self, node: yaml.ScalarNode, number: int) -> Pasted:
        """A value as it reads in this scalar. In a block its lines stay in the block by themselves: they line up with the
        expression, or stand where the filter `indent` put them."""
        piece: Pasted = self.rendered.pasted[number]
        if node.style not in _BLOCK or not isinstance(piece.value, str) or "\n" not in piece.value:
            return piece
        text, at = self.rendered.text, self.offset(node, number)
        before = text[text.rfind("\n", 0, at) + 1 : at]
        base = self.margin(node)
        column = len(before) if before.isspace() else base
        lines = piece.value if piece.indent is None else re.sub(rf"\n {{{piece.indent}}}", "\n", piece.value)
        space = " " * ((column if piece.indent is None else piece.indent) - base)
        moved = re.sub(r"\n(?=[^\n])", f"\n{space}", lines)
        return Pasted(moved, moved)

    def margin(self, node: yaml.ScalarNode) -> int:
        """How many columns of a block are its indentation, and no part of its text."""
        typed = self.rendered.text[node.start_mark.index : node.end_mark.index].split("\n")[1:]
        lines = zip(typed, node.value.split("\n"), strict=False)
        first = next(((line, value) for line, value in lines if line.strip()), ("", ""))
        return len(first[0]) - len(first[0].lstrip(" ")) - (len(first[1]) - len(first[1].lstrip(" ")))

    def keeps(self, node: yaml.ScalarNode) -> bool:
        """Whether the header of a block says `+`; else it ends with one newline or none, however many its last value has."""
        return _KEEPING.match(self.rendered.text, node.start_mark.index) is not None

    def offset(self, node: yaml.ScalarNode, number: int) -> int:
        """Where in the text a value of this scalar was pasted."""
        return self.rendered.text.index(f"{OPENING}{number}{CLOSING}", node.start_mark.index)

    def unwritable(self, at: int) -> Broken:
        told = Diagnostic(
            "Sensitive value in a text",
            "A sensitive list or mapping has no text that could stand in the middle of another.",
            "write out one of its values, or let the expression stand alone",
            self.rendered.places.position(at),
            notes=notes(self.rendered.places.turns(at)),
        )
        self.diagnostics.append(told)
        return Broken(told)
