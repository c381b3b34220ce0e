"""The measuring server from the side of who measures: its process, its counts and its speed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tests.bench.server import CONTROL, TRAININGS
from tests.cli.tool import REPOSITORY, environment


@dataclass(frozen=True)
class Served:
    """A server under way."""

    url: str

    def ask(self, method: str, what: str) -> Any:
        with urlopen(Request(f"{self.url}{CONTROL}{what}", method=method), timeout=30) as answer:
            return json.load(answer)

    def reset(self) -> None:
        """Forgets all trainings and counts."""
        self.ask("POST", "reset")

    def count_anew(self) -> None:
        self.ask("DELETE", "counts")

    def delay(self, milliseconds: float) -> None:
        """Answers no sooner than after so many milliseconds."""
        self.ask("POST", f"latency?{milliseconds}")

    def trainings(self) -> int:
        """How many there are."""
        return int(self.ask("GET", "counts")["trainings"])

    def counts(self) -> dict[str, dict[str, float]]:
        """By kind of request: `requests`, and in flight `mean` and `most`."""
        found: dict[str, dict[str, float]] = self.ask("GET", "counts")["counts"]
        return found

    def rate(self, connections: int = 10, seconds: float = 0.5) -> float:
        """Reads that it answers in a second, when each connection asks as soon as it was answered."""
        where = urlsplit(self.url)
        sockets = [socket.create_connection((where.hostname, where.port)) for _ in range(connections)]
        request = f"GET {TRAININGS}/none HTTP/1.1\r\nhost: {where.netloc}\r\n\r\n".encode()
        answered, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            for one in sockets:
                one.sendall(request)
            for one in sockets:
                one.recv(4096)
            answered += connections
        took = time.perf_counter() - began
        for one in sockets:
            one.close()
        return answered / took


@contextmanager
def served() -> Iterator[Served]:
    """A server in a process of its own, until the block ends."""
    command = (sys.executable, "-m", "tests.bench.server")
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment({}), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield Served(process.stdout.readline().strip())
        finally:
            process.terminate()
