"""The words of an apply that scripts rely on, and the counts behind them."""

from __future__ import annotations

import re

import pytest

from declarative.diagnostics import Diagnostic
from declarative.model.address import Address
from declarative.model.event import Event, EventType
from declarative.model.plan import Action, Step
from declarative.model.position import Position
from declarative.model.record import Operation
from declarative.view.failure import failure_text
from declarative.view.live import Board, cut_off, frame, heartbeat
from declarative.view.progress import apply_summary, destroy_summary, event_message, event_text, tally
from declarative.view.style import Style
from declarative.view.text import columns, duration
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
    """No combination of event and operation is left without words, even where the step knows no change."""
    event = Event(type, Step(0, samples.training("a"), operation))
    line = event_text(event, Style())
    assert re.match(r"\w", event_message(event))
    at_once = type is EventType.STARTED and operation in (Operation.ADOPT, Operation.FORGET)
    if at_once or type is EventType.SKIPPED:
        assert line == ""  # one line tells of it, when it is done or in the report at the end
    else:
        assert re.match(r"Training\.a: \w", line)


def test_the_failure_report_tells_root_causes() -> None:
    """A skipped step names the failure at the root, not the skipped step between."""
    report = failure_text(samples.EVENTS, Style())
    assert "skipped  Training.report  needs Training.bert, which failed\n" in report


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
    assert event_message(event) == "Creation skipped: The apply was interrupted"
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


def at_work(total: int, running: int, *, done: int = 0, phase: str | None = None) -> Board:
    """An apply of `total` steps that began at 0: `done` of them are done, and `running` have begun, a second apart."""
    board = Board(total, 0)
    for index in range(done + running):
        step = samples.step(index, f"run-{index:02}", Operation.CREATE, Action.CREATE)
        board.hear(Event(EventType.STARTED, step), index)
        if index < done:
            board.hear(Event(EventType.COMPLETED, step, 1.0, id=samples.ID), index)
        elif phase:
            board.hear(Event(EventType.WAITING, step, 0, phase=phase), index)
    return board


def test_rows_tell_what_runs_and_how_long_and_the_last_one_sums_up() -> None:
    board = at_work(4, 2, done=1)
    board.hear(Event(EventType.WAITING, samples.DESTROYED, 65.0, phase="Deleting"), 70)
    assert frame(board, 72, (80, 24), Style()) == [
        "  - Training.bert      1m7s  destroying (Deleting)",
        "  + Training.run-02   1m10s  creating",
        "1 of 4 done, 2 running, 1 waiting  [1m12s]",
    ]


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (50, 24), (30, 12), (20, 6), (20, 2)])
def test_rows_take_half_the_screen_at_most_and_never_its_last_column(size: tuple[int, int]) -> None:
    """Those that began first are shown, and the others are counted."""
    rows = frame(at_work(50, 30, phase="Initializing"), 100, size, Style())
    assert len(rows) <= max(size[1] // 2, 2)
    assert all(columns(row) < size[0] for row in rows)
    shown = [row for row in rows if row.startswith("  +")]
    assert (f"and {30 - len(shown)} more" if shown else "30 at work") in rows[-2]


def test_what_fits_is_shown_without_a_count_of_others() -> None:
    rows = frame(at_work(50, 11), 20, (80, 24), Style())
    assert len(rows) == 12
    assert "more" not in rows[-2]


def test_a_time_left_is_told_only_where_the_rate_says_something() -> None:
    """After some share is done, not at the start, not for the last ones, not when it stops, never for phases."""
    assert at_work(100, 5, done=20).seconds_left(10) == 40
    assert frame(at_work(100, 5, done=20), 10, (80, 24), Style())[-1].endswith("[10s, about 40s left]")
    assert at_work(100, 5, done=20).seconds_left(1) is None
    assert at_work(100, 5, done=9).seconds_left(10) is None
    assert at_work(1000, 5, done=20).seconds_left(10) is None
    assert at_work(25, 5, done=20).seconds_left(10) is None
    assert at_work(100, 5, done=20, phase="Pending").seconds_left(10) is None
    stopping = at_work(100, 5, done=20)
    stopping.interrupted = True
    assert stopping.seconds_left(10) is None
    assert frame(stopping, 10, (80, 24), Style())[-1] == "20 of 100 done, 5 running, 75 not begun  [10s, interrupted]"


def test_only_a_change_of_state_is_news() -> None:
    """A log gets a line for a new phase, none for another sign of life."""
    board = Board(2, 0)
    assert board.hear(Event(EventType.STARTED, samples.CREATED), 0)
    assert not board.hear(Event(EventType.WAITING, samples.CREATED, 2), 2)
    assert board.hear(Event(EventType.WAITING, samples.CREATED, 4, phase="Pending"), 4)
    assert not board.hear(Event(EventType.WAITING, samples.CREATED, 6, phase="Pending"), 6)
    assert board.hear(Event(EventType.COMPLETED, samples.CREATED, 7), 7)
    assert heartbeat(board, 8, Style()) == ""


def test_a_heartbeat_names_the_longest_at_work_first_and_counts_the_others() -> None:
    board = at_work(20, 7, done=2, phase="Pending")
    assert heartbeat(board, 42, Style()) == (
        "Still 7 at work, 2 of 20 done: Training.run-02 (Pending, 40s), Training.run-03 (Pending, 39s), "
        "Training.run-04 (Pending, 38s), Training.run-05 (Pending, 37s), Training.run-06 (Pending, 36s) and 2 more"
    )


def test_waits_are_counted_as_there_or_on_their_way() -> None:
    """Also before the first look; their rows say from which phase to which."""
    board = Board(3, 0, waits=True)
    assert frame(board, 1, (80, 24), Style()) == ["0 of 3 there, 3 on their way  [1s]"]
    for event in samples.WAITS[:3]:
        board.hear(event, 70)
    board.hear(Event(EventType.WAITING, samples.RECREATED, 5, id=samples.ID, phase="Pending", goal="Running"), 70)
    rows = frame(board, 72, (80, 24), Style(unicode=False))
    assert rows[-1] == "1 of 3 there, 2 on their way  [1m12s]"
    assert rows[1].endswith("7s  Pending -> Running")
    assert heartbeat(board, 72, Style()).startswith("Still 2 on their way, 1 of 3 there: Training.")
    assert cut_off(board, 72, Style()) == ""


def test_an_id_is_left_out_rather_than_wrapped() -> None:
    event = Event(EventType.COMPLETED, samples.CREATED, 1, id=samples.ID)
    assert event_text(event, Style(), 90) == f"Training.data: Creation complete after 1s [id={samples.ID}]"
    assert event_text(event, Style(), 70) == "Training.data: Creation complete after 1s"


def test_hostile_names_and_phases_are_escaped_in_rows_and_heartbeats() -> None:
    board = Board(1, 0)
    step = Step(0, Address("Training", "a\x1b[2J"), Operation.DELETE)
    board.hear(Event(EventType.WAITING, step, 2, phase="P\x07\n"), 2)
    for text in (*frame(board, 3, (80, 24), Style()), heartbeat(board, 3, Style()), cut_off(board, 3, Style())):
        assert text.isprintable()
