"""A real HTTP server whose answers a function gives; and the same, passing requests on to another server."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Reply:
    """An answer; `body` is JSON unless it is bytes."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answering = Callable[[Asked], Reply | None]


@dataclass
class Wire:
    """A server under way. `asked` are the requests so far, `busy` those that are not answered yet."""

    answer: Answering
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    busy: int = 0
    busiest: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, method: str) -> int:
        return sum(one.method == method for one in self.asked)

    def exchange(self, asked: Asked) -> Reply | None:
        with self.lock:
            self.asked.append(asked)
            self.busy += 1
            self.busiest = max(self.busy, self.busiest)
        try:
            return self.answer(asked)
        finally:
            with self.lock:
                self.busy -= 1


@contextmanager
def wired(answer: Answering, certificate: Path | None = None) -> Iterator[Wire]:
    """Serves until the block ends, over TLS with a `certificate` and its key. An answer of None closes the connection."""
    wire = Wire(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, TimeoutError, ssl.SSLError):  # the client was killed, or does not trust us
                self.close_connection = True

        def respond(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:  # the client was killed while it asked
                self.close_connection = True
                return
            reply = wire.exchange(Asked(self.command, self.path, dict(self.headers), body))
            if reply is None:
                self.close_connection = True
                return
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            kind = {} if isinstance(reply.body, bytes) else {"Content-Type": "application/json"}
            self.send_response(reply.status)
            for name, value in {**kind, **reply.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A test sees what became of the client."""

    server = Server(("127.0.0.1", 0), Handler)
    wire.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # The handshake is for the thread of the connection: one that fails must not stop the server.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()


def forward(url: str, asked: Asked) -> Reply | None:
    """What the server at `url` answers; None where it does not answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        headers = {name: value for name, value in asked.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(asked.method, asked.target, asked.body or None, headers)
        answer = connection.getresponse()
        return Reply(answer.status, answer.read(), {"Content-Type": answer.headers.get("Content-Type", "")})
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
