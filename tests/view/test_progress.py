"""The words of an apply that scripts rely on, and the counts behind them."""

from __future__ import annotations

import pytest

from declarative.model.event import Event, EventType
from declarative.model.plan import Action, Step
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
    assert tally([Event(EventType.STARTED, steps[0]), *events, failed]) == (1, 1, 1)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("type", EventType)
def test_every_event_has_words(operation: Operation, type: EventType) -> None:
    """No combination of event and operation is left without a line, even where the step knows no change."""
    line = event_text(Event(type, Step(0, samples.training("a"), operation)), Style())
    assert line.startswith("Training.a: ")
    assert len(line) > len("Training.a: ")


def test_the_failure_report_tells_root_causes() -> None:
    """A skipped step names the failure at the root, not the skipped step between."""
    report = failure_text(samples.EVENTS, Style())
    assert "skipped  Training.report   needs Training.bert\n" in report


def test_hostile_answers_are_escaped_in_progress() -> None:
    """A server's words and ids reach the terminal escaped."""
    event = Event(EventType.STARTED, samples.CREATED, id="\x1b[2J")
    assert event_text(event, Style()) == "Training.data: Creating... [id=\\x1b[2J]"


@pytest.mark.parametrize(("seconds", "shown"), [(0.9, "0s"), (59, "59s"), (65, "1m5s"), (7203, "2h0m3s")])
def test_durations_read_as_in_terraform(seconds: float, shown: str) -> None:
    """Whole seconds, with minutes and hours where there are any."""
    assert duration(seconds) == shown
