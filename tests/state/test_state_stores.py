"""What every store promises; a new one joins the fixture `url`."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from declarative.errors import StateError, StateLocked
from declarative.model.address import Address
from declarative.model.record import Intent, Operation, Record
from declarative.model.value import EMPTY
from declarative.state.opening import open_store
from declarative.state.store import Lease, Lock, Snapshot, Store
from tests.examples import examples
from tests.secrets import secret
from tests.state.files import ME, Start
from tests.state.strategies import record, records


def is_shared(url: str) -> bool:
    """Whether several may write at once."""
    return url.startswith("postgresql:")


def lock_of(lease: Lease) -> Lock:
    """Both stores tell the lock of a lease."""
    found = lease.lock  # type: ignore[attr-defined]
    assert isinstance(found, Lock)
    return found


def keys(snapshot: Snapshot) -> list[str]:
    return [record.address.key for record in snapshot.records]


class TestStore:
    def test_where_nothing_exists_the_snapshot_is_empty_and_nothing_is_made(self, store: Store, tmp_path: Path) -> None:
        assert store.load() == Snapshot("", 0, ())
        assert store.force_unlock("x") is None
        assert list(tmp_path.iterdir()) == []

    def test_a_record_is_there_for_the_next_reader_and_each_write_raises_the_serial(self, store: Store) -> None:
        with store.lock(ME, 0) as lease:
            assert (lease.lineage, store.load().serial) == (store.load().lineage, 0)
            lease.write(record("b"))
            lease.write(record("a"))
            assert store.load().serial == 2
            lease.write(forget=[Address("Training", "b")])
        loaded = store.load()
        assert (loaded.serial, loaded.records) == (3, (record("a"),))
        assert loaded.by_address() == {Address("Training", "a"): record("a")}

    def test_records_come_in_order_of_address(self, store: Store) -> None:
        with store.lock(ME, 0) as lease:
            for key in ("b", "a.c", "a", "a-b"):
                lease.write(record(key))
        found = [record.address for record in store.load().records]
        assert found == sorted(found)
        assert len(found) == 4

    def test_a_put_replaces_the_whole_record(self, store: Store) -> None:
        intent = Intent(Operation.UPDATE, EMPTY, "digest", 1.0)
        with store.lock(ME, 0) as lease:
            lease.write(replace(record("a"), intent=intent, previous_id="old", finished=True))
            lease.write(record("a", id="new"))
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
            lease.write(record("a"))
            with pytest.raises(StateError, match="rule 1"):
                lease.write(replace(record("a"), id=None))
        assert store.load().records == (record("a"),)
        assert store.load().serial == 1

    def test_a_lease_writes_no_more_after_its_lock_was_given_back(self, store: Store) -> None:
        with store.lock(ME, 0) as lease:
            lease.write(record("a"))
        for write in (lambda: lease.write(record("b")), lambda: lease.write(forget=[Address("Training", "a")])):
            with pytest.raises(StateError, match="given back"):
                write()
        assert keys(store.load()) == ["a"]

    def test_the_lock_is_given_back_when_the_work_fails(self, store: Store) -> None:
        with pytest.raises(ZeroDivisionError), store.lock(ME, 0):
            raise ZeroDivisionError
        with store.lock(ME, 0) as lease:
            lease.write(record("a"))

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
        worker = start("put")
        serials = []
        for number in range(50):
            if number == 25:
                assert worker.stdout
                worker.stdout.readline()
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
            lease.write(record("a"))
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

    def test_killed_between_intent_and_outcome_the_intent_is_there_for_the_next(
        self, store: Store, start: Start
    ) -> None:
        worker = start("intent", "a")
        assert worker.stdout
        assert worker.stdout.readline() == "a\n"
        worker.kill()
        with store.lock(ME, 20) as lease:
            (found,) = store.load().records
            assert found.id is None
            assert found.intent
            assert found.intent.operation is Operation.CREATE
            lease.write(record("a"))
        assert store.load().records == (record("a"),)

    def test_a_move_gives_the_object_a_new_address_in_one_commit(self, store: Store) -> None:
        with store.lock(ME, 0) as lease:
            lease.write(record("a"))
            lease.write(record("c"))
            lease.write(record("b", id="id-a"), forget=[Address("Training", "a")])
            assert (keys(store.load()), store.load().serial) == (["b", "c"], 3)
            lease.write(record("b", id="id-b"), forget=[Address("Training", "b")])
            lease.write(record("c", id="id-c2"), forget=[Address("Training", "none")])
        assert store.load().records == (record("b", id="id-b"), record("c", id="id-c2"))

    def test_the_control_plane_is_remembered_and_written_only_when_it_is_another(self, store: Store) -> None:
        assert store.load().endpoint == ""
        with store.lock(ME, 0) as lease:
            lease.belong_to("sandbox")
            lease.belong_to("sandbox")
            assert (store.load().endpoint, store.load().serial) == ("sandbox", 1)
        with store.lock(ME, 0, frozenset({Address("Training", "a")})) as lease:
            lease.belong_to("sandbox")
            assert store.load().serial == 1
            lease.belong_to("https://acme.run.ai")
            lease.write(record("a"))
        assert (store.load().endpoint, store.load().serial) == ("https://acme.run.ai", 3)
        with pytest.raises(StateError, match="given back"):
            lease.belong_to("sandbox")

    def test_who_holds_it_is_told_while_he_does(self, store: Store) -> None:
        assert store.holders() == ()
        with store.lock(ME, 0):
            (lock,) = store.holders()
            assert lock.holder == ME
        assert store.holders() == ()

    def test_an_id_that_stands_for_no_lock_unlocks_nothing(self, store: Store) -> None:
        assert store.force_unlock("x") is None
        with store.lock(ME, 0) as lease:
            assert store.force_unlock("x") is None
            lease.write(record("a"))

    def test_who_is_unlocked_by_force_writes_no_more_and_does_not_hinder_the_next(self, store: Store) -> None:
        with store.lock(ME, 0) as old:
            old.write(record("a"))
            taken = store.force_unlock(lock_of(old).id)
            assert taken == lock_of(old)
            with pytest.raises(StateError, match="taken away"):
                old.write(record("b"))
            with store.lock(ME, 0) as new:
                with pytest.raises(StateError, match="taken away"):
                    old.write(record("b"), forget=[Address("Training", "a")])
                with pytest.raises(StateError, match="taken away"):
                    old.replace_all(Snapshot())
                new.write(record("c"))
        assert (keys(store.load()), store.load().serial) == (["a", "c"], 2)
        with store.lock(ME, 0) as last:
            last.write(forget=[Address("Training", "a")])


class TestReplaceAll:
    def test_an_empty_state_takes_over_everything(self, store: Store, fresh: Callable[[], str], tmp_path: Path) -> None:
        with store.lock(ME, 0) as lease:
            for key in ("a", "b"):
                lease.write(record(key, body={"args": secret()}))
            lease.belong_to("https://acme.run.ai")
        origin, other = store.load(), open_store(fresh(), tmp_path)
        with other.lock(ME, 0) as lease:
            lease.replace_all(origin)
            assert lease.lineage == origin.lineage
            assert other.load() == replace(origin, serial=origin.serial + 1)
            lease.write(record("c", body={"args": secret()}))
        assert other.load().records[2].applied == origin.records[0].applied

    def test_the_same_lineage_is_replaced_and_the_serial_grows(self, store: Store) -> None:
        with store.lock(ME, 0) as lease:
            lease.write(record("a"))
            former = store.load()
            lease.write(record("b"))
            lease.write(forget=[Address("Training", "a")])
            lease.replace_all(former)
            assert (store.load().records, store.load().serial) == (former.records, 4)
            lease.replace_all(replace(former, serial=100, endpoint="sandbox"))
            assert store.load().endpoint == "sandbox"
            lease.write(record("b"))
        assert (keys(store.load()), store.load().serial) == (["a", "b"], 102)
        with store.lock(ME, 0) as lease:
            lease.write(record("c"))
        assert store.load().serial == 103

    def test_another_lineage_is_refused_and_the_lease_goes_on(self, store: Store) -> None:
        with store.lock(ME, 0) as lease:
            lease.write(record("a"))
            with pytest.raises(StateError, match="another state"):
                lease.replace_all(Snapshot("other", 7, (record("b"),)))
            lease.write(record("c"))
        assert (keys(store.load()), store.load().serial) == (["a", "c"], 2)

    def test_records_that_contradict_each_other_are_refused(self, store: Store) -> None:
        with store.lock(ME, 0) as lease, pytest.raises(StateError, match="rule 4"):
            lease.replace_all(Snapshot("", 0, (record("a", id="x"), record("b", id="x"))))
        assert (store.load().records, store.load().serial) == ((), 0)

    def test_it_needs_the_whole_lock(self, store: Store) -> None:
        with store.lock(ME, 0, frozenset({Address("Training", "a")})) as lease:
            with pytest.raises(StateError, match="too narrow"):
                lease.replace_all(Snapshot())
            lease.write(record("a"))


KEYS = ("a", "b", "c", "d")


@settings(max_examples=examples(25))
@given(st.data())
def test_two_holders_together_behave_as_a_dictionary_that_survives_reopening(
    fresh: Callable[[], str], data: st.DataObject
) -> None:
    """One has the addresses a and b, the other c and d: at the same time where the store allows it, else in turn."""
    url = fresh()
    halves = [frozenset(Address("Training", key) for key in half) for half in (KEYS[:2], KEYS[2:])]
    model: dict[Address, Record] = {}
    writes = 0
    for _ in range(data.draw(st.integers(1, 3), "sessions")):
        with contextlib.ExitStack() as opened:
            shared = [
                opened.enter_context(open_store(url, Path()).lock(ME, 0, half)) for half in halves if is_shared(url)
            ]
            for _ in range(data.draw(st.integers(0, 6), "writes")):
                which = data.draw(st.integers(0, 1), "holder")
                inner = st.sampled_from(sorted(halves[which]))
                with contextlib.nullcontext(shared[which]) if shared else open_store(url, Path()).lock(ME, 0) as lease:
                    writes += 1
                    drawn = data.draw(records(inner), "record")
                    # The control plane never gives an id twice; hypothesis does.
                    written = replace(
                        drawn, id=drawn.id and f"{writes}", previous_id=drawn.previous_id and f"old-{writes}"
                    )
                    old = data.draw(inner, "old")
                    match data.draw(st.sampled_from(["put", "remove", "move"])):
                        case "put":
                            lease.write(written)
                        case "remove":
                            lease.write(forget=[old])
                            model.pop(old, None)
                            continue
                        case "move":
                            lease.write(written, forget=[old])
                            model.pop(old, None)
                    model[written.address] = written
        loaded = open_store(url, Path()).load()
        assert loaded.by_address() == model
        assert (len(loaded.records), loaded.serial) == (len(model), writes)
