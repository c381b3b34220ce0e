"""Tells an apply, or a wait after it, as it happens: as live rows, as a calm log, or as a stream of events."""

from __future__ import annotations

import os
import time
from asyncio import CancelledError
from contextlib import AbstractContextManager
from types import TracebackType

from declarative.cli.console import Console
from declarative.cli.live import Every
from declarative.cli.outputs import Stream, timestamp
from declarative.errors import DeclarativeError
from declarative.model.event import Event, EventType
from declarative.view.live import Board, cut_off, frame, heartbeat, interruption
from declarative.view.progress import FINAL, event_text

# Seconds between two signs of life in a log.
HEARTBEAT = 10.0


class Progress:
    """Tells the events of `total` steps, or of as many waits after them, while a block of work in an event loop goes on.

    On a terminal rows show what is at work, and each step leaves a line when it ends. Elsewhere every change of state is a
    line, and a heartbeat says what goes on in between. `unheard` is why they could not be written, should that happen.
    `accepted` are the steps that were done, each with the time, in seconds since the epoch.
    """

    def __init__(self, console: Console, stream: Stream, total: int, *, waits: bool = False) -> None:
        self._console = console
        self._stream = stream
        self._is_live = console.rewrites and not stream.replaces_text
        self._board = Board(total, time.monotonic(), waits=waits)
        self.unheard: DeclarativeError | None = None
        self.accepted: list[tuple[Event, float]] = []

    def __enter__(self) -> Progress:
        self._shown: AbstractContextManager[object] = (
            self._console.live(self._rows) if self._is_live else Every(HEARTBEAT, self._beat)
        )
        self._shown.__enter__()
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._shown.__exit__(type, error, traceback)
        if isinstance(error, (KeyboardInterrupt, CancelledError)) and not self._stream.replaces_text:
            self._console.note(cut_off(self._board, time.monotonic(), self._console.error_style))

    def event(self, event: Event) -> None:
        if event.type is EventType.COMPLETED:
            self.accepted.append((event, time.time()))
        is_news = self._board.hear(event, time.monotonic())
        self._write(event)
        if self._stream.replaces_text:
            return
        if not self._is_live:
            self._console.note(event_text(event, self._console.error_style) if is_news else "")
        elif event.type in FINAL or event.reached:
            style = self._console.error_style
            self._console.note(event_text(event, style, style.width))

    def interrupted(self) -> None:
        self._board.interrupted = True
        self._console.note("\n" + self._console.error_style.yellow(interruption(self._board)))

    def _rows(self, size: os.terminal_size) -> list[str]:
        return frame(self._board, time.monotonic(), size, self._console.error_style)

    def _beat(self) -> None:
        if not self._stream.replaces_text:
            self._console.note(heartbeat(self._board, time.monotonic(), self._console.error_style))

    def _write(self, event: Event) -> None:
        if not self._stream:
            return
        from declarative.view.stream import event_messages

        try:
            self._stream.write(event_messages(event, timestamp()))
        except DeclarativeError as error:
            # What was begun is finished and recorded all the same.
            self.unheard = self.unheard or error
