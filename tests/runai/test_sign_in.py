"""Signing in, as each release and each doubt about it has it. Against real servers."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from declarative.errors import ControlPlaneError, Unauthorized
from declarative.runai.credentials import Credentials
from declarative.runai.generations import GENERATIONS
from declarative.runai.tokens import MARGIN, identity, issued
from declarative.runai.transport import Transport
from tests.forked import sandbox
from tests.runai.asking import asking, in_turn
from tests.runai.wire import Asked, Reply, Wire, wired

APPLICATION = Credentials(None, "app", "hush")
V2, V1 = "/api/v2/token", "/api/v1/token"
PAGE = Reply(404, b"<html>default backend</html>", {"Content-Type": "text/html"})
READ: Callable[[Transport], Awaitable[Any]] = lambda transport: transport.get("/x")  # noqa: E731


def jwt(lifetime: float, **claims: Any) -> str:
    told = {"exp": time.time() + lifetime, **claims}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b'=').decode()}.x"


def grant(asked: Asked) -> str:
    """Which of the ways a request for a token takes."""
    if asked.path == V2:
        assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
        form = dict(parse_qsl(asked.body.decode()))
        assert form == {"grant_type": "client_credentials", "client_id": "app", "client_secret": "hush"}
        return "v2"
    body = asked.json
    if body["grantType"] == "app_token":
        assert body == {"grantType": "app_token", "appID": "app", "appSecret": "hush"}
        return "app_token"
    assert body == {"grantType": "client_credentials", "clientID": "app", "clientSecret": "hush"}
    return "v1"


def tenant(**ways: Reply | None) -> Callable[[Asked], Reply | None]:
    """A server whose ways to get a token answer so; everything else is fine."""
    return lambda asked: ways.get(grant(asked), PAGE) if asked.path.endswith("/token") else Reply(200, {"fine": True})


def tried(wire: Wire) -> list[str]:
    return [grant(asked) for asked in wire.asked if asked.path.endswith("/token")]


def refused(answer: Callable[[Asked], Reply | None], credentials: Credentials = APPLICATION) -> tuple[str, list[str]]:
    """What is told of a sign-in that fails, and which ways it took."""
    with wired(answer) as wire:
        with pytest.raises(ControlPlaneError) as caught:
            asking(wire, credentials, READ)
        assert len(caught.value.diagnostics) == 1
        assert "hush" not in f"{caught.value} {caught.value.diagnostics[0].hint}"
        assert not caught.value.ambiguous
        return f"{caught.value} {caught.value.diagnostics[0].hint}", tried(wire)


# --- the three generations --------------------------------------------------------------------------------------------
OAUTH = Reply(200, {"access_token": "t2", "token_type": "Bearer", "expires_in": 3600})
OLD = Reply(200, {"accessToken": "t1"})
UNKNOWN_GRANT = Reply(400, {"code": 400, "message": "grantType is not one of those"})
HOME_PAGE = Reply(200, b"<html>The web application</html>", {"Content-Type": "text/html"})
NOT_THERE = [
    PAGE, HOME_PAGE, Reply(404, {"code": 404, "message": "no"}), Reply(405), Reply(501), Reply(302, headers={"Location": "/login"}),
    Reply(401, {"code": 401, "message": "a token is wanted"}), Reply(403), Reply(415), Reply(400, {"message": "no form"}),
    Reply(400, {"error": "unsupported_grant_type"}), Reply(400, {"error": "invalid_request"}), Reply(200, {}),
]  # fmt: skip


def test_the_newest_way_is_taken_where_it_is_offered() -> None:
    with wired(tenant(v2=OAUTH, v1=OLD, app_token=OLD)) as wire:
        asking(wire, APPLICATION, READ)
        assert tried(wire) == ["v2"]
        assert wire.asked[-1].headers["Authorization"] == "Bearer t2"


@pytest.mark.parametrize("answer", NOT_THERE)
def test_a_release_that_does_not_know_the_newest_way_is_asked_in_the_older_one(answer: Reply) -> None:
    with wired(tenant(v2=answer, v1=OLD)) as wire:
        asking(wire, APPLICATION, READ)
        assert tried(wire) == ["v2", "v1"]
        assert wire.asked[-1].headers["Authorization"] == "Bearer t1"


@pytest.mark.parametrize(
    "answer", [UNKNOWN_GRANT, Reply(400), Reply(422), Reply(400, {"error": "unsupported_grant_type"})]
)
def test_a_release_that_does_not_know_the_grant_is_asked_for_the_oldest_one(answer: Reply) -> None:
    with wired(tenant(v1=answer, app_token=OLD)) as wire:
        asking(wire, APPLICATION, READ)
        assert tried(wire) == ["v2", "v1", "app_token"]


def test_the_way_that_worked_is_kept() -> None:
    def answer(asked: Asked) -> Reply | None:
        return Reply(200, {"accessToken": f"t{len(wire.asked)}"}) if asked.path == V1 else tenant()(asked)

    async def twice(transport: Transport) -> None:
        token = await transport.sign_in.token()
        await transport.sign_in.renewed(token)

    with wired(answer) as wire:
        asking(wire, APPLICATION, twice)
        assert tried(wire) == ["v2", "v1", "v1"]


# --- wrong credentials ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_grant"])
@pytest.mark.parametrize("status", [400, 401])
def test_wrong_credentials_are_told_at_once_by_the_newest_way(status: int, error: str) -> None:
    told, ways = refused(tenant(v2=Reply(status, {"error": error, "error_description": "No such hush client"}), v1=OLD))
    assert ways == ["v2"]
    assert f"Sign-in refused: POST {V2} answered {status}: No such (the secret) client" in told
    assert "DECLARATIVE_CLIENT_ID" in told


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_credentials_are_told_at_once_by_the_older_way(status: int) -> None:
    told, ways = refused(tenant(v1=Reply(status, {"message": "wrong hush"}), app_token=OLD))
    assert ways == ["v2", "v1"]
    assert told.startswith(f"Sign-in refused: POST {V1} answered {status}: wrong (the secret).")
    assert V2 not in told


def test_wrong_credentials_that_are_answered_by_400_are_told_once_all_ways_are_tried() -> None:
    """A release that answers bad credentials so cannot be told from one that does not know the grant, but by asking."""
    told, ways = refused(tenant(v1=Reply(400, {"message": "bad pair"}), app_token=Reply(400, {"message": "bad pair"})))
    assert ways == ["v2", "v1", "app_token"]
    assert told.count("bad pair") == 1
    told, _ = refused(tenant(v1=UNKNOWN_GRANT, app_token=Reply(400, {"message": "bad pair"})))
    assert "grantType is not one of those" in told
    assert "bad pair" in told


@pytest.mark.parametrize(
    "answer", [PAGE, HOME_PAGE, Reply(302, headers={"Location": "/login"}), Reply(200, {"accessToken": 1})]
)
def test_a_server_that_knows_no_way_is_no_control_plane(answer: Reply) -> None:
    told, ways = refused(tenant(v2=answer, v1=answer, app_token=answer))
    assert ways == ["v2", "v1"]  # the third has the same address as the second
    assert told.startswith("No sign-in here")
    assert "check that the endpoint is a control plane" in told


def test_credentials_that_are_refused_are_sent_once_however_many_requests_there_are() -> None:
    async def many(transport: Transport) -> list[BaseException]:
        first = await asyncio.gather(*(transport.get("/x") for _ in range(8)), return_exceptions=True)
        return [*first, *await asyncio.gather(*(transport.get("/x") for _ in range(8)), return_exceptions=True)]

    with wired(tenant(v2=Reply(401, {"error": "invalid_client"}))) as wire:
        assert {type(found) for found in asking(wire, APPLICATION, many)} == {Unauthorized}
        assert [str(asked) for asked in wire.asked] == [f"POST {V2}"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "There are no credentials for http"),
        ({"DECLARATIVE_CLIENT_ID": "app"}, "DECLARATIVE_CLIENT_SECRET is not set"),
        ({"DECLARATIVE_CLIENT_SECRET": "hush"}, "DECLARATIVE_CLIENT_ID is not set"),
        ({"DECLARATIVE_TOKEN": " "}, "There are no credentials for http"),
    ],
)
def test_without_credentials_nothing_is_sent_and_the_ways_are_named(
    given: dict[str, str], words: str, tmp_path: Path
) -> None:
    told, ways = refused(tenant(v2=OAUTH), Credentials.from_environment({"HOME": str(tmp_path), **given}))
    assert ways == []
    assert words in told
    assert "`runai login`" in told


@pytest.mark.parametrize("token", ["a\nb", "a b", "tök"])
def test_a_token_that_no_header_can_carry_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(Unauthorized, match="Unusable token") as caught:
        Credentials.from_environment({"DECLARATIVE_TOKEN": token})
    assert token not in str(caught.value)


# --- how long a token is good for ------------------------------------------------------------------------------------
def test_a_token_lives_as_long_as_the_answer_says_else_as_it_says_itself_else_until_it_is_refused() -> None:
    now = 1000.0
    assert issued(jwt(0, exp=5000), 300, now).renew_at == now + 300 - MARGIN
    assert issued("opaque", "300", now).renew_at == now + 300 - MARGIN
    assert issued(jwt(0, exp=5000), None, now).renew_at == 5000 - MARGIN
    assert issued(jwt(0, exp=now + 4), None, now).renew_at == now + 2
    for untold in (None, 0, -1, True, "soon", float("nan"), {}):
        assert issued("opaque", untold, now).renew_at == float("inf")


def test_a_clock_that_is_wrong_here_does_not_age_a_token() -> None:
    assert issued(jwt(0, iat=9000, exp=9600), None, 1_000_000.0).renew_at == 1_000_000 + 600 - MARGIN


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "..", "a.W10.c", "a.bnVsbA.c", "a." + "W" * 9999 + ".c"])
def test_a_token_that_tells_nothing_belongs_to_nobody_in_particular(text: str) -> None:
    who = identity(text)
    assert (who.name, who.email, who.client, who.expires) == (None, None, None, None)


@pytest.mark.parametrize("opaque", [True, False])
def test_a_token_is_renewed_before_it_expires(opaque: bool) -> None:
    """Both where the answer says how long it lives, and where only the token does."""

    def answer(asked: Asked) -> Reply:
        number = len(wire.asked)
        if asked.path == V2:
            return Reply(200, {"access_token": f"t{number}", "expires_in": 1}) if opaque else PAGE
        if asked.path == V1:
            return Reply(200, {"accessToken": jwt(1, number=number)})
        return Reply(200, {})

    async def slowly(transport: Transport) -> None:
        await transport.get("/x")
        await asyncio.sleep(0.6)
        await asyncio.gather(*(transport.get("/x") for _ in range(8)))

    with wired(answer) as wire:
        asking(wire, APPLICATION, slowly)
        assert tried(wire) == (["v2", "v2"] if opaque else ["v2", "v1", "v1"])


def test_many_requests_share_one_token_also_when_it_is_refused() -> None:
    """Each of them is answered 401 once, and one new token serves them all."""

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("/token"):
            return Reply(200, {"access_token": f"t{tried(wire).count('v2')}"})
        time.sleep(0.05)
        return Reply(200, {}) if asked.headers["Authorization"] == "Bearer t2" else Reply(401, {"message": "expired"})

    async def many(transport: Transport) -> None:
        await asyncio.gather(*(transport.get("/x") for _ in range(8)))

    with wired(answer) as wire:
        asking(wire, APPLICATION, many)
        assert (wire.count("POST"), wire.count("GET")) == (2, 16)


def test_a_new_token_that_is_refused_too_is_the_end() -> None:
    def answer(asked: Asked) -> Reply:
        made = Reply(200, {"access_token": f"t{len(wire.asked)}"})
        return made if asked.path.endswith("/token") else Reply(401, {"message": "no"})

    with wired(answer) as wire:
        with pytest.raises(Unauthorized, match="GET /x answered 401: no"):
            asking(wire, APPLICATION, READ)
        assert (wire.count("POST"), wire.count("GET")) == (2, 2)


def test_a_new_token_that_reads_the_same_is_another() -> None:
    """Two that are issued in the same second may be equal to the letter."""
    answers = in_turn(Reply(401, {"message": "revoked"}), Reply(200, {"fine": True}))
    with wired(lambda asked: OAUTH if asked.path == V2 else answers(asked)) as wire:
        assert asking(wire, APPLICATION, READ) == {"fine": True}
        assert (wire.count("POST"), wire.count("GET")) == (2, 2)


def test_a_token_that_somebody_gave_is_not_sent_again_and_its_end_is_told() -> None:
    with wired(in_turn(Reply(401, {"message": "no"}))) as wire:
        with pytest.raises(Unauthorized) as caught:
            asking(wire, Credentials(jwt(0, exp=1_700_000_000)), READ)
        assert wire.count("GET") == 1
    assert str(caught.value.diagnostics[0].hint).startswith("the token expired at 2023-11-14 22:13:20 UTC: ")
    assert "DECLARATIVE_TOKEN" in str(caught.value.diagnostics[0].hint)


# --- a token endpoint that has a bad day -----------------------------------------------------------------------------
def test_a_busy_token_endpoint_is_asked_again_and_takes_nothing_from_the_patience_for_the_request() -> None:
    """A create is never repeated on 503; that its token took several attempts does not count."""
    busy = in_turn(Reply(503), None, Reply(429, headers={"Retry-After": "0"}), Reply(502), OAUTH)
    with wired(lambda asked: busy(asked) if asked.path == V2 else Reply(202, {"id": "i"})) as wire:
        made = asking(wire, APPLICATION, lambda transport: transport.send("POST", "/create", {}, safe=False))
        assert made == {"id": "i"}
        assert [str(asked) for asked in wire.asked] == [*[f"POST {V2}"] * 5, "POST /create"]


def test_a_token_endpoint_that_stays_away_is_told_as_such_and_no_other_way_is_tried() -> None:
    told, ways = refused(tenant(v2=Reply(503, {"message": "down"}, {"Retry-After": "0"}), v1=OLD))
    assert told.startswith(f"Sign-in failed: POST {V2} answered 503: down.")
    assert set(ways) == {"v2"}


# --- the login of the vendor's command line --------------------------------------------------------------------------
def log_in(folder: Path, url: str, token: str, config: Mapping[str, Any] | None = None, wrap: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wrapped = base64.b64encode(token.encode()).decode().rstrip("=") if wrap else token
    (folder / "authentication.json").write_text(json.dumps({"accessToken": wrapped, "refreshToken": "r"}), "utf-8")
    (folder / "config.json").write_text(json.dumps(config or {"control_plane": {"url": url}}), "utf-8")


def by_home(home: Path, **more: str) -> Credentials:
    return Credentials.from_environment({"HOME": str(home), **more})


@pytest.mark.parametrize("wrap", [True, False])
@pytest.mark.parametrize("form", ["control_plane", "controlPlane", "controlPlaneUrl", "control-plane-url"])
def test_a_login_of_the_command_line_is_used_where_nothing_else_is_given(tmp_path: Path, wrap: bool, form: str) -> None:
    with wired(in_turn(Reply(200, {}))) as wire:
        url = f"{wire.url}/"
        config = {form: url if form.lower().endswith("url") else {"url": url}}
        log_in(tmp_path / ".runai", "", jwt(3600), config, wrap)
        before = {file: file.read_bytes() for file in (tmp_path / ".runai").iterdir()}
        asking(wire, by_home(tmp_path), READ)
        assert wire.asked[0].headers["Authorization"].startswith("Bearer e30.")
    assert {file: file.read_bytes() for file in (tmp_path / ".runai").iterdir()} == before


def test_the_variables_go_before_the_login(tmp_path: Path) -> None:
    with wired(in_turn(Reply(200, {}))) as wire:
        log_in(tmp_path / ".runai", wire.url, jwt(3600))
        asking(wire, by_home(tmp_path, DECLARATIVE_TOKEN="given"), READ)
        assert wire.asked[0].headers["Authorization"] == "Bearer given"


def test_the_login_is_where_the_command_lines_own_variables_say(tmp_path: Path) -> None:
    with wired(in_turn(Reply(200, {}))) as wire:
        log_in(tmp_path / "elsewhere", wire.url, "opaque")
        (tmp_path / "elsewhere" / "config.json").rename(tmp_path / "elsewhere" / "work.json")
        for folder in ("elsewhere", "~/elsewhere", str(tmp_path / "elsewhere")):
            where = {"RUNAI_CLI_CONFIG_PATH": folder, "RUNAI_CLI_CONFIG_FILE": "work.json"}
            asking(wire, by_home(tmp_path, **where), READ)
        assert [asked.headers["Authorization"] for asked in wire.asked] == ["Bearer opaque"] * 3


@pytest.mark.parametrize(
    "url",
    [
        *("https://acme.run.ai", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "http://localhost:{port}"),
        *(
            "http://127.0.0.1:{port}/other",
            "http://127.0.0.1:{port}@evil.example",
            "http://[",
            "http://127.0.0.1:99999",
            "",
            " ",
        ),
        *("127.0.0.1:{port}", "http://127.0.0.1"),
    ],
)
def test_a_login_is_never_sent_to_another_server_than_it_is_for(tmp_path: Path, url: str) -> None:
    """Scheme, host, port and path have to be the same; what is said without a scheme is meant to be https."""
    with wired(in_turn(Reply(200, {}))) as wire:
        log_in(tmp_path / ".runai", url.replace("{port}", wire.url.rpartition(":")[2]), jwt(3600))
        with pytest.raises(Unauthorized, match="Not signed in: There are no credentials for"):
            asking(wire, by_home(tmp_path), READ)
        assert wire.asked == []


def test_a_login_that_has_expired_is_told_and_another_one_made_meanwhile_is_used(tmp_path: Path) -> None:
    fresh = jwt(3600)

    def answer(asked: Asked) -> Reply:
        return Reply(200, {}) if asked.headers["Authorization"].endswith(fresh) else Reply(401, {"message": "expired"})

    with wired(answer) as wire:
        log_in(tmp_path / ".runai", wire.url, jwt(-10))
        with pytest.raises(Unauthorized) as caught:
            asking(wire, by_home(tmp_path), READ)
        assert str(caught.value.diagnostics[0].hint).endswith("UTC: log in again with `runai login`")

        async def again(transport: Transport) -> None:
            await transport.sign_in.token()
            log_in(tmp_path / ".runai", wire.url, fresh)
            await transport.get("/x")

        asking(wire, by_home(tmp_path), again)
        assert wire.count("POST") == 0


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"accessToken": 1}', '{"accessToken": "***"}', '{"accessToken": "YWIKYw"}']
)
def test_a_damaged_login_is_told_by_its_file(tmp_path: Path, content: str) -> None:
    with wired(in_turn(Reply(200, {}))) as wire:
        log_in(tmp_path / ".runai", wire.url, "x")
        (tmp_path / ".runai" / "authentication.json").write_text(content, "utf-8")
        with pytest.raises(Unauthorized, match=r"authentication\.json has no token"):
            asking(wire, by_home(tmp_path), READ)
        assert wire.asked == []


# --- the sandbox, which speaks them all ------------------------------------------------------------------------------
@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_generation_signs_in_to_a_sandbox_that_offers_no_other(tmp_path: Path, generation: Any) -> None:
    offer = {"2.24 or newer": "v2", "2.20 to 2.23": "v1-client-credentials", "2.19 or older": "v1-app-token"}

    async def offered(transport: Transport) -> Any:
        settings = {"tokenEndpoints": [offer[generation.release]], "tokenLifetimeSeconds": 3}
        (await transport._client.patch("/_sandbox/settings", json=settings)).raise_for_status()
        for _ in range(4):
            assert await transport.get("/api/v1/clusters")
            await asyncio.sleep(0.9)
        return transport.sign_in.source

    with sandbox(tmp_path / "sandbox.sqlite3") as url:
        source = asking(Wire(lambda _: None, url), Credentials(None, "sandbox", "sandbox"), offered)
    assert source.generation == generation
