"""The three ways in which releases of the control plane issue tokens, and what an answer says about which one it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import httpx
from msgspec import Struct

from declarative.runai.tokens import Token, is_token, issued


class Generation(Struct, frozen=True):
    """One way. `release` is which releases have it as their newest."""

    release: str
    path: str
    grant: tuple[str, str]
    fields: tuple[str, str]
    is_form: bool = False

    def request(self, client_id: str, client_secret: str) -> Mapping[str, Any]:
        """The arguments of the POST: as a form (RFC 6749) or as JSON."""
        body = dict((self.grant, *zip(self.fields, (client_id, client_secret), strict=True)))
        return {"data": body} if self.is_form else {"json": body}


# The newest first: a release that does not have it answers so without looking at the credentials, while a newer one still
# takes the deprecated forms after it, and tells less of their errors and nothing of how long a token lives.
GENERATIONS = (
    Generation(
        "2.24 or newer",
        "/api/v2/token",
        ("grant_type", "client_credentials"),
        ("client_id", "client_secret"),
        is_form=True,
    ),
    Generation("2.20 to 2.23", "/api/v1/token", ("grantType", "client_credentials"), ("clientID", "clientSecret")),
    Generation("2.19 or older", "/api/v1/token", ("grantType", "app_token"), ("appID", "appSecret")),
)
PATHS = tuple(dict.fromkeys(generation.path for generation in GENERATIONS))

# Of RFC 6749, section 5.2: those that are about the application, not about the form of the request.
_ABOUT_THE_APPLICATION = ("invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope", "access_denied")
_ABOUT_THE_FORM = ("unsupported_grant_type", "invalid_request")


class Verdict(StrEnum):
    """What an answer without a token means."""

    ABSENT = "there is no such endpoint"
    OTHER = "perhaps another generation"
    REFUSED = "the credentials are wrong"
    FAILED = "the endpoint failed"


def verdict(generation: Generation, response: httpx.Response) -> Verdict:
    """Reads an answer that has no token. How each release answers what it does not know is not documented, so all of these
    readings hold:

    - RFC 6749 codes decide wherever they stand.
    - No such path or method, a redirect, or a page with a good status (as the server of a web application answers any
      path that it does not know): the endpoint is not there.
    - 401 and 403 of the first version are about the credentials: what is wrong with the request itself is 400 there.
    - 400 of the first version is about the grant or about the credentials. Nothing but the words would tell, and they
      change, so that the other grant is tried.
    - Of the second version, any refusal without a code is not its own, but of something that stands before an older
      release and wants a token for every path that it does not know.
    """
    code = _object(response).get("error")
    if code in _ABOUT_THE_APPLICATION:
        return Verdict.REFUSED
    if code in _ABOUT_THE_FORM:
        return Verdict.OTHER
    status = response.status_code
    if status < 400 or status in (404, 405, 410, 501):
        return Verdict.ABSENT
    if status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS:
        return Verdict.FAILED
    if not generation.is_form and status in (401, 403):
        return Verdict.REFUSED
    return Verdict.OTHER


def token_of(response: httpx.Response, now: float) -> Token | None:
    """The token of a good answer, of either version; None where it has none."""
    found = _object(response) if response.is_success else {}
    text = found.get("access_token") or found.get("accessToken")
    return issued(text, found.get("expires_in"), now) if isinstance(text, str) and is_token(text) else None


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        found = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}
