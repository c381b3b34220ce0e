"""Asks a server of `wire` through a transport."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from declarative.runai.credentials import Credentials
from declarative.runai.transport import Transport
from tests.runai.wire import Asked, Reply, Wire

Answered = TypeVar("Answered")


def asking(
    wire: Wire, credentials: Credentials, call: Callable[[Transport], Awaitable[Answered]], **more: Any
) -> Answered:
    """What a call comes to; `more` goes to the transport."""

    async def asked() -> Answered:
        async with Transport(wire.url, credentials, **more) as transport:
            return await call(transport)

    return asyncio.run(asked())


def in_turn(*replies: Reply | None) -> Callable[[Asked], Reply | None]:
    """Answers one after the other, the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
