"""A sandbox in a process of its own, over HTTP."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = """
import pathlib, sys
from declarative.sandbox.serve import serve
serve(pathlib.Path(sys.argv[1]), "127.0.0.1", 0, lambda url: print(url, flush=True))
"""


@contextmanager
def served(path: Path) -> Iterator[str]:
    """The base URL; the process has to end well when it is asked to, and to have said nothing on stderr."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "")
