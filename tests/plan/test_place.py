"""A state and a control plane that do not belong together are told apart by what the state remembers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from declarative.diagnostics import Severity
from declarative.model.observed import Observed, Presence, Progress, Readiness
from declarative.model.record import Intent, Operation, Record
from declarative.plan.place import is_same, misplaced
from declarative.plan.planner import Live
from tests.state.strategies import record

HERE, THERE = "https://here.example", "https://there.example"
A, B = record("a"), record("b")
DELETED = replace(A, intent=Intent(Operation.DELETE, None, "digest", 1.0))
NOT_YET = replace(A, id=None, applied=None, intent=Intent(Operation.CREATE, A.applied, "digest", 1.0))


def seen(*ids: str, presence: Presence = Presence.LIVE) -> list[Observed]:
    readiness = Readiness(presence, Progress.READY)
    return [Observed("Training", one, one, "4501", readiness, "4501") for one in ids]


def severity(known: str, records: list[Record], observed: list[Observed], *finished: str) -> Severity | None:
    found = misplaced(known, HERE, records, Live.of(observed, records, finished))
    return found.severity if found is not None else None


@pytest.mark.parametrize(
    ("known", "expected"), [(THERE, Severity.ERROR), (HERE, Severity.WARNING), ("", Severity.WARNING)]
)
def test_where_none_is_seen_another_control_plane_is_refused_and_the_same_one_doubted(
    known: str, expected: Severity
) -> None:
    """A state that does not know where it belongs is taken to belong here."""
    assert severity(known, [A, B], []) is expected
    assert severity(known, [A, B], seen("stranger")) is expected


@pytest.mark.parametrize("known", [THERE, HERE, ""])
@pytest.mark.parametrize(
    ("records", "observed", "finished"),
    [
        ([A, B], seen("id-b"), ()),
        ([A, B], seen("id-b", presence=Presence.DELETING), ()),
        ([A, B], [], ("id-b",)),
        ([A, replace(B, previous_id="old")], seen("old"), ()),
        ([A, replace(B, finished=True)], seen("id-b"), ()),
    ],
    ids=["live", "being deleted", "a run that ended", "an old object", "a finished run that is still there"],
)
def test_one_object_that_is_known_is_enough(
    known: str, records: list[Record], observed: list[Observed], finished: tuple[str, ...]
) -> None:
    assert severity(known, records, observed, *finished) is None


@pytest.mark.parametrize(
    "records",
    [[], [replace(A, finished=True)], [DELETED], [NOT_YET]],
    ids=["none", "a run that finished", "one that we were deleting", "one that was never made"],
)
def test_where_nothing_has_to_be_there_nothing_is_missed(records: list[Record]) -> None:
    assert severity(THERE, records, []) is None


def test_both_places_and_the_number_are_named() -> None:
    found = misplaced(THERE, HERE, [A, B], Live.of([], []))
    assert found is not None
    assert found.detail == f"It was last applied to {THERE}, and none of the 2 recorded objects exists at {HERE}."
    assert "declarative state rm '*'" in str(found.hint)
    one = misplaced("", HERE, [A], Live.of([], []))
    assert one is not None
    assert one.detail == f"Its only recorded object does not exist at {HERE}."


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://acme.run.ai", "https://ACME.run.ai/", True),
        ("sandbox", "sandbox", True),
        ("sandbox", "http://127.0.0.1:8080", False),
        ("https://acme.run.ai", "https://acme.run.ai:8443", False),
        ("", "sandbox", False),
    ],
)
def test_a_slash_or_another_case_makes_no_other_endpoint(one: str, other: str, same: bool) -> None:
    assert is_same(one, other) is same
