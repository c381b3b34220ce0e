"""YAML as nodes that know their places: typed by the core schema of YAML 1.2, and not too deep to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

from declarative.model.value import Value

_CORE = re.compile(
    r"(?P<null>~|null|Null|NULL|)"
    r"|(?P<bool>true|True|TRUE|false|False|FALSE)"
    r"|(?P<int>[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
TAG = "tag:yaml.org,2002:"
TEXT, SEQUENCE, MAPPING = f"{TAG}str", f"{TAG}seq", f"{TAG}map"
# The composer recurses on the C stack: a bound keeps a hostile file from ending the process.
MAX_DEPTH = 100


@lru_cache(maxsize=1024)
def core_tag(text: str) -> str:
    """The tag of a plain scalar. Most are keys, and come again and again."""
    found = _CORE.fullmatch(text)
    return f"{TAG}{found.lastgroup}" if found else TEXT


class _Resolver:
    """Gives plain scalars their type and counts levels; the interface is that of PyYAML's resolvers."""

    depth = 0

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return core_tag(value) if implicit[0] else TEXT
        return SEQUENCE if kind is yaml.SequenceNode else MAPPING

    def descend_resolver(self, parent: yaml.Node | None, _: Any) -> None:
        self.depth += 1
        # Where a parent is too deep already; its scalars are levels, too.
        if self.depth > MAX_DEPTH + 1 and parent:
            problem = f"nested more than {MAX_DEPTH} levels deep"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=parent.start_mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def check_resolver_prefix(self, *_: Any) -> bool:
        return False


# PyYAML without libyaml is slower, and stricter in odd cases.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Composer(_Resolver, _Loader):  # type: ignore[misc]
    """PyYAML's composer with the types of YAML 1.2."""


def nodes(text: str) -> Iterator[yaml.Node]:
    """The root of every document; raises yaml.YAMLError."""
    composer = _Composer(text)
    while composer.check_node():
        yield composer.get_node()


class PastedNode(yaml.ScalarNode):
    """A scalar that a template computed.

    `given` is its value, which need not be a scalar; `value` is how it reads as a key. `is_plain` says that the author did
    not quote it.
    """

    def __init__(self, node: yaml.ScalarNode, given: Value) -> None:
        # In quotes, so to speak: a pasted `<<` merges nothing, and a pasted empty text is not null.
        super().__init__(node.tag, _as_key(given), node.start_mark, node.end_mark, style='"')
        self.given = given
        self.is_plain = not node.style


def _as_key(given: Value) -> str:
    if given is None or isinstance(given, bool):
        return {None: "null", True: "true", False: "false"}[given]
    return str(given)


def is_block(node: yaml.Node) -> bool:
    """Whether a collection is written in lines of its own, not in brackets."""
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def key_of(node: yaml.Node) -> str | None:
    """The text of a key; None where it is a collection."""
    return node.value if isinstance(node, yaml.ScalarNode) else None


def pairs(node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Own pairs first, then those that merge keys bring in."""
    merged: list[yaml.Node] = []
    for key, value in node.value:
        if is_merge(key):
            merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
        else:
            yield key, value
    for source in merged:
        if isinstance(source, yaml.MappingNode):
            yield from pairs(source)


def is_merge(key: yaml.Node) -> bool:
    """Whether a key is `<<`, which brings in the pairs of other mappings."""
    return bool(key.value == "<<") and isinstance(key, yaml.ScalarNode) and not key.style
