"""A sandbox in which every template comes to an end, whatever it loops over or multiplies.

Loops, calls, filters, operators and includes are charged to one budget for each template. It is far above what manifests
need (10,000 documents of 3,000 characters cost a third of it), and is used up within seconds and a few hundred megabytes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

BUDGET = 10_000_000
# Characters or items that one value may have.
LARGEST = 20_000_000
_CHARACTERS_PER_UNIT = 10
_WEIGHT_PER_UNIT = 2
_BITS_PER_UNIT = 50
_MOST_BITS = 10_000
_CALL = 60
_TURN = 30
_FILTER = 10
# A file that is looked for, whether it is there or not.
FILE = 1000
# Filters whose numbers are sizes.
_SIZED = frozenset({"batch", "center", "indent", "slice", "truncate", "wordwrap"})
# Filters that take some hundred nanoseconds for every character or item.
_SLOW = frozenset({"dictsort", "groupby", "pprint", "sort", "tojson", "toyaml", "urlencode", "wordcount", "wordwrap"})
# What Python says of arguments that a function does not take.
_UNFIT = re.compile(r"\w+\(\) ((?:missing|takes|got) .*)")
_LONG_WIDTH = re.compile(r"[0-9]{5,}|\*")


class OutOfBounds(jinja2.TemplateRuntimeError):
    """A template that would take too long, or too much memory."""


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with a budget; `refill` before each rendering. Raises OutOfBounds when it is used up."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        self.left = BUDGET
        super().__init__(**options)
        self.filters = {name: self.bounded_filter(name, function) for name, function in self.filters.items()}
        self.tests = {name: self.bounded_test(function) for name, function in self.tests.items()}

    def refill(self) -> None:
        """A new budget."""
        self.left = BUDGET

    def spend(self, units: int) -> None:
        """Takes `units` from the budget."""
        self.left -= units
        if self.left < 0:
            raise OutOfBounds("the template goes on for too long: it loops, calls or writes without a reasonable end")

    def bounded(self, items: Iterable[Any], cost: int) -> Iterator[Any]:
        """`items`, each of them charged; the code of a loop goes through here."""
        for item in items:
            self.spend(cost)
            yield item

    def joined(self, parts: Iterable[Any]) -> str:
        """The operator `~`."""
        return "".join(map(str, parts))

    def weighed(self, value: Any) -> Any:
        """`value`, which is about to be gone through, charged by all that is in it."""
        if isinstance(value, (str, list, tuple, dict)):
            size = weight(value)
            refuse_above(size)
            self.spend(_units(value, size))
        return value

    def getitem(self, obj: Any, argument: Any) -> Any:
        return super().getitem(obj, self.weighed(argument))

    def call(self, context: Any, function: Any, /, *args: Any, **named: Any) -> Any:
        self.spend(_CALL)
        for one in (getattr(function, "__self__", None), *args, *named.values()):
            self.weighed(one)
        return self.charged(super().call(context, function, *args, **named))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        self.spend(1)
        if operator != "+":  # what it gives is as large as both
            self.weighed(left)
            self.weighed(right)
        if operator == "*" and isinstance(left, int) and isinstance(right, int):
            refuse_above(left.bit_length() + right.bit_length(), _MOST_BITS)
        elif operator == "*":
            refuse_above(weight(left) * weight(right))
        elif operator == "**" and isinstance(left, int) and isinstance(right, int):
            refuse_above(left.bit_length() * abs(right), _MOST_BITS)
        elif operator == "%" and isinstance(left, str) and _LONG_WIDTH.search(left):
            raise OutOfBounds("a width in the format is too large")
        return self.charged(super().call_binop(context, operator, left, right))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        text = getattr(value, "__self__", None)
        if isinstance(text, str) and _LONG_WIDTH.search(text) and value.__name__ in ("format", "format_map"):
            raise OutOfBounds("a width in the format is too large")
        return super().wrap_str_format(value)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        grows = isinstance(obj, str) and attr in ("ljust", "rjust", "center", "zfill", "expandtabs", "replace", "join")
        return not grows and super().is_safe_attribute(obj, attr, value)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Charges().visit(super()._parse(source, name, filename))
        return tree

    def _load_template(self, name: str, globals: Any) -> jinja2.Template:
        self.spend(FILE)
        return super()._load_template(name, globals)

    def bounded_filter(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, charged, and refused where its arguments say that the result would be too large."""

        @functools.wraps(function)
        def bounded(*args: Any, **named: Any) -> Any:
            self.spend(_FILTER)
            if name == "format" and _LONG_WIDTH.search(str(args[0])):
                raise OutOfBounds("a width in the format is too large")
            size = 1
            for one in (*args, *named.values()):
                # `replace` and `join` write one argument many times; other numbers than widths are just numbers.
                if name in _SIZED or not isinstance(one, int):
                    heavy = weight(one)
                    refuse_above(heavy)
                    self.spend(heavy if name in _SLOW else _units(one, heavy))
                    size *= max(heavy, 1)
            refuse_above(size, 5 * LARGEST)
            try:
                return self.charged(function(*args, **named))
            except TypeError as error:
                if found := _UNFIT.fullmatch(str(error)):
                    said = found[1].replace("missing", "lacks")
                    raise jinja2.TemplateRuntimeError(f"the filter `{name}` {said}") from error
                raise

        return bounded

    def bounded_test(self, function: Any) -> Callable[..., Any]:
        """`function`, charged by what it goes through."""

        @functools.wraps(function)
        def bounded(*args: Any) -> Any:
            for one in args:
                self.weighed(one)
            return function(*args)

        return bounded

    def charged(self, value: Any) -> Any:
        """`value`, charged by its size; an item takes as much as some characters."""
        if isinstance(value, (str, list, tuple, dict)):
            refuse_above(len(value))
            self.spend(len(value) // (_CHARACTERS_PER_UNIT if isinstance(value, str) else 1))
        elif isinstance(value, int):
            self.spend(value.bit_length() // _BITS_PER_UNIT)
        return value


class _Charges(NodeTransformer):
    """Rewrites loops, `~`, comparisons and slices so that they are charged."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802  (Jinja's visitors are named so)
        self.generic_visit(node)
        literal = sum(len(text.data) for text in node.find_all(nodes.TemplateData))
        cost = _TURN + (literal + sum(1 for _ in node.find_all(nodes.Node))) // _CHARACTERS_PER_UNIT
        bounded = nodes.EnvironmentAttribute("bounded", lineno=node.lineno)
        node.iter = nodes.Call(bounded, [node.iter, nodes.Const(cost)], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:  # noqa: N802
        self.generic_visit(node)
        joined = nodes.EnvironmentAttribute("joined", lineno=node.lineno)
        return nodes.Call(joined, [nodes.List(node.nodes)], [], None, None, lineno=node.lineno)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802
        self.generic_visit(node)
        node.expr = _weighed(node.expr)
        for operand in node.ops:
            operand.expr = _weighed(operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Getitem:  # noqa: N802
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _weighed(node.node)
        return node


def _weighed(node: nodes.Expr) -> nodes.Expr:
    """`node`, whose value is charged; of what is written out, the size is known."""
    if isinstance(node, nodes.Const):
        return node
    weighed = nodes.EnvironmentAttribute("weighed", lineno=node.lineno)
    return nodes.Call(weighed, [node], [], None, None, lineno=node.lineno)


def weight(value: Any) -> int:
    """How large `value` is when written out; a number counts as what it may be used for, a width or a repetition."""
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, int):
        return abs(value)
    total, waiting = 0, [value]
    while waiting and total <= LARGEST:
        one = waiting.pop()
        if isinstance(one, (list, tuple)):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
        total += len(one) if isinstance(one, str) else 10
    return total


def _units(value: Any, size: int) -> int:
    """What it costs to go through a value of this weight. Python is slower with items than with characters."""
    return size // (_CHARACTERS_PER_UNIT if isinstance(value, str) else _WEIGHT_PER_UNIT)


def refuse_above(size: int, most: int = LARGEST) -> None:
    """Raises OutOfBounds."""
    if size > most:
        raise OutOfBounds("the result would be too large")
