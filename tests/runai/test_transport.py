"""One exchange: what is sent again, what never is, and what every bad answer becomes. Against a real server."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from declarative import kinds
from declarative.diagnostics import Diagnostic
from declarative.errors import Conflict, ControlPlaneError, NotFound, Refused, Unauthorized, Unintelligible, Unreachable
from declarative.model.value import freeze
from declarative.runai.credentials import Credentials
from declarative.runai.remote import Remote
from declarative.runai.transport import RETRIES, Transport
from tests.runai.wire import Asked, Reply, Wire, wired

TRAINING = kinds.kind_named("Training")
BODY = freeze({"metadata": {"name": "a", "projectId": "1", "clusterId": "c"}, "spec": {"image": "x"}})
SOON = {"Retry-After": "0"}
NO_ISSUES: tuple[object, ...] = (None, [], {}, "x", 3, [None], [{}], [{"field": 3}], [" "])
HTML = Reply(502, b"<html><h1>Bad gateway</h1></html>", {"Content-Type": "text/html"})
Answered = TypeVar("Answered")


def ask(
    wire: Wire, call: Callable[[Transport], Awaitable[Answered]], credentials: Credentials | None = None, **more: Any
) -> Answered:
    async def asked() -> Answered:
        async with Transport(wire.url, credentials or Credentials("secret-token"), **more) as transport:
            return await call(transport)

    return asyncio.run(asked())


def in_turn(*replies: Reply | None) -> Callable[[Asked], Reply | None]:
    """Answers one after the other, the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def create(transport: Transport) -> Awaitable[Any]:
    return Remote(transport).create(TRAINING, BODY)


@pytest.mark.parametrize("reply", [Reply(503, headers=SOON), Reply(429, headers=SOON), HTML, Reply(504), None])
def test_reads_are_tried_again(reply: Reply | None) -> None:
    with wired(in_turn(reply, reply, Reply(200, {"fine": True}))) as wire:
        assert ask(wire, lambda transport: transport.get("/x")) == {"fine": True}
        assert wire.count("GET") == 3


def test_retry_after_is_honoured() -> None:
    with wired(in_turn(Reply(503, headers={"Retry-After": "1"}), Reply(200, {}))) as wire:
        began = time.monotonic()
        ask(wire, lambda transport: transport.get("/x"))
        assert time.monotonic() - began >= 1


def test_reads_are_not_tried_for_ever() -> None:
    with wired(in_turn(Reply(503, headers=SOON))) as wire:
        with pytest.raises(Refused) as caught:
            ask(wire, lambda transport: transport.get("/x"))
        assert caught.value.status == 503
        assert wire.count("GET") == RETRIES + 1


@pytest.mark.parametrize("reply", [Reply(500), Reply(502), Reply(503, headers=SOON), Reply(504), HTML, None])
def test_a_create_in_doubt_is_never_sent_again(reply: Reply | None) -> None:
    with wired(in_turn(reply)) as wire:
        with pytest.raises(ControlPlaneError) as caught:
            ask(wire, create)
        assert caught.value.ambiguous
        assert wire.count("POST") == 1


def test_a_create_that_was_surely_not_processed_is_sent_again() -> None:
    made = {"name": "a", "workloadId": "i", "projectId": "1", "clusterId": "c"}
    with wired(in_turn(Reply(429, headers=SOON), Reply(202, made))) as wire:
        assert ask(wire, create).id == "i"
        assert wire.count("POST") == 2


@pytest.mark.parametrize("reply", [Reply(503, headers=SOON), HTML, None])
def test_calls_that_may_be_repeated_are(reply: Reply | None) -> None:
    async def all_of_them(transport: Transport) -> None:
        remote = Remote(transport)
        await remote.suspend(TRAINING, "i")
        await remote.resume(TRAINING, "i")
        await remote.delete(TRAINING, "i")

    seen: dict[str, int] = {}

    def answer(asked: Asked) -> Reply | None:
        seen[str(asked)] = seen.get(str(asked), 0) + 1
        return reply if seen[str(asked)] == 1 else Reply(202)

    with wired(answer) as wire:
        ask(wire, all_of_them)
    assert list(seen.values()) == [2, 2, 2]


@pytest.mark.parametrize("status", [200, 201, 202])
def test_every_good_status_of_a_create_is_good(status: int) -> None:
    made = {
        "name": "a",
        "workloadId": "i",
        "projectId": 1,
        "clusterId": "c",
        "actualPhase": "Dreaming",
        "new": {"x": 1},
    }
    with wired(in_turn(Reply(status, made))) as wire:
        seen = ask(wire, create)
    assert (seen.id, seen.readiness.phase) == ("i", "Dreaming")


@pytest.mark.parametrize(
    "reply", [Reply(204), Reply(200, b"OK"), Reply(202, {"code": 202, "message": "m"}), Reply(404)]
)
def test_every_good_answer_to_a_delete_is_good(reply: Reply) -> None:
    with wired(in_turn(reply)) as wire:
        ask(wire, lambda transport: Remote(transport).delete(TRAINING, "i"))
        assert wire.count("DELETE") == 1


@pytest.mark.parametrize("reply", [Reply(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}), Reply(200)])
def test_a_page_with_a_good_status_is_no_answer_to_a_read(reply: Reply) -> None:
    with wired(in_turn(reply)) as wire, pytest.raises(Unintelligible) as caught:
        ask(wire, lambda transport: transport.get("/x"))
    assert "GET /x" in caught.value.diagnostics[0].detail


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(400, {"code": 400, "message": "name already exists"}), Conflict, "name already exists"),
        (Reply(409, {"code": 409, "message": "taken", "details": "by b"}), Conflict, "by b"),
        (Reply(403, {"code": 403, "message": "not yours"}), Refused, "not yours"),
        (Reply(404, {"code": 404, "message": "gone"}), NotFound, "gone"),
        (Reply(404), NotFound, "404"),
        (Reply(418, b"[1, 2]"), Refused, "418"),
        (Reply(400, {"message": None, "details": ["a"], "complianceIssues": "x"}), Refused, "['a']"),
        (Reply(302, headers={"Location": "/login"}), Refused, "302"),
        (Reply(401, {"message": "expired"}), Unauthorized, "expired"),
    ],
)  # fmt: skip
def test_every_refusal_has_its_class_and_the_servers_words(reply: Reply, error: type[Exception], words: str) -> None:
    with wired(in_turn(reply)) as wire, pytest.raises(error) as caught:
        ask(wire, create)
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert not getattr(caught.value, "ambiguous", False)
    assert "secret-token" not in str(caught.value)


def test_a_page_that_says_404_does_not_say_that_an_object_is_gone() -> None:
    page = Reply(404, b"<html>default backend</html>", {"Content-Type": "text/html; charset=utf-8"})
    with wired(in_turn(page)) as wire, pytest.raises(Refused) as caught:
        ask(wire, lambda transport: Remote(transport).read(TRAINING, "i"))
    assert not isinstance(caught.value, NotFound)


def test_nothing_is_sent_by_a_transport_that_only_reads() -> None:
    with wired(in_turn(Reply(200, {}))) as wire:
        with pytest.raises(AssertionError, match="only reads"):
            ask(wire, create, read_only=True)
        assert wire.asked == []


def test_no_connection_fails_at_once_and_for_sure() -> None:
    with wired(in_turn(Reply())) as wire:
        pass
    began = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        ask(wire, create)
    assert not caught.value.ambiguous
    assert time.monotonic() - began < 2


def test_a_missing_or_bad_ca_bundle_is_told_by_name(tmp_path: Any) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    for name in (str(bad), str(tmp_path / "missing.pem")):
        with pytest.raises(ControlPlaneError, match="Unusable CA bundle"):
            ask(Wire(in_turn(Reply()), "https://127.0.0.1:1"), lambda transport: transport.get("/x"), ca_bundle=name)


def test_no_more_requests_are_in_flight_than_allowed() -> None:
    def slowly(_: Asked) -> Reply:
        time.sleep(0.03)
        return Reply(200, {})

    async def many(transport: Transport) -> None:
        await asyncio.gather(*(transport.get(f"/{number}") for number in range(20)))

    with wired(slowly) as wire:
        ask(wire, many, parallelism=4)
        assert wire.busiest == 4


def token(lifetime: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + lifetime}).encode()).rstrip(b"=").decode()
    return f"e30.{claims}.x"


APPLICATION = Credentials(None, "app", "hush")


def test_an_application_fetches_one_token_for_many_requests() -> None:
    async def many(transport: Transport) -> None:
        await asyncio.gather(*(transport.get("/x") for _ in range(8)))

    with wired(lambda asked: Reply(200, {"accessToken": token(3600)})) as wire:
        ask(wire, many, APPLICATION)
        assert wire.count("POST") == 1
        assert wire.asked[0].json == {"grantType": "client_credentials", "clientID": "app", "clientSecret": "hush"}


def test_a_refused_token_is_renewed_once_and_no_more() -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(200, {"accessToken": "opaque"}) if asked.method == "POST" else Reply(401, {"message": "no"})

    with wired(answer) as wire:
        with pytest.raises(Unauthorized):
            ask(wire, lambda transport: transport.get("/x"), APPLICATION)
        assert (wire.count("POST"), wire.count("GET")) == (2, 2)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_told_without_the_secret(status: int) -> None:
    with wired(in_turn(Reply(status, {"message": "hush is wrong"}))) as wire, pytest.raises(Unauthorized) as caught:
        ask(wire, lambda transport: transport.get("/x"), APPLICATION)
    assert "DECLARATIVE_CLIENT_ID" in str(caught.value.diagnostics[0].hint)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("reply", [Reply(200, b"<html>"), Reply(200, []), Reply(200, {"token": 1}), Reply(200)])
def test_a_sign_in_without_a_token_is_told(reply: Reply) -> None:
    with wired(in_turn(reply)) as wire, pytest.raises(Unauthorized, match="without a token"):
        ask(wire, lambda transport: transport.get("/x"), APPLICATION)


def test_a_busy_token_endpoint_is_asked_again_and_a_create_waits_for_it() -> None:
    answers = in_turn(Reply(503), HTML, Reply(200, {"accessToken": token(3600)}))
    made = {"name": "a", "workloadId": "i", "projectId": "1", "clusterId": "c"}
    with wired(lambda asked: answers(asked) if asked.path.endswith("token") else Reply(202, made)) as wire:
        assert ask(wire, create, APPLICATION).id == "i"
        assert [str(asked) for asked in wire.asked].count("POST /api/v1/workloads/trainings") == 1


def refused(body: object) -> tuple[Diagnostic, ...]:
    with wired(in_turn(Reply(400, body))) as wire, pytest.raises(Refused) as caught:
        ask(wire, create)
    return caught.value.diagnostics


def test_every_issue_of_a_policy_is_a_finding_of_its_own() -> None:
    """Each names its field, and tells the server's words and which request they answer; what is general is told once."""
    issues = [{"field": " compute.gpuDevicesRequest ", "details": "at most 2."}, {"field": "image", "details": "no"}]
    body = {"code": 400, "message": "Not compliant.", "details": "See the policy.", "complianceIssues": issues}
    answer = "POST /api/v1/workloads/trainings answered 400: Not compliant."
    assert [(one.field, one.detail) for one in refused(body)] == [
        ("compute.gpuDevicesRequest", f"`compute.gpuDevicesRequest`: at most 2.\n{answer} See the policy."),
        ("image", f"`image`: no.\n{answer}"),
    ]


@pytest.mark.parametrize(
    ("issues", "fields", "words"),
    [
        *((nothing, [None], "Not compliant") for nothing in NO_ISSUES),
        ([{"field": "a"}], ["a"], "`a`: not allowed."),
        ([{"field": "a", "details": ["b", 1]}], ["a"], "`a`: ['b', 1]."),
        ([{"field": ["a"], "details": "b"}], [None], "b."),
        ([{"details": "b"}, {"field": "a", "details": "c", "rule": "max"}], [None, "a"], "b."),
        (["plain words"], [None], "plain words."),
        ([[1, 2]], [None], "[1, 2]."),
    ],
)  # fmt: skip
def test_malformed_issues_lose_no_words(issues: object, fields: list[str | None], words: str) -> None:
    """What names no field is told without one, and where there is no issue, the refusal itself is told."""
    found = refused({"code": 400, "message": "Not compliant", "complianceIssues": issues})
    assert [one.field for one in found] == fields
    assert words in found[0].detail
    assert all("POST /api/v1/workloads/trainings answered 400: Not compliant." in one.detail for one in found)
