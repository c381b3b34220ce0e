"""The last good copy of a state in a file: when it is made, and how to go back to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from declarative.errors import StateError
from declarative.state.backup import copy_of
from declarative.state.sqlite import SqliteStore
from declarative.state.store import Snapshot
from tests.state.files import ME, Start, change, killed_amid_writes
from tests.state.strategies import record


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


def copied(path: Path) -> Snapshot:
    return SqliteStore(copy_of(path)).load()


def command_of(hint: str) -> str:
    return hint.partition("to go back to it:\n")[2]


def test_it_is_of_before_while_a_lease_lasts_and_of_the_end_from_then_on(filled: SqliteStore, path: Path) -> None:
    before = filled.load()
    assert copied(path) == before
    with filled.lock(ME, 0) as lease:
        lease.write(record("a"))
        lease.write(record("b"))
        assert copied(path) == before
    assert copied(path) == filled.load() != before


def test_one_that_was_asked_for_stays_until_the_next_write(filled: SqliteStore, path: Path) -> None:
    before = filled.load()
    with filled.lock(ME, 0) as lease:
        kept = lease.backup()
        assert kept is not None and kept.file == copy_of(path)
        lease.write(forget=[record("r0").address])
    assert copied(path) == before
    with filled.lock(ME, 0):
        pass
    assert copied(path) == before
    with filled.lock(ME, 0) as lease:
        lease.write(record("new"))
    assert copied(path) == filled.load()


def test_the_way_back_to_it_is_told(filled: SqliteStore, path: Path) -> None:
    """Run as it is printed, in a shell, it undoes what was written; and again."""
    for name in ("r0", "r1"):
        before = filled.load()
        with filled.lock(ME, 0) as lease:
            kept = lease.backup()
            lease.write(forget=[record(name).address])
        assert kept is not None
        subprocess.run(["sh", "-euc", kept.way_back], check=True)
        assert filled.load() == before


@pytest.mark.parametrize("name", ["s", "s.sqlite3", "a", "a state's"])
def test_the_way_back_leaves_alone_what_only_begins_with_the_same_name(tmp_path: Path, name: str) -> None:
    """States whose names go on where this one's ends, and the folders that earlier ways back made."""
    store, others = (
        SqliteStore(tmp_path / name),
        [SqliteStore(tmp_path / f"{name}{end}") for end in ("2", "-wal2", ".b")],
    )
    for one in (store, *others):
        with one.lock(ME, 0) as lease:
            lease.write(record("before"))
    (tmp_path / "aside-1").mkdir()
    before = [(one.load(), copied(one.path)) for one in (store, *others)]
    with store.lock(ME, 0) as lease:
        kept = lease.backup()
        lease.write(record("after"))
    assert kept is not None
    subprocess.run(["sh", "-euc", kept.way_back], check=True)
    assert [one.load() for one in (store, *others)] == [state for state, _ in before]
    assert [copied(one.path) for one in others] == [copy for _, copy in before[1:]]
    assert sorted(file.name for file in (tmp_path / "aside-2").iterdir()) == [
        f"{name}{end}" for end in ("", "-shm", "-wal", ".backup")
    ]


def test_of_an_empty_state_none_is_made(path: Path) -> None:
    with SqliteStore(path).lock(ME, 0) as lease:
        assert lease.backup() is None
        lease.write(record("a"))
        assert not copy_of(path).exists()


def test_what_a_killed_holder_wrote_is_copied_before_the_next_write(path: Path, start: Start) -> None:
    killed_amid_writes(start, 5)
    store = SqliteStore(path)
    left = store.load()
    with store.lock(ME, 20) as lease:
        lease.write(record("a"))
        assert copied(path) == left


def test_one_of_before_a_killed_holder_is_renewed_although_there_is_nothing_to_write(path: Path, start: Start) -> None:
    """What it holds in the open may be a secret by now. One that was asked for is left alone."""
    killed_amid_writes(start, 5)
    (path.parent / f".{copy_of(path).name}.x.new").write_bytes(b"torn")  # a kill while a copy was made
    store = SqliteStore(path)
    with store.lock(ME, 20):
        assert not copy_of(path).exists()
    assert copied(path) == store.load()
    assert len(list(path.parent.iterdir())) == 2


def test_it_is_for_its_owner_alone_and_whole_although_its_maker_is_killed(filled: SqliteStore, path: Path) -> None:
    assert stat.S_IMODE(copy_of(path).stat().st_mode) == 0o600
    before = copied(path)
    (path.parent / f".{copy_of(path).name}.x.new").write_bytes(b"torn")  # what a kill leaves
    assert copied(path) == before


@pytest.mark.parametrize("way", ["taken over", "replaced"])
def test_who_lost_the_lock_does_not_replace_it(way: str, filled: SqliteStore, path: Path) -> None:
    before = copied(path)
    with filled.lock(ME, 0) as lease:
        lease.write(record("a"))
        if way == "replaced":
            path.rename(path.with_name("away"))
            shutil.copy(copy_of(path), path)
        else:
            filled.force_unlock(lease.lock.id)
    assert copied(path) == before


def test_a_damaged_state_does_not_replace_it(filled: SqliteStore, path: Path) -> None:
    before = copied(path)
    with filled.lock(ME, 0) as lease:
        lease.write(record("a"))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA writable_schema = ON")
            other.execute("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'records'")
    assert copied(path) == before


@pytest.mark.parametrize("damage", ["cut", "overwritten", "emptied", "contradictory", "one digit"])
def test_the_hint_of_a_damaged_state_goes_back_to_it(damage: str, filled: SqliteStore, path: Path) -> None:
    """Run as it is printed, in a shell; and a log that was left beside does no harm."""
    good = filled.load()
    content = path.read_bytes()
    match damage:
        case "cut":
            os.truncate(path, len(content) // 2)
        case "overwritten":
            path.write_bytes(content[:1024] + os.urandom(len(content) - 1024))
        case "emptied":
            path.write_bytes(b"")
        case "contradictory":
            change(path, "UPDATE records SET id = 'same', data = json_remove(data, '$.sum')")
        case "one digit":
            change(path, "UPDATE records SET id = 'id-r5' WHERE id = 'id-r1'")
    path.with_name(f"{path.name}-wal").write_bytes(b"" if damage in ("contradictory", "one digit") else b"x" * 100)
    with pytest.raises(StateError) as refused:
        filled.load()
    hint = str(refused.value.diagnostics[0].hint)
    assert copy_of(path).name in hint
    subprocess.run(["sh", "-euc", command_of(hint)], check=True)
    assert filled.load() == good
    with filled.lock(ME, 20) as lease:
        lease.write(record("after"))
    assert len(filled.load().records) == len(good.records) + 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_damaged_file_is_kept_each_time(filled: SqliteStore, path: Path) -> None:
    for _ in range(2):
        path.write_bytes(b"broken")
        with pytest.raises(StateError) as refused:
            filled.load()
        subprocess.run(["sh", "-euc", command_of(str(refused.value.diagnostics[0].hint))], check=True)
        with filled.lock(ME, 20) as lease:
            lease.write(record("new"))
    assert [(path.parent / f"damaged-{n}" / path.name).read_bytes() for n in (1, 2)] == [b"broken"] * 2
