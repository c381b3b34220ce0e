"""The last good copy of a state in a file, beside it: what to go back to when the file is damaged, or a change regretted.

It is whole at every moment, and it is a state itself: in the place of the other, it does.
"""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import shlex
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from declarative.state.folder import sync
from declarative.state.store import Backup


def copy_of(path: Path) -> Path:
    """Where the copy of the state at `path` is."""
    return path.with_name(f"{path.name}.backup")


def is_of(path: Path, lineage: str, serial: int) -> bool:
    """Whether the copy is of this very state."""
    with contextlib.suppress(sqlite3.Error), closing(_opened(copy_of(path))) as connection:
        entries = dict(connection.execute("SELECT key, value FROM meta"))
        return (entries.get("lineage"), entries.get("serial")) == (lineage, serial)
    return False


def make(connection: sqlite3.Connection, path: Path, examine: Callable[[sqlite3.Connection, Path], None]) -> None:
    """Copies the state behind the connection, readable by its owner alone; raises sqlite3.Error, OSError.

    Only a copy that `examine` lets pass takes the place of the former one. Whoever makes one holds the lock.
    """
    beginning = f".{copy_of(path).name}."
    # What others were killed over may hold what has become a secret since.
    for left in path.parent.glob(f"{glob.escape(beginning)}*.new"):
        left.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=beginning, suffix=".new", dir=path.parent)
    os.close(handle)
    fresh = Path(name)
    try:
        with closing(sqlite3.connect(fresh)) as target:
            connection.backup(target)
            # Whoever goes back to it need not wait for the one who made it.
            target.execute("DELETE FROM locks")
            target.commit()
        # Over a new connection: an old one knows by heart what a damaged file no longer says.
        with closing(sqlite3.connect(fresh)) as target:
            examine(target, path)
        fresh.replace(copy_of(path))
    finally:
        fresh.unlink(missing_ok=True)
    sync(path.parent)


def kept(path: Path) -> Backup:
    """The copy of the state at `path`, and how to go back to it."""
    return Backup(copy_of(path), _exchange(path, "aside"))


def recovery(path: Path) -> str:
    """What a user can do about a damaged state: the commands that put the copy in its place, where there is one."""
    copy = copy_of(path)
    try:
        made = datetime.fromtimestamp(copy.stat().st_mtime, UTC).isoformat(" ", "seconds")
    except OSError:
        return "put a good copy in its place, or move it away to start anew; it was left as it is"
    commands = _exchange(path, "damaged")
    return f"it was left as it is; {copy.name} beside it is the last good copy, of {made}; to go back to it:\n    {commands}"


def _exchange(path: Path, word: str) -> str:
    """The commands that put the copy in the place of the state, and the state into a new folder `word`-1, -2, ..."""
    # SQLite's own files beside it have to go as well: a log of the other state would be read into the copy.
    aside = next(name for name in map(f"{word}-{{}}".format, itertools.count(1)) if not (path.parent / name).exists())
    backup = f"{aside}/{copy_of(path).name}"
    parts = (path.parent, path.name, f"{path.name}-wal", f"{path.name}-shm", copy_of(path).name, backup)
    folder, name, wal, shm, copy, backup = (shlex.quote(str(part)) for part in parts)
    # Each by its name: `NAME*` would take along what only begins alike. Those that may not be there are made first.
    moved = f"touch {wal} {shm} && mv {name} {wal} {shm} {copy} {aside}/"
    return f"(cd {folder} && mkdir {aside} && {moved} && cp -p {backup} {name})"


def _opened(copy: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{copy.as_uri()}?mode=ro&immutable=1", uri=True)
