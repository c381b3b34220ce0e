"""Refreshing costs a few requests for thousands of objects, over HTTP; and where it costs more, it stays bounded."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from declarative.model.address import Address
from declarative.model.position import Position
from declarative.model.resource import Lifecycle, Resource
from declarative.model.value import freeze
from declarative.runai import lookup
from declarative.runai.credentials import Credentials
from declarative.runai.observe import Observation, observe
from declarative.runai.transport import Transport
from tests.forked import sandbox
from tests.sandbox.crowd import Crowd, crowd

TEMPLATE, TRAINING = "/api/v1/asset/workload-template", "/api/v1/workloads/trainings/{workloadId}"
NAMED = {
    "metadata": {"name": "n0", "scope": "project", "project": "vision", "cluster": "a100-prod"},
    "spec": {"assets": {"environment": {"name": "pytorch-24"}}},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sandbox.sqlite3"


@pytest.fixture
def url(file: Path) -> Iterator[str]:
    with sandbox(file) as found:
        yield found


def settings(url: str, **given: Any) -> None:
    httpx.patch(f"{url}/_sandbox/settings", json=given, trust_env=False).raise_for_status()


def asked(url: str) -> tuple[Counter[str], int]:
    """How often each path was asked for, and the most requests at once."""
    told = httpx.get(f"{url}/_sandbox/requests", trust_env=False).json()
    return Counter({one["path"]: one["count"] for one in told["requests"]}), told["mostInFlight"]


def refreshed(url: str, made: Crowd, parallelism: int = 10) -> Observation:
    """What a plan reads: names, and everything that is recorded."""
    resource = Resource(Address("WorkloadTemplate", "n0"), freeze(NAMED), Lifecycle(), (), Position("m.yaml"))

    async def looked() -> Observation:
        async with Transport(url, Credentials("sandbox"), parallelism=parallelism, read_only=True) as transport:
            assert (await lookup.resolve(transport, [resource])).unresolved == ()
            return await observe(transport, ["Training", "WorkloadTemplate"], made.records(), lambda _: False)

    return asyncio.run(looked())


@pytest.mark.parametrize(
    ("trainings", "templates"), [(2500, 250), pytest.param(10_000, 1000, marks=pytest.mark.torture)]
)
def test_trainings_cost_a_request_for_five_hundred_and_templates_one_for_all(
    file: Path, url: str, trainings: int, templates: int
) -> None:
    """Ten thousand trainings and a thousand templates are 24 requests, the three lists of names among them."""
    made = crowd(file, trainings, templates)
    seen = refreshed(url, made)
    assert {one.id for one in seen.observed} == {*made.trainings, *made.templates}
    counts, _ = asked(url)
    pages = -(-trainings // 500)
    assert pages <= counts["/api/v1/workloads"] <= pages + 3
    assert counts[TEMPLATE] == 1
    assert counts.total() <= pages + 3 + 1 + 3
    assert trainings < 10_000 or counts.total() == 24


def test_where_lists_are_refused_each_training_is_asked_for_and_never_too_many_at_once(file: Path, url: str) -> None:
    made = crowd(file, 150, 20)
    settings(url, refuseLists=True, faults={"latencyMilliseconds": 5})
    seen = refreshed(url, made, parallelism=4)
    assert {one.id for one in seen.observed} == {*made.trainings, *made.templates}
    counts, at_once = asked(url)
    assert counts[TRAINING] == 150
    assert counts[TEMPLATE] == 1
    assert 1 < at_once <= 4


def test_pages_that_are_read_at_once_are_bounded_by_the_parallelism_too(file: Path, url: str) -> None:
    made = crowd(file, 2500, 0)
    settings(url, faults={"latencyMilliseconds": 5})
    refreshed(url, made, parallelism=2)
    assert asked(url)[1] <= 2
