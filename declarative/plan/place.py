"""Whether a state and a control plane belong together, told by the objects that the state remembers."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.record import Operation, Record
from declarative.plan.planner import Live

_RESET = "if it was reset, apply to make everything anew"


def misplaced(known: str, endpoint: str, records: Iterable[Record], live: Live) -> Diagnostic | None:
    """What is suspicious when none of the recorded objects is to be seen at `endpoint`; None as soon as one is.

    `known` is the control plane that the state remembers, "" where it remembers none. An error where that is another one:
    its objects would be created anew beside those that live there; and where not even their lists are there, as behind a
    proxy that knows none of the paths. Otherwise a warning, and there also where nothing but runs that have finished is
    recorded. Where one object is seen, another `known` is only another name.
    """
    records = tuple(records)
    if any(_is_known(record, live) for record in records):
        return None
    if known and not is_same(known, endpoint):
        return _elsewhere(known, endpoint, records) if records else None
    expected = [record for record in records if _should_live(record)]
    if not expected:
        return None
    nothing = _none_of(expected, endpoint)
    summary, detail = "Nothing of the state is there", f"{nothing[0].upper()}{nothing[1:]}"
    if {record.address.kind for record in expected} <= live.absent:
        hint = "check the endpoint; if the objects are really gone, declarative state rm '*'"
        return Diagnostic(summary, f"{detail}, and neither do the lists that they would be in.", hint)
    # The embedded control plane, which no URL names, has one tenant.
    hint = f"{_RESET}; if the credentials may be those of another tenant, do not" if "://" in endpoint else _RESET
    return Diagnostic(summary, f"{detail}.", hint, severity=Severity.WARNING)


def is_same(one: str, other: str) -> bool:
    """Whether two endpoints are one, however they are written."""
    return one.rstrip("/").casefold() == other.rstrip("/").casefold()


def _elsewhere(known: str, endpoint: str, records: Collection[Record]) -> Diagnostic:
    """Of a state that was last applied elsewhere, nothing is seen. Calls under way there can only be looked up there."""
    expected = [record for record in records if record.intent is not None or not record.finished]
    detail = f"It was last applied to {known}, and {_none_of(expected or records, endpoint)}."
    right = "name the right state (--state), endpoint (--endpoint) or environment (-e)"
    if not expected:
        hint = f"{right}, unless finished runs are all that it should know"
        return Diagnostic("This state was last applied elsewhere", detail, hint, severity=Severity.WARNING)
    hint = f"{right}; if the objects are really gone, declarative state rm '*'"
    return Diagnostic("This state belongs to another control plane", detail, hint)


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
