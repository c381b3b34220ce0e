"""One HTTP exchange with the control plane: signed, bounded, retried where that is safe, and its errors told apart."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from declarative.diagnostics import Diagnostic
from declarative.errors import (
    Conflict,
    ControlPlaneError,
    NotFound,
    Refused,
    Unauthorized,
    Unintelligible,
    Unreachable,
)
from declarative.runai.credentials import Credentials, SignInBusy

# Seconds. Reading takes longest: creating a workload asks a cluster.
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
RETRIES = 6
# Seconds that one pause takes at most, unless the server asks for more.
LONGEST_PAUSE = 3.0
PASSING = (429, 500, 502, 503, 504)
_POLICY_HINT = "write what the policy allows, or ask its administrator to change it"


class Transport:
    """Talks to one control plane. Use as an asynchronous context manager.

    `endpoint` is a base URL. With `read_only` anything but a GET is refused before it is sent. `inner` replaces the
    network, for the embedded control plane. `trace` hears every exchange: method, path, status, milliseconds.
    """

    def __init__(
        self,
        endpoint: str,
        credentials: Credentials,
        *,
        parallelism: int = 10,
        ca_bundle: str | None = None,
        read_only: bool = False,
        trace: Callable[[str], None] | None = None,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.read_only = read_only
        self._trace = trace
        self._turns = asyncio.Semaphore(parallelism)
        self._client = httpx.AsyncClient(
            base_url=self.endpoint,
            auth=credentials.auth(self.endpoint),
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=parallelism, max_keepalive_connections=parallelism),
            verify=_verification(ca_bundle) if inner is None else False,
            transport=inner,
            headers={"Accept": "application/json"},
        )

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(self, path: str, parameters: Mapping[str, str | int] | None = None) -> Any:
        """The JSON of a GET; raises ControlPlaneError, also for an answer that is no JSON: it tells nothing."""
        response = await self._exchange("GET", path, parameters=parameters, safe=True)
        try:
            return response.json()
        except ValueError as error:
            raise Unintelligible.answer(f"GET {path}", "not with JSON") from error

    async def send(self, method: str, path: str, body: Any = None, *, safe: bool) -> Any:
        """The JSON of a call that changes something, None for any other good answer; raises ControlPlaneError.

        `safe` says that sending it twice does what sending it once does: only then it is retried when its outcome is
        unknown.
        """
        if self.read_only:
            raise AssertionError(f"{method} {path} during a command that only reads")
        response = await self._exchange(method, path, body=body, safe=safe)
        try:
            return response.json() if response.content else None
        except ValueError:
            return None  # some releases answer accepted calls with plain text

    async def _exchange(
        self, method: str, path: str, *, parameters: Mapping[str, str | int] | None = None, body: Any = None, safe: bool
    ) -> httpx.Response:
        """A good answer; raises for any other."""
        for attempt in range(RETRIES + 1):
            try:
                async with self._turns:
                    began = time.monotonic()
                    response = await self._client.request(method, path, params=parameters, json=body)
                if self._trace:
                    self._trace(f"{method} {path} {response.status_code} {(time.monotonic() - began) * 1000:.0f} ms")
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failure = _unreachable(self.endpoint, method, path, error)
                if attempt == RETRIES or isinstance(error, httpx.ConnectError) or not (safe or not failure.ambiguous):
                    raise failure from error
                await asyncio.sleep(_pause(attempt, None))
                continue
            if attempt < RETRIES and (response.status_code in PASSING if safe else response.status_code == 429):
                await asyncio.sleep(_pause(attempt, response.headers.get("Retry-After")))
                continue
            if not response.is_success:
                raise _refusal(response, method, path)
            return response
        raise AssertionError("the last attempt returns or raises")


def _verification(ca_bundle: str | None) -> ssl.SSLContext | bool:
    if not ca_bundle:
        return True
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as error:
        diagnostic = Diagnostic("Unusable CA bundle", f"{ca_bundle}: {error}.", "check DECLARATIVE_CA_BUNDLE")
        raise ControlPlaneError(diagnostic) from error


def _pause(attempt: int, retry_after: str | None) -> float:
    """Seconds to wait before the next attempt: what the server asks for, or longer each time, never in step with others."""
    if retry_after and retry_after.isdigit():
        return min(float(retry_after), 60.0)
    return min(0.2 * 2.0**attempt, LONGEST_PAUSE) * (0.5 + random.random())  # noqa: S311 (no secret depends on it)


def _unreachable(endpoint: str, method: str, path: str, error: Exception) -> Unreachable:
    never_sent = isinstance(
        error,
        (
            *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout),
            *(httpx.InvalidURL, httpx.UnsupportedProtocol, SignInBusy),
        ),
    ) or _signing_in(error, path)
    what = (
        "did not answer in time"
        if isinstance(error, httpx.TimeoutException)
        else f"cannot be reached: {error or type(error).__name__}"
    )
    return Unreachable(
        Diagnostic(
            "Control plane unreachable",
            f"{method} {path}: {endpoint} {what}.",
            "check the endpoint and the network; `--endpoint sandbox` needs neither",
        ),
        ambiguous=not never_sent,
    )


def _signing_in(error: Exception, path: str) -> bool:
    """Whether it was the request for a token that failed: the request that needs the token was not carried out."""
    try:
        return isinstance(error, httpx.RequestError) and not error.request.url.path.endswith(path)
    except RuntimeError:  # it does not know its request
        return False


def _refusal(response: httpx.Response, method: str, path: str) -> Refused | Unauthorized:
    envelope = _envelope(response)
    message = str(envelope.get("message") or response.reason_phrase or "no message")
    status = response.status_code
    answer = f"{method} {path} answered {status}: {message.rstrip('.')}."
    details = envelope.get("details")
    first = f"{answer} {details}" if details else answer

    def told(summary: str, hint: str | None = None) -> tuple[Diagnostic, ...]:
        issues = tuple(_issues(envelope, answer, first))
        return issues or (Diagnostic(summary, first, hint),)

    if status == httpx.codes.UNAUTHORIZED:
        hint = "the credentials are wrong or have expired: set DECLARATIVE_TOKEN, or DECLARATIVE_CLIENT_ID and _CLIENT_SECRET"
        return Unauthorized(*told("Not signed in", hint))
    # A page that says 404 comes from what stands before the control plane; it does not say that the object is gone.
    if status == httpx.codes.NOT_FOUND and "html" not in response.headers.get("Content-Type", ""):
        return NotFound(*told("No such object"), status=status)
    if status == httpx.codes.CONFLICT or (status == httpx.codes.BAD_REQUEST and "already exists" in message):
        return Conflict(*told("Conflict at the control plane"), status=status)
    forbidden = "the credentials are valid, but may not do this" if status == httpx.codes.FORBIDDEN else None
    return Refused(*told("Refused by the control plane", forbidden), status=status)


def _issues(envelope: Mapping[str, Any], answer: str, first: str) -> Iterator[Diagnostic]:
    """What the policy has against single fields. `answer` says what was answered, `first` with all details, told once."""
    given = envelope.get("complianceIssues")
    for issue in given if isinstance(given, list) else ():
        found: Mapping[str, Any] = issue if isinstance(issue, Mapping) else {"details": issue}
        field = found.get("field")
        named = field.strip() if isinstance(field, str) else ""
        details = found.get("details")
        words = "" if details is None else str(details).strip().rstrip(".")
        if named or words:
            complaint = f"`{named}`: {words or 'not allowed'}." if named else f"{words}."
            yield Diagnostic("Refused by policy", f"{complaint}\n{first}", _POLICY_HINT, field=named or None)
            first = answer


def _envelope(response: httpx.Response) -> Mapping[str, Any]:
    """The error envelope; empty where a gateway answered with HTML or nothing."""
    try:
        found = json.loads(response.content)
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}
