"""Copies of a state as documents in a folder: where the store itself has no place for what was before a change."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from declarative.diagnostics import Diagnostic
from declarative.errors import StateError
from declarative.settings import make_folder
from declarative.state.folder import sync
from declarative.state.store import Snapshot
from declarative.state.transfer import dump

# Documents of one state that are kept.
KEPT = 10


def keep(snapshot: Snapshot, folder: Path) -> Path:
    """Writes the document of a state into `folder`, readable by its owner alone, and lets go of the oldest ones.

    The file is whole and durable, or not there; raises StateError where it cannot be written.
    """
    beginning = f"state-{snapshot.lineage[:8]}-"
    # In order of time by their names. A lineage and a serial would not do: a state that was pushed to another place has both.
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    file = folder / f"{beginning}{now}-{snapshot.serial}.json"
    try:
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _write(file, dump(snapshot))
        for old in sorted(folder.glob(f"{beginning}*.json"), reverse=True)[KEPT:]:
            if old != file:
                old.unlink(missing_ok=True)
    except OSError as error:
        detail = f"{error.filename or file}: {error.strerror}; without a copy of what was before, nothing was changed."
        hint = "make the folder writable and see that the disk has space, or work in another one with -C"
        raise StateError(Diagnostic("No backup can be made", detail, hint)) from error
    return file


def _write(file: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".new", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as fresh:
            fresh.write(text)
            fresh.flush()
            os.fsync(fresh.fileno())
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)
    sync(file.parent)
