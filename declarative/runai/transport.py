"""One HTTP exchange with the control plane: signed, bounded, repeated where that is safe, and its errors told apart."""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError, NotFound, Unintelligible
from declarative.runai.credentials import Credentials
from declarative.runai.generations import PATHS, Generation
from declarative.runai.manners import asked_for, insist
from declarative.runai.network import Network, behind_a_proxy
from declarative.runai.pressure import Pressure
from declarative.runai.refusals import refusal, unreachable
from declarative.runai.sign_in import SignIn
from declarative.runai.tokens import Token

# Seconds. Reading takes longest: creating a workload asks a cluster.
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
# As long as nobody has ever answered, it is most likely the wrong place: but for the last try, a read waits no longer.
FIRST_CONTACT = httpx.Timeout(15.0, connect=10.0)


class Transport:
    """Talks to one control plane. Use as an asynchronous context manager.

    `endpoint` is a base URL. With `read_only` nothing but reads leaves this process, whatever the callers do; the request
    for a token is the one exception. `inner` replaces the network, for the embedded control plane. `trace` hears every
    exchange: method, path, status, milliseconds. `notice` hears why requests take long that are tried again, nothing twice.
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
        notice: Callable[[str], None] | None = None,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.read_only = read_only
        self.sign_in = SignIn(credentials.source(self.endpoint, self._ask_for_token))
        self._trace = trace
        self._notice = notice
        self._noticed: set[str] = set()
        # Whether anybody has answered yet: who has, and is not there now, comes back.
        self._is_known = False
        # Of each answer that tells so: whether it is that of a control plane, or of a place that has no such paths.
        self._speaks_for: set[bool] = set()
        self._pressure = Pressure(parallelism)
        # Proxies and, without a bundle of ours, SSL_CERT_FILE come from the environment. Redirects are not followed.
        limits = httpx.Limits(max_connections=parallelism, max_keepalive_connections=parallelism)
        verify = _verification(self.endpoint, ca_bundle) if inner is None else False
        self._network: Network | None = None
        if isinstance(verify, ssl.SSLContext) and not behind_a_proxy():
            inner = self._network = Network(verify, limits)
        self._client = httpx.AsyncClient(
            base_url=self.endpoint,
            limits=limits,
            verify=verify,
            transport=inner,
            headers={"Accept": "application/json"},
            event_hooks={"request": [self._check]},
        )
        self._token_urls = frozenset(f"{self._client.base_url}".rstrip("/") + path for path in PATHS)

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._notice = None  # of requests that others have left behind nobody wants to hear
        await self.sign_in.close()
        await self._client.aclose()

    @property
    def finds_nothing(self) -> bool:
        """Whether what was asked for was answered 404 throughout, as any other server does."""
        return self._speaks_for == {False}

    def expect(self, requests: int) -> None:
        """That so many requests are to come: a way that suits many is then taken from the first on."""
        if self._network is not None:
            self._network.expect(requests)

    async def get(self, path: str, parameters: Mapping[str, str | int] | None = None) -> Any:
        """The JSON of a GET; raises ControlPlaneError, also for an answer that is no JSON: it tells nothing."""
        of_one = parameters is None  # an object by its id; a list or a search has parameters, though none may be set
        response = await self._exchange("GET", path, safe=True, of_one=of_one, params=parameters)
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise Unintelligible.answer(f"GET {path}", "not with JSON") from error

    async def send(self, method: str, path: str, body: Any = None, *, safe: bool) -> Any:
        """The JSON of a call that changes something, None for any other good answer; raises ControlPlaneError.

        `safe` says that sending it twice does what sending it once does: only then it is repeated when its outcome is
        unknown.
        """
        response = await self._exchange(method, path, safe=safe, json=body)
        try:
            return response.json() if response.content else None
        except (ValueError, RecursionError):
            return None  # some releases answer accepted calls with plain text

    async def reach(self, path: str) -> int:
        """The status of a GET without a token: whether anybody is there. Raises Unreachable."""

        async def ask(first: httpx.Timeout) -> httpx.Response:
            return await self._once("GET", path, first=first)

        return (await self._insist(ask, "GET", path, safe=True)).status_code

    async def _exchange(
        self, method: str, path: str, *, safe: bool, of_one: bool = True, **more: Any
    ) -> httpx.Response:
        """A good answer; raises ControlPlaneError for any other."""

        async def ask(first: httpx.Timeout) -> httpx.Response:
            async with self._pressure.turn() as turn:
                response = await self._signed(method, path, first=first, **more)
                turn.answered(response.status_code)
            return response

        response = await self._insist(ask, method, path, safe=safe)
        if response.is_success:
            self._speaks_for.add(True)
            return response
        error = refusal(response, f"{method} {path}", self.sign_in.advice())
        error.retry_after = asked_for(response.headers, time.time())
        # That an object is not there, in a control plane's words, says nothing of the place: it may just be gone.
        if not (of_one and isinstance(error, NotFound)):
            self._speaks_for.add(response.status_code != httpx.codes.NOT_FOUND)
        raise error

    async def _signed(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request with the token of now; once more with another where that one is refused."""
        token = await self.sign_in.token()
        response = await self._once(method, path, token, **more)
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        other = await self.sign_in.renewed(token)
        return response if other is None else await self._once(method, path, other, **more)

    async def _once(
        self, method: str, path: str, token: Token | None = None, *, first: httpx.Timeout, **more: Any
    ) -> httpx.Response:
        """One request, for which `first` is the patience as long as nobody has answered yet."""
        headers = {"Authorization": f"Bearer {token.text}"} if token else {}
        began = time.monotonic()
        timeout = TIMEOUT if self._is_known else first
        response = await self._client.request(method, path, headers=headers, timeout=timeout, **more)
        self._is_known = True
        if self._trace:
            self._trace(f"{method} {path} {response.status_code} {(time.monotonic() - began) * 1000:.0f} ms")
        return response

    async def _ask_for_token(self, generation: Generation, client_id: str, client_secret: str) -> httpx.Response:
        """A token endpoint's answer. Asking has a patience of its own, so that it takes nothing from the request's; and no
        turn: whoever waits for the token has one."""
        form = generation.request(client_id, client_secret)

        async def ask(first: httpx.Timeout) -> httpx.Response:
            return await self._once("POST", generation.path, first=first, **form)

        return await self._insist(ask, "POST", generation.path, safe=True)

    async def _insist(
        self, ask: Callable[[httpx.Timeout], Awaitable[httpx.Response]], method: str, path: str, *, safe: bool
    ) -> httpx.Response:
        # What changes something is not left in doubt for the sake of a few seconds.
        changes_nothing = method == "GET" or path in PATHS

        def once(is_last: bool) -> Awaitable[httpx.Response]:
            return ask(FIRST_CONTACT if changes_nothing and not is_last else TIMEOUT)

        failed = functools.partial(unreachable, self.endpoint, f"{method} {path}")
        return await insist(once, safe=safe, failed=failed, known=lambda: self._is_known, tell=self._tell)

    def _tell(self, trouble: str) -> None:
        """Says what keeps requests from their answers, once for all of them."""
        if self._notice and trouble not in self._noticed:
            self._noticed.add(trouble)
            self._notice(f"The control plane {trouble}.")

    async def _check(self, request: httpx.Request) -> None:
        """Sees every request on its way out."""
        asks_for_token = request.method == "POST" and str(request.url) in self._token_urls
        if self.read_only and request.method not in ("GET", "HEAD") and not asks_for_token:
            raise AssertionError(f"{request.method} {request.url.path} during a command that only reads")


def _verification(endpoint: str, ca_bundle: str | None) -> ssl.SSLContext:
    if not ca_bundle and httpx.URL(endpoint).scheme == "http":
        # To load whom to trust takes as long as ten requests, and there is nobody to trust: this context trusts none.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not ca_bundle:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as error:
        diagnostic = Diagnostic("Unusable CA bundle", f"{ca_bundle}: {error}.", "check DECLARATIVE_CA_BUNDLE")
        raise ControlPlaneError(diagnostic) from error
