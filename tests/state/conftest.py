"""Stores to test, second processes, and things that refuse to be written."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from declarative.state.opening import open_store
from declarative.state.sqlite import SqliteStore
from declarative.state.store import Store
from tests.postgres import PostgresServer
from tests.state.files import ME
from tests.state.strategies import record

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgres"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Names a state that does not exist yet. One store after the other: each new one joins here and passes all tests."""
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.url
    folders = map(str, itertools.count())
    return lambda: f"sqlite:///{tmp_path}/{next(folders)}/.declarative/state.sqlite3"


@pytest.fixture
def url(fresh: Callable[[], str]) -> str:
    return fresh()


@pytest.fixture
def store(url: str, tmp_path: Path) -> Store:
    return open_store(url, tmp_path)


@pytest.fixture
def start(url: str, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a worker and waits until it holds the lock."""
    workers: list[subprocess.Popen[str]] = []

    def start(task: str, name: str = "w", wait: bool = True, scope: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.state.worker", url, str(tmp_path), task, name, scope]
        worker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        workers.append(worker)
        if wait:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "held\n"
        return worker

    yield start
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
        worker.wait()
        if worker.stdout:
            worker.stdout.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "state.sqlite3"


@pytest.fixture
def filled(path: Path) -> SqliteStore:
    """A state with ten records, at rest."""
    store = SqliteStore(path)
    with store.lock(ME, 0) as lease:
        for number in range(10):
            lease.write(record(f"r{number}", body={"padding": "x" * 3000}))
    return store


@pytest.fixture
def protect() -> Iterator[Callable[[Path], None]]:
    """Makes a file or folder unwritable even for root, who is above permissions but not above the immutable flag."""
    done: list[Path] = []

    def protect(path: Path) -> None:
        if os.geteuid() != 0:
            path.chmod(0o500 if path.is_dir() else 0o400)
            return
        tool = shutil.which("chattr")
        if tool is None or subprocess.run([tool, "+i", str(path)], capture_output=True, check=False).returncode:
            pytest.skip("this user may write everything here")
        done.append(path)

    yield protect
    for path in done:
        subprocess.run(["chattr", "-i", str(path)], check=True)
