"""The name of a resource within a project."""

from __future__ import annotations

from msgspec import Struct


class Address(Struct, frozen=True, order=True, cache_hash=True):
    """`Training.resnet`: the kind and the key, unique in a project and stable while the resource lives."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.key}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """From its text; raises ValueError where there is no kind or no key."""
        kind, dot, key = text.partition(".")
        if not (kind and dot and key):
            raise ValueError(f"{text!r} is no address: write it as KIND.KEY, such as Training.resnet")
        return cls(kind, key)
