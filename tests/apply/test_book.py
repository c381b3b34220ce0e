"""What several steps have to say at once is durable when each of them goes on, and takes fewer commits than there are steps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from declarative.apply.book import Book
from declarative.apply.clock import SystemClock
from declarative.errors import StateError
from declarative.state.sqlite import SqliteStore
from declarative.state.sqlite_lease import SqliteLease
from declarative.state.store import Holder
from tests.state.strategies import record

KEYS = [f"r{number}" for number in range(50)]


@contextmanager
def opened(store: SqliteStore) -> Iterator[tuple[Book, SqliteLease]]:
    with store.lock(Holder.current("test"), 5) as lease:
        book = Book(lease, {}, SystemClock())
        try:
            yield book, lease
        finally:
            book.close()


def test_each_step_finds_what_it_wrote_on_the_disk_and_together_they_took_few_commits(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.sqlite3")

    async def step(book: Book, key: str) -> None:
        await book.put(record(key))
        assert record(key) in store.load().records
        if key == "r7":
            await book.forget(record(key).address)
            assert record(key) not in store.load().records

    async def steps(book: Book) -> None:
        await asyncio.gather(*(step(book, key) for key in KEYS))

    with opened(store) as (book, _):
        asyncio.run(steps(book))
        kept = {record(key).address for key in KEYS if key != "r7"}
        assert set(book.records) == kept
    snapshot = store.load()
    assert {one.address for one in snapshot.records} == kept
    assert snapshot.serial < len(KEYS)


def test_all_who_wrote_together_hear_that_it_failed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.sqlite3")

    async def steps(book: Book) -> list[BaseException | None]:
        return await asyncio.gather(*(book.put(record(key)) for key in KEYS), return_exceptions=True)

    with opened(store) as (book, lease):
        store.force_unlock(lease.lock.id)
        assert {type(one) for one in asyncio.run(steps(book))} == {StateError}
        assert book.records == {}
    assert store.load().records == ()


def test_what_was_said_is_written_although_everything_is_cancelled(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.sqlite3")

    async def steps(book: Book) -> None:
        tasks = [asyncio.create_task(book.put(record(key))) for key in KEYS]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with opened(store) as (book, _):
        asyncio.run(steps(book))
    assert {one.address for one in store.load().records} == {record(key).address for key in KEYS}


def test_a_step_that_is_cancelled_does_not_take_back_what_others_wrote(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.sqlite3")

    async def steps(book: Book) -> None:
        tasks = [asyncio.create_task(book.put(record(key))) for key in KEYS]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.gather(*tasks[1:])
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]

    with opened(store) as (book, _):
        asyncio.run(steps(book))
    assert {one.address for one in store.load().records} >= {record(key).address for key in KEYS[1:]}
