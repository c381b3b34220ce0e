"""Tokens: issued for the application `sandbox`, in the forms of all releases, and asked for by everything under /api."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl

from declarative.sandbox import seeds
from declarative.sandbox.wire import Answer, Call, Refusal, strict_object

# Grant of the first version -> the two fields with the credentials, and the setting that offers it.
GRANTS = {"app_token": ("appID", "appSecret"), "client_credentials": ("clientID", "clientSecret")}
TokenEndpoint = Literal["v2", "v1-client-credentials", "v1-app-token"]
OFFERS: tuple[TokenEndpoint, ...] = get_args(TokenEndpoint)
_OFFER = {"client_credentials": "v1-client-credentials", "app_token": "v1-app-token"}
_FORM = "application/x-www-form-urlencoded"


class OAuthRefusal(Refusal):
    """An error as OAuth 2 has it: https://www.rfc-editor.org/rfc/rfc6749#section-5.2"""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(status, error)
        self.body = {"error": error, "error_description": description}


def issue(call: Call) -> Answer:
    """POST /api/v1/token. Keys may be in any case: the published Python client writes `AppId`."""
    offered = [grant for grant in GRANTS if _OFFER[grant] in call.settings["tokenEndpoints"]]
    if not offered:
        raise _absent()
    body = {key.lower(): value for key, value in strict_object(call).items()}
    grant = body.get("granttype")
    if not isinstance(grant, str) or grant not in offered:
        raise Refusal(400, "The grant type is not supported", f"grantType has to be one of {', '.join(offered)}.")
    given = [body.get(name.lower()) for name in GRANTS[grant]]
    if not all(isinstance(value, str) for value in given):
        raise Refusal(400, "The credentials are missing", f"{' and '.join(GRANTS[grant])} have to be texts.")
    if given != [seeds.APPLICATION, seeds.SECRET]:
        raise Refusal(401, "The credentials are not valid")
    return Answer(200, {"accessToken": _token(call)})


def issue_as_oauth(call: Call) -> Answer:
    """POST /api/v2/token: a form, and its own sort of errors. It says how many seconds the token lives."""
    if "v2" not in call.settings["tokenEndpoints"]:
        raise _absent()
    if call.content_type.partition(";")[0].strip().lower() != _FORM:
        raise OAuthRefusal(400, "invalid_request", f"Send the header Content-Type: {_FORM}.")
    try:
        pairs = parse_qsl(call.body.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise OAuthRefusal(400, "invalid_request", "The body is no form.") from None
    known = [name for name, _ in pairs if name in ("grant_type", "client_id", "client_secret")]
    if len(set(known)) < len(known) or "grant_type" not in known:
        raise OAuthRefusal(400, "invalid_request", "Every field stands once, and grant_type has to be there.")
    form = dict(pairs)  # what else is in it is ignored, as OAuth wants it
    if form["grant_type"] != "client_credentials":
        raise OAuthRefusal(400, "unsupported_grant_type", "The only grant is client_credentials.")
    if (form.get("client_id"), form.get("client_secret")) != (seeds.APPLICATION, seeds.SECRET):
        raise OAuthRefusal(401, "invalid_client", "The client_id or the client_secret is not right.")
    lifetime = call.settings["tokenLifetimeSeconds"]
    return Answer(200, {"access_token": _token(call), "token_type": "Bearer", "expires_in": lifetime})


def _absent() -> Refusal:
    return Refusal(404, "Not Found", "The setting tokenEndpoints does not offer it.")


def _token(call: Call) -> str:
    since = int(call.moment.wall)
    claims = {"sub": seeds.APPLICATION, "clientId": seeds.APPLICATION, "iat": since}
    return _signed({**claims, "exp": since + call.settings["tokenLifetimeSeconds"]}, call.settings["key"])


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
