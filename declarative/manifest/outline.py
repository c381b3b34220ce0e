"""What can be told of a manifest although something in it is wrong: its address, its name, and what it refers to.

So a mistake in one place hides none between manifests, and a manifest that is there, but wrong, is not missed.
"""

from __future__ import annotations

from collections.abc import Iterator

from declarative import kinds
from declarative.kinds.check import check
from declarative.manifest.document import Document
from declarative.manifest.envelope import addresses
from declarative.model.address import Address
from declarative.model.resource import Lifecycle, Resource
from declarative.model.value import EMPTY, FrozenMap, Path, Value, dig


class Addresses:
    """The addresses of all manifests; of those that are wrong, as far as they can be read."""

    def __init__(self) -> None:
        self._kinds_and_keys: set[tuple[str | None, str | None]] = set()

    def add(self, kind: str | None, key: str | None) -> None:
        """Takes up a manifest; None stands for what cannot be read."""
        self._kinds_and_keys.add((kind, key))

    def __contains__(self, text: str) -> bool:
        kind, _, key = text.partition(".")
        return (kind, key) in self._kinds_and_keys

    def __iter__(self) -> Iterator[str]:
        """The texts of those that are known as a whole."""
        return (f"{kind}.{key}" for kind, key in self._kinds_and_keys if kind and key)

    def may_have(self, text: str) -> bool:
        """Whether an address is there, or may be that of a manifest that cannot be read as a whole."""
        kind, _, key = text.partition(".")
        return not self._kinds_and_keys.isdisjoint(((kind, key), (kind, None), (None, key), (None, None)))


def identity(value: Value) -> tuple[str | None, str | None]:
    """The kind and the key of a manifest, each None where it cannot be told."""
    kind = next((one.name for one in kinds.ALL if one.name == dig(value, ("kind",))), None)
    key = dig(value, ("metadata", "key")) or dig(value, ("metadata", "name"))
    return kind, key if isinstance(key, str) and key else None


def references(value: Value) -> Iterator[tuple[str, Path]]:
    """The addresses that a manifest refers to, each with its path; what is no text is left out.

    What is replaced along with another comes after it, so `replaceWhen` says what to depend on, too.
    """
    for field in (("dependsOn",), ("lifecycle", "replaceWhen")):
        texts = dig(value, field)
        for index, text in enumerate(texts if isinstance(texts, tuple) else ()):
            if isinstance(text, str):
                yield text, (*field, index)


def outline(document: Document) -> Resource | None:
    """A manifest with mistakes as far as it can be compared with others; None where nobody can tell its address.

    The body has the metadata alone, and is empty where they are wrong.
    """
    value = document.value
    kind, key = identity(value)
    if kind is None or key is None:
        return None
    metadata: FrozenMap = value["metadata"]
    is_right = not check(kinds.kind_named(kind).metadata, metadata)
    referred = list(references(value))
    return Resource(
        address=Address(kind, key),
        body=FrozenMap({"metadata": metadata}) if is_right else EMPTY,
        lifecycle=Lifecycle(replace_when=addresses(text for text, path in referred if "replaceWhen" in path)),
        depends_on=addresses(dict.fromkeys(text for text, _ in referred)),
        where=document.where,
    )
