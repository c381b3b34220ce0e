"""Locks of parts of a state: disjoint ones at the same time where the store allows it, overlapping ones one after the other."""

from __future__ import annotations

import gc
import subprocess
import threading
import time
import warnings

import pytest
from msgspec.structs import replace

from declarative.errors import StateError, StateLocked
from declarative.model.address import Address
from declarative.state.postgres import PostgresStore
from declarative.state.store import Holder, Store
from tests.postgres import PostgresServer
from tests.state.files import ME, Start
from tests.state.strategies import record
from tests.state.worker import ROUNDS

ELSEWHERE = Holder("ann", "elsewhere", 1, "declarative apply")


def scope(*keys: str) -> frozenset[Address]:
    return frozenset(Address("Training", key) for key in keys)


def age(store: PostgresStore, seconds: int) -> None:
    """Lets every holder be silent for that long, by the server's clock."""
    with store.server.connect() as connection:
        store.server.run(
            connection, "UPDATE {schema}.leases SET heartbeat = now() - make_interval(secs => %s)", (seconds,)
        )


def places(store: PostgresStore) -> int:
    """How many hold a place in line."""
    with store.server.connect() as connection:
        row = store.server.run(connection, "SELECT count(*) FROM {schema}.locks WHERE address = '?'").fetchone()
    return int(row[0]) if row else 0


def backends(store: PostgresStore) -> set[int]:
    """The connections of others to the server, by number."""
    with store.server.connect() as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'").fetchall()
        return {pid for (pid,) in rows} - {connection.info.backend_pid}


class TestEveryStore:
    def test_a_write_beyond_the_scope_is_refused_and_the_lease_goes_on(self, store: Store) -> None:
        with store.lock(ME, 0, scope("a")) as lease:
            for write in (
                lambda: lease.write(record("b")),
                lambda: lease.write(forget=[record("b").address]),
                lambda: lease.write(record("a"), forget=[record("b").address]),
                lambda: lease.write(record("b"), forget=[record("a").address]),
            ):
                with pytest.raises(StateError, match=r"Training\.b was to be written"):
                    write()
            lease.write(record("a"))
        assert (store.load().records, store.load().serial) == ((record("a"),), 1)

    @pytest.mark.parametrize(("held", "wanted"), [("ab", "bc"), ("ab", None), (None, "a"), (None, None)])
    def test_scopes_with_an_address_in_common_exclude_each_other(
        self, held: str | None, wanted: str | None, store: Store
    ) -> None:
        first, second = (None if keys is None else scope(*keys) for keys in (held, wanted))
        with store.lock(ME, 0, first), pytest.raises(StateLocked), store.lock(ME, 0, second):
            pass
        with store.lock(ME, 0, second):
            pass

    def test_eight_processes_with_overlapping_scopes_lose_no_update(self, store: Store, start: Start) -> None:
        """Each adds one to both records of its scope, round for round."""
        scopes = ["a,b", "b,c", "c,d", "d,a", "a,c", "b,d", "a,b", "c,d"]
        workers = [start("count", f"w{n}", wait=False, scope=keys) for n, keys in enumerate(scopes)]
        for worker in workers:
            assert worker.communicate(timeout=120)[0].split() == ["held"] * ROUNDS
        loaded = store.load()
        counts = {one.address.key: one.applied["count"] for one in loaded.records if one.applied}
        assert counts == {key: ROUNDS * sum(key in keys for keys in scopes) for key in "abcd"}
        assert loaded.serial == 2 * ROUNDS * len(scopes)


def worker_keys(worker: subprocess.Popen[str]) -> list[str]:
    """What a worker says once it has written both keys of its scope."""
    assert isinstance(worker.args, list)
    return [f"{key}\n" for key in worker.args[-1].split(",")]


class TestPostgres:
    @pytest.fixture
    def url(self, postgres: PostgresServer) -> str:
        return postgres.url()

    @pytest.fixture
    def shared(self, url: str) -> PostgresStore:
        return PostgresStore(url)

    def test_disjoint_scopes_are_held_and_written_at_the_same_time(self, shared: PostgresStore) -> None:
        with shared.lock(ME, 0, scope("a", "b")) as one, shared.lock(ME, 0, scope("c")) as other:
            one.write(record("a"))
            other.write(record("c"))
            one.write(record("b"))
            assert shared.load().serial == 3
            assert one.lineage == other.lineage
        assert len(shared.load().records) == shared.load().serial == 3

    def test_only_the_overlap_is_named_with_its_holders(self, shared: PostgresStore) -> None:
        bob = replace(ME, who="bob")
        with (
            shared.lock(ME, 0, scope("a", "b")),
            shared.lock(bob, 0, scope("c")),
            pytest.raises(StateLocked) as refused,
            shared.lock(ME, 0, scope("b", "c", "d")),
        ):
            pass
        first, second = (diagnostic.detail for diagnostic in refused.value.diagnostics)
        assert first.startswith(f"Training.b in {shared.server} is held by {ME.who} ")
        assert second.startswith(f"Training.c in {shared.server} is held by bob ")

    def test_many_addresses_are_counted(self, shared: PostgresStore) -> None:
        with (
            shared.lock(ME, 0, scope(*map(str, range(10)))),
            pytest.raises(StateLocked, match=r"Training\.0, .*Training\.4 and 5 more in "),
            shared.lock(ME, 0),
        ):
            pass

    def test_who_waits_holds_nothing(self, shared: PostgresStore) -> None:
        """The one that waits for b leaves a to others."""
        done = threading.Event()

        def wait() -> None:
            with shared.lock(ME, 20, scope("a", "b")):
                done.set()

        with shared.lock(ME, 0, scope("b")):
            waiter = threading.Thread(target=wait)
            waiter.start()
            time.sleep(0.3)
            with shared.lock(ME, 0, scope("a")) as lease:
                lease.write(record("a"))
            assert not done.is_set()
        waiter.join(20)
        assert done.is_set()

    def test_who_waits_for_the_whole_is_not_kept_waiting_by_those_who_come_later(self, shared: PostgresStore) -> None:
        """Parts that overlap in time would never leave it a moment; from its turn on, they wait, and are told for whom."""
        done = threading.Event()

        def wait() -> None:
            with shared.lock(replace(ME, who="ann"), 30):
                done.set()

        waiter = threading.Thread(target=wait)
        with shared.lock(ME, 0, scope("a")):
            waiter.start()
            deadline = time.monotonic() + 20
            while True:
                try:
                    with shared.lock(ME, 0, scope("b")):
                        assert time.monotonic() < deadline, "the waiter has not announced itself"
                except StateLocked as told:
                    assert "is waited for by ann" in str(told)
                    assert "queue" in str(told.diagnostics[0].hint)
                    assert "--lock-timeout" in str(told.diagnostics[0].hint)
                    break
            with pytest.raises(StateLocked) as refused, shared.lock(ME, 0):
                pass
            assert len(refused.value.diagnostics) == 2
            assert not done.is_set()
        waiter.join(20)
        assert done.is_set()
        with shared.lock(ME, 0):
            pass

    def test_a_place_in_line_ends_with_the_wait_or_the_one_who_waits(self, shared: PostgresStore, start: Start) -> None:
        """One that has waited in vain leaves nothing behind, and that of the dead does not count."""
        with shared.lock(ME, 0, scope("a")):
            with pytest.raises(StateLocked), shared.lock(ME, 0.5):
                pass
            with shared.lock(ME, 0, scope("b")):
                pass
            waiter = start("hold", wait=False)
            deadline = time.monotonic() + 20
            while not places(shared):
                assert time.monotonic() < deadline, "the waiter has not announced itself"
                time.sleep(0.01)
            waiter.kill()
            with shared.lock(ME, 20, scope("b")):
                assert not places(shared)

    def test_who_is_cut_off_in_line_leaves_it_and_no_connection(self, shared: PostgresStore) -> None:
        """The connection over which the place is given up is closed, and not left to the garbage collector."""
        ended: list[StateError] = []

        def wait() -> None:
            try:
                with shared.lock(ME, 30):
                    pass
            except StateError as error:
                ended.append(error)

        waiter = threading.Thread(target=wait)
        with warnings.catch_warnings(record=True) as warned, shared.lock(ME, 0, scope("a")):
            warnings.simplefilter("always")
            before = backends(shared)
            waiter.start()
            deadline = time.monotonic() + 20
            while not places(shared):
                assert time.monotonic() < deadline, "the waiter has not announced itself"
                time.sleep(0.01)
            with shared.server.connect() as connection:
                cut = list(backends(shared) - before - {connection.info.backend_pid})
                connection.execute("SELECT pg_terminate_backend(one) FROM unnest(%s::int[]) AS one", (cut,))
            waiter.join(20)
            gc.collect()
            assert len(ended) == 1
            assert not places(shared)
        assert [str(one.message) for one in warned if one.category is ResourceWarning] == []

    def test_who_waits_for_the_whole_gives_signs_of_life(self, postgres: PostgresServer) -> None:
        url = postgres.url()
        store, done = PostgresStore(url), threading.Event()

        def wait() -> None:
            with PostgresStore(url, heartbeat=0.01).lock(ELSEWHERE, 30):
                done.set()

        waiter = threading.Thread(target=wait)
        with store.lock(ME, 0, scope("a")):
            waiter.start()
            deadline = time.monotonic() + 20
            while not places(store):
                assert time.monotonic() < deadline, "the waiter has not announced itself"
                time.sleep(0.01)
            age(store, 1000)
            time.sleep(0.5)
            with pytest.raises(StateLocked), store.lock(ME, 0, scope("b")):
                pass
        waiter.join(20)
        assert done.is_set()

    def test_the_dead_are_taken_over_and_the_living_are_not(self, shared: PostgresStore) -> None:
        with shared.lock(ELSEWHERE, 0, scope("a", "b")) as dead:
            dead.write(record("a"))
            age(shared, 59)
            with pytest.raises(StateLocked), shared.lock(ME, 0, scope("b")):
                pass
            age(shared, 61)
            with shared.lock(ME, 0, scope("c")):
                age(shared, 61)  # this process is seen to live, however silent
                with pytest.raises(StateLocked, match="process"), shared.lock(ME, 0, scope("c")):
                    pass
                with shared.lock(ME, 0, scope("b")) as successor:
                    assert successor.lock.fence > dead.lock.fence
                    for key in ("a", "b"):
                        with pytest.raises(StateError, match="took it over"):
                            dead.write(record(key))
                    successor.write(record("b"))
        assert (len(shared.load().records), shared.load().serial) == (2, 2)

    def test_signs_of_life_come_from_the_server_and_hinder_no_write(self, postgres: PostgresServer) -> None:
        store = PostgresStore(postgres.url(), heartbeat=0.005)
        with store.lock(ME, 0) as lease, store.server.connect() as connection:
            age(store, 1000)
            for number in range(100):
                lease.write(record(f"r{number}"))
            deadline = time.monotonic() + 20
            while store.server.run(
                connection, "SELECT count(*) FROM {schema}.leases WHERE heartbeat < now() - interval '1 min'"
            ).fetchone() != (0,):
                assert time.monotonic() < deadline, "no sign of life"
                time.sleep(0.01)
        assert store.load().serial == 100

    def test_eight_processes_with_disjoint_scopes_write_at_the_same_time_and_a_kill_loses_nothing(
        self, shared: PostgresStore, start: Start
    ) -> None:
        """All hold their locks at once: each says so before any has ended."""
        workers = [start("put", f"w{n}", wait=False, scope=f"k{n},l{n}") for n in range(8)]
        for worker in workers:
            assert worker.stdout
            assert [worker.stdout.readline() for _ in range(3)] == ["held\n", *worker_keys(worker)]
        for worker in workers:
            worker.kill()
        promised = [len(worker.communicate()[0].split()) + 2 for worker in workers]
        with shared.lock(ME, 20) as lease:  # from here on, nothing of theirs can come any more
            loaded = shared.load()
            assert len(loaded.records) == 16
            assert sum(promised) <= loaded.serial <= sum(promised) + 8
            lease.write(record("after"))

    def test_tables_change_only_while_nobody_else_writes(self, shared: PostgresStore) -> None:
        with shared.lock(ME, 0, scope("a")) as old:
            with shared.server.connect() as connection:
                shared.server.run(connection, "UPDATE {schema}.meta SET value = '1' WHERE key = 'format'")
            with pytest.raises(StateLocked), shared.lock(ME, 0, scope("b")):
                pass
            old.write(record("a"))
        with shared.lock(ME, 0, scope("b")), shared.server.connect() as connection:
            found = shared.server.run(connection, "SELECT value FROM {schema}.meta WHERE key = 'format'").fetchone()
        assert found == ("2",)
