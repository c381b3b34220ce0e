"""What the state remembers of one resource."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from declarative.model.address import Address
from declarative.model.value import FrozenMap


class Operation(StrEnum):
    """What a step does at the control plane, or (forget, adopt) to the state alone."""

    CREATE = "create"
    UPDATE = "update"
    SUSPEND = "suspend"
    RESUME = "resume"
    DELETE = "delete"
    FORGET = "forget"
    ADOPT = "adopt"


class Intent(Struct, frozen=True):
    """What was asked of the control plane and is not known to have happened: durable before the call.

    `body` is the manifest-shaped body that the call asks for (None for a delete), `digest` that of the request,
    `since` the time of asking in seconds since the epoch.
    """

    operation: Operation
    body: FrozenMap | None
    digest: str
    since: float


class Record(Struct, frozen=True):
    """One row of the state.

    `id` is None only while a first create is pending. `applied` is the manifest-shaped body that was last applied,
    names resolved to ids; None only while a first create is pending. `previous_id` is the old object of a
    create-before-destroy replacement until it is gone. `ignored` are the paths whose differences the manifest leaves alone.
    """

    address: Address
    id: str | None
    name: str
    project: str | None
    applied: FrozenMap | None
    depends_on: tuple[Address, ...] = ()
    keep_on_destroy: bool = False
    prevent_destroy: bool = False
    ignored: tuple[str, ...] = ()
    finished: bool = False
    previous_id: str | None = None
    intent: Intent | None = None
