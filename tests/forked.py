"""Processes of this code that begin at once: forked from a server that has imported everything already.

Each is a process of its own, with its own folder, environment, streams and signals, and can be killed like any other.
Only the start of the interpreter is left out, which takes longer than most commands: tests of that use `Tool.launch`.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        *(f"declarative.cli.{name}" for name in ("main", "init", "validate", "plan", "apply", "destroy", "show")),
        *(
            f"declarative.cli.{name}"
            for name in ("import_", "discovering", "schema", "state", "sandbox", "console", "options")
        ),
        *("declarative.workflow", "declarative.sandbox.in_process", "declarative.sandbox.serve", "tests.forked"),
    ]
)
# How a process ended can be read once, and starting one looks at all the others.
_lock = threading.Lock()


class Forked:
    """A process under way; what `subprocess.Popen` calls the same does the same."""

    def __init__(self, task: Callable[..., None], *arguments: Any) -> None:
        self._process = _CONTEXT.Process(target=task, args=arguments, daemon=True)
        with _lock:
            self._process.start()
        assert self._process.pid
        self.pid = self._process.pid

    def poll(self) -> int | None:
        with _lock:
            return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """The exit code, or minus the number of the signal that ended it; raises TimeoutError."""
        multiprocessing.connection.wait([self._process.sentinel], seconds)
        code = self.poll()
        if code is None:
            raise TimeoutError(f"process {self.pid} did not end within {seconds} s")
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass(frozen=True)
class Command:
    """One command line of the tool, and where it runs."""

    arguments: Sequence[str]
    folder: Path
    environ: Mapping[str, str]
    given: Path
    out: Path
    err: Path
    # The size in bytes that no file may exceed.
    largest: int | None = None

    def begin(self) -> Forked:
        return Forked(_run, self)


def _run(command: Command) -> None:
    """What a new interpreter would do."""
    os.environ.clear()
    os.environ.update(command.environ)
    os.chdir(command.folder)
    writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, (path, flags) in enumerate(
        ((command.given, os.O_RDONLY), (command.out, writing), (command.err, writing))
    ):
        os.dup2(os.open(path, flags), number)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", closefd=False) for number, mode in enumerate(("r", "w", "w"))
    )
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    if command.largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (command.largest, command.largest))
    from declarative.cli.main import run

    sys.exit(run(command.arguments))


@contextmanager
def sandbox(path: Path) -> Iterator[str]:
    """Serves a sandbox over HTTP, and gives its base URL; the process has to end well when it is asked to."""
    process, url = begin_sandbox(path)
    try:
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(10)
    assert code == 0


def begin_sandbox(path: Path, port: int = 0) -> tuple[Forked, str]:
    """A sandbox that somebody else ends, and its base URL; without a port it takes a free one."""
    reader, writer = _CONTEXT.Pipe(duplex=False)
    process = Forked(_serve, path, port, writer)
    writer.close()
    return process, reader.recv()


def _serve(path: Path, port: int, ready: multiprocessing.connection.Connection) -> None:
    from declarative.sandbox.serve import serve

    serve(path, "127.0.0.1", port, ready.send)
