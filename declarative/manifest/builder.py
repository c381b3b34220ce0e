"""From the nodes of a document to its frozen value, and what is wrong with them."""

from __future__ import annotations

import sys
from typing import Any

import yaml

from declarative.diagnostics import Diagnostic
from declarative.manifest.nodes import MAPPING, SEQUENCE, TAG, TEXT, PastedNode, is_merge
from declarative.manifest.rendered import notes
from declarative.manifest.source_map import Places
from declarative.model.position import Position
from declarative.model.secret import Secret, hides
from declarative.model.value import FrozenMap, Value, shared

# Anchors are a convenience, not a way to build values larger than a person would write.
MAX_NODES = 200_000
# Python refuses to print longer ones.
_MAX_DIGITS = 1000


class Builder:
    """Builds the value of one document and collects what is wrong with it. `is_sensitive` says that a secret is in it."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.diagnostics: list[Diagnostic] = []
        self.is_sensitive = False
        # How many values there are so far, those of aliases every time.
        self.size = 0
        # The value and the size of collections by the identity of their nodes, because aliases share them.
        self.built: dict[int, tuple[Value, int]] = {}
        self.open: set[int] = set()
        self.endless = False
        # Whether a loop has put documents one behind the other, without `---`.
        self.joined = False

    def build(self, node: yaml.Node) -> Value:
        """The value, or None where there is none."""
        value = self._value(node)
        if self.size > MAX_NODES:
            detail = f"Its anchors expand to more than {MAX_NODES:,} values."
            self._report(node, "Document too large", detail, "use fewer aliases")
            return None
        return None if self.endless else value

    def _value(self, node: yaml.Node) -> Value:
        if type(node) is yaml.ScalarNode and node.tag == TEXT:
            return node.value  # as most are
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if (known := self.built.get(id(node))) is not None:
            self.size += known[1]
            return known[0]
        return self._collection(node)

    def _collection(self, node: yaml.Node) -> Value:
        identity, before = id(node), self.size
        if identity in self.open:
            self._report(node, "Value that contains itself", "An alias refers to a value that it is part of.", None)
            self.endless = True
            return None
        if node.tag not in (SEQUENCE, MAPPING):
            self._unknown_tag(node)
        self.size += len(node.value)
        self.open.add(identity)
        is_list = isinstance(node, yaml.SequenceNode)
        value = tuple([self._value(item) for item in node.value]) if is_list else self._mapping(node)
        self.open.discard(identity)
        self.built[identity] = value, self.size - before
        return value

    def _mapping(self, node: yaml.Node) -> FrozenMap:
        values: dict[str, Any] = {}
        keys: dict[str, yaml.Node] = {}
        merged: list[FrozenMap] = []
        for key, item in node.value:
            if type(key) is yaml.ScalarNode and key.value not in keys and key.value != "<<":
                # As most keys are. They come again and again in other mappings, and one text does for all of them.
                name = sys.intern(key.value)
                keys[name] = key
                values[name] = self._value(item)
            elif is_merge(key):
                merged += self._merged(item)
            else:
                self._unusual(key, item, keys, values)
        for source in merged:
            values = {**source, **values}
        return shared(values) or FrozenMap(values)

    def _unusual(self, key: yaml.Node, item: yaml.Node, keys: dict[str, yaml.Node], values: dict[str, Any]) -> None:
        """Takes up an entry whose key a template made, or that cannot be one."""
        name = self._name(key, keys)
        value = self._value(item)
        if name is not None:
            values.setdefault(name, value)

    def _merged(self, node: yaml.Node) -> list[FrozenMap]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        built = [self._value(source) for source in sources]
        sound = [value for value in built if isinstance(value, FrozenMap)]
        if len(sound) < len(built) and not self.endless:
            detail = "`<<` takes a mapping or a list of mappings."
            self._report(node, "Merge of something else than a mapping", detail, "name a mapping by its alias")
        return sound

    def _name(self, key: yaml.Node, keys: dict[str, yaml.Node]) -> str | None:
        """The text of a key, or None where it cannot be one; `keys` are those before it."""
        if type(key) is not yaml.ScalarNode and self._is_refused(key):
            return None
        name = str(key.value)
        if keys.setdefault(name, key) is not key:
            first = self.places.position(keys[name].start_mark.index)
            if self._runs_on(key, first, keys):
                return name
            detail = f"`{name}` stands in this mapping already, on line {first.line}."
            hint = "remove one of the two"
            if first == self.places.position(key.start_mark.index) and self.places.turns(key.start_mark.index):
                detail = f"`{name}` stands in this mapping already: an earlier turn of the loop wrote it."
                hint = "take it out of the loop, or let every turn write another key"
            self._report(key, "Duplicate key", detail, hint)
        return name

    def _runs_on(self, key: yaml.Node, first: Position, keys: dict[str, yaml.Node]) -> bool:
        """Whether a loop wrote a key of the document again, because it begins the next document without `---`.

        That is so where the first key of all is written again by the same place in the template.
        """
        at = key.start_mark.index
        turns = self.places.turns(at)
        if len(self.open) > 1 or not turns or isinstance(key, PastedNode) or self.places.position(at) != first:
            return False
        if not self.joined and next(iter(keys)) != key.value:
            return False
        if not self.joined:
            number = turns[-1].number
            detail = f"Turn {number} of the loop begins here, but the document of turn {number - 1} has not ended."
            hint = "put a line `---` inside the loop, and no `-` in the `-%}` or `{%-` beside it"
            self._report(key, "Documents run together", detail, hint)
        self.joined = True
        return True

    def _is_refused(self, key: yaml.Node) -> bool:
        if not isinstance(key, yaml.ScalarNode):
            hint = "put a key that begins with `{` or `[` in quotes"
            self._report(key, "Key that is no text", "This key is a mapping or a list.", hint)
            return True
        if isinstance(key, PastedNode) and isinstance(key.given, (tuple, FrozenMap)):
            hint = "write out one of its values"
            self._report(key, "Key that is no text", "The expression gives a mapping or a list.", hint)
            return True
        if isinstance(key, PastedNode) and isinstance(key.given, Secret):
            self._report(key, "Secret as a key", "A key is shown wherever its value is.", "write the key itself")
            return True
        return False

    def _scalar(self, node: yaml.ScalarNode) -> Value:
        if isinstance(node, PastedNode):
            self.is_sensitive = self.is_sensitive or hides(node.given)
            return node.given
        if node.tag == TEXT:
            return node.value
        tag, text = node.tag.removeprefix(TAG), node.value
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
