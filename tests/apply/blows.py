"""What befalls a command at an exact request: it is killed before or after the request is processed, or interrupted."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tests.apply.stage import Stage, is_create
from tests.forked import Forked
from tests.runai.wire import Asked, Reply


class How(StrEnum):
    UNPROCESSED = "killed before the request is processed"
    PROCESSED = "killed after it"
    # Of what is no create, the same as unprocessed: changes that overtake each other are mended by the next apply.
    LATE = "killed, and a create arrives during the next command"
    INTERRUPTED = "interrupted, and let go on"
    INTERRUPTED_TWICE = "interrupted twice"

    @property
    def kills(self) -> bool:
        return self in (How.UNPROCESSED, How.PROCESSED, How.LATE)


@dataclass(frozen=True)
class Blow:
    """It falls at the `number`-th request from 1, of those that change something unless `reads` count as well."""

    how: How
    number: int
    reads: bool = False


@dataclass
class Blows:
    """Decides what becomes of the requests of one command after the other; to be a stage's `interfere`.

    `late` are creates of killed commands that have not arrived yet: they arrive at the `arrival`-th request of the next.
    `deleted` are the ids that deletes came for.
    """

    stage: Stage
    late: list[Asked] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    arrival: int = 1
    _blow: Blow | None = None
    _due: Sequence[Asked] = ()
    _process: Forked | None = None
    _known: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: int = 0
    _counted: int = 0
    _closed: bool = True

    def arm(self, blow: Blow | None) -> None:
        """From now on requests are those of a new command."""
        self._blow, self._due, self.late = blow, self.late, []
        self._seen = self._counted = 0
        self._known.clear()
        self._closed = False

    def befall(self, process: Forked) -> None:
        """Says which process the command is."""
        self._process = process
        self._known.set()

    def disarm(self) -> None:
        """The command has ended. What it sent is heard, and what was late has arrived."""
        if self._closed:
            time.sleep(0.02)  # what was sent when it was killed is turned away
        self._closed = True
        self.stage.idle()
        self._arrive()

    def __call__(self, asked: Asked) -> Reply | None:
        assert self._known.wait(60)
        with self._lock:
            if self._closed:
                return None
            self._seen += 1
            arrives = self._seen == self.arrival
            self._counted += asked.method != "GET" or (self._blow is not None and self._blow.reads)
            blow = self._blow if self._blow is not None and self._counted == self._blow.number else None
            if blow is not None:
                self._blow = None
        if arrives:
            self._arrive()
        return self._passed(asked) if blow is None else self._struck(asked, blow.how)

    def _arrive(self) -> None:
        due, self._due = self._due, ()
        for one in due:
            self._passed(one)

    def _passed(self, asked: Asked) -> Reply | None:
        if asked.method == "DELETE":
            self.deleted.add(asked.path.rpartition("/")[2])
        return self.stage.passed(asked)

    def _struck(self, asked: Asked, how: How) -> Reply | None:
        assert self._process is not None
        if how.kills:
            if how is How.PROCESSED:
                self._passed(asked)
            elif how is How.LATE and is_create(asked):
                self.late.append(asked)
            self._closed = True
            self._process.kill()
            return None
        for _ in range(2 if how is How.INTERRUPTED_TWICE else 1):
            self._process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        return self._passed(asked)
