"""The truth table: what is desired, what is recorded and what is live decide what happens to each resource.

| desired | recorded | live             | change                                              |
|---------|----------|------------------|-----------------------------------------------------|
| yes     | no       | no               | create                                              |
| yes     | no       | yes (same name)  | a conflict: import it, never adopt silently         |
| yes     | yes      | yes              | nothing, update, or replace                         |
| yes     | yes      | gone             | create again; for a finished run: satisfied         |
| no      | yes      | yes              | delete, or forget                                   |
| no      | yes      | gone             | forget                                              |
| no      | no       | yes              | not ours                                            |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from declarative import kinds
from declarative.model.address import Address
from declarative.model.observed import Observed, Presence
from declarative.model.plan import Action, Change, Plan
from declarative.model.record import Operation, Record
from declarative.model.resource import OnFinished, Resource
from declarative.model.value import FrozenMap
from declarative.plan.adoption import Ledger
from declarative.plan.bodies import compared, prior, seen, veil_of
from declarative.plan.bookkeeping import has_news, is_exposed, news
from declarative.plan.diff import Comparison, compare
from declarative.plan.ending import weighed
from declarative.plan.fingerprint import fingerprint
from declarative.plan.names import Conflict, Name, claimed
from declarative.plan.replacing import replace_along
from declarative.plan.settle import settled, taken_up, without_phase
from declarative.plan.veil import Veil

NEW_RUN = "the run has finished; a changed manifest is a new run"
RUN_AGAIN = "the run finished and is gone; onFinished: rerun runs it again"
SUSPENDED = "suspended; desiredPhase is not managed"


class Live(Struct, frozen=True):
    """What was observed, found by id and by name.

    `taken_up` are the objects that interrupted creates are found to have made, by address; `finished` the ids of objects
    that are gone because they had finished. `assumed` are the ids of those that nobody has looked at: the state has them.
    `absent` are the kinds that the control plane seems not to know at all: their listing was answered 404. `unasked` are the
    ids of objects that are gone, though nobody tells whether they had finished: with the status that refuses to.
    """

    by_id: Mapping[str, Observed]
    by_name: Mapping[Name, Observed]
    taken_up: Mapping[Address, Observed] = field(default_factory=dict)
    finished: frozenset[str] = frozenset()
    assumed: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    unasked: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        observed: Iterable[Observed],
        records: Iterable[Record],
        finished: Iterable[str] = (),
        assumed: Iterable[Observed] = (),
    ) -> Live:
        believed = tuple(assumed)
        everything = (*observed, *believed)
        there = [one for one in everything if one.readiness.presence is not Presence.GONE]
        by_name = {(one.kind, one.namespace, one.name): one for one in there}
        by_id = {one.id: one for one in everything}
        ids = frozenset(one.id for one in believed)
        return cls(by_id, by_name, taken_up(records, there), frozenset(finished), ids)

    def there(self, record: Record) -> Observed | None:
        """The object of a record, unless it is gone."""
        found = self.by_id.get(record.id or "")
        return found if found and found.readiness.presence is not Presence.GONE else None

    def untold(self, record: Record) -> str | None:
        """What to say of an object that is gone, where nobody tells whether it had finished; None for any other."""
        status = None if record.finished else self.unasked.get(record.id or "")
        return f"it is gone; whether it had finished could not be asked ({status})" if status is not None else None


class Origin(Struct, frozen=True):
    """Which control plane and which state a plan is made for. `key` is the state's own, for what it seals."""

    endpoint: str
    lineage: str
    serial: int
    key: bytes = b""

    def __repr__(self) -> str:
        return f"Origin({self.endpoint}, {self.lineage}, {self.serial})"  # without the key


def plan(
    resources: Iterable[Resource],
    records: Iterable[Record],
    live: Live,
    origin: Origin,
    ledger: Ledger | None = None,
    replacing: Collection[Address] = (),
) -> tuple[Plan, tuple[Conflict, ...]]:
    """The plan that makes `live` what `resources` say, and the conflicts that forbid it.

    With a ledger, `records` are its own, and the changes say what it has to do with them. What is live of `replacing` is
    replaced, whether it differs or not.
    """
    desired = {resource.address: resource for resource in resources}
    recorded = {record.address: record for record in records}
    changes = {
        address: _desired(desired[address], recorded.get(address), live, origin.key)
        if address in desired
        else _undesired(recorded[address], live, origin.key)
        for address in sorted(desired.keys() | recorded.keys())
    }
    changes = {address: ledger.noted(change) for address, change in changes.items()} if ledger else changes
    replace_along(changes, desired, replacing)
    changes, conflicts = claimed(changes, desired, live.by_name)
    ordered = tuple(_closed(change, recorded.get(address), live, origin.key) for address, change in changes.items())
    return Plan(ordered, origin.endpoint, origin.lineage, origin.serial), conflicts


def destruction(records: Iterable[Record], live: Live, origin: Origin) -> Plan:
    """The plan that deletes everything that is recorded."""
    ordered = sorted(records, key=lambda record: record.address)
    changes = tuple(_closed(removal(record, live, origin.key), record, live, origin.key) for record in ordered)
    return Plan(changes, origin.endpoint, origin.lineage, origin.serial, destroy=True)


def _closed(change: Change, recorded: Record | None, live: Live, key: bytes) -> Change:
    """The change with what it was planned against and what run it ends. To what stays as it is, neither matters."""
    if change.is_nothing and not change.adopts:
        return change
    veil = veil_of(kinds.kind_named(change.address.kind), change.after, recorded, key)
    record = settled(recorded, live.taken_up.get(change.address)) if recorded else None
    observed = live.there(record) if record else None
    change = replace(change, fingerprint=fingerprint(recorded, observed, veil))
    return weighed(change, record, observed) if record is not None and observed is not None else change


def removal(recorded: Record, live: Live, key: bytes = b"") -> Change:
    """The change of a resource that is recorded, but no longer desired."""
    kind = kinds.kind_named(recorded.address.kind)
    veil = veil_of(kind, None, recorded, key)
    record = settled(recorded, live.taken_up.get(recorded.address))
    observed = live.there(record)
    there = seen(kind, record, observed, veil) if observed else record.applied
    change = Change(
        address=record.address,
        action=Action.DELETE,
        id=record.id,
        before=there and veil.shown(there),
        adopts=record is not recorded,
        deposed=_deposed(record, live),
        depends_on=record.depends_on,
        prevent_destroy=record.prevent_destroy,
    )
    if observed is None:
        return replace(change, action=Action.FORGET, reason="it is gone from the control plane")
    if record.keep_on_destroy:
        return replace(change, action=Action.FORGET, reason="keepOnDestroy leaves it live")
    return change


def _undesired(record: Record, live: Live, key: bytes) -> Change:
    change = removal(record, live, key)
    return change if change.reason else replace(change, reason="it is no longer in the manifests")


def _desired(resource: Resource, recorded: Record | None, live: Live, key: bytes) -> Change:
    kind = kinds.kind_named(resource.address.kind)
    veil = veil_of(kind, resource.body, recorded, key)
    record = settled(recorded, live.taken_up.get(recorded.address)) if recorded else None
    observed = live.there(record) if record else None
    change = Change(
        address=resource.address,
        action=Action.CREATE,
        after=resource.body,
        deposed=_deposed(record, live) if record else None,
        depends_on=resource.depends_on,
        depended_on=record.depends_on if record else (),
        prevent_destroy=resource.lifecycle.prevent_destroy,
        keep_on_destroy=resource.lifecycle.keep_on_destroy,
        ignored=resource.lifecycle.ignore_changes,
        where=resource.where,
    )
    if record is not None and observed is not None and observed.readiness.presence is Presence.LIVE:
        return _existing(resource, record, observed, change, veil, taken_up=record is not recorded)
    applied = record.applied and veil.over(record.applied) if record else None
    keeps = resource.lifecycle.on_finished is OnFinished.KEEP
    untold = live.untold(record) if record is not None and not _deletes(record) else None
    if record is not None and untold and keeps and not _finished(resource, record).fields:
        # It may be an experiment that has ended: to create it again might run that twice.
        return replace(change, action=Action.NO_OP, id=record.id, before=applied, reason=untold)
    if record is not None and ran(record, live) and keeps:
        if not _finished(resource, record).fields:
            reason = "the run finished and deleted itself"
            # The list of deleted runs forgets after some days; the state does not.
            adopts = not record.finished or is_exposed(record, veil)
            change = replace(change, action=Action.NO_OP, id=record.id, before=applied, reason=reason)
            return replace(change, finished=True, adopts=adopts)
        change = replace(change, reason=NEW_RUN)
    elif record is not None and observed is not None and not _deletes(record):
        # It may be a finished run that deletes itself; once it is gone, its last phase can be asked for.
        reason = "it is being deleted, but not by this state; plan again when it is gone"
        return replace(change, action=Action.NO_OP, id=record.id, before=applied, reason=reason)
    elif record is not None and ran(record, live):
        change = replace(change, reason=RUN_AGAIN)
    known_before = record is not None and record.applied is not None
    gone = "it is gone from the control plane" if known_before else None
    return replace(change, reason=change.reason or gone)


def _existing(
    resource: Resource, record: Record, observed: Observed, change: Change, veil: Veil, *, taken_up: bool
) -> Change:
    """The change of a resource that is recorded and live."""
    kind = kinds.kind_named(resource.address.kind)
    before, found = compared(kind, resource.body, record, observed, veil, change.ignored)
    reason = "an interrupted create is taken up" if taken_up else news(resource, record, veil)
    change = replace(
        change,
        # With an old object left to delete there is something to do, although nothing differs.
        action=Action.UPDATE if found.fields or change.deposed else Action.NO_OP,
        id=observed.id,
        before=veil.shown(before),
        finished=observed.readiness.finished,
        adopts=taken_up or has_news(resource, record, observed, change.deposed, veil),
        reason=reason if found.fields else _together(reason, _satisfied(resource, observed)),
    )
    return _changed(resource, found, change) if found.fields else change


def _satisfied(resource: Resource, observed: Observed) -> str | None:
    """Why a run that has ended, or that somebody has suspended, is left as it is."""
    if is_suspended_by_others(resource.body, observed):
        return SUSPENDED
    if not observed.readiness.finished:
        return None
    rerun = resource.lifecycle.on_finished is OnFinished.RERUN
    meaning = (
        "it runs again once it is gone (onFinished: rerun)" if rerun else "a run that ended satisfies its manifest"
    )
    phase = f" ({observed.readiness.phase})" if observed.readiness.phase else ""
    return f"finished{phase}; {meaning}"


def is_suspended_by_others(body: FrozenMap, observed: Observed) -> bool:
    """Whether a run is suspended of which `body`, desired or applied, does not say how it should be."""
    return observed.desired_phase == "Stopped" and body.get("desiredPhase") is None


def _together(*reasons: str | None) -> str | None:
    return "; ".join(reason for reason in reasons if reason) or None


def _changed(resource: Resource, found: Comparison, change: Change) -> Change:
    if any(field.replaces for field in found.fields):
        action = Action.CREATE_THEN_DELETE if resource.lifecycle.create_before_destroy else Action.REPLACE
        reason = NEW_RUN if change.finished else change.reason
        return replace(change, action=action, fields=found.fields, reason=reason)
    return replace(change, action=Action.UPDATE, fields=found.fields, merged=found.merged)


def _deposed(record: Record, live: Live) -> str | None:
    """The old object that an interrupted replacement left behind, if it is still there."""
    old = live.by_id.get(record.previous_id or "")
    return old.id if old and old.readiness.presence is Presence.LIVE else None


def ran(record: Record, live: Live) -> bool:
    """Whether the recorded run has finished and then went by itself, not by an interrupted delete of ours."""
    if record.id is None or _deletes(record):
        return False
    last = live.by_id.get(record.id)
    return record.finished or record.id in live.finished or (last is not None and last.readiness.finished)


def _finished(resource: Resource, record: Record) -> Comparison:
    """What the manifest asks for that the finished run was not."""
    kind = kinds.kind_named(resource.address.kind)
    ran = without_phase(prior(kind, record))
    return compare(kind, without_phase(resource.body), ran, ran, resource.lifecycle.ignore_changes)


def _deletes(record: Record) -> bool:
    """Whether a delete of ours was interrupted."""
    return record.intent is not None and record.intent.operation is Operation.DELETE
