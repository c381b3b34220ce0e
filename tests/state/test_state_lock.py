"""The lock of the state in a SQLite file: who holds it, and when another may take it."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from declarative.errors import StateLocked
from declarative.state import process
from declarative.state.sqlite import SqliteStore
from declarative.state.store import EXPIRY, Holder
from tests.state.files import ME, refusal, take
from tests.state.strategies import record

ELSEWHERE = Holder("ann", "elsewhere", 1, "declarative apply")


class TestLock:
    def test_a_silent_holder_elsewhere_is_taken_over_after_a_minute_and_fenced_off(self, path: Path) -> None:
        now = time.time()
        later = SqliteStore(path, clock=lambda: now + EXPIRY + 1)
        with SqliteStore(path, clock=lambda: now).lock(ELSEWHERE, 0) as old:
            old.write(record("a"))
            with pytest.raises(StateLocked), SqliteStore(path, clock=lambda: now + EXPIRY - 1).lock(ME, 0):
                pass
            with later.lock(ME, 0) as new:
                assert new.lock.fence > old.lock.fence
                assert "took it over" in refusal(lambda: old.write(record("b")))
                assert "took it over" in refusal(lambda: old.write(forget=[record("a").address]))
                new.write(record("c"))
        assert [record.address.key for record in later.load().records] == ["a", "c"]

    def test_a_fenced_holder_does_not_give_back_the_lock_of_its_successor(self, path: Path) -> None:
        now = time.time()
        old = SqliteStore(path, clock=lambda: now).lock(ELSEWHERE, 0)
        old.__enter__()
        with SqliteStore(path, clock=lambda: now + EXPIRY + 1).lock(ME, 0) as new:
            old.__exit__(None, None, None)
            new.write(record("a"))

    def test_a_live_holder_of_this_machine_is_never_taken_over(self, path: Path) -> None:
        now = time.time()
        later = SqliteStore(path, clock=lambda: now + 1000 * EXPIRY)
        with SqliteStore(path, clock=lambda: now).lock(ME, 0), pytest.raises(StateLocked):
            take(later)

    def test_a_process_number_that_was_used_again_is_not_the_holder(self, path: Path) -> None:
        lock = SqliteStore(path).lock(replace(ME, started="1"), 0)
        lock.__enter__()
        if not ME.started:
            pytest.skip("this system does not tell when a process began")
        take(SqliteStore(path))
        lock.__exit__(None, None, None)

    def test_fences_grow_although_locks_are_given_back(self, path: Path) -> None:
        store = SqliteStore(path)
        fences = []
        for _ in range(3):
            with store.lock(ME, 0) as lease:
                fences.append(lease.lock.fence)
        assert fences == sorted(set(fences))

    def test_signs_of_life_never_hinder_the_writes(self, path: Path) -> None:
        store = SqliteStore(path, heartbeat=0.001)
        with store.lock(ME, 0) as lease:
            for number in range(300):
                lease.write(record(f"r{number}"))
            deadline = time.monotonic() + 20
            with closing(sqlite3.connect(path)) as connection:
                while not connection.execute("SELECT heartbeat > since FROM locks").fetchone()[0]:
                    assert time.monotonic() < deadline, "no sign of life"
                    time.sleep(0.01)
        assert len(store.load().records) == 300

    @pytest.mark.parametrize("replaced", [False, True])
    def test_a_lease_on_a_file_that_was_taken_away_stops(self, replaced: bool, filled: SqliteStore, path: Path) -> None:
        with filled.lock(ME, 0) as lease:
            path.rename(path.with_name("away"))
            if replaced:
                path.write_bytes(b"")
            assert "removed or replaced" in refusal(lambda: lease.write(record("a")))


class TestProcess:
    def test_this_process_runs_and_began_when_it_says(self) -> None:
        assert process.runs(os.getpid(), process.started(os.getpid()))
        assert process.runs(os.getpid(), "")

    def test_a_dead_process_does_not_run_not_even_as_a_zombie(self) -> None:
        child = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not process.runs(child.pid, "")
        child.wait()
        assert not process.runs(child.pid, "")

    def test_a_holder_of_another_namespace_or_host_cannot_be_seen(self) -> None:
        assert ME.is_gone() is False
        assert replace(ME, place="other").is_gone() is None
        assert replace(ME, host="other").is_gone() is None
        assert ME.host == socket.gethostname()
