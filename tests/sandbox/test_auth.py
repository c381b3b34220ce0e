"""Who may ask: static and issued tokens, and the envelopes of those who may not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from declarative.sandbox.app import ROUTES, TOKEN_PATH
from tests.sandbox.plane import TEMPLATES, Plane

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
    assert claims == {"sub": "sandbox", "iat": int(plane.now), "exp": int(plane.now) + 120}
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


def test_every_operation_of_the_api_asks_for_a_token(plane: Plane) -> None:
    for path, methods in ROUTES.items():
        for method in methods:
            if path.startswith("/api/") and path != TOKEN_PATH:
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
