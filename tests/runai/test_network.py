"""Many requests go another way than a few; what is known of a lost one stays the same."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from declarative.errors import Unreachable
from declarative.runai import manners, network, transport
from declarative.runai.credentials import Credentials
from declarative.runai.transport import Transport
from tests.runai.asking import asking
from tests.runai.wire import Asked, Reply, wired

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
TOKEN = Credentials("t")


@contextmanager
def answers_once(then: str) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers the first request of each connection, and closes it: at once, or when it is used again."""
    seen: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                seen.append(connection.recv(65_536))
                connection.sendall(ANSWER)
                if then == "used again":
                    seen.append(connection.recv(65_536))

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", seen
    finally:
        listening.close()


@pytest.mark.parametrize("few", [0, network.FEW])
def test_a_create_on_a_connection_that_is_closed_under_it_is_in_doubt_and_sent_once(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "FEW", few)

    async def run(url: str) -> None:
        async with Transport(url, TOKEN, parallelism=1) as transport:
            await transport.get("/x")
            with pytest.raises(Unreachable) as caught:
                await transport.send("POST", "/made", {"a": 1}, safe=False)
            assert caught.value.ambiguous

    with answers_once("used again") as (url, seen):
        asyncio.run(asyncio.wait_for(run(url), 20))
        assert sum(one.startswith(b"POST") for one in seen) == 1


def test_a_connection_that_was_closed_while_idle_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "FEW", 0)

    async def run(url: str) -> None:
        async with Transport(url, TOKEN, parallelism=1) as transport:
            for _ in range(3):
                assert await transport.send("POST", "/made", {}, safe=False) == {}
                await asyncio.sleep(0.05)

    with answers_once("at once") as (url, seen):
        asyncio.run(asyncio.wait_for(run(url), 20))
        assert len(seen) == 3


def test_the_requests_are_the_same_by_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Method, target with its query, headers as spelt, and body."""

    async def some(transport: Transport) -> None:
        await transport.get("/x", {"filterBy": "type==Training,name==a b/%c", "offset": 0})
        await transport.send("POST", "/y", {"text": "\u00fc"}, safe=False)
        await transport.send("POST", "/z/suspend", safe=True)
        await transport.send("DELETE", "/z", safe=True)

    def asked(few: int) -> list[Any]:
        monkeypatch.setattr(network, "FEW", few)
        with wired(lambda _: Reply(200, {})) as wire:
            asking(wire, TOKEN, some)
            return [(one.method, one.target, {**one.headers, "Host": ""}, one.body) for one in wire.asked]

    assert asked(0) == asked(network.FEW)


@pytest.mark.parametrize("expected", [0, 1000])
def test_expecting_many_requests_takes_the_swift_way_from_the_first_on(expected: int) -> None:
    async def run(transport: Transport) -> bool:
        transport.expect(expected)
        await transport.get("/x")
        assert transport._network is not None
        return transport._network._swift is not None

    with wired(lambda _: Reply(200, {})) as wire:
        assert asking(wire, TOKEN, run) == (expected > network.FEW)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> float:
    """The seconds that a first contact may take in these tests; the last try takes three times as long."""
    monkeypatch.setattr(transport, "FIRST_CONTACT", httpx.Timeout(0.4, connect=10.0))
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(1.2, connect=10.0))
    return 0.4


@pytest.mark.parametrize("few", [0, network.FEW])
def test_a_first_contact_that_never_answers_is_given_up_soon_and_told_try_by_try(
    few: int, short: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "FEW", few)
    monkeypatch.setattr(manners, "QUIET", short)
    told: list[str] = []

    async def run(url: str) -> None:
        with pytest.raises(Unreachable) as caught:
            async with Transport(url, TOKEN, notice=told.append) as one:
                await asyncio.gather(*(one.get(f"/{at}") for at in range(4)))
        await asyncio.sleep(short)
        assert caught.value.diagnostics[0].summary == "No answer from the control plane"
        assert "took the connection, but gave no answer in time" in str(caught.value)

    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        asyncio.run(asyncio.wait_for(run(f"http://127.0.0.1:{silent.getsockname()[1]}"), 20))
    assert told == [f"The control plane does not answer; trying again ({at} of 3)." for at in (2, 3)]


def test_a_first_contact_is_given_up_after_a_minute_and_a_half() -> None:
    """As README says: some tries of a first contact, and one of the patience that everybody else has."""
    read, last = transport.FIRST_CONTACT.read, transport.TIMEOUT.read
    assert read is not None
    assert last is not None
    assert read * manners.RETRIES_OUT_OF_TIME + last == 90


@pytest.mark.parametrize("few", [0, network.FEW])
@pytest.mark.parametrize(("method", "tries"), [("GET", 3), ("POST", 1)])
def test_one_who_is_slow_from_the_first_request_on_is_heard(
    method: str, tries: int, few: int, short: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read by its last try; what changes something by its only one."""
    monkeypatch.setattr(network, "FEW", few)

    def slowly(_: Asked) -> Reply:
        time.sleep(1.5 * short)
        return Reply(200, {"fine": True})

    async def run(one: Transport) -> Any:
        return await (one.get("/x") if method == "GET" else one.send(method, "/x", {}, safe=False))

    with wired(slowly) as wire:
        assert asking(wire, TOKEN, run) == {"fine": True}
        assert wire.count(method) == tries


@pytest.mark.parametrize("few", [0, network.FEW])
def test_who_has_answered_before_may_take_longer(few: int, short: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "FEW", few)

    def answer(asked: Asked) -> Reply:
        time.sleep(2 * short if asked.path == "/slow" else 0)
        return Reply(200, {})

    async def run(one: Transport) -> None:
        await one.get("/x")
        await one.get("/slow")

    with wired(answer) as wire:
        asking(wire, TOKEN, run)
        assert wire.count("GET") == 2
