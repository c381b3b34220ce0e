"""What is live, seen from a state, and whether the two belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from declarative.diagnostics import Diagnostic, Severity
from declarative.errors import PlanError
from declarative.model.address import Address
from declarative.model.observed import Observed
from declarative.model.record import Record
from declarative.plan import place, settle
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
) -> Live:
    """What is live of the kinds of `addresses` and `records`; with their bodies, though lists lack them, what is `wanted`."""
    records = tuple(records)
    pending = settle.pending_creates(records)
    kind_names = {address.kind for address in (*addresses, *(record.address for record in records))}
    seen = await observe(
        transport, kind_names, records, lambda one: wanted(one) or any(settle.may_be(record, one) for record in pending)
    )
    return Live.of(seen.observed, records, seen.finished)


def origin(session: Session, snapshot: Snapshot) -> Origin:
    """For which control plane and from which state a plan is made."""
    return Origin(session.endpoint, snapshot.lineage, snapshot.serial, snapshot.key)


def misgivings(session: Session, snapshot: Snapshot, live: Live) -> tuple[Diagnostic, ...]:
    """What to warn of before a plan; raises PlanError where the state belongs to another control plane."""
    found = place.misplaced(snapshot.endpoint, session.endpoint, snapshot.records, live)
    if found is not None and found.severity is Severity.ERROR:
        raise PlanError(found)
    return (found,) if found is not None else ()
