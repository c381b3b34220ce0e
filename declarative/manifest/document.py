"""YAML 1.2 documents whose every value knows its place.

Scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): `no`, `on` and `22:22` are
text. Keys may not repeat. Values come out frozen.

One deviation: digits with an exponent but no point (`1e3`, `12e4`) are text, where the core schema has a float. Image tags
and git revisions look like that, and as numbers they would silently become 1000.0 and 120000.0; whoever means the number
writes `1.0e3` or 1000.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import yaml
from msgspec import Struct

from declarative.diagnostics import Diagnostic
from declarative.errors import ProjectError
from declarative.kinds.check import shown
from declarative.kinds.hints import UNQUOTE
from declarative.kinds.rules import Violation
from declarative.manifest.builder import Builder
from declarative.manifest.nodes import PastedNode, is_block, key_of, nodes, pairs
from declarative.manifest.rendered import Broken, Rendered, notes
from declarative.manifest.source_map import Places, Verbatim
from declarative.manifest.yaml_errors import bad_character, explain
from declarative.model.position import Position
from declarative.model.value import Path, Value

if TYPE_CHECKING:
    from declarative.manifest.pasted import Filling


class Document(Struct, frozen=True, eq=False):
    """One YAML document: its frozen value, and the places of everything in it.

    Its nodes take ten times the memory of its value, so it is better not kept. `is_sensitive` says that there are secrets in
    the value.
    """

    value: Value
    file: str
    node: yaml.Node
    places: Places
    is_sensitive: bool = False

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
    reading = Reading(rendered, file)
    return Parsed(tuple(reading.documents()), tuple(reading.diagnostics), reading.complete)


class Reading:
    """Reads a text document by document, because their nodes are too many to keep.

    `diagnostics`, and their places in `told`, grow on the way. At the end, `complete` says the same as that of `Parsed`.
    """

    def __init__(self, rendered: Rendered, file: str) -> None:
        self.rendered = rendered
        self.file = file
        self.diagnostics: list[Diagnostic] = []
        self.told: set[Position | None] = set()
        self.complete = True
        self._tell(rendered.diagnostics)

    def documents(self) -> Iterator[Document]:
        """All that are not empty."""
        text, places = self.rendered.text, self.rendered.places
        # The sources of a template were looked through before it was rendered.
        if not self.rendered.pasted and (bad := bad_character(text, places)):
            self._refused(bad)
            return
        fill = _filling(self.rendered) if self.rendered.pasted else None
        try:
            for root in nodes(text):
                node = fill.document(root) if fill else root
                builder = Builder(places)
                value = builder.build(node)
                self._tell(builder.diagnostics)
                if fill:
                    self._tell(fill.diagnostics)
                    fill.diagnostics.clear()
                if value is not None:
                    yield Document(value, self.file, node, places, builder.is_sensitive)
                elif builder.diagnostics:
                    self.complete = False
        except yaml.YAMLError as error:
            # A failed expression on a line of its own was no value: it was meant for something else, such as an `if`.
            self._refused(*(() if self.rendered.has_broken_lines else (explain(error, text, places),)))

    def _tell(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics += diagnostics
        self.told.update(one.where for one in diagnostics)

    def _refused(self, *diagnostics: Diagnostic) -> None:
        self._tell(diagnostics)
        self.complete = False


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
