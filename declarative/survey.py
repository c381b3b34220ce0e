"""What is live, seen from a state, and whether the two belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set

from msgspec.structs import replace

from declarative.diagnostics import Diagnostic, Severity
from declarative.errors import PlanError
from declarative.model.address import Address
from declarative.model.observed import Observed
from declarative.model.plan import Action, Plan
from declarative.model.record import Record
from declarative.plan import place, remembered, settle
from declarative.plan.guard import some
from declarative.plan.planner import Live, Origin
from declarative.runai.observe import observe
from declarative.runai.transport import Transport
from declarative.session import Session
from declarative.state.store import Snapshot


async def look(
    transport: Transport,
    addresses: Iterable[Address],
    records: Iterable[Record],
    wanted: Callable[[Observed], bool] = lambda _: False,
    believed: Set[Address] = frozenset(),
) -> Live:
    """What is live of the kinds of `addresses` and `records`; with their bodies, though lists lack them, what is `wanted`.

    The records at the addresses that are `believed` are taken to be as the state has them, and are no reason to read anything.
    """
    records = tuple(records)
    doubted = [record for record in records if record.address not in believed]
    assumed = [remembered.assumed(record) for record in records if record.address in believed]
    pending = settle.pending_creates(doubted)
    kind_names = {address.kind for address in (*addresses, *(record.address for record in doubted))}
    seen = await observe(
        transport, kind_names, doubted, lambda one: wanted(one) or any(settle.may_be(record, one) for record in pending)
    )
    known = {one.id for one in assumed}
    rows = (one for one in seen.observed if one.id not in known)
    return replace(Live.of(rows, records, seen.finished, assumed), absent=seen.absent, unasked=seen.unasked)


def origin(session: Session, snapshot: Snapshot) -> Origin:
    """For which control plane and from which state a plan is made."""
    return Origin(session.endpoint, snapshot.lineage, snapshot.serial, snapshot.key)


def misgivings(session: Session, snapshot: Snapshot, live: Live) -> tuple[Diagnostic, ...]:
    """What to warn of before a plan; raises PlanError where the state belongs to another control plane."""
    found = place.misplaced(snapshot.endpoint, session.endpoint, snapshot.records, live)
    if found is not None and found.severity is Severity.ERROR:
        raise PlanError(found)
    return (found,) if found is not None else ()


def untold(plan: Plan, live: Live) -> Iterator[Diagnostic]:
    """What a plan leaves alone, because nobody tells whether it is gone for having finished."""
    left = [one.address for one in plan.changes if one.id in live.unasked and one.action is Action.NO_OP]
    if left:
        status = next(live.unasked[str(one.id)] for one in plan.changes if one.address == left[0])
        what, it = ("It is", "it") if len(left) == 1 else ("They are", "them")
        detail = (
            f"{some(left)}: gone, and the list of the deleted, which tells whether a run had finished, was refused ({status}). "
            f"{what} not created again, as a finished run would be run twice."
        )
        hint = f"to run {it} again: --replace {left[0]}; to forget {it}: declarative state rm {left[0]}"
        yield Diagnostic("Not checked", detail, hint, severity=Severity.WARNING)


def believed_of(session: Session, snapshot: Snapshot, records: Iterable[Record]) -> frozenset[Address] | None:
    """The records that a plan goes by without a look, as long as it leaves them alone; None where everything is refreshed."""
    if session.settings.refresh or _is_elsewhere(session, snapshot):
        return None
    records = tuple(records)
    return frozenset(one.address for one in records) - frozenset(remembered.unsettled(records))


def unrefreshed(session: Session, snapshot: Snapshot, records: Iterable[Record]) -> Iterator[Diagnostic]:
    """What is not known of a plan without a refresh."""
    if not session.settings.refresh:
        elsewhere = snapshot.endpoint if _is_elsewhere(session, snapshot) else None
        yield remembered.doubt(remembered.unsettled(records), elsewhere)


def _is_elsewhere(session: Session, snapshot: Snapshot) -> bool:
    """Whether the state was last applied to a control plane of another name."""
    return bool(snapshot.endpoint) and not place.is_same(snapshot.endpoint, session.endpoint)
