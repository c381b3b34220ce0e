"""The embedded control plane without a network: the same application, reached through httpx."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from declarative.sandbox.app import create_app
from declarative.sandbox.faults import Dropped

STATIC_TOKEN = "sandbox"  # noqa: S105 (everybody knows it: it is documented)


class InProcess(httpx.ASGITransport):
    """A transport to the control plane whose storage is the file `path`, which it closes when it is closed."""

    def __init__(self, path: Path) -> None:
        self._application = create_app(path)
        super().__init__(app=self._application)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # Nothing here ever waits, so the event loop would see no signal until all calls are over: let it look.
        await asyncio.sleep(0)
        try:
            return await super().handle_async_request(request)
        except Dropped:
            told = "Server disconnected without sending a response."
            raise httpx.RemoteProtocolError(told, request=request) from None

    async def aclose(self) -> None:
        await super().aclose()
        self._application.state.store.close()
