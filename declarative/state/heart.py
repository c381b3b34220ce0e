"""The signs of life of a holder."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from declarative.errors import StateError

# Seconds for which the end waits for a beat that is under way.
PARTING = 1.0


class Heart:
    """Calls `beat` every `interval` seconds, from a thread of its own, until the block ends. `beat` may raise StateError.

    It needs a connection of its own, so that neither a slow write nor a lost connection silences it.
    """

    def __init__(self, beat: Callable[[], None], interval: float) -> None:
        self._beat = beat
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="state-heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        # Not for one that waits for a server that hangs: a late beat finds no lock, and does nothing.
        self._thread.join(PARTING)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            # One that fails is made up for by the next; if none succeeds, the fence keeps the state safe.
            with contextlib.suppress(StateError):
                self._beat()
