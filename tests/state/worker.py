"""A second process at work on a state: `python -m tests.state.worker URL FOLDER hold|put|full NAME`.

It says `held` once it has the lock, then in `put` the key of each record right after its `put` returned.
"""

from __future__ import annotations

import itertools
import os
import resource
import sys
import time
from pathlib import Path

from declarative.errors import StateError
from declarative.state.opening import open_store
from declarative.state.store import Holder
from tests.state.strategies import record


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())  # in one piece, at once


def main(url: str, folder: str, task: str, name: str) -> None:
    store = open_store(url, Path(folder))
    with store.lock(Holder.current(f"declarative {task}"), 20) as lease:
        say("held")
        if task == "hold":
            time.sleep(60)
        if task == "full":
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for number in itertools.count():
            try:
                lease.put(record(f"{name}-{number}", body={"padding": "x" * 2000}))
            except StateError as error:
                say(f"stopped {error}")
                return
            say(f"{name}-{number}")
            if task == "few" and number == 20:
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
