"""What documents say about the state alone: what exists comes under management, changes its address, or is let go."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from declarative.model.address import Address
from declarative.model.position import Position


class Import(Struct, frozen=True):
    """The live object of this id, or of this name in the manifest's place, is what the manifest of `to` describes.

    One of `id` and `name` is given. `where` is the place of it, `target` that of the address.
    """

    to: Address
    id: str | None
    name: str | None
    where: Position
    target: Position


class Moved(Struct, frozen=True):
    """What the state remembers as `source` is called `to` from now on. `where` and `target` are their places."""

    source: Address
    to: Address
    where: Position
    target: Position


class Removed(Struct, frozen=True):
    """What the state remembers as `source` is deleted, or with `destroy` False only forgotten. `where` is its place."""

    source: Address
    destroy: bool
    where: Position


Statement: TypeAlias = Import | Moved | Removed
