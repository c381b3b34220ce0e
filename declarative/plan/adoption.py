"""What documents and commands make of the state before anything is compared: objects come in, records move, others leave.

An object comes in with the record that an apply of its manifest would have left, had the manifest asked for what is live.
What the manifest does not mention is no part of that, so that it stays unmanaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from declarative import kinds
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import PlanError
from declarative.kinds.kind import Kind
from declarative.kinds.shape import ListOf, Shape, below
from declarative.model.address import Address
from declarative.model.bookkeeping import Import, Moved, Removed, Statement
from declarative.model.observed import Observed, Presence
from declarative.model.plan import Action, Change
from declarative.model.record import Record
from declarative.model.resource import Resource
from declarative.model.secret import alike
from declarative.model.value import EMPTY, FrozenMap, Path, Value, dig
from declarative.plan.diff import compare
from declarative.plan.guard import some
from declarative.plan.veil import Veil


def record_of(resource: Resource, live: Observed, key: bytes = b"") -> Record:
    """The record with which a live object, its body known, comes into the state as what `resource` describes."""
    return Record(
        address=resource.address,
        id=live.id,
        name=live.name,
        project=live.project,
        applied=_applied(kinds.kind_named(live.kind), resource.body, live, key),
        depends_on=resource.depends_on,
        keep_on_destroy=resource.lifecycle.keep_on_destroy,
        prevent_destroy=resource.lifecycle.prevent_destroy,
        ignored=resource.lifecycle.ignore_changes,
        finished=live.readiness.finished,
    )


def _applied(kind: Kind, wanted: FrozenMap, live: Observed, key: bytes) -> FrozenMap:
    """What of the wanted body is live, with the live value where it differs."""
    assert live.body is not None
    body = Veil(kind, (wanted,), key).over(live.body)
    if live.readiness.finished and "desiredPhase" in wanted:
        # A run that has ended is neither running nor stopped.
        body = FrozenMap({**body, "desiredPhase": wanted["desiredPhase"]})
    found: Value = wanted
    # From the end, so that what is taken out of a list moves nothing that is still to be found.
    for change in reversed(compare(kind, wanted, body, EMPTY).fields):
        found = _set_back(found, change.path, _declared(kind, change.path, wanted, change.before))
    assert isinstance(found, FrozenMap)
    return found


def _declared(kind: Kind, path: Path, wanted: FrozenMap, live: Value) -> Value:
    """A live value without the members of a set that the manifest does not mention."""
    shape: Shape | None = kind.shape
    for step in path:
        shape = below(shape, step) if shape else None
    if isinstance(shape, ListOf) and shape.unordered and isinstance(live, tuple):
        mentioned = dig(wanted, path) or ()
        return tuple(item for item in live if any(alike(item, one) for one in mentioned))
    return live


def _set_back(value: Value, path: Path, live: Value) -> Value:
    """`value` with what is live at `path`. What `value` does not have is not its own, and stays out."""
    head, *rest = path
    if isinstance(value, Mapping) and head in value:
        new = _set_back(value[head], tuple(rest), live) if rest else live
        return FrozenMap(
            {name: new if name == head else item for name, item in value.items() if name != head or new is not None}
        )
    if isinstance(value, tuple) and isinstance(head, int) and head < len(value):
        new = _set_back(value[head], tuple(rest), live) if rest else live
        return (*value[:head], *(() if new is None else (new,)), *value[head + 1 :])
    return value


class Ledger(Struct, frozen=True):
    """The records as a plan has to see them, and what the documents have to do with that.

    `imported` are the records that come in, `moved` the former addresses by the new ones, `removed` the documents by address.
    """

    records: tuple[Record, ...]
    imported: Mapping[Address, Record] = field(default_factory=dict)
    moved: Mapping[Address, Address] = field(default_factory=dict)
    removed: Mapping[Address, Removed] = field(default_factory=dict)

    def within(self, chosen: frozenset[Address]) -> Ledger:
        """What of it is about the chosen addresses."""
        return replace(self, records=tuple(one for one in self.records if one.address in chosen))

    def renamed(self, addresses: Iterable[Address]) -> tuple[Address, ...]:
        """The addresses as they are called from now on."""
        new = {former: address for address, former in self.moved.items()}
        return tuple(new.get(one, one) for one in addresses)

    def noted(self, change: Change) -> Change:
        """The change with what the documents say of its address, and of those that it depends on."""
        if self.moved:
            depends_on, depended_on = self.renamed(change.depends_on), self.renamed(change.depended_on)
            change = replace(change, depends_on=depends_on, depended_on=depended_on)
        removed = self.removed.get(change.address)
        if removed and change.action is Action.DELETE:
            if removed.destroy:
                return replace(change, reason="a Removed document says so", where=removed.where, on_request=True)
            reason = "a Removed document lets go of it; it stays live"
            return replace(change, action=Action.FORGET, reason=reason, where=removed.where)
        imported, former = self.imported.get(change.address), self.moved.get(change.address)
        return replace(change, imports=imported, moved_from=former) if imported or former else change


def rearranged(statements: Iterable[Statement], records: Iterable[Record]) -> Ledger:
    """The ledger without imports. What has been done is left out; raises PlanError for moves that have no room."""
    statements = tuple(statements)
    recorded = {one.address: one for one in records}
    moves = {one.source: one for one in statements if isinstance(one, Moved)}
    moved: dict[Address, Address] = {}
    wrong: list[Diagnostic] = []
    for source, first in moves.items():
        to = _end_of(first, moves)
        if source not in recorded:
            continue
        if to in recorded or to in moved:
            detail = f"The state has both {source} and {moved.get(to, to)}, so {source} cannot become {to}."
            hint = f"forget one of them: state rm {source}"
            wrong.append(Diagnostic("Address is taken", detail, hint, first.where))
        else:
            moved[to] = source
    if wrong:
        raise PlanError(*wrong)
    new = {source: to for to, source in moved.items()}
    after = (replace(one, address=new[one.address]) if one.address in new else one for one in recorded.values())
    removed = {one.source: one for one in statements if isinstance(one, Removed)}
    return Ledger(tuple(sorted(after, key=lambda one: one.address)), moved=moved, removed=removed)


def _end_of(first: Moved, moves: Mapping[Address, Moved]) -> Address:
    """Where a chain of moves ends; they run in no circle."""
    to = first.to
    while to in moves:
        to = moves[to].to
    return to


def pending(statements: Iterable[Statement], records: Iterable[Record]) -> tuple[Import, ...]:
    """The imports that are still to be done. An address that the state has was imported, or is something else by now."""
    recorded = {one.address for one in records}
    return tuple(one for one in statements if isinstance(one, Import) and one.to not in recorded)


def named(resource: Resource, name: str, rows: Iterable[Observed]) -> tuple[Observed, ...]:
    """The live objects of a name in the place of a manifest."""
    place = kinds.kind_named(resource.address.kind).namespace(resource.body)
    there = (one for one in rows if one.kind == resource.address.kind and one.name == name)
    return tuple(one for one in there if one.namespace == place and one.readiness.presence is Presence.LIVE)


def refusal(address: Address, found: Observed, records: Iterable[Record]) -> Diagnostic | None:
    """Why an object cannot come in at an address; None where it can."""
    what = f"The {found.kind} {found.name} ({found.id})"
    owner = next((one for one in records if found.id in (one.id, one.previous_id)), None)
    if owner is not None:
        hint = f"to rename it: state mv {owner.address} {address}"
        return Diagnostic("Already managed", f"{what} is {owner.address} in the state.", hint)
    if found.readiness.presence is not Presence.LIVE:
        return Diagnostic("Object on its way out", f"{what} is being deleted, or gone already.")
    return None


def missing(resource: Resource, given: str, rows: Iterable[Observed]) -> Diagnostic:
    """That there is no object of an id or a name; `rows` are those that there are."""
    address, rows = resource.address, [one for one in rows if one.kind == resource.address.kind]
    place = kinds.kind_named(address.kind).namespace(resource.body)
    others = ", ".join(f"{one.id} in {one.namespace}" for one in rows if one.name == given)
    spelling = nearest(given, (one.name for one in rows if one.namespace == place))
    there = sorted(one.name for one in rows if one.namespace == place and one.readiness.presence is Presence.LIVE)
    hint = "check the id, and that the control plane is the right one"
    if others or spelling or there:
        hint = f"did you mean {spelling}?" if spelling else f"in its place there are {some(there)}"
        hint = f"it exists elsewhere: {others}" if others else hint
    return Diagnostic("No such object", f"{address} would be {given}, but there is no {address.kind} of that.", hint)


def several(address: Address, given: str, found: Iterable[Observed]) -> Diagnostic:
    """That a name is that of several objects."""
    detail = f"{address} would be {given}, and there are several: {', '.join(one.id for one in found)}."
    return Diagnostic("Ambiguous name", detail, "give the id instead of the name")
