"""A wire to a PostgreSQL server that breaks or falls silent when told to, in each way that leaves a writer in doubt."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

SOCKET = ".s.PGSQL.5432"


class Break(StrEnum):
    """What becomes of the next message of a client. All that follows on the same connection comes to nothing."""

    BEFORE = "it never arrives"
    AFTER = "it arrives, and its answer does not"
    VANISHED = "it never arrives, and the server is not told that nobody is there any more"
    LATE = "it arrives after the client has come back"
    SWALLOWED = "it never arrives, and the connection stays"
    UNANSWERED = "it arrives, and nothing comes back, while the connection stays"


class Wire:
    """Passes everything on between sockets in two folders. `next` says how the next messages fail; None lets one pass."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.next: list[Break | None] = []
        self._server = server
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / SOCKET))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server, silent = socket.socket(socket.AF_UNIX), threading.Event()
        with client, server, contextlib.suppress(OSError):
            server.connect(str(self._server / SOCKET))
            back = threading.Thread(target=_pump, args=(server, client, silent), daemon=True)
            back.start()
            while message := client.recv(1 << 20):
                # Only queries count: logging in takes several messages, too.
                how = self.next.pop(0) if self.next and message[:1] in (b"P", b"Q") else None
                if how is None:
                    server.sendall(message)
                    continue
                if how in (Break.SWALLOWED, Break.UNANSWERED):
                    silent.set()
                    if how is Break.UNANSWERED:
                        server.sendall(message)
                    while client.recv(1 << 20):  # until the client gives up
                        pass
                    return
                client.shutdown(socket.SHUT_RDWR)
                if how is Break.LATE:
                    time.sleep(0.4)
                if how in (Break.AFTER, Break.LATE):
                    server.sendall(message)
                    time.sleep(0.2)
                if how is not Break.VANISHED:
                    server.shutdown(socket.SHUT_RDWR)
                return


def _pump(source: socket.socket, target: socket.socket, silent: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while message := source.recv(1 << 20):
            if not silent.is_set():
                target.sendall(message)
        target.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def wired(server: Path) -> Iterator[tuple[Path, Wire]]:
    """A wire to the server whose socket is in `server`, and the folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="wire-", dir="/tmp"))
    wire = Wire(folder, server)
    try:
        yield folder, wire
    finally:
        wire.close()
        shutil.rmtree(folder)
