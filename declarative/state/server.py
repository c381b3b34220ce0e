"""The PostgreSQL database of a state: where it is, connections to it, its failures told in words.

A state has a schema of its own, `declarative` unless the URL says `?schema_name=...`: environments or projects that share a
database need a schema each. The rest of the URL goes to libpq as it is, with all that libpq knows (sslmode, service,
several hosts, PGPASSWORD, ~/.pgpass). No message shows a password.

Nobody waits for ever: not to connect, not on a network that is gone, and not for a server that took a statement and then says
nothing, because it is stopped or hangs. The server's own statement_timeout would be of no help there.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString, TypeVar
from urllib.parse import unquote

import psycopg
from psycopg import sql, waiting
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict

from declarative.diagnostics import Diagnostic
from declarative.errors import StateError

Given = TypeVar("Given")

SCHEMA = "declarative"
# Seconds to reach a server, and of silence after which a connection counts as lost. What the URL says goes before.
_DEFAULTS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

# Seconds that a statement waits for a sign of the server, and between two looks for signals and at the time.
SILENCE = 20.0
_LOOK = 0.1

_ABANDONED = "SET LOCAL idle_in_transaction_session_timeout = '5s'"

_OPTION = "schema_name="
_NAMED = re.compile(r"(?!pg_)[A-Za-z_][A-Za-z0-9_$-]{0,62}")
# As libpq has it: what stands before the first @, unless a / comes first, are user and password, whatever their characters.
_PARTS = re.compile(r"(?P<address>\w+://(?:[^@/]*@)?[^?]*)(?:\?(?P<options>.*))?", re.DOTALL)

_REACH = "check that the server runs and can be reached from here, and its address in the URL"
_ENTER = "check the user, the password (PGPASSWORD, ~/.pgpass or the URL) and the name of the database"
_AGAIN = "see to the server, then run the command again: it looks up how far this one came"
_WAKE = (
    "what was recorded before is safe; see whether the server hangs, or drops what comes to it, then run the command again: "
    "it looks up how far this one came"
)
_GRANT = (
    "the user has to own the state's schema or may create one (GRANT CREATE ON DATABASE), and SELECT, INSERT, UPDATE and "
    "DELETE its tables; a plan only needs USAGE on the schema and SELECT"
)
_ANOTHER = "name another schema with ?schema_name=... in the URL, or restore the server's backup"
# What a user can do about an error, by its SQLSTATE.
_HINTS = {
    "25006": "name the primary server; with several hosts, target_session_attrs=read-write chooses it",
    "42501": _GRANT,
    "42P01": _ANOTHER,
    "42P07": _ANOTHER,
    "42703": _ANOTHER,
    "53100": "free some space on the server and run the command again; all that was recorded before is safe",
    "53300": "wait for other connections to end, or raise the server's max_connections",
}


class Silent(psycopg.OperationalError):
    """The server took a statement and did not answer. What became of it is not known."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """One that is closed once the server has been silent for `silence` seconds, or by Ctrl-C: what it was at is in doubt."""

    silence = SILENCE

    def wait(self, gen: PQGen[Given], interval: float | None = _LOOK, timeout: float | None = None) -> Given:
        """What all that asks the server goes through; raises Silent.

        psycopg itself answers Ctrl-C by asking the server to cancel, and waits for that.
        """
        try:
            within = _bounded(gen, lambda: self.silence if timeout is None else timeout)
            # Not psycopg's fastest: in early releases of 3.2, that takes an interval without an answer for an answer.
            return waiting.wait_selector(within, self.pgconn.socket, interval=interval or _LOOK)
        except (Silent, KeyboardInterrupt):
            self.close()
            raise


def _bounded(gen: PQGen[Given], longest: Callable[[], float]) -> PQGen[Given]:
    """The same waits, but none of them longer than so many seconds, which may become fewer meanwhile; raises Silent."""
    try:
        wanted = next(gen)
        since = time.monotonic()
        while True:
            ready = yield wanted
            if ready:
                since = time.monotonic()
            elif time.monotonic() - since >= (seconds := longest()):
                raise Silent(f"it took a statement, and no answer came within {seconds:g} s")
            wanted = gen.send(ready)
    except StopIteration as done:
        given: Given = done.value
        return given


# A dataclass, and no Struct: it can leave out of its words what is secret.
@dataclass(frozen=True, slots=True)
class Server:
    """The database and schema of one state. `str` names them; `address` may hold a password.

    `silence` is the time in seconds that a statement waits for a sign of the server.
    """

    address: str = field(repr=False)
    schema: str
    name: str
    passwords: tuple[str, ...] = field(repr=False)
    silence: float = SILENCE

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of(cls, url: str, silence: float = SILENCE) -> Server:
        """The server that a URL names; raises StateError. Nothing is asked yet."""
        found = _PARTS.fullmatch(url)
        assert found, "only a URL with a scheme comes here"
        options = (found["options"] or "").split("&")
        kept = "&".join(option for option in options if not option.startswith(_OPTION))
        schemas = [unquote(option.removeprefix(_OPTION)) for option in options if option.startswith(_OPTION)]
        address = found["address"] + (f"?{kept}" if kept else "")
        try:
            facts = {key: str(value) for key, value in conninfo_to_dict(address).items() if value is not None}
        except psycopg.ProgrammingError:
            raise _unusable() from None  # its text may quote part of a password
        # A password whose / or @ is not encoded splits in the wrong place, and would be shown as a host or a database.
        if not re.fullmatch(r"[\d,]*", facts.get("port", "")) or "@" in facts.get("host", "") + facts.get("dbname", ""):
            raise _unusable()
        schema = (schemas or [SCHEMA])[-1]
        if not _NAMED.fullmatch(schema):
            raise _unnamed(schema)
        passwords = tuple(filter(None, (facts.get("password"), facts.get("sslpassword"))))
        return cls(address, schema, _name(facts, schema), passwords, silence)

    def connect(self, within: int | None = None) -> Connection:
        """A connection on which every statement is a transaction unless one is begun; raises psycopg.Error.

        `within` is a time in seconds that goes before all others.
        """
        given = conninfo_to_dict(self.address)
        defaults: dict[str, Any] = {key: value for key, value in _DEFAULTS.items() if key not in given}
        if "PGCONNECT_TIMEOUT" in os.environ:
            defaults.pop("connect_timeout", None)
        if within is not None:
            defaults["connect_timeout"] = within
        # Statements are not prepared: a pool in front of the server may give each transaction another session.
        connection = Connection.connect(
            self.address,
            autocommit=True,
            prepare_threshold=None,
            client_encoding="utf8",
            fallback_application_name="declarative",
            **defaults,
        )
        connection.silence = self.silence
        return connection

    def run(
        self, connection: Connection, statement: LiteralString, parameters: Sequence[Any] = ()
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """Runs a statement in which `{schema}` stands for the state's schema; raises psycopg.Error."""
        return connection.execute(_within(self.schema, statement), parameters)

    def run_many(self, connection: Connection, statement: LiteralString, rows: Sequence[Sequence[Any]]) -> None:
        """Runs a statement once for each of the rows."""
        with connection.cursor() as cursor:
            cursor.executemany(_within(self.schema, statement), rows)

    @contextlib.contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """All or nothing. Should this machine vanish within, the server gives up soon, and others go on."""
        with connection.transaction():
            connection.execute(_ABANDONED)
            yield

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Turns what psycopg raises into a StateError that names the database and the way on."""
        try:
            yield
        except psycopg.Error as error:
            raise StateError(self.diagnostic(error)) from error

    def diagnostic(self, error: psycopg.Error) -> Diagnostic:
        """What has happened, in the server's words and ours."""
        text = " ".join(str(error).split())
        for password in self.passwords:
            text = text.replace(password, "***")
        detail = f"{self}: {text}"
        if isinstance(error, (Silent, psycopg.errors.ConnectionTimeout)):
            return Diagnostic("The state's server does not answer", detail, _WAKE)
        if error.sqlstate is not None or not isinstance(error, psycopg.OperationalError):
            return Diagnostic("The state's server refused", detail, _HINTS.get(error.sqlstate or "", _AGAIN))
        if error.pgconn is not None and error.pgconn.used_password:
            return Diagnostic("The state's server does not let us in", detail, _ENTER)
        return Diagnostic("The state's server cannot be reached", detail, f"{_REACH}; {_ENTER}")


@functools.cache
def _within(schema: str, statement: LiteralString) -> bytes:
    return sql.SQL(statement).format(schema=sql.Identifier(schema)).as_bytes(None)


def _name(facts: dict[str, str], schema: str) -> str:
    host = facts.get("host") or facts.get("hostaddr") or (f"service {facts['service']}" if "service" in facts else "")
    port = f":{facts['port']}" if host and facts.get("port", "").strip(",") else ""
    database = facts.get("dbname") or "the user's database"
    return f"{database} on {host or 'the default server'}{port}, schema {schema}"


def _unusable() -> StateError:
    # The URL is not shown, and no part of it: which part of it is the password can no longer be told.
    detail = "It is not of the form postgresql://user@host:5432/database?schema_name=infra."
    hint = "write %40 for @ and %2F for / in user and password, or give the password by PGPASSWORD or ~/.pgpass"
    return StateError(Diagnostic("Unusable URL of the state", detail, hint))


def _unnamed(schema: str) -> StateError:
    hint = "use letters, digits, _ and -, a letter first, at most 63 of them; names in pg_ belong to PostgreSQL"
    return StateError(Diagnostic("Unusable schema of the state", f"{schema!r} cannot be the name of a schema.", hint))
