"""What looks like a rename that nobody told: one resource goes, and an equal one of another address comes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec.structs import replace

from declarative import kinds
from declarative.diagnostics import Diagnostic, Severity, nearest
from declarative.model.address import Address
from declarative.model.plan import Action, Change, Plan
from declarative.model.record import Record
from declarative.model.secret import sealed
from declarative.model.value import FrozenMap, canonical, turned
from declarative.plan.settle import without_phase

_NAME = ("metadata", "name")
# How many are told one by one; a loop makes many of a kind.
MOST = 5


def renamed(
    plan: Plan, records: Iterable[Record], removed: Collection[Address], key: bytes = b""
) -> tuple[Diagnostic, ...]:
    """Warnings of resources that the plan creates equal, but for their names, to ones that it deletes; each of these once.

    `removed` are those of which a document says that they go. `key` is that of the state, for what it seals.
    """
    told = [_told(change, former) for change, former in _pairs(plan, records, removed, key)]
    if len(told) > MOST:
        told[MOST - 1] = replace(told[MOST - 1], notes=(f"{len(told) - MOST} more look like that",))
    return tuple(told[:MOST])


def _pairs(
    plan: Plan, records: Iterable[Record], removed: Collection[Address], key: bytes
) -> Iterator[tuple[Change, Record]]:
    """What is created, each with the record of what it may have been."""
    ending = {one.address for one in plan.changes if one.action is Action.DELETE} - frozenset(removed)
    leaving: dict[str, dict[str, Record]] = {}
    for record in records:
        if record.address in ending and record.applied is not None:
            equal = leaving.setdefault(_without_name(record.address.kind, record.applied, key), {})
            equal[str(record.address)] = record
    coming = [(one, one.after) for one in plan.changes if one.action is Action.CREATE and one.after] if leaving else []
    for keeps_name in (True, False):
        # Those that keep their name at the control plane first: nothing else can be what they were.
        left = []
        for change, body in coming:
            equal = leaving.get(_without_name(change.address.kind, body, key), {})
            fit = {text: one for text, one in equal.items() if not keeps_name or one.name == body["metadata"]["name"]}
            former = nearest(str(change.address), fit) or next(iter(fit), None)
            if former is None:
                left.append((change, body))
            else:
                yield change, equal.pop(former)
        coming = left


def _without_name(kind: str, body: FrozenMap, key: bytes) -> str:
    """One text for all bodies that are equal but for their names and phases."""
    metadata = FrozenMap({name: value for name, value in body["metadata"].items() if name != _NAME[-1]})
    rest = FrozenMap({**without_phase(body), "metadata": metadata})
    return f"{kind} {canonical(turned(rest, lambda hidden: sealed(hidden, key)))}"


def _told(change: Change, former: Record) -> Diagnostic:
    assert change.after is not None
    detail = f"{former.address} would be destroyed and {change.address} created, with equal spec."
    keeps = ""
    if change.after["metadata"]["name"] != former.name and kinds.kind_named(former.address.kind).is_replaced_by(_NAME):
        keeps = f"keep `metadata.name: {former.name}`, give it `key: {change.address.key}`, and "
    document = f"{{apiVersion: declarative/v1, kind: Moved, from: {former.address}, to: {change.address}}}"
    hint = f"if it was renamed, {keeps}add {document}"
    return Diagnostic("Renamed without saying so", detail, hint, change.where, Severity.WARNING)
