"""The words of an apply that scripts rely on, and the counts behind them."""

from __future__ import annotations

import re

import pytest

from declarative.diagnostics import Diagnostic
from declarative.model.event import Event, EventType
from declarative.model.plan import Action, Step
from declarative.model.position import Position
from declarative.model.record import Operation
from declarative.view.failure import failure_text
from declarative.view.progress import apply_summary, destroy_summary, event_text, tally
from declarative.view.style import Style
from declarative.view.text import duration
from tests.view import samples


def test_summaries_are_worded_exactly() -> None:
    """Scripts look for these sentences."""
    assert apply_summary(3, 1, 3) == "Apply complete! Resources: 3 added, 1 changed, 3 destroyed."
    assert destroy_summary(3) == "Destroy complete! Resources: 3 destroyed."


def test_a_replacement_counts_as_added_and_destroyed() -> None:
    """An update in two calls is one change; what failed or was skipped does not count."""
    steps = [
        samples.step(0, "a", Operation.DELETE, Action.REPLACE),
        samples.step(1, "a", Operation.CREATE, Action.REPLACE, 0),
        samples.step(2, "a", Operation.SUSPEND, Action.REPLACE, 1),
        samples.step(3, "b", Operation.UPDATE, Action.UPDATE),
        samples.step(4, "b", Operation.SUSPEND, Action.UPDATE),
        samples.step(5, "c", Operation.FORGET, Action.FORGET),
    ]
    events = [Event(EventType.COMPLETED, step) for step in steps]
    failed = Event(EventType.FAILED, samples.step(6, "d", Operation.CREATE, Action.CREATE))
    assert tally([Event(EventType.STARTED, steps[0]), *events, failed]) == (1, 1, 1, 0)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("type", EventType)
def test_every_event_has_words(operation: Operation, type: EventType) -> None:
    """No combination of event and operation is left without a line, even where the step knows no change."""
    line = event_text(Event(type, Step(0, samples.training("a"), operation)), Style())
    if type is EventType.STARTED and operation in (Operation.ADOPT, Operation.FORGET):
        assert line == ""  # it is done at once, and one line tells so
    else:
        assert re.match(r"Training\.a: \w", line)


def test_the_failure_report_tells_root_causes() -> None:
    """A skipped step names the failure at the root, not the skipped step between."""
    report = failure_text(samples.EVENTS, Style())
    assert "skipped  Training.report   needs Training.bert, which failed\n" in report


@pytest.mark.parametrize(
    ("first", "then", "reason"),
    [
        (Operation.DELETE, Operation.CREATE, "its old object was not deleted"),
        (Operation.CREATE, Operation.DELETE, "its replacement was not created"),
        (Operation.SUSPEND, Operation.DELETE, "its replacement was not suspended"),
        (Operation.CREATE, Operation.SUSPEND, "it was not created"),
        (Operation.ADOPT, Operation.DELETE, "it was not recorded"),
    ],
)
def test_a_step_skipped_for_its_own_resource_says_what_did_not_happen(
    first: Operation, then: Operation, reason: str
) -> None:
    """No resource is said to need itself, wherever the failure began."""
    for undone in (EventType.FAILED, EventType.SKIPPED):
        before = Event(undone, samples.step(0, "a", first, Action.REPLACE))
        after = Event(EventType.SKIPPED, samples.step(1, "a", then, Action.REPLACE, 0))
        assert f"skipped  Training.a  {reason}\n" in failure_text([before, after], Style())


def test_a_step_skipped_for_an_interrupt_tells_so() -> None:
    """Where nothing failed, the event's own words are the reason."""
    why = Diagnostic("Not applied", "The apply was interrupted.")
    event = Event(EventType.SKIPPED, samples.CREATED, diagnostics=(why,))
    assert event_text(event, Style()) == "Training.data: Creation skipped: The apply was interrupted"
    assert "skipped  Training.data  The apply was interrupted\n" in failure_text([event], Style())


def test_a_create_waits_for_its_name_only_until_it_has_an_object() -> None:
    """Before, the phase is that of the object that has the name; after, its own."""
    waiting = Event(EventType.WAITING, samples.AWAITING, 2.0, phase="Deleting")
    assert event_text(waiting, Style()) == "Training.heir: Still waiting for its name to be free... [2s, Deleting]"
    starting = Event(EventType.WAITING, samples.AWAITING, 4.0, id=samples.ID, phase="Pending")
    assert event_text(starting, Style()) == "Training.heir: Still creating... [4s, Pending]"


def test_hostile_answers_are_escaped_in_progress() -> None:
    """A server's words and ids reach the terminal escaped."""
    event = Event(EventType.STARTED, samples.CREATED, id="\x1b[2J")
    assert event_text(event, Style()) == "Training.data: Creating... [id=\\x1b[2J]"


@pytest.mark.parametrize(("seconds", "shown"), [(0.9, "0s"), (59, "59s"), (65, "1m5s"), (7203, "2h0m3s")])
def test_durations_read_as_in_terraform(seconds: float, shown: str) -> None:
    """Whole seconds, with minutes and hours where there are any."""
    assert duration(seconds) == shown


def test_one_complaint_about_many_resources_is_told_once() -> None:
    """At one place: the first is named in full, the others are counted; notes are those of the first."""

    def failed(key: str, *diagnostics: Diagnostic) -> Event:
        return Event(EventType.FAILED, samples.step(0, key, Operation.CREATE, Action.CREATE), diagnostics=diagnostics)

    def refused(turn: str, line: int = 3) -> Diagnostic:
        where = Position("manifests/vision.yaml", line)
        return Diagnostic("Refused by policy", "value must be at most 2.", where=where, notes=(f"in turn {turn}",))

    keys = [f"t{number}" for number in range(12)]
    report = failure_text([failed(key, refused(key), refused(key, 5)) for key in keys], Style(width=200))
    assert report.count("error: ") == report.count("error: Training.t0: Refused by policy") == 2
    shortened = "Training.t1, Training.t2, Training.t3, Training.t4, Training.t5 and 6 more"
    assert report.count(f"  note: in turn t0\n  note: the same for 11 more resources: {shortened}\n") == 2
    assert "in turn t1" not in report
    alone = failure_text([failed("a", refused("a")), failed("b", refused("b", 4))], Style())
    assert alone.count("error: ") == 2
    assert "the same for" not in alone
