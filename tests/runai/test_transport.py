"""One exchange: what is sent again, what never is, and what every bad answer becomes. Against a real server."""

from __future__ import annotations

import asyncio
import functools
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from declarative import kinds
from declarative.diagnostics import Diagnostic
from declarative.errors import Conflict, ControlPlaneError, NotFound, Refused, Unauthorized, Unintelligible, Unreachable
from declarative.model.value import freeze
from declarative.runai import network
from declarative.runai.credentials import Credentials
from declarative.runai.manners import LONGEST_ASKED, RETRIES, asked_for
from declarative.runai.remote import Remote
from declarative.runai.transport import Transport
from tests.runai.asking import asking, in_turn
from tests.runai.wire import Asked, Reply, Wire, wired

TRAINING = kinds.kind_named("Training")
BODY = freeze({"metadata": {"name": "a", "projectId": "1", "clusterId": "c"}, "spec": {"image": "x"}})
SOON = {"Retry-After": "0"}
NO_ISSUES: tuple[object, ...] = (None, [], {}, "x", 3, [None], [{}], [{"field": 3}], [" "])
HTML = Reply(502, b"<html><h1>Bad gateway</h1></html>", {"Content-Type": "text/html"})
Answered = TypeVar("Answered")


@pytest.fixture(autouse=True, params=["light", "swift"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every rule holds for the first requests, and for those that aiohttp makes once there are many."""
    monkeypatch.setattr(network, "FEW", 0 if request.param == "swift" else network.FEW)
    return str(request.param)


def ask(wire: Wire, call: Callable[[Transport], Awaitable[Answered]], **more: Any) -> Answered:
    return asking(wire, Credentials("secret-token"), call, **more)


def create(transport: Transport) -> Awaitable[Any]:
    return Remote(transport).create(TRAINING, BODY)


@pytest.mark.parametrize("reply", [Reply(503, headers=SOON), Reply(429, headers=SOON), HTML, Reply(504), None])
def test_reads_are_tried_again(reply: Reply | None) -> None:
    with wired(in_turn(reply, reply, Reply(200, {"fine": True}))) as wire:
        assert ask(wire, lambda transport: transport.get("/x")) == {"fine": True}
        assert wire.count("GET") == 3


DATE, LATER = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:01 GMT"


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured_as_seconds_and_as_a_date(form: str) -> None:
    asked = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)  # a date has no fractions of seconds
    with wired(in_turn(Reply(503, headers={"Retry-After": asked}), Reply(200, {}))) as wire:
        began = time.monotonic()
        ask(wire, lambda transport: transport.get("/x"))
        assert 0.9 <= time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("0", 0), ("7", 7), ("3600", LONGEST_ASKED), (LATER, 1), (DATE, 0), ("Wed, 21 Oct 2025 07:28:00 GMT", LONGEST_ASKED)),
        *((nonsense, None) for nonsense in ("", "-1", "1.5", "soon", "\u00b2", "9" * 400 + "x", "Wed, 99 Oct 2015 07:28:00 GMT")),
    ],
)  # fmt: skip
def test_retry_after_is_bounded_and_nonsense_is_as_if_it_were_not_there(text: str, seconds: float | None) -> None:
    now = 1445412480.0  # DATE
    assert asked_for(httpx.Headers({"Retry-After": text.encode()}), now) == seconds
    by_the_server = httpx.Headers({"Retry-After": text.encode(), "Date": DATE})
    assert asked_for(by_the_server, now + 86_400) == seconds, "the clock that counts is the server's"


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
    "reply", [Reply(204), Reply(200, b"OK"), Reply(202, {"code": 202, "message": "m"}), Reply(404, {"message": "no"})]
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
        (Reply(404, {}), NotFound, "404"),
        (Reply(404), Refused, "404"),
        (Reply(404, b"page not found", {"Content-Type": "text/plain"}), Refused, "page not found"),
        (Reply(404, b'"no"', {"Content-Type": "application/json"}), Refused, "404"),
        (Reply(400, {"code": 400, "message": "Bad", "details": "The name Already Exists"}), Conflict, "Already Exists"),
        (Reply(418, b"[1, 2]"), Refused, "418"),
        (Reply(400, {"message": None, "details": ["a"], "complianceIssues": "x"}), Refused, "['a']"),
        (Reply(302, headers={"Location": "/login?state=hidden"}), Refused, "302: Found, which leads to http://127.0.0.1"),
        (Reply(307, headers={"Location": "http://[nonsense"}), Refused, "307"),
        (Reply(503, b"no healthy\n upstream", {"Content-Type": "text/plain"}), Refused, "no healthy upstream"),
        (Reply(401, {"message": "expired"}), Unauthorized, "expired"),
    ],
)  # fmt: skip
def test_every_refusal_has_its_class_and_the_servers_words(reply: Reply, error: type[Exception], words: str) -> None:
    with wired(in_turn(reply)) as wire, pytest.raises(error) as caught:
        ask(wire, create)
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert getattr(caught.value, "ambiguous", False) == (reply.status >= 500)
    assert f"POST /api/v1/workloads/trainings answered {reply.status}" in str(caught.value)
    assert "secret-token" not in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "page",
    [
        Reply(404, b"<html>default backend</html>", {"Content-Type": "text/html; charset=utf-8"}),
        Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"}),
        Reply(404, b"[]", {"Content-Type": "application/json"}),
        Reply(404),
    ],
)
def test_a_404_that_is_not_the_control_planes_own_does_not_say_that_an_object_is_gone(page: Reply) -> None:
    with wired(in_turn(page)) as wire:
        for call in (Remote.read, Remote.delete):
            with pytest.raises(Refused) as caught:
                ask(wire, lambda transport, call=call: call(Remote(transport), TRAINING, "i"))  # type: ignore[misc]
            assert not isinstance(caught.value, NotFound)


@pytest.mark.parametrize(("listed", "gone"), [([], True), (["j"], True), (["j", "i"], False)])
def test_a_404_without_a_body_counts_where_the_list_answers_and_lacks_the_object(listed: list[str], gone: bool) -> None:
    rows = [{"id": one, "name": one, "type": "Training", "projectId": "1", "clusterId": "c"} for one in listed]

    def answer(asked: Asked) -> Reply:
        return Reply(200, {"workloads": rows}) if asked.path == "/api/v1/workloads" else Reply(404)

    with wired(answer) as wire:
        if gone:
            assert ask(wire, lambda transport: Remote(transport).read(TRAINING, "i")) is None
            ask(wire, lambda transport: Remote(transport).delete(TRAINING, "i"))
        else:
            with pytest.raises(Refused):
                ask(wire, lambda transport: Remote(transport).delete(TRAINING, "i"))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_but_reads_and_the_request_for_a_token_leave_a_transport_that_only_reads(method: str) -> None:
    """Whatever the code above does: not even by the client below it."""

    async def change(transport: Transport) -> Any:
        await transport.get("/x")
        with pytest.raises(AssertionError, match="only reads"):
            await transport.send(method, "/api/v1/workloads/trainings", {}, safe=False)
        await transport._client.request(method, "/api/v1/workloads/trainings")

    with wired(lambda asked: Reply(200, {"access_token": "t", "expires_in": 60})) as wire:
        with pytest.raises(AssertionError, match="only reads"):
            asking(wire, Credentials(None, "app", "hush"), change, read_only=True)
        assert [str(asked) for asked in wire.asked] == ["POST /api/v2/token", "GET /x"]


def test_a_create_that_looks_like_a_sign_in_does_not_leave_it_either() -> None:
    with wired(in_turn(Reply(200, {}))) as wire:
        for path in ("/x/api/v2/token", "/api/v2/token/1", "/api/v2/token?x=1"):
            with pytest.raises(AssertionError, match="only reads"):
                ask(wire, functools.partial(Transport.send, method="POST", path=path, safe=False), read_only=True)
        assert wire.asked == []


def test_a_redirect_to_https_says_how_to_write_the_endpoint() -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(301, headers={"Location": f"https://{asked.headers['Host']}{asked.target}"})

    with wired(answer) as wire, pytest.raises(Refused) as caught:
        ask(wire, lambda transport: transport.get("/x"))
    assert caught.value.diagnostics[0].hint == f"write the endpoint as {wire.url.replace('http', 'https')}"
    assert wire.count("GET") == 1


@pytest.mark.parametrize("answered", [b"\xff\xfe", b"[" * 100_000, b"", b"<html>"])
def test_an_answer_that_is_no_json_is_told_without_a_traceback(answered: bytes) -> None:
    with wired(in_turn(Reply(200, answered))) as wire, pytest.raises(Unintelligible):
        ask(wire, lambda transport: transport.get("/x"))
    with wired(in_turn(Reply(400, answered))) as wire, pytest.raises(Refused):
        ask(wire, lambda transport: transport.get("/x"))


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


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody trusts, with its key, in one file."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    name = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    made = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
        *name,
    )
    subprocess.run(made, check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


def test_the_ca_bundle_counts_for_the_sign_in_too_and_a_server_that_is_not_trusted_says_which_variable(
    authority: Path,
) -> None:
    application = Credentials(None, "app", "hush")
    with wired(lambda asked: Reply(200, {"access_token": "t"}), certificate=authority) as wire:
        bundle = str(authority.with_name("certificate.pem"))
        asking(wire, application, lambda transport: transport.get("/x"), ca_bundle=bundle)
        assert [str(asked) for asked in wire.asked] == ["POST /api/v2/token", "GET /x"]
        with pytest.raises(Unreachable, match="certificate that is not trusted") as caught:
            asking(wire, application, lambda transport: transport.get("/x"))
        assert "DECLARATIVE_CA_BUNDLE" in str(caught.value.diagnostics[0].hint)
        assert len(wire.asked) == 2


def test_the_proxy_of_the_environment_is_taken_for_the_sign_in_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with wired(lambda asked: Reply(200, {"access_token": "t"})) as proxy:
        for name, value in (("http_proxy", proxy.url), ("no_proxy", "")):
            monkeypatch.setenv(name, value)
            monkeypatch.setenv(name.upper(), value)
        behind = Wire(lambda _: None, "http://control-plane.invalid")
        asking(behind, Credentials(None, "app", "hush"), lambda transport: transport.get("/x"))
        targets = [asked.target for asked in proxy.asked]
    assert targets == [f"{behind.url}/api/v2/token", f"{behind.url}/x"]


def test_no_more_requests_are_in_flight_than_allowed() -> None:
    def slowly(_: Asked) -> Reply:
        time.sleep(0.03)
        return Reply(200, {})

    async def many(transport: Transport) -> None:
        await asyncio.gather(*(transport.get(f"/{number}") for number in range(20)))

    with wired(slowly) as wire:
        ask(wire, many, parallelism=4)
        assert wire.busiest == 4


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


@pytest.mark.parametrize(
    ("lost", "good", "is_nothing"),
    [
        ("/list", None, True),
        ("/list", "POST", False),
        ("/of/an-id", None, False),
    ],
)
def test_a_place_without_lists_and_without_good_answers_is_no_control_plane(
    lost: str, good: str | None, is_nothing: bool
) -> None:
    """A 404 in the control plane's words to an object by its id says nothing, and a good answer of any method all."""

    async def run(transport: Transport) -> bool:
        if good:
            await transport.send(good, "/made", {}, safe=False)
        with pytest.raises(NotFound):
            await transport.get(lost, {} if lost == "/list" else None)
        return transport.finds_nothing

    with wired(lambda asked: Reply(404, {"message": "m"}) if asked.method == "GET" else Reply(202, {})) as wire:
        assert ask(wire, run) is is_nothing


def test_a_scheme_in_capitals_is_checked_against_whom_the_environment_trusts(
    authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with wired(lambda _: Reply(200, {"fine": True}), certificate=authority) as wire:
        wire.url = wire.url.replace("https:", "HTTPS:")
        assert ask(wire, lambda transport: transport.get("/x")) == {"fine": True}
