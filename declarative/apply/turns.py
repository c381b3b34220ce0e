"""Which steps are at work."""

from __future__ import annotations

import asyncio


class Turn:
    """The right of a step to be at work, one of so many at a time; it may end before its step does."""

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns = turns
        self._is_over = False

    def end(self) -> None:
        """Gives the turn to another step."""
        if not self._is_over:
            self._is_over = True
            self._turns.release()

    async def __aenter__(self) -> Turn:
        await self._turns.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()
