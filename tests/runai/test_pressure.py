"""How many requests are in flight: fewer while a control plane says that it is asked for too much, and more again after."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from declarative.runai.credentials import Credentials
from declarative.runai.pressure import Pressure
from declarative.runai.transport import Transport
from tests.forked import sandbox

CLUSTERS = "/api/v1/clusters"


async def answered(pressure: Pressure, *statuses: int | None) -> None:
    """Requests at the same time, answered so; None is no answer."""

    async def one(status: int | None) -> None:
        async with pressure.turn() as turn:
            await asyncio.sleep(0)
            if status is not None:
                turn.answered(status)

    await asyncio.gather(*map(one, statuses))


STATUSES = some.sampled_from((200, 404, 500, 429, 503, None))


@settings(max_examples=40)
@given(some.integers(1, 16), some.lists(some.lists(STATUSES, max_size=20), max_size=10))
def test_whatever_is_answered_the_limit_stays_in_bounds_and_everybody_has_a_turn(
    most: int, rounds: list[list[int | None]]
) -> None:
    async def run() -> None:
        pressure = Pressure(most)
        for statuses in rounds:
            before = pressure.limit
            await answered(pressure, *statuses)
            assert 1 <= pressure.limit <= most
            if not {429, 503} & set(statuses):
                assert pressure.limit >= before
        await answered(pressure, *[200] * (most * most + most))
        assert pressure.limit == most

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_round_of_bad_answers_halves_the_limit_once_and_a_round_of_good_ones_adds_one() -> None:
    async def run() -> None:
        pressure = Pressure(16)
        for left in (8, 4, 2, 1, 1):
            await answered(pressure, *[503] * pressure.limit)
            assert pressure.limit == left
        for left in (2, 3, 4):
            await answered(pressure, *[200] * (left - 1))
            assert pressure.limit in (left, left - 1)
        await answered(pressure, None, None)
        assert pressure.limit in (3, 4)

    asyncio.run(run())


def test_those_who_are_cancelled_while_they_wait_or_just_when_it_is_their_turn_hold_nobody_up() -> None:
    async def run() -> None:
        pressure = Pressure(1)
        release = asyncio.Event()

        async def hold() -> None:
            async with pressure.turn():
                await release.wait()

        first, second, third = (asyncio.create_task(hold()) for _ in range(3))
        await asyncio.sleep(0)
        second.cancel()
        release.set()
        await first  # whose turn goes to the third, which is cancelled before it knows
        third.cancel()
        await asyncio.gather(second, third, return_exceptions=True)
        await asyncio.wait_for(answered(pressure, 200, 200), 5)

    asyncio.run(run())


@pytest.mark.parametrize("fault", ["throttled", "unavailable"])
def test_the_most_requests_in_flight_fall_under_faults_and_rise_again_without_them(tmp_path: Path, fault: str) -> None:
    """A real server counts them; all of the requests are answered well in the end."""

    async def run(url: str) -> list[int]:
        seen = []
        async with Transport(url, Credentials("sandbox"), parallelism=12) as transport:

            async def most(requests: int, **faults: Any) -> int:
                bad_day = {"faults": {"latencyMilliseconds": 100, "retryAfterSeconds": 0, fault: 0, **faults}}
                (await transport._client.patch("/_sandbox/settings", json=bad_day)).raise_for_status()
                (await transport._client.delete("/_sandbox/requests")).raise_for_status()
                assert all(await asyncio.gather(*(transport.get(CLUSTERS) for _ in range(requests))))
                told = (await transport._client.get("/_sandbox/requests")).json()
                return int(told["mostInFlight"])

            seen.append(await most(24))
            await most(30, **{fault: 0.3})
            seen.append(await most(30, **{fault: 0.3}))
            await most(120)
            seen.append(await most(60))
        return seen

    with sandbox(tmp_path / "sandbox.sqlite3") as url:
        before, during, after = asyncio.run(run(url))
    assert (before, after) == (12, 12)
    assert during < 12
