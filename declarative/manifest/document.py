"""YAML 1.2 documents whose every value knows its place.

Scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): `no`, `on` and `22:22` are
text. Keys may not repeat. Values come out frozen.

One deviation: digits with an exponent but no point (`1e3`, `12e4`) are text, where the core schema has a float. Image tags
and git revisions look like that, and as numbers they would silently become 1000.0 and 120000.0; whoever means the number
writes `1.0e3` or 1000.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from declarative.diagnostics import Diagnostic
from declarative.errors import ProjectError
from declarative.kinds.check import UNQUOTE, shown
from declarative.kinds.rules import Violation
from declarative.manifest.nodes import TAG, PastedNode, is_block, is_merge, key_of, nodes, pairs
from declarative.manifest.rendered import Broken, Rendered, notes
from declarative.manifest.source_map import Places, Verbatim
from declarative.manifest.yaml_errors import bad_character, explain
from declarative.model.position import Position
from declarative.model.secret import Secret
from declarative.model.value import FrozenMap, Path, Value

if TYPE_CHECKING:
    from declarative.manifest.pasted import Filling

# Anchors are a convenience, not a way to build values larger than a person would write.
MAX_NODES = 200_000
# Python refuses to print longer ones.
_MAX_DIGITS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One YAML document: its frozen value, and the places of everything in it."""

    value: Value
    file: str
    node: yaml.Node
    places: Places

    @property
    def where(self) -> Position:
        return self.places.position(self.node.start_mark.index)

    def locate(self, path: Path, on_key: bool = False) -> Position:
        """The place of the value at `path`, of its key with `on_key`, or of the nearest parent that exists."""
        return self.places.position(self._offset(path, on_key))

    def diagnostic(self, violation: Violation) -> Diagnostic:
        """A violation with its place, and how it came to be."""
        offset = self._offset(violation.path, violation.on_key)
        told, hint = notes(self.places.turns(offset)), violation.hint
        key, node = self._find(violation.path)
        if isinstance(node, PastedNode) and not violation.on_key:
            name = f"{key.value}: " if key is not node else ""
            told += (f"the template made it `{name}{shown(node.given)}`",)
            hint = _hint_for_template(node, violation)
        return Diagnostic(violation.summary, violation.detail, hint, self.places.position(offset), notes=told)

    def is_broken(self, path: Path) -> bool:
        """Whether the value at `path` is the work of an expression that failed."""
        _, node = self._find(path)
        return isinstance(node, PastedNode) and isinstance(node.given, Broken)

    def _offset(self, path: Path, on_key: bool) -> int:
        key, node = self._find(path)
        # An empty value has no place of its own, and a block begins on the next line, so their key is pointed at.
        empty = isinstance(node, yaml.ScalarNode) and node.value == "" and not node.style
        offset: int = (key if on_key or empty or is_block(node) else node).start_mark.index
        return offset

    def _find(self, path: Path) -> tuple[yaml.Node, yaml.Node]:
        """The key and the value at `path`, or of the nearest parent that exists; items are their own keys."""
        node = key = self.node
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = next(((k, v) for k, v in pairs(node) if key_of(k) == step), None)
                if found is None:
                    break
                key, node = found
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                key = node = node.value[step]
            else:
                break
        return key, node


def _hint_for_template(node: PastedNode, violation: Violation) -> str | None:
    """How to mend a value that an expression gave, where that is not how to mend one that was typed."""
    if violation.summary != "Wrong type" or not isinstance(node.given, str):
        return violation.hint
    if violation.hint == UNQUOTE and node.is_plain:
        return "the expression gives text; end it with `| int` or `| float`"
    if "\n" in node.given or ": " in node.given:
        return "an expression gives one value, not lines of YAML: write them out around it, or in an include or a macro"
    return violation.hint


class Parsed(NamedTuple):
    """The documents of a text, empty ones left out, and what is wrong with them.

    Unless `complete`, nobody knows which documents the text would have had beside these.
    """

    documents: tuple[Document, ...]
    diagnostics: tuple[Diagnostic, ...]
    complete: bool


def parse(text: str, file: str) -> Parsed:
    """All documents of a text without templates; see `read`."""
    return read(Rendered.verbatim(text, file), file)


def read(rendered: Rendered, file: str) -> Parsed:
    """All documents of a text, empty ones left out, and what is wrong with them. `file` names it."""
    text, places = rendered.text, rendered.places
    diagnostics = [*rendered.diagnostics]
    # The sources of a template were looked through before it was rendered.
    if not rendered.pasted and (bad := bad_character(text, places)):
        return Parsed((), (*diagnostics, bad), complete=False)
    documents: list[Document] = []
    complete = True
    fill = _filling(rendered) if rendered.pasted else None
    try:
        for root in nodes(text):
            node = fill.document(root) if fill else root
            builder = _Builder(places)
            value = builder.build(node)
            diagnostics += builder.diagnostics
            if value is not None:
                documents.append(Document(value, file, node, places))
            complete = complete and (value is not None or not builder.diagnostics)
    except yaml.YAMLError as error:
        diagnostics.append(explain(error, text, places))
        complete = False
    return Parsed(tuple(documents), (*diagnostics, *(fill.diagnostics if fill else ())), complete)


def _filling(rendered: Rendered) -> Filling:
    from declarative.manifest.pasted import Filling  # only where there are templates: Jinja takes long to import

    return Filling(rendered)


def decode(data: bytes, file: str) -> str:
    """The text of a file; raises ProjectError with the place where it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The error's own bytes begin behind a byte order mark.
        before = error.object[: error.start].decode("utf-8", "replace")
        where = Verbatim(file, before).position(len(before))
        detail = f"The byte 0x{error.object[error.start]:02x} is not part of UTF-8 text."
        raise ProjectError(Diagnostic("Not UTF-8", detail, "save the file as UTF-8", where)) from error


class _Builder:
    """Builds the frozen value of one document and collects what is wrong with it."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.diagnostics: list[Diagnostic] = []
        self.built: dict[int, tuple[Value, int]] = {}
        self.open: set[int] = set()
        self.endless = False

    def build(self, node: yaml.Node) -> Value:
        value, size = self._build(node)
        if size > MAX_NODES:
            detail = f"Its anchors expand to more than {MAX_NODES:,} values."
            self._report(node, "Document too large", detail, "use fewer aliases")
            return None
        return None if self.endless else value

    def _build(self, node: yaml.Node) -> tuple[Value, int]:
        """The value and how many values it expands to; an aliased node is built once."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node), 1
        if (known := self.built.get(id(node))) is not None:
            return known
        if id(node) in self.open:
            self._report(node, "Value that contains itself", "An alias refers to a value that it is part of.", None)
            self.endless = True
            return None, 1
        if node.tag not in (f"{TAG}seq", f"{TAG}map"):
            self._unknown_tag(node)
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
        keys: dict[str, yaml.Node] = {}
        size = 1
        merged: list[tuple[Value, int]] = []
        for key, item in node.value:
            if is_merge(key):
                merged += self._merged(item)
                continue
            name = self._name(key, keys)
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
        sound = [(value, size) for value, size in built if isinstance(value, FrozenMap)]
        if len(sound) < len(built) and not self.endless:
            detail = "`<<` takes a mapping or a list of mappings."
            self._report(node, "Merge of something else than a mapping", detail, "name a mapping by its alias")
        return sound

    def _name(self, key: yaml.Node, keys: dict[str, yaml.Node]) -> str | None:
        if not isinstance(key, yaml.ScalarNode):
            self._report(
                key,
                "Key that is no text",
                "This key is a mapping or a list.",
                "put a key that begins with `{` or `[` in quotes",
            )
            return None
        if isinstance(key, PastedNode) and isinstance(key.given, Secret):
            self._report(key, "Secret as a key", "A key is shown wherever its value is.", "write the key itself")
            return None
        name = str(key.value)
        if keys.setdefault(name, key) is not key:
            first = self.places.position(keys[name].start_mark.index)
            detail = f"`{name}` stands in this mapping already, on line {first.line}."
            self._report(key, "Duplicate key", detail, "remove one of the two")
        return name

    def _scalar(self, node: yaml.ScalarNode) -> Value:
        if isinstance(node, PastedNode):
            return node.given
        tag, text = node.tag.removeprefix(TAG), node.value
        if tag == "str":
            return text
        if tag == "null":
            return None
        try:
            if tag == "bool":
                return {"true": True, "false": False}[text.lower()]
            if tag == "int":
                if len(text) > _MAX_DIGITS:
                    raise ValueError(text)
                return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)
            if tag == "float":
                return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except (ValueError, KeyError):
            self._report(node, "Malformed value", f'"{text[:40]}" is no {tag}.', None)
            return None
        self._unknown_tag(node)
        return None

    def _unknown_tag(self, node: yaml.Node) -> None:
        tag = node.tag.replace(TAG, "!!")
        self._report(node, "Unknown tag", f"The tag {tag} means nothing here.", "remove the tag")

    def _report(self, node: yaml.Node, summary: str, detail: str, hint: str | None) -> None:
        at = node.start_mark.index
        told = notes(self.places.turns(at))
        self.diagnostics.append(Diagnostic(summary, detail, hint, self.places.position(at), notes=told))
