"""Who we are at the control plane: bearer tokens, given or fetched."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

import httpx

from declarative.diagnostics import Diagnostic
from declarative.errors import Unauthorized

# A token is replaced this many seconds before it expires; one that lives shorter, after half of its life.
MARGIN = 60.0


class SignInBusy(httpx.TransportError):
    """The token endpoint cannot answer now; the request that needs the token was not sent."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token, or an application that fetches one."""

    token: str | None = None
    client_id: str | None = None
    client_secret: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Credentials:
        """From `DECLARATIVE_TOKEN`, or `DECLARATIVE_CLIENT_ID` and `DECLARATIVE_CLIENT_SECRET`.

        Raises Unauthorized for a token that no header can carry; the refusal does not repeat it.
        """
        token = environ.get("DECLARATIVE_TOKEN", "").strip()
        if not (token.isascii() and token.isprintable()):
            detail = "DECLARATIVE_TOKEN holds a line break, or a character that no token has."
            raise Unauthorized(Diagnostic("Unusable token", detail, "set it to the bare token"))
        return cls(
            token or None,
            environ.get("DECLARATIVE_CLIENT_ID", "").strip() or None,
            environ.get("DECLARATIVE_CLIENT_SECRET", "").strip() or None,
        )

    def auth(self, base_url: str) -> httpx.Auth:
        """Signs requests; raises Unauthorized where there is nothing to sign with."""
        if self.token:
            return StaticToken(self.token)
        if self.client_id and self.client_secret:
            return ClientCredentials(base_url, self.client_id, self.client_secret)
        raise Unauthorized(
            Diagnostic(
                "Not signed in",
                f"There are no credentials for {base_url}.",
                "set DECLARATIVE_TOKEN, or DECLARATIVE_CLIENT_ID and DECLARATIVE_CLIENT_SECRET",
            )
        )


class StaticToken(httpx.Auth):
    """A token that somebody else fetched."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class ClientCredentials(httpx.Auth):
    """Fetches a token for an application, renews it before it expires, and once more when it is refused."""

    def __init__(self, base_url: str, client_id: str, client_secret: str) -> None:
        self._url = f"{base_url}/api/v1/token"
        self._id = client_id
        self._secret = client_secret
        self._token = ""
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        async with self._lock:
            if not self._token or time.time() > self._renew_at:
                await self._take((yield self._token_request(request)))
        used = self._token
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            async with self._lock:
                # Another request may have fetched a new token meanwhile.
                if self._token == used:
                    await self._take((yield self._token_request(request)))
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _token_request(self, request: httpx.Request) -> httpx.Request:
        body = {"grantType": "client_credentials", "clientID": self._id, "clientSecret": self._secret}
        # The extensions carry the timeouts; without them it would wait for ever.
        return httpx.Request("POST", self._url, json=body, extensions=request.extensions)

    async def _take(self, response: httpx.Response) -> None:
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
            raise SignInBusy(f"POST {self._url} answered {response.status_code}")
        if response.status_code in (400, 401, 403):
            raise Unauthorized(
                Diagnostic(
                    "Sign-in refused",
                    f"POST {self._url} answered {response.status_code} for the application {self._id}.",
                    "check DECLARATIVE_CLIENT_ID and DECLARATIVE_CLIENT_SECRET",
                )
            )
        await response.aread()
        try:
            self._token = response.raise_for_status().json()["accessToken"]
        except (httpx.HTTPStatusError, ValueError, KeyError, TypeError) as error:
            raise Unauthorized(
                Diagnostic("Sign-in failed", f"POST {self._url} answered {response.status_code} without a token.")
            ) from error
        now, end = time.time(), expiry(self._token)
        self._renew_at = end - min(MARGIN, (end - now) / 2) if end < float("inf") else end


def expiry(token: str) -> float:
    """The `exp` of a JWT in seconds since the epoch; infinity for an opaque token, which is used until it is refused."""
    try:
        claims = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return float("inf")
