"""Bad days on demand: the same over HTTP and in process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from declarative.sandbox.in_process import InProcess
from tests.forked import sandbox
from tests.sandbox.plane import TEMPLATES, TRAININGS, Plane, template

HEADERS = {"Authorization": "Bearer sandbox"}
Asking = Callable[..., httpx.Response]


@pytest.fixture(params=["over HTTP", "in process"])
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Asking]:
    """Sends one request and gives the answer; raises httpx.RemoteProtocolError where none comes."""
    path = tmp_path / "sandbox.sqlite3"
    if request.param == "over HTTP":
        with sandbox(path) as url, httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
            yield client.request
        return

    def asked(method: str, url: str, **more: Any) -> httpx.Response:
        async def within() -> httpx.Response:
            transport = InProcess(path)
            async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=HEADERS) as client:
                return await client.request(method, url, **more)

        return asyncio.run(within())

    yield asked


def faults(ask: Asking, **given: Any) -> None:
    ask("PATCH", "/_sandbox/settings", json={"faults": given}).raise_for_status()


def names(ask: Asking) -> list[str]:
    """The templates that there are, once no fault hits any more."""
    faults(ask, **dict.fromkeys(("dropped", "unavailable", "throttled", "lost", "failed"), 0))
    return [entry["meta"]["name"] for entry in ask("GET", TEMPLATES).json()["entries"]]


@pytest.mark.parametrize(("fault", "made"), [("dropped", []), ("lost", ["base"])])
def test_a_connection_closes_without_an_answer_before_or_after_the_request_is_processed(
    ask: Asking, fault: str, made: list[str]
) -> None:
    faults(ask, **{fault: 1})
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        ask("POST", TEMPLATES, json=template())
    assert names(ask) == made


@pytest.mark.parametrize(("fault", "status"), [("unavailable", 503), ("throttled", 429)])
def test_a_request_is_refused_without_being_processed_with_and_without_retry_after(
    ask: Asking, fault: str, status: int
) -> None:
    faults(ask, **{fault: 1})
    answer = ask("POST", TEMPLATES, json=template())
    assert (answer.status_code, answer.json()["code"]) == (status, status)
    assert "Retry-After" not in answer.headers
    faults(ask, retryAfterSeconds=7)
    assert ask("POST", TEMPLATES, json=template()).headers["Retry-After"] == "7"
    assert names(ask) == []


def test_a_request_that_was_processed_is_answered_by_errors_of_every_sort(ask: Asking) -> None:
    faults(ask, failed=1, seed=1)
    seen = {ask("POST", TEMPLATES, json=template(f"t{number}")).status_code for number in range(12)}
    assert seen == {500, 502, 504}
    assert len(names(ask)) == 12


def test_requests_wait_as_long_as_they_are_told_to_and_those_of_the_admin_api_do_not(ask: Asking) -> None:
    faults(ask, latencyMilliseconds=[300, 400])
    began = time.monotonic()
    ask("GET", TEMPLATES)
    assert time.monotonic() - began >= 0.3
    faults(ask, latencyMilliseconds=60_000, unavailable=1, dropped=1)
    assert ask("GET", "/_sandbox/").status_code == 200
    assert time.monotonic() - began < 20


def test_tokens_are_hit_too_and_faults_are_counted_by_operation(ask: Asking) -> None:
    faults(ask, unavailable=1)
    ask("POST", "/api/v1/token", json={})
    ask("POST", TEMPLATES, json=template())
    ask("POST", TEMPLATES, json=template())
    told = ask("GET", "/_sandbox/requests").json()
    assert told["requests"] == [
        {"method": "POST", "path": TEMPLATES, "count": 2, "faults": {"unavailable": 2}},
        {"method": "POST", "path": "/api/v1/token", "count": 1, "faults": {"unavailable": 1}},
    ]
    ask("POST", "/_sandbox/reset")
    assert ask("GET", "/_sandbox/requests").json() == {"requests": [], "mostInFlight": 0}


def test_the_most_requests_in_flight_are_told(tmp_path: Path) -> None:
    async def together() -> Any:
        transport = InProcess(tmp_path / "sandbox.sqlite3")
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=HEADERS) as client:
            await client.patch("/_sandbox/settings", json={"faults": {"latencyMilliseconds": 50}})
            await asyncio.gather(*(client.get(TEMPLATES) for _ in range(5)))
            await client.get(TEMPLATES)
            return (await client.get("/_sandbox/requests")).json()

    assert asyncio.run(together())["mostInFlight"] == 5


def test_the_counts_begin_anew_and_nothing_else_changes(plane: Plane) -> None:
    plane.template()
    assert plane.get("/_sandbox/requests")["mostInFlight"] == 1
    plane.delete("/_sandbox/requests", 200)
    assert plane.get("/_sandbox/requests") == {"requests": [], "mostInFlight": 0}
    assert len(plane.get(TEMPLATES)["entries"]) == 1


def fates(plane: Plane, seed: int | None, requests: int = 60) -> list[int]:
    plane.post("/_sandbox/reset", status=200)
    plane.settings(faults={"unavailable": 0.3, "throttled": 0.2, "failed": 0.2, "seed": seed})
    return [plane.ask("GET", TRAININGS + "/x").status_code for _ in range(requests)]


def test_a_seed_repeats_a_run_and_another_one_or_none_does_not(plane: Plane) -> None:
    assert fates(plane, 7) == fates(plane, 7)
    assert fates(plane, 7) != fates(plane, 8)
    assert fates(plane, None) != fates(plane, None)


def test_rates_are_kept(plane: Plane) -> None:
    seen = fates(plane, 3, 400)
    assert 90 < seen.count(503) < 150  # 30 % of all
    assert 35 < seen.count(429) < 80  # 20 % of the rest


def test_settings_of_an_earlier_release_know_of_no_fault(plane: Plane) -> None:
    with plane.app.state.store.transaction() as rows:
        rows.execute("DELETE FROM settings WHERE name IN ('faults', 'faultsHit', 'mostInFlight')")
    assert plane.get("/_sandbox/")["settings"]["faults"]["lost"] == 0
    assert plane.settings(faults={"lost": 0.5})["faults"]["lost"] == 0.5
