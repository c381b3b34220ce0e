"""The commands that are measured, in the order of a project's life. Each has to do its work, by the server's own counts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import goals, manifests
from tests.bench.cost import Cost, measured
from tests.bench.goals import Goal
from tests.bench.served import Served
from tests.cli.tool import COMMAND, environment

PARALLELISM = 10
ALLOWED = ("--auto-approve", "--allow", "disruption", "--allow", "mass-change")


@dataclass(frozen=True, slots=True)
class Work:
    """What a command has to do, and with how many trainings (0: no matter)."""

    what: str
    count: int = 0
    goal: Goal | None = None

    def __str__(self) -> str:
        return f"{self.what}, {self.count:,}" if self.count else self.what


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with manifests of so many trainings, and an empty server."""

    server: Served
    folder: Path
    count: int

    @property
    def manifests(self) -> Path:
        return self.folder / "manifests"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def run(self, *arguments: str) -> Cost:
        given = {
            "DECLARATIVE_CACHE_DIR": str(self.cache),
            "DECLARATIVE_ENDPOINT": self.server.url,
            "DECLARATIVE_TOKEN": "bench",
            "DECLARATIVE_PARALLELISM": str(PARALLELISM),
        }
        self.server.count_anew()
        cost = measured((*COMMAND, *arguments), self.folder, environment(given))
        requests = {kind: int(count["requests"]) for kind, count in self.server.counts().items()}
        return replace(cost, requests=requests)

    def cool(self) -> None:
        """Removes what commands keep to be faster the next time."""
        shutil.rmtree(self.cache, ignore_errors=True)

    def cold_and_warm(self, work: Work, *arguments: str) -> Iterator[tuple[Work, Cost]]:
        """A command without what others have kept, and with it."""
        self.cool()
        for form in ("cold", "warm"):
            yield replace(work, what=f"{work.what}, {form}"), self.run(*arguments)

    def apply(self, plan: str) -> Cost:
        cost = self.run("apply", plan, *ALLOWED)
        assert self.server.trainings() == self.count
        return cost

    def destroy(self) -> Cost:
        cost = self.run("destroy", *ALLOWED)
        assert self.server.trainings() == 0
        assert cost.requests["delete"] == self.count
        return cost


@contextmanager
def project(server: Served, count: int, *, one_file: bool = False) -> Iterator[Project]:
    """A new project that is removed after the block."""
    server.reset()
    server.delay(0)
    with tempfile.TemporaryDirectory() as name:
        made = Project(server, Path(name), count)
        manifests.write(made.manifests, count, one_file)
        yield made


def without_project() -> Iterator[tuple[Work, Cost]]:
    """What only has to start."""
    with tempfile.TemporaryDirectory() as name:
        for option, goal in (("--version", goals.VERSION), ("--help", goals.HELP)):
            yield Work(option, goal=goal), measured((*COMMAND, option), Path(name), environment({}))


def life(server: Served, count: int, latency: float, *, many: bool) -> Iterator[tuple[Work, Cost]]:
    """A project from its first `validate` to its end; with `latency` in ms also the no-op plan at that."""
    with project(server, count) as made:
        yield from made.cold_and_warm(Work("validate", count, None if many else goals.VALIDATE), "validate")
        yield from first(made, many=many)
        yield from again(made, Work("no-op plan", count, goals.NO_OP_MANY if many else goals.NO_OP))
        if latency:
            server.delay(latency)
            yield from again(made, Work(f"no-op plan at {latency:g} ms", count, goals.NO_OP_SLOW))
            server.delay(0)
        yield from one_change(made, goals.ONE_CHANGE if many else None)
        yield Work("destroy", count, None if many else goals.DESTROY), made.destroy()


def in_one_file(server: Served, count: int) -> Iterator[tuple[Work, Cost]]:
    """The no-op plan where all manifests are in one file."""
    with project(server, count, one_file=True) as made:
        for _ in first(made, many=False):
            pass
        yield from again(made, Work("no-op plan, one file", count, goals.NO_OP))


def first(made: Project, *, many: bool) -> Iterator[tuple[Work, Cost]]:
    """The plan while there is nothing, neither here nor there, and its apply."""
    made.cool()
    yield Work("first plan", made.count, None if many else goals.FIRST_PLAN), made.run("plan", "--out", "first.plan")
    applied = made.apply("first.plan")
    assert applied.requests["create"] == made.count
    yield Work("first apply", made.count, None if many else goals.FIRST_APPLY), applied


def again(made: Project, work: Work) -> Iterator[tuple[Work, Cost]]:
    """The plan that finds nothing to do; with other findings its exit code is another."""
    yield from made.cold_and_warm(work, "plan", "--detailed-exitcode")


def one_change(made: Project, goal: Goal | None) -> Iterator[tuple[Work, Cost]]:
    """One training becomes another, which is planned and applied."""
    manifests.change(made.manifests, made.count // 2)
    yield Work("one change, plan", made.count, goal), made.run("plan", "--out", "change.plan")
    applied = made.apply("change.plan")
    assert (applied.requests["create"], applied.requests["delete"]) == (1, 1)
    yield Work("one change, apply", made.count, goal), applied


@dataclass(frozen=True, slots=True)
class Flight:
    """How many writes a command kept in flight, as the server counted from the first of them to the last answer."""

    command: str
    mean: float
    most: float


def in_flight(server: Served, count: int, latency: float) -> Iterator[Flight]:
    """An apply and a destroy whose every call takes `latency` ms."""
    with project(server, count) as made:
        server.delay(latency)
        made.run("apply", *ALLOWED)
        counts = server.counts()["create"]
        yield Flight("apply", counts["mean"], counts["most"])
        made.destroy()
        counts = server.counts()["delete"]
        yield Flight("destroy", counts["mean"], counts["most"])
