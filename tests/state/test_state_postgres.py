"""What is peculiar to the state in a PostgreSQL database: its URL, its schema, its users, and what may be wrong with them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace

from declarative.errors import StateError
from declarative.state import database, tables
from declarative.state.format import FORMAT
from declarative.state.opening import open_store
from declarative.state.postgres import PostgresStore
from declarative.state.server import SCHEMA, Server
from declarative.state.store import Snapshot
from tests.postgres import PASSWORD, PostgresServer
from tests.secrets import TEXT, secret
from tests.state.files import ME, refusal
from tests.state.strategies import record


@pytest.fixture
def store(postgres: PostgresServer) -> PostgresStore:
    return PostgresStore(postgres.url())


@pytest.fixture
def admin(postgres: PostgresServer) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with Server.of(postgres.url()).connect() as connection:
        yield connection


def take(store: PostgresStore) -> None:
    with store.lock(ME, 0):
        pass


def execute(store: PostgresStore, statement: str) -> None:
    with store.server.connect() as connection:
        connection.execute(statement.format(schema=f'"{store.server.schema}"').encode())


class TestUrl:
    @pytest.mark.parametrize(
        ("url", "address", "name"),
        [
            ("postgresql://db/infra", "postgresql://db/infra", "infra on db, schema declarative"),
            (
                "postgres://me@db:6432/infra?schema_name=a-b",
                "postgres://me@db:6432/infra",
                "infra on db:6432, schema a-b",
            ),
            (
                "postgresql://me:p%40ss?word@db/infra?sslmode=require&schema_name=a_b&connect_timeout=3",
                "postgresql://me:p%40ss?word@db/infra?sslmode=require&connect_timeout=3",
                "infra on db, schema a_b",
            ),
            (
                "postgresql:///infra?host=/run/pg",
                "postgresql:///infra?host=/run/pg",
                "infra on /run/pg, schema declarative",
            ),
            ("postgresql://a,b/infra", "postgresql://a,b/infra", "infra on a,b, schema declarative"),
            (
                "postgresql://?service=x",
                "postgresql://?service=x",
                "the user's database on service x, schema declarative",
            ),
        ],
    )
    def test_all_but_the_schema_goes_to_libpq_as_it_is(self, url: str, address: str, name: str, tmp_path: Path) -> None:
        store = open_store(url, tmp_path)
        assert isinstance(store, PostgresStore)
        assert (store.server.address, str(store.server)) == (address, name)

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://me:hun/ter2@db/infra",
            "postgresql://me:1/hunter2@db/infra",
            "postgresql://me:x@hunter2@db/infra",
            "postgresql://me:%zzhunter2@db/infra",
            "postgresql://me@db:hunter2/infra",
            "postgresql://me:hunter2@db/infra?unknown=1",
            "postgresql://me:hunter2@db/infra?schema_name=pg_x",
            "postgresql://me:hunter2@db/infra?schema_name=a%22b",
            "postgresql://me:hunter2@db/infra?schema_name=",
            f"postgresql://me:hunter2@db/infra?schema_name={'x' * 64}",
        ],
    )
    def test_what_cannot_be_used_is_refused_and_no_password_shown(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(StateError) as refused:
            open_store(url, tmp_path)
        (diagnostic,) = refused.value.diagnostics
        assert diagnostic.hint
        assert diagnostic.summary.startswith("Unusable")
        assert "ter2" not in f"{diagnostic!r}"

    def test_schemas_of_one_database_are_states_of_their_own(self, postgres: PostgresServer) -> None:
        """As environments need them."""
        one, other = PostgresStore(postgres.url()), PostgresStore(postgres.url("with-hyphen"))
        for store, key in ((one, "a"), (other, "b")):
            with store.lock(ME, 0) as lease:
                lease.write(record(key))
        with one.lock(ME, 0), other.lock(ME, 0):
            pass
        loaded = one.load(), other.load()
        assert [len(each.records) for each in loaded] == [1, 1]
        assert loaded[0].lineage != loaded[1].lineage
        assert loaded[0].key != loaded[1].key

    def test_the_usual_schema_is_our_own(self, postgres: PostgresServer) -> None:
        store = PostgresStore(postgres.url().partition("&schema_name")[0])
        assert store.server.schema == SCHEMA == "declarative"
        take(store)
        assert store.load().lineage


class TestInstallation:
    def run(self, program: str) -> str:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def test_psycopg_is_imported_only_for_a_state_in_postgresql(self) -> None:
        told = self.run(
            "import sys; from pathlib import Path; from declarative.state.opening import open_store\n"
            "open_store('x.sqlite3', Path()); print('psycopg' in sys.modules)\n"
            "open_store('postgresql://db/x', Path()); print('psycopg' in sys.modules)"
        )
        assert told.split() == ["False", "True"]


class TestServer:
    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (lambda server: server.url(password="wrong-" + PASSWORD), "password authentication failed"),
            (lambda server: server.url(password=""), "no password supplied"),
            (lambda server: server.url(user="nobody"), "nobody"),
            (lambda server: server.url().replace("/postgres?", "/nowhere?"), "nowhere"),
            (lambda server: server.url().replace("?host=", "?host=/nowhere"), "No such file"),
            (lambda server: f"postgresql://me:{PASSWORD}@127.0.0.1:1/infra", "Connection refused"),
            (lambda server: f"postgresql://me:{PASSWORD}@host.invalid/infra", "host.invalid"),
        ],
    )
    def test_who_cannot_enter_reads_why_and_no_password(
        self, change: Callable[[PostgresServer], str], named: str, postgres: PostgresServer
    ) -> None:
        store = PostgresStore(change(postgres))
        for action in (store.load, lambda: take(store), lambda: store.force_unlock("x")):
            told = refusal(action)
            assert named in told
            assert str(store.server) in told
            assert PASSWORD not in told

    def test_one_who_may_only_read_plans_and_does_not_apply(
        self, store: PostgresStore, postgres: PostgresServer, admin: psycopg.Connection[tuple[object, ...]]
    ) -> None:
        with store.lock(ME, 0) as lease:
            lease.write(record("a"))
        schema = store.server.schema
        reader = PostgresStore(postgres.url(schema, f"reader_{schema}"))
        admin.execute(f"CREATE ROLE reader_{schema} LOGIN PASSWORD '{PASSWORD}'".encode())
        assert "permission denied" in refusal(reader.load)
        admin.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader_{schema}".encode())
        admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader_{schema}".encode())
        assert reader.load() == store.load()
        with pytest.raises(StateError, match="permission denied") as refused:
            take(reader)
        assert "GRANT" in str(refused.value.diagnostics[0].hint)
        assert "permission denied" in refusal(lambda: take(PostgresStore(postgres.url(user=f"reader_{schema}"))))

    def test_one_who_owns_just_the_schema_needs_no_more(
        self, postgres: PostgresServer, admin: psycopg.Connection[tuple[object, ...]]
    ) -> None:
        store = PostgresStore(postgres.url("lent", "tenant"))
        admin.execute(f"CREATE ROLE tenant LOGIN PASSWORD '{PASSWORD}'".encode())
        admin.execute("CREATE SCHEMA lent AUTHORIZATION tenant")
        assert store.load() == Snapshot()
        with store.lock(ME, 0) as lease:
            lease.write(record("a"))
        assert len(store.load().records) == 1

    def test_a_replica_is_read_and_not_written(self, store: PostgresStore) -> None:
        take(store)
        options = "&options=-c%20default_transaction_read_only%3Don"  # refuses writes as a replica does
        replica = PostgresStore(f"{store.server.address}{options}&schema_name={store.server.schema}")
        assert replica.load() == store.load()
        with pytest.raises(StateError, match="read-only") as refused:
            take(replica)
        assert "target_session_attrs" in str(refused.value.diagnostics[0].hint)

    def test_a_read_makes_nothing(self, store: PostgresStore, admin: psycopg.Connection[tuple[object, ...]]) -> None:
        assert store.load() == Snapshot()
        assert store.force_unlock("x") is None
        query = "SELECT count(*) FROM pg_namespace WHERE nspname = %s"
        assert admin.execute(query, (store.server.schema,)).fetchone() == (0,)

    def test_processes_that_make_it_at_once_make_one(self, postgres: PostgresServer) -> None:
        program = (
            "import sys; from pathlib import Path; from declarative.state.opening import open_store;"
            "from declarative.state.store import Holder;"
            "lease = open_store(sys.argv[1], Path()).lock(Holder.current('x'), 30).__enter__(); print(lease.lineage)"
        )
        url = postgres.url()
        command = [sys.executable, "-c", program, url]
        # They end without giving the lock back: each takes over from one that has died.
        workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        assert {worker.communicate(timeout=60)[0] for worker in workers} == {f"{PostgresStore(url).load().lineage}\n"}


class TestTables:
    def test_both_stores_count_the_same_formats(self) -> None:
        assert len(tables.MIGRATIONS) == len(database.MIGRATIONS) == FORMAT

    def test_a_newer_format_is_refused_with_both_numbers(self, store: PostgresStore) -> None:
        take(store)
        execute(store, f"UPDATE {{schema}}.meta SET value = '{FORMAT + 1}' WHERE key = 'format'")
        for action in (store.load, lambda: take(store), lambda: store.force_unlock("x")):
            told = refusal(action)
            assert f"format {FORMAT + 1}" in told
            assert f"up to {FORMAT}" in told

    @pytest.mark.parametrize("columns", ["name TEXT", "key TEXT, value TEXT"])
    def test_tables_of_another_program_are_refused_and_left_alone(self, columns: str, store: PostgresStore) -> None:
        execute(store, "CREATE SCHEMA {schema}")
        execute(store, f"CREATE TABLE {{schema}}.meta ({columns})")
        for action in (store.load, lambda: take(store), lambda: store.force_unlock("x")):
            assert "not a state" in refusal(action)

    def test_a_schema_in_which_another_program_has_a_table_of_ours_is_refused(self, store: PostgresStore) -> None:
        execute(store, "CREATE SCHEMA {schema}")
        execute(store, "CREATE TABLE {schema}.records (name TEXT)")
        with pytest.raises(StateError, match="already exists") as refused:
            take(store)
        assert "schema_name" in str(refused.value.diagnostics[0].hint)
        assert store.load() == Snapshot()

    @pytest.mark.parametrize(
        ("statement", "named"),
        [
            ("UPDATE {schema}.records SET data = 'x' WHERE key = 'b'", "Training.b"),
            (
                "UPDATE {schema}.records SET id = 'same' WHERE key = 'b'",
                "Training.b cannot be read: its checksum does not",
            ),
            # As rows of earlier releases are, without a checksum.
            (
                "UPDATE {schema}.records SET id = 'same', data = (data::jsonb - 'sum')::text",
                "rule 4: Training.a",
            ),
            ("DELETE FROM {schema}.meta WHERE key = 'serial'", "serial"),
            ("DROP TABLE {schema}.records", "records"),
        ],
    )
    def test_what_contradicts_itself_is_named(self, statement: str, named: str, store: PostgresStore) -> None:
        with store.lock(ME, 0) as lease:
            for key in ("a", "b"):
                lease.write(record(key))
        execute(store, statement)
        assert named in refusal(store.load)

    def test_it_holds_digests_of_secrets_and_no_text(self, store: PostgresStore) -> None:
        with store.lock(ME, 0) as lease:
            lease.write(record("a", body={"args": secret()}))
            with store.server.connect() as connection:
                row = store.server.run(connection, "SELECT * FROM {schema}.records").fetchone()
        assert TEXT not in str(row)
        assert store.load().records[0].applied["args"].covers(TEXT)  # type: ignore[index]

    def test_what_postgresql_cannot_hold_is_refused_and_the_lease_goes_on(self, store: PostgresStore) -> None:
        with store.lock(ME, 0) as lease:
            with pytest.raises(StateError, match="NUL"):
                lease.write(replace(record("a"), name="a\x00"))
            lease.write(record("a", body={"text": "a\x00"}))
        assert store.load().serial == 1
