"""YAML 1.2 documents whose every value knows its place.

Scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): `no`, `on` and `22:22` are
text. Keys may not repeat. Values come out frozen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from declarative.diagnostics import Diagnostic
from declarative.errors import ProjectError
from declarative.kinds.rules import Violation
from declarative.manifest.source_map import Places, Verbatim
from declarative.model.position import Position
from declarative.model.value import FrozenMap, Path, Value

_CORE = re.compile(
    r"(?P<null>~|null|Null|NULL|)"
    r"|(?P<bool>true|True|TRUE|false|False|FALSE)"
    r"|(?P<int>[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
_TAG = "tag:yaml.org,2002:"
# Anchors are a convenience, not a way to build values larger than a person would write.
MAX_NODES = 200_000
# libyaml itself recurses on the C stack: a bound keeps a hostile file from ending the process.
MAX_DEPTH = 100


class _Resolver:
    """Gives plain scalars their type; the interface is that of PyYAML's resolvers."""

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            if implicit[0] and (found := _CORE.fullmatch(value or "")):
                return f"{_TAG}{found.lastgroup}"
            return f"{_TAG}str"
        return f"{_TAG}seq" if kind is yaml.SequenceNode else f"{_TAG}map"

    def descend_resolver(self, *_: Any) -> None: ...

    def ascend_resolver(self) -> None: ...

    def check_resolver_prefix(self, *_: Any) -> bool:
        return False


# PyYAML without libyaml is slower, but the same.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Composer(_Loader, _Resolver):  # type: ignore[misc]
    """PyYAML's composer with the types of YAML 1.2."""

    resolve = _Resolver.resolve
    descend_resolver = _Resolver.descend_resolver
    ascend_resolver = _Resolver.ascend_resolver
    check_resolver_prefix = _Resolver.check_resolver_prefix


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One YAML document: its frozen value, and the places of everything in it."""

    value: Value
    file: str
    node: yaml.Node
    places: Places

    @property
    def where(self) -> Position:
        return self.places.position(self.node.start_mark.line, self.node.start_mark.column)

    def locate(self, path: Path, on_key: bool = False) -> Position:
        """The place of the value at `path`, of its key with `on_key`, or of the nearest parent that exists."""
        node = key = self.node
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = next(((k, v) for k, v in _pairs(node) if _key(k) == step), None)
                if found is None:
                    break
                key, node = found
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                key = node = node.value[step]
            else:
                break
        # An empty value has no place of its own, so its key is pointed at.
        empty = isinstance(node, yaml.ScalarNode) and node.value == "" and node.style is None
        mark = (key if on_key or empty else node).start_mark
        return self.places.position(mark.line, mark.column)

    def diagnostic(self, violation: Violation) -> Diagnostic:
        """A violation with its place."""
        where = self.locate(violation.path, violation.on_key)
        return Diagnostic(violation.summary, violation.detail, violation.hint, where)


def parse(text: str, file: str, places: Places | None = None) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """All documents of a text, empty ones left out, and what is wrong with them.

    `file` names it in diagnostics; `places` leads from the text to what the author typed, if that is not the text itself.
    """
    places = places or Verbatim(file)
    documents: list[Document] = []
    diagnostics: list[Diagnostic] = []
    try:
        for node in _nodes(text):
            builder = _Builder(places)
            value = builder.build(node)
            diagnostics += builder.diagnostics
            if value is not None:
                documents.append(Document(value, file, node, places))
    except yaml.YAMLError as error:
        diagnostics.append(_syntax_error(error, text, places))
    return tuple(documents), tuple(diagnostics)


def decode(data: bytes, file: str) -> str:
    """The text of a file; raises ProjectError with the place where it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        detail = f"The byte 0x{data[error.start]:02x} is not part of UTF-8 text."
        where = Position(file, line, column)
        raise ProjectError(Diagnostic("Not UTF-8", detail, "save the file as UTF-8", where)) from error


def _nodes(text: str) -> Iterator[yaml.Node]:
    if _too_deep(text):
        raise yaml.MarkedYAMLError(problem=f"nested more than {MAX_DEPTH} levels deep")
    composer = _Composer(text)
    while composer.check_node():
        yield composer.get_node()


def _too_deep(text: str) -> bool:
    """A cheap upper bound of the depth that a composer would recurse to."""
    flow = max(text.count("["), text.count("{"))
    if flow <= MAX_DEPTH and "- " * MAX_DEPTH not in text and " " * MAX_DEPTH not in text:
        return False
    depth = deepest = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            return True
    return False


def _key(node: yaml.Node) -> str | None:
    return node.value if isinstance(node, yaml.ScalarNode) else None


def _pairs(node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Own pairs first, then those that merge keys bring in."""
    merged: list[yaml.Node] = []
    for key, value in node.value:
        if _is_merge(key):
            merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
        else:
            yield key, value
    for source in merged:
        if isinstance(source, yaml.MappingNode):
            yield from _pairs(source)


def _is_merge(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.style is None


class _Builder:
    """Builds the frozen value of one document and collects what is wrong with it."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.diagnostics: list[Diagnostic] = []
        self.built: dict[int, tuple[Value, int]] = {}
        self.open: set[int] = set()

    def build(self, node: yaml.Node) -> Value:
        value, size = self._build(node)
        if size > MAX_NODES:
            self._report(
                node,
                "Document too large",
                f"Its anchors expand to more than {MAX_NODES:,} values.",
                "use fewer aliases",
            )
            return None
        return value

    def _build(self, node: yaml.Node) -> tuple[Value, int]:
        """The value and how many values it expands to; an aliased node is built once."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node), 1
        if (known := self.built.get(id(node))) is not None:
            return known
        if id(node) in self.open:
            self._report(node, "Value that contains itself", "An alias refers to a value that it is part of.", None)
            return None, 1
        self.open.add(id(node))
        built = self._sequence(node) if isinstance(node, yaml.SequenceNode) else self._mapping(node)
        self.open.discard(id(node))
        self.built[id(node)] = built
        return built

    def _sequence(self, node: yaml.SequenceNode) -> tuple[Value, int]:
        parts = [self._build(item) for item in node.value]
        return tuple(value for value, _ in parts), 1 + sum(size for _, size in parts)

    def _mapping(self, node: yaml.Node) -> tuple[Value, int]:
        values: dict[str, Any] = {}
        size = 1
        merged: list[tuple[Value, int]] = []
        for key, item in node.value:
            if _is_merge(key):
                merged += self._merged(item)
                continue
            name = self._name(key, values)
            value, items = self._build(item)
            size += items
            if name is not None and name not in values:
                values[name] = value
        for source, items in merged:
            size += items
            values = {**source, **values}
        return FrozenMap(values), size

    def _merged(self, node: yaml.Node) -> list[tuple[Value, int]]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        built = [self._build(source) for source in sources]
        if not all(isinstance(value, FrozenMap) for value, _ in built):
            self._report(
                node, "Merge of something else than a mapping", "`<<` takes a mapping or a list of mappings.", None
            )
            return []
        return built

    def _name(self, key: yaml.Node, seen: dict[str, Any]) -> str | None:
        if not isinstance(key, yaml.ScalarNode):
            self._report(
                key, "Key that is no text", "A key has to be plain text.", "put braces of a template in quotes"
            )
            return None
        name = str(key.value)
        if name in seen:
            self._report(key, "Duplicate key", f"`{name}` stands twice in this mapping.", "remove one of the two")
        return name

    def _scalar(self, node: yaml.ScalarNode) -> Value:
        tag, text = node.tag.removeprefix(_TAG), node.value
        if tag == "str":
            return text
        if tag == "null":
            return None
        try:
            if tag == "bool":
                return text.lower() == "true"
            if tag == "int":
                return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)
            if tag == "float":
                return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            self._report(node, "Malformed value", f'"{text[:40]}" is no {tag}.', None)
            return None
        self._report(node, "Unknown tag", f"The tag {node.tag} means nothing here.", "remove the tag")
        return None

    def _report(self, node: yaml.Node, summary: str, detail: str, hint: str | None) -> None:
        where = self.places.position(node.start_mark.line, node.start_mark.column)
        self.diagnostics.append(Diagnostic(summary, detail, hint, where))


def _syntax_error(error: yaml.YAMLError, text: str, places: Places) -> Diagnostic:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error)
    where = places.position(mark.line, mark.column) if mark else places.position(0, 0)
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    hint = "indent with spaces; YAML does not allow tabs" if "\t" in line[: mark.column + 1 if mark else 0] else None
    if hint is None and "mapping values are not allowed" in problem:
        hint = "put a value that contains `: ` in quotes"
    if isinstance(error, yaml.reader.ReaderError):
        where, problem = _bad_character(error, text, places)
    return Diagnostic("Malformed YAML", f"{problem[:1].upper()}{problem[1:]}.", hint, where)


def _bad_character(error: yaml.reader.ReaderError, text: str, places: Places) -> tuple[Position, str]:
    offset = min(error.position, len(text))
    line = text.count("\n", 0, offset)
    column = offset - text.rfind("\n", 0, offset) - 1
    return places.position(
        line, column
    ), f"the character #x{ord(text[offset]) if offset < len(text) else 0:04x} is not allowed"
