"""Who may ask: static and issued tokens, and the envelopes of those who may not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from declarative.sandbox.app import ROUTES, TOKEN_PATHS
from declarative.sandbox.auth import OFFERS
from tests.sandbox.plane import TEMPLATES, Plane

TOKEN_PATH, OAUTH_PATH = TOKEN_PATHS
GRANTS = [
    {"grantType": "app_token", "appID": "sandbox", "appSecret": "sandbox"},
    {"grantType": "client_credentials", "clientID": "sandbox", "clientSecret": "sandbox"},
    {"grantType": "app_token", "AppId": "sandbox", "AppSecret": "sandbox"},
]


def issued(plane: Plane, grant: dict[str, Any] = GRANTS[0]) -> str:
    return str(plane.post(TOKEN_PATH, grant, 200, token=None)["accessToken"])


@pytest.mark.parametrize("grant", GRANTS)
def test_a_token_is_issued_and_good_until_it_expires(plane: Plane, grant: dict[str, str]) -> None:
    plane.settings(tokenLifetimeSeconds=120)
    token = issued(plane, grant)
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims == {"sub": "sandbox", "clientId": "sandbox", "iat": int(plane.now), "exp": int(plane.now) + 120}
    plane.now += 119
    plane.get(TEMPLATES, token=token)
    plane.now += 1
    assert "expired" in plane.get(TEMPLATES, 401, token=token)["details"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**GRANTS[0], "appSecret": "wrong"}, 401),
        ({**GRANTS[1], "clientID": "wrong"}, 401),
        ({"grantType": "password", "username": "a", "password": "b"}, 400),
        ({"grantType": "app_token"}, 400),
        ({"grantType": ["app_token"]}, 400),
        ({**GRANTS[0], "appID": 1}, 400),
        ({}, 400),
    ],
)
def test_bad_credentials_are_refused(plane: Plane, body: Any, status: int) -> None:
    plane.post(TOKEN_PATH, body, status, token=None)


FORM = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}


def test_the_second_version_takes_a_form_and_says_how_long_the_token_lives(plane: Plane) -> None:
    plane.settings(tokenLifetimeSeconds=120)
    answer = plane.good(plane.ask("POST", OAUTH_PATH, token=None, data=FORM), 200)
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 120)
    plane.now += 119
    plane.get(TEMPLATES, token=answer["access_token"])
    plane.now += 1
    plane.get(TEMPLATES, 401, token=answer["access_token"])


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        ({"data": {**FORM, "client_secret": "wrong"}}, 401, "invalid_client"),
        ({"data": {**FORM, "client_id": "wrong"}}, 401, "invalid_client"),
        ({"data": {"grant_type": "client_credentials"}}, 401, "invalid_client"),
        ({"data": {**FORM, "grant_type": "password"}}, 400, "unsupported_grant_type"),
        ({"data": {"client_id": "sandbox", "client_secret": "sandbox"}}, 400, "invalid_request"),
        ({"data": {**FORM, "client_id": ["sandbox", "sandbox"]}}, 400, "invalid_request"),
        ({"json": FORM}, 400, "invalid_request"),
        ({"content": b"", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400, "invalid_request"),
        (
            {"content": b"\xff=%ff", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
            400,
            "invalid_request",
        ),
    ],
)
def test_the_second_version_refuses_with_the_errors_of_oauth(plane: Plane, sent: Any, status: int, error: str) -> None:
    response = plane.ask("POST", OAUTH_PATH, token=None, **sent)
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert set(response.json()) == {"error", "error_description"}


@pytest.mark.parametrize("offered", OFFERS)
def test_a_tenant_knows_no_other_way_to_get_a_token_than_it_offers(plane: Plane, offered: str) -> None:
    plane.settings(tokenEndpoints=[offered])
    answers = (
        plane.ask("POST", OAUTH_PATH, token=None, data=FORM),
        plane.ask("POST", TOKEN_PATH, token=None, json=GRANTS[1]),
        plane.ask("POST", TOKEN_PATH, token=None, json=GRANTS[0]),
    )
    wanted = {
        "v2": [200, 404, 404],
        "v1-client-credentials": [404, 200, 400],
        "v1-app-token": [404, 400, 200],
    }
    assert [answer.status_code for answer in answers] == wanted[offered]


@pytest.mark.parametrize("bad", [["v3"], "v2", None, [1], {}])
def test_a_way_to_get_a_token_that_no_release_has_cannot_be_offered(plane: Plane, bad: Any) -> None:
    plane.good(plane.ask("PATCH", "/_sandbox/settings", json={"tokenEndpoints": bad}), 400)


def test_every_operation_of_the_api_asks_for_a_token(plane: Plane) -> None:
    for path, methods in ROUTES.items():
        for method in methods:
            if path.startswith("/api/") and path not in TOKEN_PATHS:
                response = plane.ask(method, path, token=None)
                plane.good(response, 401)
                assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_forged_token_is_refused(plane: Plane) -> None:
    head, payload, signature = issued(plane).split(".")
    forged = base64.urlsafe_b64encode(b'{"sub":"root","exp":99999999999}').rstrip(b"=").decode()
    for token in (f"{head}.{forged}.{signature}", f"{head}.{payload}.", "x", "..", "sandbox2", "é"):
        plane.good(plane.ask("GET", TEMPLATES, headers={"Authorization": f"Bearer {token}".encode()}), 401)
    plane.good(plane.ask("GET", TEMPLATES, headers={"Authorization": "Basic sandbox"}), 401)


def test_a_token_of_one_sandbox_is_unknown_to_another(plane: Plane, tmp_path: Path) -> None:
    token = issued(plane)
    Plane(tmp_path / "other.sqlite3").get(TEMPLATES, 401, token=token)


def test_the_application_of_the_token_is_the_creator(plane: Plane) -> None:
    assert plane.template()["meta"]["createdBy"] == "sandbox"
    assert plane.train()["createdBy"] == "sandbox"
