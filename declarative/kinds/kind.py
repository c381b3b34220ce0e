"""The one contract that a kind fulfils."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct

from declarative.kinds.endpoint import Endpoint
from declarative.kinds.fields.base import Fields
from declarative.kinds.shape import ANY, Object, Shape, shape_of
from declarative.model.observed import Observed
from declarative.model.value import FrozenMap, Path


class Reference(Struct, frozen=True):
    """A name in a manifest that the control plane knows by id.

    `path` is where the manifest may have the name (`*` stands for every item of a list), `collection` what it names, and
    `target` the field beside it that takes the id instead; None where the id takes the name's own place.
    """

    path: Path
    collection: str
    target: str | None = None


class Kind(Struct, frozen=True, dict=True):  # dict: for what is cached
    """What the tool knows of one kind of object.

    `metadata` and `spec` are the manifest's models. `phases` are what `desiredPhase` may be; with any, the
    endpoint can suspend and resume. `replaced_by` are the paths below which a change cannot be made in place.
    `create_request` and `update_request` turn a manifest-shaped body into the body of a call; `read` turns an answer
    about one object, and `read_row` a row of the listing, into what was observed. `namespace` is what the name of a body is
    unique in. `gpus` is what a body asks for. `volumes` names those that go with the object of a body: with its end, or (False)
    when it stops. `events` is the path that tells what happened to the object of an id. `authored` is a live body without
    what the control plane made up.
    """

    name: str
    summary: str
    metadata: type[Fields]
    spec: type[Fields]
    endpoint: Endpoint
    replaced_by: tuple[Path, ...]
    create_request: Callable[[FrozenMap], Mapping[str, Any]]
    update_request: Callable[[FrozenMap], Mapping[str, Any]] | None
    read: Callable[[Mapping[str, Any]], Observed]
    read_row: Callable[[Mapping[str, Any]], Observed]
    namespace: Callable[[FrozenMap], str]
    references: tuple[Reference, ...] = ()
    phases: tuple[str, ...] = ()
    gpus: Callable[[FrozenMap], float] = lambda _: 0.0
    volumes: Callable[[FrozenMap, bool], tuple[str, ...]] = lambda _body, _ends: ()
    events: Callable[[str], str] | None = None
    authored: Callable[[FrozenMap], FrozenMap] = lambda body: body

    @property
    def has_phase(self) -> bool:
        """Whether objects run and stop."""
        return bool(self.phases)

    @cached_property
    def shape(self) -> Object:
        """The shape of a whole body: metadata, desiredPhase and spec."""
        fields: dict[str, Shape] = {
            "metadata": shape_of(self.metadata),
            "desiredPhase": ANY,
            "spec": shape_of(self.spec),
        }
        return Object(None, fields)

    def is_replaced_by(self, path: Path) -> bool:
        """Whether a change at `path` needs a new object."""
        return any(path[: len(prefix)] == prefix for prefix in self.replaced_by)
