"""`doctor`: which control plane, who am I, what may I do, and how is the state. Over real HTTP."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from declarative.runai.examine import READS
from tests.cli.tool import Tool, until
from tests.runai.wire import Asked, Reply, wired

LOCAL = "http://127.0.0.1:1"


@pytest.fixture
def empty(tmp_path: Path) -> Tool:
    """A folder without a project, and a home without a login."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Tool(folder, {"HOME": str(tmp_path)})


def findings(tool: Tool, *arguments: str, code: int = 0, **environ: str) -> Any:
    done = tool.run("doctor", "--json", *arguments, code=code, **environ)
    assert done.err == ""
    return json.loads(done.out)


def jwt(**claims: Any) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.x"


def plane(asked: Asked) -> Reply:
    """A control plane that refuses one read, does not have another, and fails at none."""
    if "authorization" not in {name.lower() for name in asked.headers}:
        return Reply(401, {"message": "who are you?"})
    if asked.path == "/api/v1/org-unit/projects":
        return Reply(200, {"projects": [{"id": 7, "name": "p"}]})
    if asked.path == "/api/v1/clusters":
        return Reply(200, {"clusters": [{"uuid": "c", "name": "a100", "version": "2.22.1"}]})
    if asked.path == "/api/v1/workloads":
        return Reply(403, {"message": "not for you"})
    if asked.path == "/api/v2/policy/trainings":
        return Reply(404, b"<html>", {"Content-Type": "text/html"})
    if asked.path == "/api/v1/org-unit/departments":
        return Reply(200, {"departments": []})
    return Reply(200, {"entries": []})


def test_it_needs_no_account_with_the_embedded_control_plane(empty: Tool) -> None:
    done = empty.run("doctor")
    assert not [*empty.folder.iterdir()], "it changes nothing"
    assert "Control plane: sandbox (by default)" in done.out
    assert "with the token that every sandbox takes" in done.out
    assert done.out.endswith("\nUsable.\n")
    assert done.err == ""
    found = findings(empty)
    assert found["usable"]
    assert {read["verdict"] for read in found["reads"]} == {"ok"}
    assert found["clusters"] == ["a100-prod 2.21.0", "h100-lab 2.21.0"]


def test_every_read_is_told_with_what_it_means(empty: Tool) -> None:
    """A read that is refused or not offered costs something, but the tool works without it. Nothing but reads is sent."""
    with wired(plane) as wire:
        given = {"DECLARATIVE_TOKEN": jwt(name="Ada", email="ada@acme.example", clientId="cli", exp=4_000_000_000)}
        text = empty.run("doctor", "--endpoint", wire.url, **given).out
        found = findings(empty, DECLARATIVE_ENDPOINT=wire.url, **given)
        assert {asked.method for asked in wire.asked} == {"GET"}
    assert f"Control plane: {wire.url} (by --endpoint)" in text
    assert "note         the connection is not encrypted" in text
    assert "signed in as ada@acme.example (client cli) until 2096-10-02 07:06:40 UTC with the token in" in " ".join(
        text.split()
    )
    assert "refused      workloads (GET /api/v1/workloads, status 403): trainings are read one by one" in text
    assert "not offered  policy (GET /api/v2/policy/trainings, status 404)" in text
    assert "ok           quota (GET /api/v1/org-unit/projects/7)" in text
    assert found["endpoint"]["origin"] == "by DECLARATIVE_ENDPOINT"
    assert found["usable"]
    assert [read["what"] for read in found["reads"]] == [read.what for read in READS]
    assert found["sign_in"] == {
        "way": "the token in DECLARATIVE_TOKEN",
        "signed_in": True,
        **{"name": "Ada", "email": "ada@acme.example", "client": "cli", "expires": "2096-10-02 07:06:40 UTC"},
    }
    assert found["clusters"] == ["a100 2.22.1"]


def test_the_release_is_told_by_the_way_to_sign_in_and_the_place_that_names_the_endpoint(empty: Tool, url: str) -> None:
    text = (
        f"apiVersion: declarative/v1\nkind: Project\nendpoint: {LOCAL}\nenvironments:\n  prod: {{endpoint: '{url}'}}\n"
    )
    empty.write({"declarative.yaml": text})
    given = {"DECLARATIVE_CLIENT_ID": "sandbox", "DECLARATIVE_CLIENT_SECRET": "sandbox"}
    found = findings(empty, "-e", "prod", **given)
    assert (found["release"], found["sign_in"]["client"]) == ("2.24 or newer", "sandbox")
    assert found["endpoint"]["origin"] == "by declarative.yaml:5:20"
    assert findings(empty, code=1)["endpoint"]["origin"] == "by declarative.yaml:3:11"


def test_without_credentials_it_says_that_somebody_is_there_and_how_to_sign_in(empty: Tool, url: str) -> None:
    done = empty.run("doctor", "--endpoint", url, code=1)
    assert "ok           it can be reached" in done.out
    assert "failed       there are no credentials\n" in done.out
    assert done.out.endswith("\nNot usable.\n")
    assert "error: Not signed in" in done.err
    assert "`runai login`" in done.err
    assert "declarative doctor" not in done.err
    bad = findings(empty, "--endpoint", url, code=1, DECLARATIVE_TOKEN="a b")
    assert (bad["reachable"], bad["diagnostics"][0]["summary"]) == (True, "Unusable token")


def test_where_nobody_is_there_it_says_so(empty: Tool) -> None:
    found = findings(empty, "--endpoint", LOCAL, code=1, DECLARATIVE_TOKEN="t")
    assert (found["usable"], found["reachable"], found["reads"]) == (False, False, [])
    assert found["diagnostics"][0]["summary"] == "Control plane unreachable"
    said = empty.run("doctor", "--endpoint", LOCAL, code=1, DECLARATIVE_TOKEN="t").out
    assert "encrypted" not in said, "nothing is known of a connection that there was not"


def test_a_scheme_in_capitals_is_that_scheme(empty: Tool) -> None:
    """And blanks around a URL are no part of it."""
    with wired(plane) as wire:
        shouted = f" {wire.url.replace('http:', 'HTTP:')} "
        text = empty.run("doctor", "--endpoint", shouted, DECLARATIVE_TOKEN="t").out
    assert f"Control plane: {wire.url} (by --endpoint)" in text
    assert "note         the connection is not encrypted" in text


def test_a_token_that_is_refused_is_no_sign_in(empty: Tool, url: str) -> None:
    done = empty.run("doctor", "--endpoint", url, code=1, DECLARATIVE_TOKEN=jwt(email="ada@acme.example", exp=1))
    assert "failed       not accepted: the token in DECLARATIVE_TOKEN, of ada@acme.example\n" in done.out
    assert "signed in" not in done.out
    assert "the token expired at 1970-01-01 00:00:01 UTC" in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("answer", "summary"),
    [
        (Reply(403, {"message": "no role"}), "Nothing may be read"),
        (Reply(404), "No control plane found"),
        (Reply(200, b"<html>Sign in</html>"), "Unintelligible answer"),
        (Reply(200, [1, 2]), "Unintelligible answer"),
        (Reply(200, {"hello": "world"}), "Unintelligible answer"),
        (Reply(302, headers={"Location": "/login"}), "Redirected to another place"),
    ],
)
def test_where_nothing_can_be_read_it_is_not_usable(empty: Tool, answer: Reply, summary: str) -> None:
    with wired(lambda _: answer) as wire:
        found = findings(empty, "--endpoint", wire.url, code=1, DECLARATIVE_TOKEN="t")
        done = empty.run("doctor", "--endpoint", wire.url, code=1, DECLARATIVE_TOKEN="t")
    assert found["diagnostics"][0]["summary"] == summary
    assert not found["sign_in"]["signed_in"]
    assert "unconfirmed  with the token in DECLARATIVE_TOKEN" in done.out
    assert "ok           signed in" not in done.out


@pytest.mark.parametrize("form", ["html", "text", "json"])
def test_where_every_read_is_404_the_hint_is_about_the_endpoint_and_not_about_roles(empty: Tool, form: str) -> None:
    replies = {"html": b"<html>", "text": b"no such page", "json": {"message": "no route"}}
    with wired(lambda _: Reply(404, replies[form], {"Content-Type": f"text/{form}"} if form != "json" else {})) as wire:
        done = empty.run("doctor", "--endpoint", wire.url, code=1, DECLARATIVE_TOKEN="t")
    assert "hint: check the endpoint" in done.err
    assert "administrator" not in done.err


def test_what_is_wrong_with_all_reads_is_told_once(empty: Tool) -> None:
    with wired(lambda _: Reply(200, b"<html>Sign in</html>")) as wire:
        done = empty.run("doctor", "--endpoint", wire.url, code=1, DECLARATIVE_TOKEN="t")
    assert done.err.count("error:") == 1
    assert "the same for departments, clusters" in " ".join(done.err.split())


def test_an_unusable_ca_bundle_is_told(empty: Tool) -> None:
    given = {"DECLARATIVE_TOKEN": "t", "DECLARATIVE_CA_BUNDLE": "missing.pem"}
    found = findings(empty, "--endpoint", "https://127.0.0.1:1", code=1, **given)
    assert found["endpoint"]["trust"] == "its certificate is checked against missing.pem (DECLARATIVE_CA_BUNDLE)"
    assert found["diagnostics"][0]["summary"] == "Unusable CA bundle"


def test_the_state_is_told_with_who_holds_it_and_left_without_a_trace(tool: Tool, url: str) -> None:
    at = ("--endpoint", url)
    signed = Tool(tool.folder, {"DECLARATIVE_TOKEN": "sandbox"})
    assert findings(signed, *at)["state"]["resources"] == 0
    assert not (tool.folder / ".declarative").exists()
    signed.apply(*at)
    files = sorted(path.name for path in (tool.folder / ".declarative").iterdir())
    assert findings(signed, *at)["state"] == {
        "place": str(tool.folder.resolve() / ".declarative" / "state.sqlite3"),
        "readable": True,
        "resources": 3,
        "locks": [],
    }
    assert sorted(path.name for path in (tool.folder / ".declarative").iterdir()) == files
    with wired(lambda _: until(lambda: False, 20)) as hanging:
        applying = signed.start("apply", "--endpoint", hanging.url, "--auto-approve")
        until(lambda: hanging.asked)
        done = signed.run("doctor", *at)
        (lock,) = findings(signed, *at)["state"]["locks"]
        applying.process.kill()
        applying.process.wait(10)
    assert "locked by" in done.out
    assert lock["process"] == applying.process.pid
    assert findings(signed, *at)["state"]["locks"] == [], "the lock of a process that died is nobody's"


def test_a_damaged_state_is_told(tool: Tool) -> None:
    tool.write({".declarative/state.sqlite3": "no database at all, but long enough to be taken for one " * 20})
    found = findings(tool, code=1)
    assert (found["usable"], found["state"]["readable"]) == (False, False)
    assert found["reachable"]


@pytest.mark.parametrize(
    ("given", "words"), [({}, "Not signed in"), ({"DECLARATIVE_TOKEN": "t"}, "Control plane unreachable")]
)
def test_a_plan_that_cannot_sign_in_or_reach_anybody_leads_to_the_doctor(
    tool: Tool, tmp_path: Path, given: dict[str, str], words: str
) -> None:
    done = tool.run("plan", "--endpoint", LOCAL, code=1, HOME=str(tmp_path), **given)
    assert words in done.err
    assert "`declarative doctor`" in done.err
    assert LOCAL in done.err


def test_a_login_that_does_not_count_is_told_with_its_file_and_why(empty: Tool, tmp_path: Path, url: str) -> None:
    empty.write({"../.runai/config.json": '{"server": "x"}', "../.runai/authentication.json": "{}"})
    said = " ".join(empty.run("doctor", "--endpoint", url, code=1).err.split())
    assert f"{tmp_path}/.runai/config.json is there, but names no control plane (it has server)" in said
    (tmp_path / ".runai" / "config.json").unlink()
    assert "which would tell which control plane it is for" in " ".join(
        empty.run("doctor", "--endpoint", url, code=1).err.split()
    )


@pytest.mark.parametrize("word", ["Bearer", "bearer"])
def test_the_word_bearer_in_a_token_is_named_and_the_token_is_not(empty: Tool, url: str, word: str) -> None:
    said = empty.run("doctor", "--endpoint", url, code=1, DECLARATIVE_TOKEN=f"{word} hidden-token").err
    assert "the word Bearer" in said
    assert "hidden-token" not in said


def test_https_to_a_port_that_speaks_http_leads_to_http(empty: Tool, url: str) -> None:
    secure = url.replace("http://", "https://")
    done = empty.run("doctor", "--endpoint", secure, code=1, DECLARATIVE_TOKEN="t")
    assert f"hint: write {url}" in done.err
