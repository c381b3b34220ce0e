"""Which store a URL names."""

from __future__ import annotations

from pathlib import Path

from declarative.diagnostics import Diagnostic
from declarative.errors import StateError
from declarative.state.store import Store


def open_store(url: str, base: Path) -> Store:
    """The store that `url` names; a relative path starts at `base`. Nothing is read or made yet; raises StateError.

    `sqlite:///a.sqlite3` is relative and `sqlite:////var/a.sqlite3` absolute, as SQLAlchemy has it. What begins with
    `postgresql://` or `postgres://` is libpq's, but for `schema_name`; see `server`.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgresql", "postgres"):
        return _postgres(url)
    if separator and scheme != "sqlite":
        raise _unsupported(f"{scheme}:// is no kind of state that this release knows")
    path = rest.removeprefix("/") if separator else url
    if not path or (separator and not rest.startswith("/")):
        raise _unsupported("the state's address names no file")

    from declarative.state.sqlite import SqliteStore  # only here is it known that SQLite is needed

    file = base / Path(path).expanduser()
    if file.is_dir():
        raise StateError(
            Diagnostic(
                "The state is a folder",
                f"{file} is a folder, not a file.",
                f"name a file: {path.rstrip('/')}/state.sqlite3",
            )
        )
    return SqliteStore(file)


def _postgres(url: str) -> Store:
    try:
        from declarative.state.postgres import PostgresStore  # not everybody has installed what it takes
    except ImportError as error:
        if (error.name or "psycopg").partition(".")[0] != "psycopg":
            raise
        detail = f"A state in PostgreSQL needs psycopg: {' '.join(str(error).split())}."
        hint = "install it beside declarative: pip install 'psycopg[binary]>=3.2'"  # the extra postgres
        raise StateError(Diagnostic("This state store is not installed", detail, hint)) from error
    return PostgresStore(url)


def _unsupported(detail: str) -> StateError:
    hint = "name a file (.declarative/state.sqlite3 or sqlite:///state.sqlite3) or a database (postgresql://db/infra)"
    return StateError(Diagnostic("This state store is not available", detail, hint))
