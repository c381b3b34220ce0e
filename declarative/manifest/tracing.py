"""Makes Jinja write pieces instead of text, and tell which turn of which loop it is in.

The lexer's tokens are marked with their offsets, the parser's tree carries the marks to the code generator, and the
generated code hands out what was marked. Nothing of this changes what a template means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator
from jinja2.lexer import Lexer, Token, TokenStream
from jinja2.visitor import NodeTransformer

from declarative.manifest.pieces import Literal, Text, Turn
from declarative.manifest.source_map import Loop, Origin


class _Mark(str):
    """Stands before an expression, until the tree is known."""

    __slots__ = ("origin",)
    origin: Origin

    @classmethod
    def of(cls, origin: Origin) -> _Mark:
        made = cls("mark")  # the parser drops empty text
        made.origin = origin
        return made


def marked(lexer: Lexer, source: str, name: str | None, filename: str | None, state: str | None) -> TokenStream:
    """The tokens of a template, literal text and expressions with the offset at which they start in `source`."""
    offsets: deque[int] = deque()

    def lexed() -> Iterator[tuple[int, str, str]]:
        at = 0
        for line, kind, text in lexer.tokeniter(source, name, filename, state):
            # White space that `-` strips is in no token, so the text is looked for rather than assumed to follow.
            found = source.find(text, at) if text else at
            if kind in ("data", "variable_begin"):
                offsets.append(found)
            at = found + len(text)
            yield line, kind, text

    def tokens() -> Iterator[Token]:
        file = name or ""
        for token in lexer.wrap(lexed(), name, filename):
            if token.type == "data":
                yield Token(token.lineno, "data", Literal(token.value, Origin(file, offsets.popleft(), fixed=False)))
                continue
            if token.type == "variable_begin":
                yield Token(token.lineno, "data", _Mark.of(Origin(file, offsets.popleft(), fixed=True)))
            yield token

    return TokenStream(tokens(), name, filename)


class Traces(NodeTransformer):
    """Moves the marks to the expressions behind them, and makes every loop tell its turns."""

    def __init__(self, file: str) -> None:
        self.file = file

    def visit_Output(self, node: nodes.Output) -> nodes.Output:  # noqa: N802  (Jinja's visitors are named so)
        self.generic_visit(node)
        children: list[nodes.Expr] = []
        origin = None
        for child in node.nodes:
            if isinstance(child, nodes.TemplateData) and isinstance(child.data, _Mark):
                origin = child.data.origin
                continue
            if not isinstance(child, nodes.TemplateData):
                child.origin = origin  # type: ignore[attr-defined]
            children.append(child)
        node.nodes = children
        return node

    def visit_For(self, node: nodes.For) -> list[nodes.Node]:  # noqa: N802
        self.generic_visit(node)
        names = tuple(name.name for name in (node.target, *node.target.find_all(nodes.Name)) if hasattr(name, "name"))
        loop = Loop(self.file, node.lineno, tuple(dict.fromkeys(names)))
        values = nodes.Tuple([nodes.Name(name, "load", lineno=node.lineno) for name in loop.names], "load")
        values.set_lineno(node.lineno)
        values.loop = loop  # type: ignore[attr-defined]
        node.body = [nodes.Output([values], lineno=node.lineno), *node.body]
        ended = nodes.TemplateData(Turn(loop, None), lineno=node.lineno)
        return [node, nodes.Output([ended], lineno=node.lineno)]


class PieceGenerator(CodeGenerator):
    """Generates code whose output are pieces: the environment's `constants`, `paste` and `turn` make them."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Any, finalize: Any) -> str:  # noqa: ARG002
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return node.data

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        pieces = tuple(group)
        return self._constant(pieces[0] if len(pieces) == 1 else Text(pieces))

    def _output_child_pre(self, node: nodes.Expr, frame: Any, finalize: Any) -> None:  # noqa: ARG002
        loop = getattr(node, "loop", None)
        if loop:
            self.write(f"environment.turn({self._constant(loop)}, ")
        else:
            # Computed within the call, so that one that fails does not end the template.
            self.write(f"environment.paste({self._constant(node.origin)}, lambda: ")  # type: ignore[attr-defined]

    def _output_child_post(self, node: nodes.Expr, frame: Any, finalize: Any) -> None:  # noqa: ARG002
        self.write(")")

    def _constant(self, value: Any) -> str:
        """The code that names a value which has no code of its own."""
        constants: list[Any] = self.environment.constants  # type: ignore[attr-defined]
        constants.append(value)
        return f"environment.constants[{len(constants) - 1}]"
