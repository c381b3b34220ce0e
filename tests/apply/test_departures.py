"""When a deleted object is believed gone: by its id where its name is wanted, by two lists in a row where it only ends."""

from __future__ import annotations

import asyncio

import pytest

from declarative import kinds
from declarative.apply.clock import SystemClock
from declarative.apply.settle import FEW, Departures
from declarative.runai.credentials import Credentials
from declarative.runai.remote import Remote
from declarative.runai.transport import Transport
from tests.runai.wire import Asked, Reply, Wire, wired

TRAINING = kinds.kind_named("Training")
IDS = [f"id-{number}" for number in range(FEW + 3)]


def departed(wire: Wire, *, frees: bool) -> None:
    """Returns once all objects are believed gone."""

    async def run() -> None:
        async with Transport(wire.url, Credentials("t")) as transport:
            departures = Departures(Remote(transport), SystemClock())
            await asyncio.gather(*(departures.of(TRAINING, one, lambda _: None, frees=frees) for one in IDS))

    asyncio.run(asyncio.wait_for(run(), 20))


def row(id: str) -> dict[str, str]:
    return {"id": id, "name": id, "type": "Training", "projectId": "1", "clusterId": "c", "phase": "Deleting"}


@pytest.mark.parametrize("frees", [True, False])
def test_only_where_a_name_is_wanted_every_object_is_asked_for_by_its_id(frees: bool) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(200, {"workloads": []}) if asked.path == "/api/v1/workloads" else Reply(404, {"message": "gone"})

    with wired(answer) as wire:
        departed(wire, frees=frees)
        lists = sum(asked.path == "/api/v1/workloads" for asked in wire.asked)
        assert (lists, len(wire.asked) - lists) == ((1, len(IDS)) if frees else (2, 0))


def test_an_object_that_slips_past_one_list_is_not_believed_gone() -> None:
    """The lists lack it in turn, as they do while rows before it go; its end is seen by none of them alone."""
    left = [IDS, IDS[1:], IDS, IDS[1:], IDS[:1], []]
    seen: list[list[str]] = []

    def answer(asked: Asked) -> Reply:
        if asked.path != "/api/v1/workloads":
            return Reply(404, {"message": "gone"})
        seen.append(left[min(len(seen), len(left) - 1)])
        return Reply(200, {"workloads": [row(one) for one in seen[-1]]})

    with wired(answer) as wire:
        departed(wire, frees=False)
        by_id = [asked.path for asked in wire.asked if asked.path != "/api/v1/workloads"]
    assert seen[: len(left)] == left
    assert set(by_id) <= {TRAINING.endpoint.of(IDS[0])}, "the last one is asked for by its id"
