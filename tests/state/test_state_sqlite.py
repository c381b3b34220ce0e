"""What is peculiar to the state in a SQLite file: the file itself, and what may befall it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from declarative.errors import StateError
from declarative.state import database
from declarative.state.format import FORMAT
from declarative.state.opening import open_store
from declarative.state.sqlite import SqliteStore
from tests.state.files import ME, Start, change, killed_amid_writes, names, refusal, take
from tests.state.strategies import record


@pytest.fixture
def url(path: Path) -> str:
    """These tests are about a file."""
    return f"sqlite:///{path}"


class TestAddress:
    @pytest.mark.parametrize("url", ["a.sqlite3", "sqlite:///a.sqlite3", "{}/a.sqlite3", "sqlite:///{}/a.sqlite3"])
    def test_paths_and_sqlite_urls_name_a_file(self, url: str, tmp_path: Path) -> None:
        with open_store(url.format(tmp_path), tmp_path).lock(ME, 0):
            assert (tmp_path / "a.sqlite3").is_file()

    def test_a_file_name_may_hold_what_means_something_in_a_url(self, tmp_path: Path) -> None:
        store = open_store("a?mode=memory#b%41 é.sqlite3", tmp_path)
        with store.lock(ME, 0) as lease:
            lease.write(record("a"))
        assert names(tmp_path) == ["a?mode=memory#b%41 é.sqlite3", "a?mode=memory#b%41 é.sqlite3.backup"]
        assert len(store.load().records) == 1

    @pytest.mark.parametrize("url", ["s3://bucket/state", "sqlite://", "sqlite:///", "sqlite://host/file", ""])
    def test_what_names_no_store_is_refused_with_what_is_possible(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(StateError) as refused:
            open_store(url, tmp_path)
        assert "sqlite:///state.sqlite3" in str(refused.value.diagnostics[0].hint)


class TestFile:
    def test_it_is_for_its_owner_alone_under_any_umask(self, path: Path) -> None:
        before = os.umask(0)
        try:
            store = SqliteStore(path)
            with store.lock(ME, 0) as lease:
                lease.write(record("a"))
                modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        finally:
            os.umask(before)
        assert modes == {0o600}

    def test_it_and_its_copy_are_all_that_remains(self, filled: SqliteStore, path: Path) -> None:
        assert names(path.parent) == ["state.sqlite3", "state.sqlite3.backup"]
        filled.load()
        assert names(path.parent) == ["state.sqlite3", "state.sqlite3.backup"]

    def test_a_folder_named_declarative_is_ignored_by_git(self, tmp_path: Path) -> None:
        take(SqliteStore(tmp_path / ".declarative" / "state.sqlite3"))
        assert (tmp_path / ".declarative" / ".gitignore").read_text() == "*\n"

    def test_processes_that_make_it_at_once_make_one(self, path: Path) -> None:
        program = (
            "import sys; from pathlib import Path; from declarative.state.opening import open_store;"
            "from declarative.state.store import Holder;"
            "lease = open_store(sys.argv[1], Path()).lock(Holder.current('x'), 30).__enter__(); print(lease.lineage)"
        )
        command = [sys.executable, "-c", program, str(path)]
        # They end without giving the lock back: each takes over from one that has died.
        workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        lineages = {worker.communicate(timeout=60)[0] for worker in workers}
        assert lineages == {f"{SqliteStore(path).load().lineage}\n"}
        assert not [name for name in names(path.parent) if name.endswith(".new")]

    def test_one_that_was_made_meanwhile_is_kept(self, filled: SqliteStore, path: Path) -> None:
        before = filled.load()
        database.create(path)
        assert filled.load() == before
        assert names(path.parent) == [path.name, f"{path.name}.backup"]

    def test_a_link_to_it_is_followed(self, filled: SqliteStore, path: Path, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(path)
        with SqliteStore(link).lock(ME, 0) as lease:
            lease.write(record("new"))
            assert len(filled.load().records) == len(SqliteStore(link).load().records) == 11
        assert link.is_symlink()


class TestProtected:
    def test_a_state_in_a_protected_folder_is_read_and_left_alone(
        self, filled: SqliteStore, path: Path, protect: Callable[[Path], None]
    ) -> None:
        before = path.read_bytes()
        protect(path)
        protect(path.parent)
        assert len(filled.load().records) == 10
        assert (names(path.parent), path.read_bytes()) == ([path.name, f"{path.name}.backup"], before)

    def test_to_lock_a_protected_file_is_refused_with_the_place_and_the_fix(
        self, filled: SqliteStore, path: Path, protect: Callable[[Path], None]
    ) -> None:
        protect(path)
        assert str(path) in refusal(lambda: take(filled))
        assert len(filled.load().records) == 10

    def test_to_make_a_state_in_a_protected_folder_is_refused(
        self, path: Path, protect: Callable[[Path], None]
    ) -> None:
        path.parent.mkdir()
        protect(path.parent)
        assert str(path.parent) in refusal(lambda: take(SqliteStore(path)))
        assert names(path.parent) == []

    def test_a_folder_in_place_of_the_file_is_refused(self, path: Path) -> None:
        path.mkdir(parents=True)
        assert str(path) in refusal(SqliteStore(path).load)
        assert str(path) in refusal(lambda: take(SqliteStore(path)))

    def test_a_file_in_place_of_the_folder_is_refused(self, path: Path) -> None:
        path.parent.write_text("")
        assert str(path.parent) in refusal(lambda: take(SqliteStore(path)))


class TestFullDisk:
    def test_when_the_file_may_not_grow_the_put_fails_and_all_before_is_there(self, path: Path, start: Start) -> None:
        worker = start("full")
        *promised, stopped = worker.communicate()[0].splitlines()
        assert stopped.startswith("stopped The state could not be read or written")
        store = SqliteStore(path)
        assert {f"{record.address.key}" for record in store.load().records} == set(promised)
        assert len(promised) > 5

    def test_on_a_full_file_system_the_put_fails_and_goes_on_when_there_is_space(self, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
        if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("this user may not mount a small disk")
        try:
            (disk / "ballast").write_bytes(b"x" * 100_000)
            store = SqliteStore(disk / "state.sqlite3")
            count = 0
            with store.lock(ME, 0) as lease:
                with pytest.raises(StateError, match="full") as refused:
                    for count in range(1000):  # the number of those that were written
                        lease.write(record(f"r{count}", body={"padding": "x" * 5000}))
                assert "space" in str(refused.value.diagnostics[0].hint)
                assert len(store.load().records) == count
                (disk / "ballast").unlink()
                lease.write(record("after"))
            assert len(store.load().records) == count + 1
        finally:
            subprocess.run(["umount", str(disk)], check=True)


# As rows of earlier releases are.
_UNSUMMED = "data = json_remove(data, '$.sum')"


class TestDamage:
    @pytest.mark.parametrize("content", [b"", b"{}", b"SQLite format 3\x00", os.urandom(5000)])
    def test_what_is_no_state_is_named_and_left_alone(self, content: bytes, path: Path) -> None:
        path.parent.mkdir()
        path.write_bytes(content)
        for action in (SqliteStore(path).load, lambda: take(SqliteStore(path))):
            assert str(path) in refusal(action)
        assert path.read_bytes() == content

    def test_the_database_of_another_program_is_refused_and_left_alone(self, path: Path) -> None:
        path.parent.mkdir()
        change(path, "CREATE TABLE meta (key, value)")
        before = path.read_bytes()
        for action in (SqliteStore(path).load, lambda: take(SqliteStore(path))):
            assert "some other program" in refusal(action)
        assert path.read_bytes() == before

    @pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
    def test_a_file_that_was_cut_off_is_noticed(self, part: float, filled: SqliteStore, path: Path) -> None:
        os.truncate(path, int(path.stat().st_size * part))
        assert str(path) in refusal(filled.load)

    def test_a_page_that_was_overwritten_is_noticed(self, filled: SqliteStore, path: Path) -> None:
        content = bytearray(path.read_bytes())
        with closing(sqlite3.connect(path)) as connection:
            (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'records'").fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
        content[(root - 1) * size : root * size] = os.urandom(size)
        path.write_bytes(content)
        assert str(path) in refusal(filled.load)

    @pytest.mark.parametrize(
        ("statement", "named"),
        [
            ("UPDATE records SET data = 'x' WHERE key = 'r3'", "Training.r3"),
            ("UPDATE records SET id = 'id-r33' WHERE key = 'r3'", "Training.r3 cannot be read: its checksum does not"),
            (f"UPDATE records SET id = NULL, {_UNSUMMED} WHERE key = 'r3'", "rule 1: Training.r3"),
            (f"UPDATE records SET id = 'same', {_UNSUMMED}", "rule 4: Training.r0"),
            ("DELETE FROM meta WHERE key = 'serial'", "serial"),
            ("DROP TABLE records", "records"),
        ],
    )
    def test_what_contradicts_itself_is_named(
        self, statement: str, named: str, filled: SqliteStore, path: Path
    ) -> None:
        change(path, statement)
        told = refusal(filled.load)
        assert str(path) in told
        assert named in told

    def test_a_newer_format_is_refused_with_both_numbers(self, filled: SqliteStore, path: Path) -> None:
        change(path, f"UPDATE meta SET value = {FORMAT + 1} WHERE key = 'format'")
        for action in (filled.load, lambda: take(filled)):
            told = refusal(action)
            assert f"format {FORMAT + 1}" in told
            assert f"up to {FORMAT}" in told

    def test_a_log_that_a_killed_writer_left_is_read_and_left_alone(self, start: Start, path: Path) -> None:
        killed_amid_writes(start, 10)
        folder = path.parent
        before = {name: (folder / name).read_bytes() for name in names(folder) if not name.endswith("-shm")}
        assert len(SqliteStore(path).load().records) >= 10
        assert {name: (folder / name).read_bytes() for name in before} == before
        assert set(names(folder)) == {*before, "state.sqlite3-shm"}
