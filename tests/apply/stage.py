"""A project in a folder, a sandbox in a process of its own, and between them a server that can interfere."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace

from declarative.manifest.project import DEFAULT_STATE
from declarative.plan.settle import LANDING
from declarative.state.opening import open_store
from declarative.state.store import Holder, Store
from tests.cli.tool import Tool, documents, until
from tests.forked import sandbox
from tests.postgres import PostgresServer
from tests.runai.wire import Asked, Reply, Wire, forward, wired

WORKLOADS = "/api/v1/workloads"
TEMPLATES = "/api/v1/asset/workload-template"
TRAININGS = f"{WORKLOADS}/trainings"


# The faults that strike before a request is processed.
UNPROCESSED = ("dropped", "unavailable", "throttled")
NO_FAULTS = dict.fromkeys((*UNPROCESSED, "lost", "failed", "latencyMilliseconds"), 0)
STATES = ("SQLite", "PostgreSQL")


@dataclass(frozen=True)
class Day:
    """What befalls requests: `faults` of the sandbox, and `lifetime`, the seconds after which a token expires."""

    answers: str
    faults: Mapping[str, Any]
    lifetime: int = 3600

    def __str__(self) -> str:
        return self.answers


CALM = Day("all", {"latencyMilliseconds": [0, 5]})
# A fifth of all answers is lost after the request was processed, those to reads included.
LOST = Day("20 % lost", {**CALM.faults, "lost": 0.2})
# To try again is allowed at once: pauses between two attempts would be most of an apply, and a kill would hit little else.
BAD = Day("bad day", {**CALM.faults, "unavailable": 0.3, "retryAfterSeconds": 0, "lost": 0.15}, lifetime=3)
DAYS = (CALM, LOST, BAD)


class Hold:
    """Holds requests up until it is let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.released.wait(60)


@dataclass
class Stage:
    """`interfere` decides what becomes of a request: it may answer itself, or ask `passed` what the sandbox answers."""

    tool: Tool
    url: str
    wire: Wire
    interfere: Callable[[Asked], Reply | None] = field(init=False)

    def __post_init__(self) -> None:
        self.interfere = self.passed

    def passed(self, asked: Asked) -> Reply | None:
        return forward(self.url, asked)

    def write(self, *manifests: str) -> None:
        self.tool.write({"manifests/all.yaml": documents(*manifests)})

    def get(self, path: str) -> Any:
        # Without certificates, whose reading would take longer than the request.
        signed_in = {"Authorization": "Bearer sandbox"}
        return httpx.get(f"{self.url}{path}", headers=signed_in, verify=False).raise_for_status().json()

    def settings(self, **given: Any) -> None:
        httpx.patch(f"{self.url}/_sandbox/settings", json=given, verify=False).raise_for_status()

    def begin(self, day: Day, seed: int) -> None:
        """From now on, requests fare as on that day; with the same seed, in the same way."""
        self.settings(tokenLifetimeSeconds=day.lifetime, faults={**day.faults, "seed": seed})

    def live(self) -> Counter[str]:
        """How many objects of each name there are at the sandbox itself."""
        rows = [row["name"] for row in self.get(f"{WORKLOADS}?limit=500")["workloads"] if row["phase"] != "Deleting"]
        return Counter([*rows, *(entry["meta"]["name"] for entry in self.get(TEMPLATES)["entries"])])

    def live_ids(self) -> set[str]:
        rows = {row["id"] for row in self.get(f"{WORKLOADS}?limit=500")["workloads"] if row["phase"] != "Deleting"}
        return rows | {entry["meta"]["id"] for entry in self.get(TEMPLATES)["entries"]}

    def recorded_ids(self) -> set[str]:
        """The ids that the state owns."""
        return {entry["id"] for entry in json.loads(self.tool.run("show", "--json").out)}

    def is_whole(self, *names: str) -> None:
        """The sandbox has just these objects, the state owns just them, and there is nothing left to do."""
        assert self.live() == Counter(names)
        assert self.recorded_ids() == self.live_ids()
        self.tool.plan_is_empty()

    def creates(self) -> int:
        """How many creates were sent."""
        return sum(one.method == "POST" and one.path in (TRAININGS, TEMPLATES) for one in self.wire.asked)

    def processed(self) -> int:
        """How many creates the server carried out or refused, by its own count."""
        told = httpx.get(f"{self.url}/_sandbox/requests", verify=False).json()["requests"]
        creates = [one for one in told if one["method"] == "POST" and one["path"] in (TRAININGS, TEMPLATES)]
        return sum(one["count"] - sum(one["faults"].get(name, 0) for name in UNPROCESSED) for one in creates)

    def never_sent_blindly(self) -> None:
        """Between two equal creates somebody always looked what became of the first."""
        unseen: set[bytes] = set()
        for one in self.wire.asked:
            if is_create(one):
                assert one.body not in unseen, created_name(one)
                unseen.add(one.body)
            elif one.method == "GET" and one.path in (WORKLOADS, TEMPLATES):
                unseen.clear()

    def idle(self) -> None:
        """Waits until the sandbox has heard all that was sent."""
        until(lambda: self.wire.busy == 0)

    def store(self) -> Store:
        """The state that the tool works with."""
        return open_store(self.tool.environ.get("DECLARATIVE_STATE", DEFAULT_STATE), self.tool.folder)

    def landed(self) -> None:
        """Lets the time pass in which a lost request may still arrive, once all that was sent has been heard."""
        self.idle()
        store = self.store()
        with store.lock(Holder.current("test"), 30) as lease:
            for record in store.load().records:
                if record.intent:
                    lease.write(replace(record, intent=replace(record.intent, since=record.intent.since - LANDING)))


@contextmanager
def staged(folder: Path, **environ: str) -> Iterator[Stage]:
    """A stage whose phases take no time, and whose tool works over HTTP through the server in between."""
    stage: Stage
    with sandbox(folder / "plane" / "sandbox.sqlite3") as url, wired(lambda asked: stage.interfere(asked)) as wire:  # noqa: PLW0108 - it changes
        project = folder / "project"
        project.mkdir()
        environ = {"DECLARATIVE_ENDPOINT": wire.url, "DECLARATIVE_TOKEN": "sandbox", **environ}
        stage = Stage(Tool(project, environ), url, wire)
        stage.settings(speed="instant")
        yield stage


@contextmanager
def direct(folder: Path, **environ: str) -> Iterator[Stage]:
    """A stage without anything in between: what befalls requests is up to the sandbox's faults."""
    with sandbox(folder / "plane" / "sandbox.sqlite3") as url:
        project = folder / "project"
        project.mkdir()
        signed_in = {"DECLARATIVE_CLIENT_ID": "sandbox", "DECLARATIVE_CLIENT_SECRET": "sandbox"}
        stage = Stage(Tool(project, {"DECLARATIVE_ENDPOINT": url, **signed_in, **environ}), url, Wire(lambda _: None))
        stage.settings(speed="instant")
        yield stage


def kept_in(state: str, server: PostgresServer) -> dict[str, str]:
    """The environment in which the tool keeps its state there: in its folder, or in a schema that nobody else has."""
    return {"DECLARATIVE_STATE": server.url()} if state == "PostgreSQL" else {}


def is_create(asked: Asked) -> bool:
    return asked.method == "POST" and asked.path in (TRAININGS, TEMPLATES)


def created_name(asked: Asked) -> str:
    body = asked.json
    return str(body["name"] if "name" in body else body["meta"]["name"])
