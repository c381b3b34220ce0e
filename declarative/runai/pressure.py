"""How many requests may be in flight: fewer while the control plane asks for it, and more again when it no longer does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# 429 and 503: the control plane says that it is asked for too much.
TOO_MUCH = (429, 503)


class Turn:
    """The right to one request. `answered` says how it was answered; one without an answer tells nothing."""

    __slots__ = ("cuts", "status")

    def __init__(self, cuts: int) -> None:
        self.cuts = cuts
        self.status: int | None = None

    def answered(self, status: int) -> None:
        self.status = status


class Pressure:
    """The limit that all requests to one control plane share, from 1 to `most`.

    The rule is that of TCP: an answer that says too much (429, 503) halves the limit, any other answer adds one over the
    limit, so that a whole round of good answers raises it by one. What was under way when the limit was halved does not
    halve it again: those requests were sent under the old one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._busy = 0
        # How often the limit was halved; it tells requests from before and after.
        self._cuts = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return int(self._limit)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Waits until one more request may be in flight; first come, first served."""
        await self._enter()
        turn = Turn(self._cuts)
        try:
            yield turn
        finally:
            self._heed(turn)
            self._leave()

    def _heed(self, turn: Turn) -> None:
        if turn.status is None:
            return
        if turn.status not in TOO_MUCH:
            self._limit = min(self._limit + 1 / self._limit, self._most)
        elif turn.cuts == self._cuts:
            self._limit = max(self._limit / 2, 1.0)
            self._cuts += 1

    async def _enter(self) -> None:
        if self._busy < self.limit and not self._waiting:
            self._busy += 1
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # it had its turn already, and passes it on
                self._leave()
            raise

    def _leave(self) -> None:
        self._busy -= 1
        while self._waiting and self._busy < self.limit:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._busy += 1
                waiter.set_result(None)
