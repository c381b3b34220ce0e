"""A state in PostgreSQL whose connections break, or whose server hangs: nothing half said, nothing twice, nothing lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from declarative.errors import StateError
from declarative.model.address import Address
from declarative.state.postgres import PostgresStore
from declarative.state.store import Snapshot
from tests.apply.stage import created_name, is_create, staged
from tests.cli.tool import Tool, template, training, until
from tests.postgres import PostgresServer, running
from tests.runai.wire import Asked, Reply
from tests.state.files import ME, refusal
from tests.state.strategies import record
from tests.state.wire import Break, Wire, wired


@pytest.fixture
def wire(postgres: PostgresServer) -> Iterator[tuple[PostgresStore, Wire]]:
    with wired(postgres.folder) as (folder, wire):
        yield PostgresStore(postgres.url().replace(str(postgres.folder), str(folder)), patience=5, silence=0.5), wire


@pytest.fixture
def store(postgres: PostgresServer) -> PostgresStore:
    return PostgresStore(postgres.url(), patience=20)


def keys(snapshot: Snapshot) -> list[str]:
    return [one.address.key for one in snapshot.records]


TWICE = [(Break.AFTER, Break.LATE), (Break.LATE, Break.AFTER), (Break.LATE, Break.LATE)]


@pytest.mark.parametrize("breaks", [*((how,) for how in Break), *TWICE], ids=str)
def test_a_write_whose_connection_breaks_happens_once(
    breaks: tuple[Break, ...], wire: tuple[PostgresStore, Wire]
) -> None:
    store, line = wire
    with store.lock(ME, 0) as lease:
        lease.write(record("a", id="first"))
        line.next += breaks
        lease.write(record("a", id="second"))
        lease.write(record("a", id="third"))
        time.sleep(0.7 if Break.LATE in breaks else 0)  # by now, what was late has come
        assert (store.load().records, store.load().serial) == ((record("a", id="third"),), 3)
        line.next += breaks
        lease.write(record("b", id="third"), forget=[record("a").address])
        line.next += breaks
        lease.write(forget=[record("b").address])
        lease.write(record("c"))
        time.sleep(0.7 if Break.LATE in breaks else 0)
        assert (keys(store.load()), store.load().serial) == (["c"], 6)


@pytest.mark.parametrize("how", Break, ids=str)
@pytest.mark.parametrize("passing", [0, 4])
def test_a_push_whose_connection_breaks_happens_once(
    passing: int, how: Break, wire: tuple[PostgresStore, Wire]
) -> None:
    """Within its transaction, too, which the server gives up after some seconds."""
    (store, line), url = wire, wire[0].server.address
    patient = PostgresStore(f"{url}&schema_name={store.server.schema}", patience=30, silence=0.5)
    with patient.lock(ME, 0) as lease:
        for number in range(4):
            lease.write(record(f"r{number}"))
        former = store.load()
        lease.write(record("x"))
        line.next += [None] * passing + [how]
        lease.replace_all(former)
        line.next.clear()
        time.sleep(0.7 if how is Break.LATE else 0)
        assert (store.load().records, store.load().serial) == (former.records, 6)


def test_a_lease_outlives_a_restart_of_the_server(store: PostgresStore, postgres: PostgresServer) -> None:
    with store.lock(ME, 0) as lease:
        for number in range(3):
            lease.write(record(f"a{number}"))
            restart = threading.Thread(target=_restart, args=(postgres, "immediate" if number % 2 else "fast"))
            restart.start()
            time.sleep(0.02 * number)
            lease.write(record(f"b{number}"))
            restart.join()
    assert (len(store.load().records), store.load().serial) == (6, 6)


def _restart(server: PostgresServer, mode: str) -> None:
    server.stop(mode)
    server.start()


def test_a_lease_outlives_the_end_of_its_session(store: PostgresStore) -> None:
    with store.lock(ME, 0) as lease:
        for number in range(5):
            with store.server.connect() as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'declarative' AND pid <> pg_backend_pid()"
                )
            lease.write(record(f"r{number}"))
        with store.server.connect() as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    with store.lock(ME, 0):  # it was given back nevertheless
        assert store.load().serial == 5


def test_what_cannot_be_settled_is_told_and_stops_the_lease(postgres: PostgresServer) -> None:
    store = PostgresStore(postgres.url(), patience=0.5)
    with store.lock(ME, 0) as lease:
        lease.write(record("a"))
        postgres.stop()
        try:
            began = time.monotonic()
            told = refusal(lambda: lease.write(record("b")))
            assert 0.5 <= time.monotonic() - began < 5
            assert "whether the last write arrived is not known" in told
            assert "cannot be reached" in refusal(store.load)
        finally:
            postgres.start()
        assert "cut off" in refusal(lambda: lease.write(record("c")))
    with store.lock(ME, 0):  # once the server is back, the lock is given back
        assert keys(store.load()) == ["a"]


def test_an_interrupted_write_ends_the_lease(store: PostgresStore) -> None:
    """Ctrl-C while the server is slow: nobody knows whether it arrived, so nothing may follow it."""
    with store.lock(ME, 0) as lease, store.server.connect() as other:
        lease.write(record("a"))
        with other.transaction():
            store.server.run(other, "SELECT 1 FROM {schema}.leases FOR UPDATE")
            timer = threading.Timer(0.3, _interrupt)
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                lease.write(record("b"))
        assert "cut off" in refusal(lambda: lease.write(record("c")))
    assert keys(store.load()) in (["a"], ["a", "b"])


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_a_server_that_lost_commits_is_noticed(store: PostgresStore) -> None:
    """As after a failover to a replica that was behind."""
    with store.lock(ME, 0) as lease, store.server.connect() as other:
        lease.write(record("a"))
        store.server.run(other, "UPDATE {schema}.leases SET writes = 0")
        with pytest.raises(StateError, match="no longer has what was written"):
            lease.write(record("b"))


def test_what_was_written_survives_a_crash_of_the_server() -> None:
    """With everything forced to disk, as servers are set up."""
    with running(durable=True) as server:
        store = PostgresStore(server.url())
        with store.lock(ME, 0) as lease:
            for number in range(20):
                lease.write(record(f"r{number}"))
            server.stop("immediate")
            server.start(durable=True)
            assert len(store.load().records) == 20
            lease.write(forget=[Address("Training", "r0")])
        assert store.load().serial == 21


@contextlib.contextmanager
def frozen(server: PostgresServer, seconds: float | None = None) -> Iterator[None]:
    """The server with all its processes stopped: it accepts connections and says nothing, for so long or until the block ends."""
    (first, *_) = (server.folder / "data" / "postmaster.pid").read_text().split()
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", first], capture_output=True, text=True, check=True).stdout
    numbers = [int(number) for number in (first, *listed.split())]

    def all_get(what: int) -> None:
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, what)

    all_get(signal.SIGSTOP)
    timer = threading.Timer(seconds or 60, all_get, (signal.SIGCONT,))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        all_get(signal.SIGCONT)


@pytest.fixture
def hasty(postgres: PostgresServer) -> PostgresStore:
    """One that soon takes a silent server for a frozen one."""
    return PostgresStore(f"{postgres.url()}&connect_timeout=2", patience=3, silence=0.5)


def test_a_write_that_meets_a_frozen_server_happens_once_when_the_server_goes_on(
    hasty: PostgresStore, postgres: PostgresServer
) -> None:
    with hasty.lock(ME, 0) as lease:
        lease.write(record("a"))
        with frozen(postgres, seconds=1.5):
            lease.write(record("b"))
        lease.write(record("c"))
    assert (keys(hasty.load()), hasty.load().serial) == (["a", "b", "c"], 3)


def test_a_server_that_stays_frozen_is_told_in_time_to_reader_and_writer(
    hasty: PostgresStore, postgres: PostgresServer
) -> None:
    with hasty.lock(ME, 0) as lease:
        lease.write(record("a"))
        with frozen(postgres):
            began = time.monotonic()
            told = refusal(lambda: lease.write(record("b")))
            assert 3 <= time.monotonic() - began < 8
            assert str(hasty.server) in told
            assert "whether the last write arrived is not known" in told
            for read in (hasty.load, lambda: hasty.force_unlock("x"), hasty.lock(ME, 60).__enter__):
                began = time.monotonic()
                assert "does not answer" in refusal(read)
                assert time.monotonic() - began < 4
        assert "cut off" in refusal(lambda: lease.write(record("c")))
    with hasty.lock(ME, 0):
        assert keys(hasty.load()) in (["a"], ["a", "b"])


def test_a_statement_that_is_never_answered_is_told_in_time(
    postgres: PostgresServer, wire: tuple[PostgresStore, Wire]
) -> None:
    store, line = wire
    with store.lock(ME, 0) as lease:
        lease.write(record("a"))
    line.next += [None, None, Break.UNANSWERED]
    began = time.monotonic()
    told = refusal(store.load)
    assert 0.5 <= time.monotonic() - began < 3
    assert "does not answer" in told
    assert "within 0.5 s" in told
    assert keys(store.load()) == ["a"]


def test_a_slow_answer_that_keeps_coming_is_waited_for(postgres: PostgresServer) -> None:
    """Only silence counts, not how long all of it takes."""
    store = PostgresStore(postgres.url(), silence=0.5)
    slowly = "SELECT repeat('x', 100000), pg_sleep(0.2) FROM generate_series(1, 6)"
    with store.server.connect() as connection:
        began = time.monotonic()
        assert len(connection.execute(slowly).fetchall()) == 6
        assert time.monotonic() - began > 1


def test_ctrl_c_ends_what_waits_for_a_frozen_server(postgres: PostgresServer) -> None:
    store = PostgresStore(f"{postgres.url()}&connect_timeout=20")

    def interrupted(act: Callable[[], object]) -> None:
        timer = threading.Timer(0.5, _interrupt)
        timer.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            act()
        assert 0.4 < time.monotonic() - began < 3

    with store.lock(ME, 0) as lease:
        lease.write(record("a"))
        with frozen(postgres):
            interrupted(lambda: lease.write(record("b")))
            interrupted(store.load)
            began = time.monotonic()
            lease.release()
            assert time.monotonic() - began < 4
    with store.lock(ME, 0):
        assert keys(store.load()) in (["a"], ["a", "b"])


def test_an_apply_at_a_frozen_server_ends_by_two_ctrl_c_and_the_next_one_goes_on(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with staged(tmp_path, DECLARATIVE_STATE=postgres.url()) as stage, contextlib.ExitStack() as freezing:

        def interfere(asked: Asked) -> Reply | None:
            if is_create(asked) and created_name(asked) == "base":
                freezing.enter_context(frozen(postgres))
            return stage.passed(asked)

        stage.interfere = interfere
        stage.write(template("base"), training("run", needs=["WorkloadTemplate.base"]))
        running = stage.tool.start("apply", "--auto-approve")
        until(lambda: stage.live()["base"] == 1)
        time.sleep(1)  # the answer has come, and is to be recorded
        for _ in range(2):
            running.process.send_signal(signal.SIGINT)
            time.sleep(0.2)
        began = time.monotonic()
        assert running.ended(30).checked(1)
        assert time.monotonic() - began < 8
        freezing.close()
        stage.interfere = stage.passed
        stage.tool.apply("--lock-timeout", "90s")
        stage.is_whole("base", "run")


def test_commands_end_at_a_frozen_server_and_by_ctrl_c(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.url()
    tool = Tool(tmp_path, {"DECLARATIVE_STATE": f"{url}&connect_timeout=2"})
    tool.write({"manifests/all.yaml": template("base")})
    tool.apply()
    patient = Tool(tmp_path, {"DECLARATIVE_STATE": f"{url}&connect_timeout=60"})
    with frozen(postgres):
        for command in (("plan",), ("apply", "--auto-approve")):
            told = tool.run(*command, code=1).err
            assert "does not answer" in told
            assert "hint: what was recorded before is safe" in told
        for command in (("plan",), ("drift",), ("state", "list"), ("apply", "--auto-approve")):
            waiting = patient.start(*command)
            time.sleep(1)
            waiting.process.send_signal(signal.SIGINT)
            assert waiting.ended(5).code == 1
    tool.plan_is_empty()
