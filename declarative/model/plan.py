"""A plan: data that says what would change, and why."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from declarative.model.address import Address
from declarative.model.position import Position
from declarative.model.record import Operation, Record
from declarative.model.value import FrozenMap, Path, Value


class Action(StrEnum):
    NO_OP = "no-op"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    CREATE_THEN_DELETE = "create-then-delete"
    DELETE = "delete"
    FORGET = "forget"

    @property
    def replaces(self) -> bool:
        return self in (Action.REPLACE, Action.CREATE_THEN_DELETE)


class FieldChange(Struct, frozen=True):
    """One difference. `label` is the path for people (`spec.environmentVariables[LR].value`).

    `path` leads into the live body's shape, with the *desired* index for list items that are desired and the live index
    for those that go away. `before` and `after` are None for absent.
    """

    path: Path
    label: str
    before: Value
    after: Value
    replaces: bool = False


class Disruption(Struct, frozen=True):
    """What a training that holds GPUs loses when the change is applied; `gpus` is None where nobody tells how many."""

    phase: str
    gpus: float | None


class Run(Struct, frozen=True):
    """The live run that a change stops or ends.

    `since` is when it got into its phase and `created` when it was made, in seconds since the epoch. `volumes` are those that
    are deleted with it. What no answer told is None.
    """

    phase: str | None = None
    since: float | None = None
    created: float | None = None
    creator: str | None = None
    volumes: tuple[str, ...] = ()


class Change(Struct, frozen=True):
    """What happens to one resource.

    `before` and `after` have the shape of a manifest; None for absent. `merged` is the body that a full replacement sends
    (updates in place only); it holds what others set, so no plan file has it. `ignored` are the paths whose differences
    are left alone. `adopts` says that the state has something to record before any call: an interrupted create
    that was found to have happened, or bookkeeping that changed. `depended_on` are the dependencies of the last apply:
    the object lets go of them before they are deleted. `awaits` is the id of the object whose end frees the name,
    `deposed` that of an old object that an interrupted create-before-destroy replacement left behind. `finished` says
    that the live object is a run that has ended; `run` is the one that the change stops or ends, whether it holds GPUs
    (then it is a `disruption`) or not. `imports` is the record with which an object that exists comes into the state,
    `moved_from` the address that the state had for it before. `remembers` is the record that takes the place of
    the state's where only the state follows what is live, and `on_request` says that a replacement, or a removal, was asked for
    by itself.
    `fingerprint` sums up what the change was planned against: the record and the live object.
    """

    address: Address
    action: Action
    id: str | None = None
    before: FrozenMap | None = None
    after: FrozenMap | None = None
    fields: tuple[FieldChange, ...] = ()
    reason: str | None = None
    adopts: bool = False
    disruption: Disruption | None = None
    run: Run | None = None
    depends_on: tuple[Address, ...] = ()
    depended_on: tuple[Address, ...] = ()
    prevent_destroy: bool = False
    keep_on_destroy: bool = False
    finished: bool = False
    ignored: tuple[str, ...] = ()
    merged: FrozenMap | None = None
    awaits: str | None = None
    deposed: str | None = None
    imports: Record | None = None
    moved_from: Address | None = None
    remembers: Record | None = None
    on_request: bool = False
    fingerprint: str | None = None
    where: Position | None = None

    def __repr__(self) -> str:
        return _without_merged(self)

    @property
    def is_nothing(self) -> bool:
        """Whether it changes neither the control plane nor what the state owns, and under which address."""
        keeps = self.imports is None and self.moved_from is None and self.remembers is None
        return self.action is Action.NO_OP and keeps


class Plan(Struct, frozen=True):
    """Changes in order of address, no-ops included. `endpoint` names the control plane that it was made for.

    `selection` says of a partial plan what it is about, or leaves out, as a predicate; "" where it is about everything.
    `refresh_only` says that it changes the state alone, `is_refreshed` that what is live was read, and not only what the plan
    changes of it.

    `lineage` and `serial` are those of the state that it was made from.
    """

    changes: tuple[Change, ...]
    endpoint: str
    lineage: str
    serial: int
    destroy: bool = False
    selection: str = ""
    refresh_only: bool = False
    is_refreshed: bool = True

    @property
    def addresses(self) -> frozenset[Address]:
        """The addresses that it is about, and those that its resources leave."""
        return frozenset(
            one for change in self.changes for one in (change.address, change.moved_from) if one is not None
        )

    def count(self, *actions: Action) -> int:
        return sum(change.action in actions for change in self.changes)

    @property
    def to_import(self) -> int:
        return sum(change.imports is not None for change in self.changes)

    @property
    def to_add(self) -> int:
        return self.count(Action.CREATE, Action.REPLACE, Action.CREATE_THEN_DELETE)

    @property
    def to_change(self) -> int:
        return self.count(Action.UPDATE)

    @property
    def to_destroy(self) -> int:
        return self.count(Action.DELETE, Action.REPLACE, Action.CREATE_THEN_DELETE)

    @property
    def is_empty(self) -> bool:
        """True when nothing would change, neither at the control plane nor in what the state owns."""
        return all(change.is_nothing for change in self.changes)


class Step(Struct, frozen=True):
    """One call, or one bookkeeping entry; the smallest thing that is done or not done.

    `needs` are the indexes of the steps that must have succeeded before. `body` is the manifest-shaped body to record,
    `merged` the one to send where it differs. `awaits` is the id of an object that has to be gone before.
    `change` is what the step belongs to.
    """

    index: int
    address: Address
    operation: Operation
    id: str | None = None
    body: FrozenMap | None = None
    merged: FrozenMap | None = None
    awaits: str | None = None
    needs: tuple[int, ...] = ()
    change: Change | None = None

    def __repr__(self) -> str:
        return _without_merged(self)


def _without_merged(value: Change | Step) -> str:
    """The words of a value, without what others have set at the control plane: that may be secret."""
    fields = (f"{name}={getattr(value, name)!r}" for name in value.__struct_fields__ if name != "merged")
    return f"{type(value).__name__}({', '.join(fields)})"
