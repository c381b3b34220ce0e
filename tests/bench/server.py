"""A control plane for measuring: trainings in memory, and counts of what was asked. `python -m tests.bench.server`.

It answers creates, reads and deletes of trainings and the list of workloads, and 404 to everything else. Any token will do.
A training runs as soon as it was created and is gone as soon as it was deleted, so that nothing but calls is waited for.
It answers as fast as plain asyncio can: `rate` of tests.bench.served says how fast that is.

`GET /_bench/counts` tells the counts by kind of request, `DELETE /_bench/counts` begins to count anew, `POST /_bench/reset`
forgets the trainings, too, and `POST /_bench/latency?20` answers from now on no sooner than after 20 ms.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

WORKLOADS = "/api/v1/workloads"
TRAININGS = f"{WORKLOADS}/trainings"
CONTROL = "/_bench/"
LARGEST_PAGE = 500
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found"}


@dataclass
class Count:
    """Requests of one kind: how many, how many at once at most, and the seconds of all of them from first to last."""

    requests: int = 0
    most: int = 0
    busy: int = 0
    began: float = 0.0
    ended: float = 0.0
    seconds: float = 0.0

    def begin(self) -> float:
        """The time of one that begins."""
        now = time.perf_counter()
        self.began = self.began or now
        self.requests += 1
        self.busy += 1
        self.most = max(self.most, self.busy)
        return now

    def end(self, began: float) -> None:
        self.ended = time.perf_counter()
        self.busy -= 1
        self.seconds += self.ended - began

    def told(self) -> dict[str, float]:
        """`mean` is how many were in flight from the first request to the last answer."""
        lasted = self.ended - self.began
        return {"requests": self.requests, "most": self.most, "mean": self.seconds / lasted if lasted > 0 else 0.0}


@dataclass
class Plane:
    """All trainings, as JSON by id: whole, and as a row of the list. Both stay in the order of creation."""

    trainings: dict[str, bytes] = field(default_factory=dict)
    rows: dict[str, bytes] = field(default_factory=dict)
    counts: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    latency: float = 0.0  # seconds

    def kind(self, method: str, path: str) -> str:
        """What a request is counted as."""
        if path == WORKLOADS and method == "GET":
            return "list"
        if path == TRAININGS and method == "POST":
            return "create"
        if path.startswith(f"{TRAININGS}/"):
            return {"GET": "read", "DELETE": "delete"}.get(method, "unknown")
        return "unknown"

    def answer(self, kind: str, path: str, query: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of an answer."""
        if kind == "list":
            return self.listed(dict(parse_qsl(query)))
        if kind == "create":
            return self.create(body)
        named = path.rpartition("/")[2]
        if kind == "read" and named in self.trainings:
            return 200, self.trainings[named]
        if kind == "delete" and named in self.trainings:
            del self.trainings[named], self.rows[named]
            return 202, message(202, "The training is being deleted")
        return 404, message(404, "There is no such thing here")

    def create(self, body: bytes) -> tuple[int, bytes]:
        """Makes a training of a request, whose own text becomes the end of the answer."""
        asked = json.loads(body)
        made, now = str(uuid.uuid4()), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        common = {"name": asked["name"], "projectId": asked["projectId"], "clusterId": asked["clusterId"]}
        common |= {"createdAt": now, "deletedAt": None}
        row = {**common, "id": made, "type": "Training", "phase": "Running", "phaseUpdatedAt": now}
        added = {
            "requestedName": asked["name"],
            "workloadId": made,
            "departmentId": "1",
            "createdBy": "bench@example.com",
        }
        added |= {"createdAt": now, "deletedAt": None, "desiredPhase": "Running", "actualPhase": "Running"}
        self.rows[made] = encoded(row)
        self.trainings[made] = encoded(added)[:-1] + b"," + body.lstrip()[1:]
        return 202, self.trainings[made]

    def listed(self, asked: dict[str, str]) -> tuple[int, bytes]:
        """A page of the trainings, which are there and the only workloads: oldest first, whatever the order asked for."""
        terms = asked.get("filterBy", "type==Training").split(",")
        nothing = asked.get("deleted") == "true" or "type!=Training" in terms
        if not nothing and terms != ["type==Training"]:
            return 400, message(400, "This server filters by type alone")
        offset, limit = int(asked.get("offset", 0)), min(int(asked.get("limit", 50)), LARGEST_PAGE)
        rows = [] if nothing else list(islice(self.rows.values(), offset, offset + limit + 1))
        following = b',"next":%d' % (offset + limit) if len(rows) > limit else b""
        return 200, b'{"workloads":[' + b",".join(rows[:limit]) + b"]" + following + b"}"

    def control(self, method: str, path: str, query: str) -> tuple[int, bytes]:
        """What the measuring side asks; neither counted nor delayed."""
        what = path.removeprefix(CONTROL)
        if what == "latency":
            self.latency = float(query) / 1000
        elif what == "reset":
            self.trainings.clear()
            self.rows.clear()
        if what == "reset" or method == "DELETE":
            self.counts.clear()
        counts = {kind: count.told() for kind, count in self.counts.items()}
        return 200, encoded({"trainings": len(self.trainings), "counts": counts})


def encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def message(status: int, text: str) -> bytes:
    return encoded({"code": status, "message": text})


class Connection(asyncio.Protocol):
    """One connection that is kept; its requests are answered in turn."""

    transport: asyncio.Transport

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.buffer = b""
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.proceed()

    def proceed(self) -> None:
        """Takes up what has come, as far as it is whole, until one has to wait for its answer."""
        while not self.waiting:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            length = int(found[1]) if (found := _LENGTH.search(head)) else 0
            if not end or len(rest) < length:
                return
            self.buffer = rest[length:]
            method, target, _ = head.partition(b"\r\n")[0].decode().split(" ")
            path, _, query = target.partition("?")
            self.take(method, path, query, rest[:length])

    def take(self, method: str, path: str, query: str, body: bytes) -> None:
        """Answers a request, now or when the latency is over."""
        if path.startswith(CONTROL):
            self.send(*self.plane.control(method, path, query))
            return
        kind = self.plane.kind(method, path)
        count = self.plane.counts[kind]
        began = count.begin()
        status, answer = self.plane.answer(kind, path, query, body)
        if not self.plane.latency:
            count.end(began)
            self.send(status, answer)
            return
        self.waiting = True
        asyncio.get_running_loop().call_later(self.plane.latency, self.late, count, began, status, answer)

    def late(self, count: Count, began: float, status: int, answer: bytes) -> None:
        """Sends an answer that had to wait."""
        self.waiting = False
        count.end(began)
        self.send(status, answer)
        self.proceed()

    def send(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        self.transport.write(head.encode() + b"\r\n\r\n" + body)


async def serve() -> None:
    """Serves on a free port of the loopback address until the process is ended, and says where."""
    plane = Plane()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(plane), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
