"""What is live at the control plane."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from declarative.model.value import FrozenMap


class Presence(StrEnum):
    LIVE = "live"
    DELETING = "deleting"
    GONE = "gone"


class Progress(StrEnum):
    """How far a live object is on its way."""

    MOVING = "moving"
    READY = "ready"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"


class Readiness(Struct, frozen=True):
    """Computed from one answer.

    `phase` is the server's own word, or None where the kind has none. `holds` says that it has devices now, as far as the
    phase tells.
    """

    presence: Presence
    progress: Progress
    phase: str | None = None
    holds: bool = False

    @property
    def finished(self) -> bool:
        return self.progress in (Progress.FINISHED, Progress.FAILED)


class Observed(Struct, frozen=True):
    """One object of the control plane.

    `created` is the time of its creation and `since` that of its last change of phase, in seconds since the epoch; `creator`
    is who created it, and `message` what the control plane says of its phase; each where the answer tells it.
    `namespace` is what the name is unique in, in the words of `Kind.namespace`. `gpus` are those that the object has, or
    asks for, as far as the answer tells: None where it does not.
    `body` has the shape of a manifest (`metadata`, `desiredPhase`, `spec`). It is None where the listing does not show
    the spec and the spec cannot change: what was last applied then still holds.
    """

    kind: str
    id: str
    name: str
    project: str | None
    readiness: Readiness
    namespace: str
    body: FrozenMap | None = None
    desired_phase: str | None = None
    created: float | None = None
    since: float | None = None
    creator: str | None = None
    message: str | None = None
    gpus: float | None = None
