"""Rows at the bottom of a terminal that are rewritten in place, while lines scroll up above them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TextIO

from declarative.view.text import columns

# Seconds between two frames: often enough for the eye, and seldom enough for thousands of steps.
FRAME = 0.1
# Where a terminal does not say its size, as on some serial lines.
_SIZE = os.terminal_size((80, 24))
_PAINT = re.compile(r"\x1b\[[0-9;]*m")


class Every:
    """Calls something every so many seconds of the running event loop, while the block goes on."""

    def __init__(self, seconds: float, act: Callable[[], None], first: float | None = None) -> None:
        self._seconds = seconds
        self._act = act
        self._first = seconds if first is None else first

    def __enter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(self._first, self._turn)

    def __exit__(self, *ended: object) -> None:
        self._next.cancel()

    def _turn(self) -> None:
        self._next = self._loop.call_later(self._seconds, self._turn)
        self._act()


class Live:
    """The rows of one block of work; `rows` says them for a size of the terminal, each narrower than it.

    The first appear after `after` seconds. The cursor is neither hidden nor left elsewhere: it rests at the beginning of the
    last row, so that whatever ends the process, the terminal is as it was. Every frame is one write, and erases a line
    only after writing it: nothing flickers.
    """

    def __init__(self, stream: TextIO, rows: Callable[[os.terminal_size], list[str]], after: float) -> None:
        self._stream = stream
        self._rows = rows
        self._ticks = Every(FRAME, self.draw, max(after, FRAME))
        self._drawn: list[str] = []
        self._above: list[str] = []
        self._size = _SIZE

    def __enter__(self) -> Live:
        self._ticks.__enter__()
        # After Ctrl-Z a shell has written to the terminal. The event loop would hear of it only after the next frame.
        self._continued = signal.signal(signal.SIGCONT, lambda *_: self._drawn.clear())
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ticks.__exit__()
        signal.signal(signal.SIGCONT, self._continued or signal.SIG_DFL)
        self.clear()

    def above(self, text: str) -> None:
        """Lines that stay; they are written with the next frame."""
        self._above += text.removesuffix("\n").split("\n")

    def draw(self) -> None:
        """The rows as they are now. Nothing is written where nothing has changed."""
        size = self._terminal()
        rows = self._rows(size)
        if self._above or rows != self._drawn or size != self._size:
            last = "\x1b[K\n".join(rows)
            self._write(f"{self._top(size)}{self._lines(size)}{last}\x1b[J\r")
            self._drawn[:], self._size = rows, size

    def clear(self) -> None:
        """Takes the rows away, and writes what is left to be written above them."""
        size = self._terminal()
        erased = f"{self._top(size)}\x1b[J" if self._drawn else ""
        text = erased + "".join(f"{line}\n" for line in self._above)
        self._above.clear()
        self._drawn.clear()
        self._write(text)

    def _terminal(self) -> os.terminal_size:
        """Asked at every frame: windows are resized, and a signal that says so may come late."""
        try:
            found = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return _SIZE
        return found if found.columns and found.lines else _SIZE

    def _top(self, size: os.terminal_size) -> str:
        """Moves to the first of the drawn rows. In a window that is narrower by now, the terminal has wrapped them."""
        up = sum(max(1, -(-_width(row) // size.columns)) for row in self._drawn[:-1])
        return f"\r\x1b[{up}A" if up else "\r"

    def _lines(self, size: os.terminal_size) -> str:
        """What is written above, over the old rows. A line that wraps takes several of them."""
        lines = [
            f"{line}\x1b[K\n"
            if _width(line) < size.columns
            else f"\x1b[J{line}\n"  # erasing in the last column eats it
            for line in self._above
        ]
        self._above.clear()
        return "".join(lines)

    def _write(self, text: str) -> None:
        with suppress(OSError):  # the work goes on where nobody can see it
            self._stream.write(text)
            self._stream.flush()


def _width(text: str) -> int:
    return columns(_PAINT.sub("", text))
