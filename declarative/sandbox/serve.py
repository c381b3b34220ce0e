"""Serves the sandbox over HTTP, in the foreground, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from declarative.diagnostics import Diagnostic
from declarative.errors import DeclarativeError
from declarative.sandbox.app import create_app
from declarative.sandbox.faults import Dropped

_SHUTDOWN_SECONDS = 1


def serve(path: Path, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serves the sandbox over the file `path` until SIGINT or SIGTERM; port 0 takes any free port.

    `on_ready` is called once, with the base URL, when requests are answered. Raises DeclarativeError when the address
    cannot be listened on, and ControlPlaneError when the file cannot be used.
    """
    app = create_app(path)
    listener = _listener(host, port)
    try:
        url = _url(host, listener.getsockname()[1])
        config = uvicorn.Config(
            app,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            http=_Connection,
        )
        asyncio.run(_Server(config, lambda: on_ready(url)).serve(sockets=[listener]))
    finally:
        listener.close()
        app.state.store.close()


class _Connection(H11Protocol):
    """A connection that can be closed without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        answering = self.app

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            try:
                await answering(scope, receive, send)
            except Dropped:
                transport.close()
                # Until uvicorn knows of it, it would answer for us.
                while (await receive())["type"] != "http.disconnect":
                    pass

        self.app = answer


class _Server(uvicorn.Server):
    """uvicorn, but it says when it is ready, and a signal ends it without ending the process."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn's own raises the signal again when it is done, which would end the command with an error.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[signal.Signals, Any] = {
            each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _listener(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        raise DeclarativeError(
            Diagnostic(
                "The address cannot be listened on",
                f"{host}:{port}: {os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error}.",
                "choose another `--port` (0 takes any free one), or stop what listens there",
            )
        ) from error
    # Connections inherit it. Without it every answer on a kept connection waits 40 ms for an acknowledgement: asyncio
    # sets it only where the socket's protocol is named, which `create_server` does not do.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(host: str, port: int) -> str:
    """The URL by which a client on this machine reaches the server."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"
