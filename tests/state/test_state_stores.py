"""What every store promises; a new one joins the fixture `url`."""

from __future__ import annotations

import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarative.errors import StateError, StateLocked
from declarative.model.address import Address
from declarative.model.record import Intent, Operation, Record
from declarative.model.value import EMPTY
from declarative.state.opening import open_store
from declarative.state.store import Holder, Snapshot, Store
from tests.examples import examples
from tests.state.strategies import record, records

ME = Holder.current("declarative apply")
Start = Callable[..., subprocess.Popen[str]]


def keys(snapshot: Snapshot) -> list[str]:
    return [record.address.key for record in snapshot.records]


class TestStore:
    def test_where_nothing_exists_the_snapshot_is_empty_and_nothing_is_made(self, store: Store, tmp_path: Path) -> None:
        assert store.load() == Snapshot("", 0, ())
        assert list(tmp_path.iterdir()) == []

    def test_a_record_is_there_for_the_next_reader_and_each_write_raises_the_serial(self, store: Store) -> None:
        with store.lock(ME, 0) as lease:
            assert (lease.lineage, store.load().serial) == (store.load().lineage, 0)
            lease.put(record("b"))
            lease.put(record("a"))
            assert store.load().serial == 2
            lease.remove(Address("Training", "b"))
        loaded = store.load()
        assert (loaded.serial, loaded.records) == (3, (record("a"),))
        assert loaded.by_address() == {Address("Training", "a"): record("a")}

    def test_records_come_in_order_of_address(self, store: Store) -> None:
        with store.lock(ME, 0) as lease:
            for key in ("b", "a.c", "a", "a-b"):
                lease.put(record(key))
        found = [record.address for record in store.load().records]
        assert found == sorted(found)
        assert len(found) == 4

    def test_a_put_replaces_the_whole_record(self, store: Store) -> None:
        intent = Intent(Operation.UPDATE, EMPTY, "digest", 1.0)
        with store.lock(ME, 0) as lease:
            lease.put(replace(record("a"), intent=intent, previous_id="old", finished=True))
            lease.put(record("a", id="new"))
        assert store.load().records == (record("a", id="new"),)

    def test_the_lineage_stays_and_differs_from_that_of_another_state(self, store: Store, tmp_path: Path) -> None:
        lineages = []
        for _ in range(2):
            with store.lock(ME, 0) as lease:
                lineages.append(lease.lineage)
        with open_store("other.sqlite3", tmp_path).lock(ME, 0) as lease:
            lineages.append(lease.lineage)
        assert lineages[0] == lineages[1] != lineages[2]
        assert all(lineages)

    def test_a_record_that_breaks_a_rule_is_refused_and_the_state_stays_as_it_was(self, store: Store) -> None:
        with store.lock(ME, 0) as lease:
            lease.put(record("a"))
            with pytest.raises(StateError, match="rule 1"):
                lease.put(replace(record("a"), id=None))
        assert store.load().records == (record("a"),)
        assert store.load().serial == 1

    def test_a_lease_writes_no_more_after_its_lock_was_given_back(self, store: Store) -> None:
        with store.lock(ME, 0) as lease:
            lease.put(record("a"))
        for write in (lambda: lease.put(record("b")), lambda: lease.remove(Address("Training", "a"))):
            with pytest.raises(StateError, match="given back"):
                write()
        assert keys(store.load()) == ["a"]

    def test_the_lock_is_given_back_when_the_work_fails(self, store: Store) -> None:
        with pytest.raises(ZeroDivisionError), store.lock(ME, 0):
            raise ZeroDivisionError
        with store.lock(ME, 0) as lease:
            lease.put(record("a"))

    def test_who_holds_the_lock_is_told(self, store: Store, start: Start) -> None:
        worker = start("hold")
        with pytest.raises(StateLocked) as refused, store.lock(ME, 0):
            pass
        (diagnostic,) = refused.value.diagnostics
        for fact in (ME.who, ME.host, f"process {worker.pid}", "`declarative hold`", "lock ", "since 20"):
            assert fact in diagnostic.detail
        assert "--lock-timeout" in str(diagnostic.hint)

    def test_a_locker_of_the_same_process_is_refused_too(self, store: Store) -> None:
        with store.lock(ME, 0), pytest.raises(StateLocked), store.lock(ME, 0):
            pass

    def test_a_second_waits_for_its_timeout_and_no_longer(self, store: Store, start: Start) -> None:
        start("hold")
        began = time.monotonic()
        with pytest.raises(StateLocked, match=r"waited 0\.5 s"), store.lock(ME, 0.5):
            pass
        assert 0.5 <= time.monotonic() - began < 10

    def test_two_writers_take_turns_and_lose_nothing(self, store: Store, start: Start) -> None:
        workers = [start("few", name, wait=False) for name in ("x", "y")]
        for worker in workers:
            assert len(worker.communicate(timeout=60)[0].split()) == 22
        assert sorted(keys(store.load())) == sorted(f"{name}-{number}" for name in "xy" for number in range(21))
        assert store.load().serial == 42

    def test_a_reader_sees_whole_states_while_another_process_writes(self, store: Store, start: Start) -> None:
        start("put")
        serials = []
        for _ in range(50):
            loaded = store.load()
            assert len(loaded.records) == loaded.serial
            serials.append(loaded.serial)
        assert serials == sorted(serials)
        assert serials[0] < serials[-1]

    def test_a_killed_holder_gives_way_at_once(self, store: Store, start: Start) -> None:
        worker = start("hold")
        worker.kill()  # not yet waited for: it stays as a zombie, whose number still answers signals
        worker_is_dead = time.monotonic()
        with store.lock(ME, 20) as lease:
            lease.put(record("a"))
        assert time.monotonic() - worker_is_dead < 15
        assert keys(store.load()) == ["a"]

    def test_killed_at_any_instant_every_put_that_returned_is_there(self, store: Store, start: Start) -> None:
        chance = random.Random(4)
        promised: list[str] = []
        for attempt in range(8):
            worker = start("put", f"attempt{attempt}")
            time.sleep(chance.uniform(0, 0.15))
            worker.send_signal(signal.SIGKILL)
            promised += worker.communicate()[0].split()
            loaded = store.load()
            assert set(promised) <= set(keys(loaded))
            # At most the put that was under way is there besides.
            assert len(loaded.records) <= len(promised) + attempt + 1
        assert len(promised) > 8

    @settings(max_examples=examples(20))
    @given(st.data())
    def test_it_behaves_as_a_dictionary_that_survives_reopening(self, data: st.DataObject) -> None:
        addresses = st.sampled_from([Address("Training", key) for key in ("a", "b", "c")])
        operations = st.lists(st.lists(records(addresses) | addresses, max_size=4), max_size=4)
        model: dict[Address, Record] = {}
        used: list[str | None] = []
        with tempfile.TemporaryDirectory() as folder:
            for session in data.draw(operations):
                with open_store("state.sqlite3", Path(folder)).lock(ME, 0) as lease:
                    for operation in session:
                        if isinstance(operation, Record):
                            # The control plane never gives an id twice; hypothesis does.
                            unique = operation.id and f"{len(used)}"
                            used.append(unique)
                            former = operation.previous_id and f"old-{unique}"
                            written = replace(operation, id=unique, previous_id=former)
                            lease.put(written)
                            model[written.address] = written
                        else:
                            lease.remove(operation)
                            model.pop(operation, None)
                loaded = open_store("state.sqlite3", Path(folder)).load()
                assert loaded.by_address() == model
                assert len(loaded.records) == len(model)
