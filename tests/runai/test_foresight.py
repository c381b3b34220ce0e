"""What control planes tell of quotas, policies and names, in every form; and what they do not tell."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from declarative.model.foresight import Foresight, Neighbour, Policy, Pool, Quota
from declarative.runai import foresight
from declarative.runai.credentials import Credentials
from declarative.runai.transport import Transport
from tests.runai.wire import Asked, Reply, Wire, wired

PROJECT = "/api/v1/org-unit/projects/7"


def foreseen(wire: Wire, seconds: float = 10) -> Foresight:
    async def looked() -> Foresight:
        async with Transport(wire.url, Credentials("t"), read_only=True) as transport:
            return await foresight.foresee(transport, {"7"}, {"7"}, seconds=seconds)

    return asyncio.run(looked())


def told(row: Any = None, policy: Any = None, workloads: Any = ()) -> Foresight:
    """What is understood of these answers."""
    answers = {
        PROJECT: row or {"name": "x"},
        foresight.POLICY: policy,
        foresight.WORKLOADS: {"workloads": [*workloads]},
    }
    with wired(lambda asked: Reply(200, answers[asked.path])) as wire:
        return foreseen(wire)


def quota(**row: Any) -> Quota:
    found = told({"name": "x", **row})
    assert found.unanswered == ()
    return found.quotas["7"]


def status(gpus: float, **more: Any) -> dict[str, Any]:
    return {"allocated": {"gpu": gpus}, **more}


def test_node_pools_are_told_by_name_by_id_or_as_the_only_one() -> None:
    statuses = [
        status(1, nodePoolName="a", nodePoolId="1"),
        status(2, nodePoolName="b", nodePoolId="2"),
    ]
    gpu = {"gpu": {"deserved": 4, "limit": 8}}
    by_name = {"nodePool": {"id": "1", "name": "a"}, **gpu}
    by_id = {"nodePool": {"id": "2"}, **gpu}
    unknown = {"nodePool": {"id": "3"}, "gpu": {"deserved": 1}}
    assert quota(resources=[by_name, by_id, unknown], status={"nodePoolQuotaStatuses": statuses}).pools == (
        Pool("a", 4, 8, 1),
        Pool("b", 4, 8, 2),
        Pool("3", 1, None, None),
    )
    alone = quota(resources=[{"gpu": {"deserved": 4}}], status={"quotaStatus": status(3)})
    assert alone.pools == (Pool("default", 4, None, 3),)


def test_a_negative_bound_is_none_and_what_is_null_is_not_told() -> None:
    row = {"nodePool": None, "gpu": {"deserved": -1, "limit": -1}, "cpu": None}
    assert quota(resources=[row], status=None).pools == (Pool("default", None, None, None),)
    assert quota(resources=None).pools == ()


def test_the_preferred_node_pools_are_the_effective_ones_or_those_of_the_project() -> None:
    assert quota(effective={"defaultNodePools": ["a", "b"]}, defaultNodePools=["c"]).preferred == ("a", "b")
    assert quota(effective={"defaultNodePools": None}, defaultNodePools=["c"]).preferred == ("c",)
    assert quota().preferred == ("default",)


def test_the_effective_policy_counts_and_one_without_is_that_of_its_scope() -> None:
    rules, other = {"image": {"required": True}}, {"image": {"canEdit": False}}
    assert told(policy={"effective": {"rules": rules}, "policy": {"rules": other}}).policies["7"].rules == rules
    assert told(policy={"effective": None, "policy": {"rules": other, "defaults": None}}).policies["7"].rules == other
    for nothing in (None, {}, {"effective": {"defaults": None, "rules": None, "imposedAssets": None}}):
        assert told(policy=nothing).policies["7"] == Policy()


def test_names_of_other_workloads_are_those_of_the_project_that_are_there() -> None:
    def row(number: int, **more: Any) -> dict[str, Any]:
        return {"id": f"id-{number}", "name": f"n{number}", "type": "Workspace", "projectId": "7", **more}

    rows = [row(1), row(2, type="Training"), row(3, projectId=8), row(4, deletedAt="2024-01-01T00:00:00Z")]
    assert told(workloads=rows).neighbours == {"7": (Neighbour("Workspace", "id-1", "n1"),)}
    assert told(workloads=[row(1, projectId=7)]).neighbours["7"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        *((Reply(code, {"code": code, "message": "no"}), f"status {code}") for code in (400, 403, 404, 405, 501)),
        (Reply(404, b"<html>", {"Content-Type": "text/html"}), "status 404"),
        (Reply(200, b"<html>"), "unintelligible answer"),
        (Reply(200, {"resources": [1], "effective": 1, "workloads": [{"id": "a"}]}), "an answer without"),
    ],
)
def test_what_is_refused_or_makes_no_sense_is_not_told(reply: Reply, reason: str) -> None:
    with wired(lambda _: reply) as wire:
        found = foreseen(wire)
    assert (found.quotas, found.policies, found.neighbours) == ({}, {}, {})
    assert [one.what for one in found.unanswered] == ["quotas", "policies", "names of other workloads"]
    assert all(one.projects == 1 and one.reason.startswith(reason) for one in found.unanswered)
    assert {asked.method for asked in wire.asked} == {"GET"}


def test_what_takes_too_long_is_not_waited_for_and_the_rest_is_told() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == foresight.POLICY:
            time.sleep(5)
        return Reply(200, {"name": "x", "workloads": []})

    with wired(answer) as wire:
        began = time.monotonic()
        found = foreseen(wire, seconds=0.5)
        assert time.monotonic() - began < 3
    assert [(one.what, one.reason) for one in found.unanswered] == [("policies", "no answer in time")]
    assert found.quotas["7"].name == "x"


def test_a_tenant_that_fails_for_ever_is_given_up_in_time() -> None:
    with wired(lambda _: Reply(503, {"message": "busy"})) as wire:
        found = foreseen(wire, seconds=0.5)
    assert {one.reason for one in found.unanswered} == {"no answer in time"}
