"""What an apply is at, right now: as rows for a terminal, and as one line for a log."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from declarative.model.event import Event, EventType
from declarative.model.record import Operation
from declarative.plan.guard import some
from declarative.view.fields import marked
from declarative.view.progress import FINAL, doing
from declarative.view.style import Style
from declarative.view.text import columns, counted, duration, head_of, shorten, wrapped

_MARKS = {
    Operation.CREATE: "+",
    Operation.UPDATE: "~",
    Operation.SUSPEND: "~",
    Operation.RESUME: "~",
    Operation.DELETE: "-",
    Operation.FORGET: ".",
    Operation.ADOPT: "=",
}
# What a row needs beside the address, in columns.
_BESIDE = 40
# From when on a rate says something: so many steps done, which share of all, and after how many seconds.
_SAMPLE, _SHARE, _SECONDS = 10, 0.1, 5.0


class Row(Struct, frozen=True):
    """A step at work, or an object that is waited for: what was last heard of it, and when it began."""

    event: Event
    began: float


class Board:
    """Keeps count of `total` steps of an apply or, where it `waits`, of `total` objects that are on their way after it.

    `now` is in seconds, of any one clock that only goes forward.
    """

    def __init__(self, total: int, now: float, *, waits: bool = False) -> None:
        self.total = total
        self.waits = waits
        self.began = now
        self.rows: dict[int, Row] = {}
        self.ended = Counter[EventType]()
        self.interrupted = False
        # Of all addresses so far, so that columns do not move with every step.
        self.widest = 0

    def hear(self, event: Event, now: float) -> bool:
        """Takes an event in. False where it only says that things go on as they did."""
        before = self.rows.get(event.step.index)
        if event.type in FINAL or event.reached:
            self.rows.pop(event.step.index, None)
            self.ended[EventType.COMPLETED if event.reached else event.type] += 1
            return True
        self.rows[event.step.index] = Row(event, now - event.elapsed)
        self.widest = max(self.widest, columns(str(event.step.address)))
        return before is None or before.event.phase != event.phase

    @property
    def waiting(self) -> int:
        """How many have not begun."""
        return self.total - len(self.rows) - self.ended.total()

    def seconds_left(self, now: float) -> float | None:
        """By the rate so far; None where that would be a guess: early, for the last ones, or while phases are waited for."""
        if self.waits or self.interrupted or not self.waiting:
            return None
        worked = self.ended[EventType.COMPLETED] + self.ended[EventType.FAILED]
        elapsed = now - self.began
        if worked < max(_SAMPLE, self.total * _SHARE) or elapsed < _SECONDS:
            return None
        if any(row.event.phase for row in self.rows.values()):
            return None
        return (self.total - self.ended.total()) * elapsed / worked


def frame(board: Board, now: float, size: tuple[int, int], style: Style) -> list[str]:
    """The rows and, last, the summary, for a screen of `size` (columns, lines).

    They take half the screen at most, so that what is done stays in sight, and never its last column.
    """
    width, most = size[0] - 1, max(size[1] // 2, 2) - 1
    rows = list(board.rows.values())
    shown = rows if len(rows) <= most else rows[: most - 1]
    pad = min(board.widest, max(width - _BESIDE, width // 3, 12))
    lines = [_row(row, now, pad, width, style) for row in shown]
    if len(shown) < len(rows):
        more = f"and {len(rows) - len(shown)} more" if shown else f"{len(rows)} at work"
        lines.append(style.dim(head_of(f"  {more}", width)))
    return [*lines, _summary(board, now, width, style)]


def heartbeat(board: Board, now: float, style: Style) -> str:
    """How many are at work and which, those that began first before others; "" where none is."""
    if not board.rows:
        return ""
    done = board.ended[EventType.COMPLETED]
    if board.waits:
        head = f"Still {len(board.rows)} on their way, {done} of {board.total} there"
    else:
        head = f"Still {len(board.rows)} at work, {done} of {board.total} done"
    return style.safe(f"{head}: {_named(board, now)}")


def cut_off(board: Board, now: float, style: Style) -> str:
    """What was under way when everything was stopped at once; "" where nothing was."""
    if not board.rows or board.waits:
        return ""
    lines = wrapped(style.safe(f"Stopped at once, with these under way: {_named(board, now)}."), style)
    return "\n".join(style.yellow(line) for line in lines)


def interruption(board: Board) -> str:
    """What becomes of an apply after the first Ctrl-C."""
    if not board.rows:
        return "Interrupted: no further step begins."
    steps = counted(len(board.rows), "running step")
    return f"Interrupted: finishing {steps}. Ctrl-C again to stop at once."


def _named(board: Board, now: float) -> str:
    rows = sorted(board.rows.values(), key=lambda row: row.began)
    return some(f"{row.event.step.address} ({_facts(row, now)})" for row in rows)


def _facts(row: Row, now: float) -> str:
    elapsed = duration(now - row.began)
    return f"{row.event.phase}, {elapsed}" if row.event.phase else elapsed


def _row(row: Row, now: float, pad: int, width: int, style: Style) -> str:
    event = row.event
    address = shorten(style.safe(str(event.step.address)), pad, style)
    gap = " " * (pad - columns(address))
    facts = f"  {duration(now - row.began):>6}  {style.safe(_doing(event, style))}"
    room = width - 4 - pad
    return f"  {marked(_MARKS[event.step.operation], style)} {address}{gap}{head_of(facts, room)}"


def _doing(event: Event, style: Style) -> str:
    if event.goal and event.phase:
        return f"{event.phase} {style.arrow} {event.goal}"
    return f"{doing(event)} ({event.phase})" if event.phase else doing(event)


def _summary(board: Board, now: float, width: int, style: Style) -> str:
    ended = board.ended
    if board.waits:
        counts = [f"{ended[EventType.COMPLETED]} of {board.total} there", f"{board.total - ended.total()} on their way"]
    else:
        left = "not begun" if board.interrupted else "waiting"
        counts = [f"{ended[EventType.COMPLETED]} of {board.total} done", f"{len(board.rows)} running"]
        counts += [f"{board.waiting} {left}"] if board.waiting else []
    failed, skipped = ended[EventType.FAILED], ended[EventType.SKIPPED]
    counts += [f"{number} {word}" for number, word in ((failed, "failed"), (skipped, "skipped")) if number]
    text = head_of(f"{', '.join(counts)}  [{_times(board, now)}]", width)
    return style.red(text) if failed else style.bold(text)


def _times(board: Board, now: float) -> str:
    elapsed, left = duration(now - board.began), board.seconds_left(now)
    if board.interrupted:
        return f"{elapsed}, interrupted"
    return elapsed if left is None else f"{elapsed}, about {duration(_rounded(left))} left"


def _rounded(seconds: float) -> float:
    """To what the eye takes in, upwards: five seconds, or ten of more than a minute."""
    step = 10 if seconds > 60 else 5
    return -(-seconds // step) * step
