"""A state and a control plane that do not belong together are told apart by what the state remembers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

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


NOT_EXPECTED = [
    pytest.param([replace(A, finished=True)], Severity.WARNING, id="a run that finished"),
    pytest.param([DELETED], Severity.ERROR, id="one that we were deleting"),
    pytest.param([NOT_YET], Severity.ERROR, id="one that was perhaps never made"),
    pytest.param([replace(A, finished=True), NOT_YET], Severity.ERROR, id="both"),
]


@pytest.mark.parametrize("known", [HERE, ""])
@pytest.mark.parametrize(("records", "_elsewhere"), [pytest.param([], None, id="none"), *NOT_EXPECTED])
def test_where_nothing_has_to_be_there_nothing_is_missed(
    records: list[Record], _elsewhere: Severity | None, known: str
) -> None:
    assert severity(known, records, []) is None


@pytest.mark.parametrize(("records", "expected"), [pytest.param([], None, id="none"), *NOT_EXPECTED])
def test_elsewhere_calls_under_way_cannot_be_looked_up_and_all_else_is_doubted(
    records: list[Record], expected: Severity | None
) -> None:
    """A create that is pending there would be made here, too, and what a delete has left there would be forgotten."""
    assert severity(THERE, records, []) is expected


def test_one_create_that_is_pending_is_enough_when_it_is_found() -> None:
    """Then the other control plane is another name of the same one."""
    live = replace(Live.of([], []), taken_up={NOT_YET.address: seen("id-a")[0]})
    assert misplaced(THERE, HERE, [NOT_YET], live) is None


@pytest.mark.parametrize("endpoint", ["sandbox", HERE])
def test_after_a_reset_an_apply_is_right_and_for_another_tenant_it_is_not(endpoint: str) -> None:
    """The embedded control plane has one tenant."""
    found = misplaced(endpoint, endpoint, [A], Live.of([], []))
    assert found is not None and found.hint is not None
    assert found.hint.startswith("if it was reset, apply to make everything anew")
    assert ("if the credentials may be those of another tenant, do not" in found.hint) is (endpoint == HERE)


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
