"""What a manifest asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from declarative.model.address import Address
from declarative.model.position import Position
from declarative.model.value import FrozenMap


class OnFinished(StrEnum):
    KEEP = "keep"
    RERUN = "rerun"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How a resource may come and go. The words are the manifest's; see `kinds.manifest.LifecycleSpec`."""

    prevent_destroy: bool = False
    keep_on_destroy: bool = False
    ignore_changes: tuple[str, ...] = ()
    on_finished: OnFinished = OnFinished.KEEP
    create_before_destroy: bool = False
    replace_when: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """One manifest, compiled. `metadata` and `spec` are as the author wrote them, after templating.

    `body` is the part that the control plane knows: `metadata`, `desiredPhase` where written, and `spec`.
    """

    address: Address
    body: FrozenMap
    lifecycle: Lifecycle
    depends_on: tuple[Address, ...]
    where: Position

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])
