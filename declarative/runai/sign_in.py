"""Signing in: which token a request goes out with, where it comes from, and when there is a new one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import httpx

from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError, Unauthorized
from declarative.runai.generations import GENERATIONS, Generation, Verdict, token_of, verdict
from declarative.runai.refusals import message
from declarative.runai.tokens import Token, identity
from declarative.runai.vendor_login import VendorLogin

# Asks a token endpoint, with patience, and gives its answer, whatever it is.
Ask = Callable[[Generation, str, str], Awaitable[httpx.Response]]
_SET = "set DECLARATIVE_TOKEN, or DECLARATIVE_CLIENT_ID and DECLARATIVE_CLIENT_SECRET"


class Source(Protocol):
    """Where tokens come from."""

    @property
    def way(self) -> str:
        """Which of the ways it is, for people."""

    @property
    def advice(self) -> str:
        """What to do when the control plane does not take its tokens."""

    async def fetch(self) -> Token:
        """A token, the very same as before where there is no other; raises ControlPlaneError.

        One that was issued anew is another, though it may read the same: of the same second, say.
        """


class SignIn:
    """The token in use, one for all requests: fetched when it is first needed, before it expires, and when it is refused.

    However many requests need it, it is fetched once; and once it is refused for good, it is not asked for again.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._token: Token | None = None
        self._fetching: asyncio.Task[Token] | None = None
        self._refused: Unauthorized | None = None

    async def token(self) -> Token:
        """The token to sign with; raises ControlPlaneError."""
        if self._token is None or time.time() >= self._token.renew_at:
            self._token = await self._fetched()
        return self._token

    async def renewed(self, refused: Token) -> Token | None:
        """Another token in place of one that was refused; None where there is no other."""
        if self._token is refused:
            self._token = await self._fetched()
        # Where it is not, another request was refused before and has renewed it.
        return self._token if self._token is not refused else None

    def advice(self) -> str:
        """What to do about a 401, with what the token in use says of itself."""
        expires = identity(self._token.text).expires if self._token else None
        if expires is None or expires > time.time():
            return self.source.advice
        return f"the token expired at {moment(expires)}: {self.source.advice}"

    async def close(self) -> None:
        """Ends what is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _fetched(self) -> Token:
        if self._refused is not None:
            raise self._refused
        if self._fetching is None:
            self._fetching = asyncio.ensure_future(self.source.fetch())
            self._fetching.add_done_callback(self._settle)
        # Whoever waits may be cancelled; the others still want the token.
        return await asyncio.shield(self._fetching)

    def _settle(self, done: asyncio.Task[Token]) -> None:
        self._fetching = None
        failure = None if done.cancelled() else done.exception()
        self._refused = failure if isinstance(failure, Unauthorized) else None


class GivenToken:
    """A token that somebody else fetched; `advice` is how to get another."""

    way = "the token in DECLARATIVE_TOKEN"
    advice = f"the credentials are wrong or have expired: {_SET}"

    def __init__(self, token: str) -> None:
        self._token = Token(token)

    async def fetch(self) -> Token:
        return self._token


class Application:
    """An application with a secret: asks for tokens as its control plane issues them, which the answers tell.

    The way that worked is kept as long as this lives. Answers are read as `generations.verdict` says; once one of them is
    about the credentials, no other way is tried.
    """

    advice = "check DECLARATIVE_CLIENT_ID and DECLARATIVE_CLIENT_SECRET"

    def __init__(self, client_id: str, client_secret: str, ask: Ask) -> None:
        self.way = f"the application {client_id} (DECLARATIVE_CLIENT_ID)"
        self.generation: Generation | None = None
        self._id = client_id
        self._secret = client_secret
        self._ask = ask

    async def fetch(self) -> Token:
        seen: list[tuple[Generation, httpx.Response, Verdict]] = []
        for generation in (self.generation,) if self.generation else GENERATIONS:
            if any(path.path == generation.path and found is Verdict.ABSENT for path, _, found in seen):
                continue
            response = await self._ask(generation, self._id, self._secret)
            token = token_of(response, time.time())
            if token is not None:
                self.generation = generation
                return token
            seen.append((generation, response, verdict(generation, response)))
            if seen[-1][2] in (Verdict.REFUSED, Verdict.FAILED):
                break
        raise self._failure(seen)

    def _failure(self, seen: list[tuple[Generation, httpx.Response, Verdict]]) -> ControlPlaneError:
        """One message: of the answers, only those of endpoints that are there say anything about the credentials."""
        last = seen[-1][2]
        telling = last if last in (Verdict.REFUSED, Verdict.FAILED) else Verdict.OTHER
        there = [one for one in seen if one[2] is telling] or seen
        told = dict.fromkeys(self._words(generation, response) for generation, response, _ in there)
        detail = f"{'; '.join(told)}. The application is {self._id}."
        if last is Verdict.FAILED:
            return ControlPlaneError(Diagnostic("Sign-in failed", detail, "try again, or look at the control plane"))
        if all(found is Verdict.ABSENT for _, _, found in seen):
            hint = "check that the endpoint is a control plane, and not a proxy or a login page in front of it"
            return Unauthorized(Diagnostic("No sign-in here", f"Answered without a token: {detail}", hint))
        return Unauthorized(Diagnostic("Sign-in refused", detail, self.advice))

    def _words(self, generation: Generation, response: httpx.Response) -> str:
        words = message(response).replace(self._secret, "(the secret)")
        return f"POST {generation.path} answered {response.status_code}: {words}"


class CommandLineLogin:
    """The login of the vendor's command line. It cannot be renewed from here, but whoever it belongs to may log in again."""

    way = "the login of the `runai` command line"
    advice = "log in again with `runai login`"

    def __init__(self, login: VendorLogin) -> None:
        self._login = login
        self._token: Token | None = None

    async def fetch(self) -> Token:
        text = self._login.token()
        if text is None:
            raise Unauthorized(Diagnostic("Not signed in", f"{self._login.token_file} has no token.", self.advice))
        if self._token is None or self._token.text != text:
            self._token = Token(text)  # once it is refused, there may be another in the file
        return self._token


class Nothing:
    """No credentials at all; `detail` says what was looked for."""

    way = "nothing"
    advice = f"{_SET}; or log in with `runai login`"

    def __init__(self, detail: str) -> None:
        self._detail = detail

    async def fetch(self) -> Token:
        raise Unauthorized(Diagnostic("Not signed in", self._detail, self.advice))


def moment(seconds: float) -> str:
    """A time as people and scripts read it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):  # a year beyond all calendars
        return "the end of time"
