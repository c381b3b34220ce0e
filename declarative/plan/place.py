"""Whether a state and a control plane belong together, told by the objects that the state remembers."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.record import Operation, Record
from declarative.plan.planner import Live


def misplaced(known: str, endpoint: str, records: Iterable[Record], live: Live) -> Diagnostic | None:
    """What is suspicious when none of the recorded objects is to be seen at `endpoint`; None as soon as one is.

    `known` is the control plane that the state remembers, "" where it remembers none. An error where that is another one:
    its objects would be created anew beside those that live there; and where not even their lists are there, as behind a
    proxy that knows none of the paths. Otherwise a warning. Where one object is seen, another
    `known` is only another name.
    """
    records = tuple(records)
    expected = [record for record in records if _should_live(record)]
    if not expected or any(_is_known(record, live) for record in records):
        return None
    if known and not is_same(known, endpoint):
        detail = f"It was last applied to {known}, and {_none_of(expected, endpoint)}."
        hint = (
            "name the right state (--state), endpoint (--endpoint) or environment (-e); if the objects are really gone, "
            "declarative state rm '*'"
        )
        return Diagnostic("This state belongs to another control plane", detail, hint)
    nothing = _none_of(expected, endpoint)
    summary, detail = "Nothing of the state is there", f"{nothing[0].upper()}{nothing[1:]}"
    if {record.address.kind for record in expected} <= live.absent:
        hint = "check the endpoint; if the objects are really gone, declarative state rm '*'"
        return Diagnostic(summary, f"{detail}, and neither do the lists that they would be in.", hint)
    hint = "it may have been reset, or the credentials may be those of another tenant; if so, do not apply"
    return Diagnostic(summary, f"{detail}.", hint, severity=Severity.WARNING)


def is_same(one: str, other: str) -> bool:
    """Whether two endpoints are one, however they are written."""
    return one.rstrip("/").casefold() == other.rstrip("/").casefold()


def _should_live(record: Record) -> bool:
    """Whether an object of the record is to be expected: a run that has finished may be gone, as may what we delete."""
    deletes = record.intent is not None and record.intent.operation is Operation.DELETE
    return record.id is not None and not record.finished and not deletes


def _is_known(record: Record, live: Live) -> bool:
    """Whether the control plane knows an object of the record, be it on its way out or a run that has ended."""
    ids = {record.id, record.previous_id}
    return record.address in live.taken_up or any(one in live.by_id or one in live.finished for one in ids if one)


def _none_of(expected: Collection[Record], endpoint: str) -> str:
    if len(expected) == 1:
        return f"its only recorded object does not exist at {endpoint}"
    return f"none of the {len(expected)} recorded objects exists at {endpoint}"
