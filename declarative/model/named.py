"""What a name in a manifest stood for."""

from __future__ import annotations

from msgspec import Struct

from declarative.model.address import Address
from declarative.model.value import Path


class NamedId(Struct, frozen=True):
    """A name that was looked up: whose it is, at which path of its body it stood, and the id that it became."""

    address: Address
    path: Path
    collection: str
    name: str
    id: str
