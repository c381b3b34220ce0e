"""Tokens: issued for the application `sandbox`, and asked for by everything under /api."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from declarative.sandbox import seeds
from declarative.sandbox.wire import Answer, Call, Refusal, strict_object

# Grant -> the two fields with the credentials.
GRANTS = {"app_token": ("appID", "appSecret"), "client_credentials": ("clientID", "clientSecret")}


def issue(call: Call) -> Answer:
    """POST /api/v1/token. Keys may be in any case: the published Python client writes `AppId`."""
    body = {key.lower(): value for key, value in strict_object(call).items()}
    grant = body.get("granttype")
    if not isinstance(grant, str) or grant not in GRANTS:
        raise Refusal(400, "The grant type is not supported", f"grantType has to be one of {', '.join(GRANTS)}.")
    given = [body.get(name.lower()) for name in GRANTS[grant]]
    if not all(isinstance(value, str) for value in given):
        raise Refusal(400, "The credentials are missing", f"{' and '.join(GRANTS[grant])} have to be texts.")
    if given != [seeds.APPLICATION, seeds.SECRET]:
        raise Refusal(401, "The credentials are not valid")
    issued = int(call.moment.wall)
    claims = {"sub": given[0], "iat": issued, "exp": issued + call.settings["tokenLifetimeSeconds"]}
    return Answer(200, {"accessToken": _signed(claims, call.settings["key"])})


def user(authorization: str | None, settings: Mapping[str, Any], now: float) -> str:
    """The application that a request comes from; 401 without a good bearer token. `now` is wall time."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthorized("Send the header Authorization: Bearer with a token.")
    if hmac.compare_digest(token.strip().encode(), seeds.TOKEN.encode()):
        return seeds.APPLICATION
    claims = _claims(token.strip(), settings["key"])
    if claims is None:
        raise _unauthorized("The token was not issued here.")
    if now >= claims["exp"]:
        raise _unauthorized("The token has expired.")
    return str(claims["sub"])


def _unauthorized(details: str) -> Refusal:
    return Refusal(401, "Unauthorized", details, headers={"WWW-Authenticate": "Bearer"})


def _signed(claims: Mapping[str, Any], key: str) -> str:
    """A JSON Web Token, signed with HMAC-SHA256: https://www.rfc-editor.org/rfc/rfc7519"""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    content = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{content}.{_signature(content, key)}"


def _signature(content: str, key: str) -> str:
    return _base64(hmac.new(key.encode(), content.encode(), hashlib.sha256).digest())


def _claims(token: str, key: str) -> dict[str, Any] | None:
    content, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_signature(content, key).encode(), signature.encode()):
        return None
    payload = content.partition(".")[2]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
