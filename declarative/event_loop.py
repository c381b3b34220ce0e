"""Work in an event loop of its own: alone, or under the lock of what it is about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from declarative.model.address import Address
from declarative.state.store import Holder, Lease, Snapshot, Store

Result = TypeVar("Result")


def completed(work: Coroutine[Any, Any, Result]) -> Result:
    """What the work comes to, done in an event loop of its own.

    The result is kept beside the task: Python 3.11 words the task, result and all, when the loop ends, which takes seconds
    for a large plan.
    """
    results: list[Result] = []

    async def keep() -> None:
        results.append(await work)

    asyncio.run(keep())
    return results[0]


def completed_under_lock(
    work: Callable[[Lease, Snapshot], Coroutine[Any, Any, Result]],
    store: Store,
    holder: Holder,
    timeout: float,
    scope_of: Callable[[Snapshot], frozenset[Address]] | None,
) -> Result:
    """The same for work on a state, under the lock of what it is about, which is waited for up to `timeout` seconds.

    `scope_of` says what that is, by the state as it is then; without it, it is the whole state. Raises what the store and the
    scope raise.
    """
    if scope_of is None:
        with store.lock(holder, timeout) as lease:
            return completed(work(lease, store.load()))
    scope = scope_of(store.load())
    while True:
        with store.lock(holder, timeout, scope) as lease:
            snapshot = store.load()
            needed = scope_of(snapshot)
            if needed <= scope:
                return completed(work(lease, snapshot))
        # Somebody has applied meanwhile, and now the selection is about more.
        scope = needed
