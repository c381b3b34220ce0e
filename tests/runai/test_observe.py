"""What is live: read in bulk, whole, and never guessed from an answer that says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from declarative.errors import Refused, Unintelligible
from declarative.model.address import Address
from declarative.model.record import Record
from declarative.model.value import freeze
from declarative.runai.credentials import Credentials
from declarative.runai.observe import Observation, observe
from declarative.runai.transport import Transport
from tests.runai.wire import Asked, Reply, Wire, wired

LIST = "/api/v1/workloads"


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"id-{number}", "name": f"n{number}", "projectId": "1", "phase": "Running", **more}


def whole(identity: str, **more: Any) -> dict[str, Any]:
    found = {"workloadId": identity, "name": "n", "projectId": "1", "clusterId": "c", "desiredPhase": "Running"}
    return {**found, "actualPhase": "Running", "spec": {}, **more}


def record(number: int, **more: Any) -> Record:
    address = Address("Training", f"n{number}")
    body = freeze({"metadata": {"name": f"n{number}", "projectId": "1"}, "spec": {}})
    return Record(address, f"id-{number}", f"n{number}", "1", body, **more)


def seen(wire: Wire, records: Iterable[Record] = (), kind: str = "Training") -> Observation:
    async def looked() -> Observation:
        async with Transport(wire.url, Credentials("t"), read_only=True) as transport:
            return await observe(transport, [kind], records, lambda _: False)

    return asyncio.run(looked())


def ids(observation: Observation) -> list[str]:
    return sorted(one.id for one in observation.observed)


def paged(total: int, cap: int, *, tells_next: bool = True) -> Callable[[Asked], Reply]:
    """A list whose pages are never longer than `cap`."""

    def answer(asked: Asked) -> Reply:
        offset, limit = int(asked.query["offset"]), min(cap, int(asked.query["limit"]))
        found: dict[str, Any] = {"workloads": [row(n) for n in range(total)][offset : offset + limit]}
        if tells_next and offset + limit < total:
            found["next"] = offset + limit
        return Reply(200, found)

    return answer


@pytest.mark.parametrize(
    ("total", "cap", "requests"),
    [(0, 500, 1), (1001, 500, 4), (4900, 500, 12), (6000, 500, 12), (499, 500, 1), (101, 50, 3)],
)
def test_all_pages_are_read_also_where_the_server_makes_them_shorter(total: int, cap: int, requests: int) -> None:
    with wired(paged(total, cap)) as wire:
        assert len(ids(seen(wire))) == total
        assert wire.count("GET") == requests
        assert wire.busiest <= 4
        assert all(asked.query["sortBy"] == "createdAt" for asked in wire.asked)


def test_what_is_asked_for_beyond_the_end_may_be_refused() -> None:
    """Pages are asked for before it is known that there are so many."""
    inner = paged(1300, 500)

    def answer(asked: Asked) -> Reply:
        return Reply(400) if int(asked.query["offset"]) >= 1300 else inner(asked)

    with wired(answer) as wire:
        assert len(ids(seen(wire))) == 1300
        assert max(int(asked.query["offset"]) for asked in wire.asked) == 1500


@pytest.mark.parametrize("cap", [499, 120])
def test_pages_that_become_shorter_later_lose_nothing(cap: int) -> None:
    """What was asked for at once begins at the wrong places then, and is asked for again."""

    def answer(asked: Asked) -> Reply:
        return paged(3000, 500 if int(asked.query["offset"]) < 1000 else cap)(asked)

    with wired(answer) as wire:
        assert len(ids(seen(wire))) == 3000


def test_full_pages_go_on_though_the_server_does_not_say_so() -> None:
    with wired(paged(1000, 500, tells_next=False)) as wire:
        assert len(ids(seen(wire))) == 1000


@pytest.mark.parametrize("next", [0, 500])
def test_a_server_that_repeats_its_page_does_not_keep_us_for_ever(next: int) -> None:
    same = Reply(200, {"workloads": [row(n) for n in range(500)], "next": next})
    with wired(lambda _: same) as wire:
        assert len(ids(seen(wire))) == 500
        assert wire.count("GET") == 2


@pytest.mark.parametrize(
    "body", [{}, {"error": "x"}, {"workloads": {}}, {"workloads": ["x"]}, "x", 7, None, b"<html>", b""]
)
def test_an_answer_without_rows_is_an_error_and_not_an_empty_list(body: Any) -> None:
    with wired(lambda _: Reply(200, body)) as wire, pytest.raises(Unintelligible):
        seen(wire, [record(1)])


@pytest.mark.parametrize("broken", [{"id": "i"}, {"name": "n", "projectId": 1}, {}])
def test_a_row_that_lacks_what_every_row_has_is_an_error(broken: dict[str, Any]) -> None:
    with wired(lambda _: Reply(200, {"workloads": [broken]})) as wire, pytest.raises(Unintelligible):
        seen(wire)


@pytest.mark.parametrize("body", [{"workloads": None}, {"workloads": []}, []])
def test_an_empty_list_is_one_however_it_is_written(body: Any) -> None:
    with wired(lambda _: Reply(200, body)) as wire:
        assert ids(seen(wire)) == []


def test_unknown_phases_and_fields_are_no_trouble() -> None:
    rows = [
        row(1, phase="Dreaming", extra={"x": 1}),
        row(2, phase=None),
        {**row(3), "projectId": 1, "createdAt": "soon"},
    ]
    with wired(lambda _: Reply(200, {"workloads": rows, "more": 1})) as wire:
        assert ids(seen(wire)) == ["id-1", "id-2", "id-3"]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_where_the_list_is_refused_each_training_is_asked_for_once(status: int) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == LIST:
            return Reply(status, {"code": status, "message": "no list"})
        number = int(asked.path[-1])
        return Reply(404, {"code": 404}) if number == 2 else Reply(200, whole(f"id-{number}"))

    records = [record(1, previous_id="id-7"), record(2), record(3)]
    with wired(answer) as wire:
        assert ids(seen(wire, records)) == ["id-1", "id-3", "id-7"]
        assert [asked.path[-1] for asked in wire.asked if asked.path != LIST].count("1") == 1
        # The list, four objects, and the list of deleted ones for the one that is gone.
        assert wire.count("GET") == 6


@pytest.mark.parametrize("status", [302, 500])
def test_what_is_no_refusal_of_the_list_does_not_pass_for_an_empty_one(status: int) -> None:
    with wired(lambda _: Reply(status, headers={"Retry-After": "0"})) as wire, pytest.raises(Refused):
        seen(wire)


def test_an_object_missing_from_the_list_is_asked_for_before_it_is_believed_gone() -> None:
    """A list may lag, and a row can slip from one page to another between two requests."""

    def answer(asked: Asked) -> Reply:
        if asked.path == LIST:
            return Reply(200, {"workloads": [row(1)] if "deleted" not in asked.query else []})
        return Reply(200, whole("id-2")) if asked.path.endswith("id-2") else Reply(404, {"code": 404})

    with wired(answer) as wire:
        found = seen(wire, [record(1), record(2), record(3), record(4, finished=True)])
        assert ids(found) == ["id-1", "id-2"]
        assert not any(asked.path.endswith("id-4") for asked in wire.asked)


def test_runs_that_had_finished_before_they_went_are_known() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path != LIST:
            return Reply(404, {"code": 404})
        deleted = [
            row(1, phase="Completed", deletedAt="2024-01-01T00:00:00Z"),
            row(2, deletedAt="2024-01-01T00:00:00Z"),
        ]
        return Reply(200, {"workloads": deleted if asked.query.get("deleted") == "true" else []})

    with wired(answer) as wire:
        assert seen(wire, [record(1), record(2)]).finished == {"id-1"}


def test_a_thousand_trainings_cost_a_few_list_requests_and_no_more() -> None:
    with wired(paged(1000, 500)) as wire:
        seen(wire, [record(number) for number in range(1000)])
        assert wire.count("GET") == 2
