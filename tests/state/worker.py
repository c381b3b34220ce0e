"""A second process at work on a state: `python -m tests.state.worker URL FOLDER TASK NAME SCOPE`.

SCOPE is a list of keys with commas, or empty for the whole. It says `held` once it has the lock, then the key of each record
right after its write returned. The tasks: `hold` the lock; `put` records for ever, or a `few`; fill the disk until it is
`full`; write an `intent` and then nothing; `count` on in the records of its scope, each time under a new lock.
"""

from __future__ import annotations

import itertools
import os
import resource
import sys
import time
from pathlib import Path

from msgspec.structs import replace

from declarative.errors import StateError
from declarative.model.address import Address
from declarative.model.record import Intent, Operation
from declarative.model.value import freeze
from declarative.state.opening import open_store
from declarative.state.store import Holder, Lease, Store
from tests.state.strategies import record

ROUNDS = 3


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())  # in one piece, at once


def main(url: str, folder: str, task: str, name: str, scope: str) -> None:
    store = open_store(url, Path(folder))
    addresses = frozenset(Address("Training", key) for key in scope.split(",") if key) or None
    for _ in range(ROUNDS if task == "count" else 1):
        with store.lock(Holder.current(f"declarative {task}"), 60, addresses) as lease:
            say("held")
            if task == "hold":
                time.sleep(60)
            elif task == "intent":
                asked = Intent(Operation.CREATE, freeze({"metadata": {"name": name}}), "digest", 1.0)
                lease.write(replace(record(name), id=None, applied=None, intent=asked))
                say(name)
                time.sleep(60)
            elif task == "count":
                count(store, lease, scope.split(","))
            else:
                put(lease, task, name, scope.split(",") if scope else [])


def put(lease: Lease, task: str, name: str, keys: list[str]) -> None:
    if task == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    for number in itertools.count():
        key = keys[number % len(keys)] if keys else f"{name}-{number}"
        try:
            lease.write(record(key, body={"padding": "x" * 2000}))
        except StateError as error:
            say(f"stopped {error}")
            return
        say(key)
        if task == "few" and number == 20:
            return


def count(store: Store, lease: Lease, keys: list[str]) -> None:
    """Reads and writes with a pause in between, in which an update of somebody else would be lost."""
    known = store.load().by_address()
    time.sleep(0.01)
    for key in keys:
        found = known.get(Address("Training", key))
        body = found.applied if found else None
        lease.write(record(key, body={"count": body["count"] + 1 if body else 1}))


if __name__ == "__main__":
    main(*sys.argv[1:])
