"""What a manifest asks for."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from declarative.model.address import Address
from declarative.model.position import Position
from declarative.model.value import FrozenMap


class OnFinished(StrEnum):
    KEEP = "keep"
    RERUN = "rerun"


class Lifecycle(Struct, frozen=True):
    """How a resource may come and go. The words are the manifest's; see `manifest.envelope.LifecycleSpec`."""

    prevent_destroy: bool = False
    keep_on_destroy: bool = False
    ignore_changes: tuple[str, ...] = ()
    on_finished: OnFinished = OnFinished.KEEP
    create_before_destroy: bool = False
    replace_when: tuple[Address, ...] = ()


class Resource(Struct, frozen=True):
    """One manifest, compiled.

    `body` is the part that the control plane knows, as the author wrote it: `metadata` but for its key, `desiredPhase`
    where written, and `spec`. `where` is the place of the document.
    """

    address: Address
    body: FrozenMap
    lifecycle: Lifecycle
    depends_on: tuple[Address, ...]
    where: Position

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])
