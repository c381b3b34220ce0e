"""The file of the sandbox: its own and nobody else's, though several sandboxes may share it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from declarative.errors import ControlPlaneError
from declarative.sandbox.app import create_app
from declarative.sandbox.store import reset
from tests.sandbox.plane import Plane


def test_the_file_is_the_user_s_own(plane: Plane) -> None:
    plane.train()
    for file in plane.app.state.store.path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def database(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as rows:
        for statement in statements:
            rows.execute(statement)
        rows.commit()


def state(path: Path) -> None:
    """What the project's state is to a sandbox: somebody's database, with a mark of its own and a log."""
    database(path, "PRAGMA application_id = 7", "PRAGMA journal_mode = WAL", "CREATE TABLE records (id TEXT)")


def earlier(path: Path) -> None:
    """A sandbox made before they bore a mark."""
    Plane(path).train()
    database(path, "PRAGMA application_id = 0")


FOREIGN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a state": (state, "a database of another program, or a state", "--state"),
    "tables without a mark": (
        lambda path: database(path, "CREATE TABLE settings (name)"),
        "another program",
        "--state",
    ),
    "a mark without tables": (lambda path: database(path, "PRAGMA application_id = 7"), "another program", "--state"),
    "a version without tables": (lambda path: database(path, "PRAGMA user_version = 1"), "another program", "--state"),
    "an earlier sandbox": (earlier, "an earlier release made it", "remove it"),
    "a text": (lambda path: path.write_text("a text as long as a page " * 200), "it is no database", "--state"),
    "a short text": (lambda path: path.write_text("short"), "it is no database", "--state"),
    "a folder": (Path.mkdir, "it is a folder", "--state"),
    "a pipe": (os.mkfifo, "it is no regular file", "--state"),
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("opened", [create_app, reset])
def test_a_file_that_is_not_a_sandbox_s_is_refused_and_left_as_it_is(
    tmp_path: Path, what: str, opened: Callable[[Path], object]
) -> None:
    make, found, hint = FOREIGN[what]
    path = tmp_path / "file"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ControlPlaneError, match="not a sandbox's") as caught:
        opened(path)
    (diagnostic,) = caught.value.diagnostics
    assert str(path) in diagnostic.detail
    assert found in diagnostic.detail
    assert hint in str(diagnostic.hint)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_an_empty_file_becomes_a_sandbox_s(tmp_path: Path) -> None:
    for name, opened in (("a", Plane), ("b", reset)):
        (tmp_path / name).touch()
        opened(tmp_path / name)
        Plane(tmp_path / name).train()


def test_a_folder_that_cannot_be_made_is_an_expected_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for opened in (create_app, reset):
        with pytest.raises(ControlPlaneError, match="cannot be used"):
            opened(tmp_path / "file" / "sandbox.sqlite3")


def test_the_file_of_another_release_asks_for_a_reset_which_helps(plane: Plane) -> None:
    path = plane.app.state.store.path
    with plane.app.state.store.transaction() as rows:
        rows.execute("PRAGMA user_version = 99")
    with pytest.raises(ControlPlaneError, match="another release"):
        Plane(path)
    reset(path)
    Plane(path).train()


_WRITER = """
import sys, pathlib
from tests.sandbox.plane import Plane
plane = Plane(pathlib.Path(sys.argv[1]))
for number in range(25):
    plane.train(f"{sys.argv[2]}{number}")
"""


def test_processes_that_share_a_new_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "shared.sqlite3"
    running = [subprocess.Popen([sys.executable, "-c", _WRITER, str(path), letter]) for letter in "abc"]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    rows = Plane(path).get("/api/v1/workloads?limit=500")["workloads"]
    assert sorted(row["name"] for row in rows) == sorted(f"{letter}{n}" for letter in "abc" for n in range(25))
