"""When to ask again, and after how long: only what may be repeated, never in step with others, and not for ever."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime

import httpx

from declarative.errors import Unreachable

# With a third of all answers bad, one request in a million fails for good; a control plane that stays away is waited for
# for half a minute.
RETRIES = 12
# A request that was not answered in time has taken long enough by itself.
RETRIES_OUT_OF_TIME = 2
# A control plane that has answered before and takes no connections now is about to be there again: 50 seconds or so.
RETRIES_AWAY = 20
# Seconds of trying again after which somebody wants to know.
QUIET = 3.0
# Seconds that one pause takes at most, and that at most, though the server asks for more.
LONGEST_PAUSE = 3.0
LONGEST_ASKED = 60.0
PASSING = (429, 500, 502, 503, 504)
# The only one of them that says for sure that the request was not processed.
NOT_PROCESSED = (429,)


async def insist(
    ask: Callable[[bool], Awaitable[httpx.Response]],
    *,
    safe: bool,
    failed: Callable[[Exception], Unreachable],
    known: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda _: None,
) -> httpx.Response:
    """The first answer that does not pass by itself, or the last one. Raises what `failed` makes of a lost connection.

    `ask` hears whether this is the last try where no answer comes in time.
    `safe` says that asking twice does what asking once does: only then it is asked again when the outcome is unknown.
    `known` says whether the control plane has answered before. `tell` hears what is wrong once that takes `QUIET` seconds.
    """
    began, attempts, away = time.monotonic(), 0, 0
    while True:
        try:
            response = await ask(attempts >= RETRIES_OUT_OF_TIME)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure = failed(error)
            is_away = isinstance(error, httpx.ConnectError) and known()
            goes_on = away < RETRIES_AWAY if is_away else attempts < _retries(error)
            if not goes_on or (failure.ambiguous and not safe):
                raise failure from error
            attempts, away = attempts + (not is_away), away + is_away
            trouble, rest = _trouble(error, attempts), pause((away if is_away else attempts) - 1)
        else:
            if attempts == RETRIES or response.status_code not in (PASSING if safe else NOT_PROCESSED):
                return response
            asked = asked_for(response.headers, time.time())
            trouble = f"answers {response.status_code}; trying again"
            rest = pause(attempts) if asked is None else spread(asked)
            attempts += 1
        if time.monotonic() + rest - began >= QUIET:
            tell(trouble)
        await asyncio.sleep(rest)


def _trouble(error: Exception, attempts: int) -> str:
    """What came of so many attempts, and how it goes on."""
    if not isinstance(error, httpx.TimeoutException):
        return "cannot be reached; trying again"
    what = "cannot be reached" if isinstance(error, httpx.ConnectTimeout) else "does not answer"
    return f"{what}; trying again ({attempts + 1} of {RETRIES_OUT_OF_TIME + 1})"


def _retries(error: Exception) -> int:
    if isinstance(error, (httpx.ConnectError, httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return 0  # nobody has ever been there: most likely a mistyped endpoint
    return RETRIES_OUT_OF_TIME if isinstance(error, httpx.TimeoutException) else RETRIES


def pause(attempt: int) -> float:
    """Seconds to wait before the next attempt: longer each time, and never in step with others."""
    return min(0.2 * 2.0**attempt, LONGEST_PAUSE) * (0.5 + random.random())  # noqa: S311 (no secret depends on it)


def spread(asked: float) -> float:
    """The seconds that a server asked for, and up to a tenth more: it asked everybody for the same."""
    return asked * (1 + 0.1 * random.random())  # noqa: S311 (no secret depends on it)


def asked_for(headers: httpx.Headers, now: float) -> float | None:
    """The seconds of Retry-After, from 0 to LONGEST_ASKED; None where it is missing or means nothing.

    It is a number of seconds, or a date, which counts from the server's own Date where that is told:
    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), LONGEST_ASKED)
    until = _moment(text)
    if until is None:
        return None
    since = _moment(headers.get("Date", ""))
    return min(max(until - (now if since is None else since), 0.0), LONGEST_ASKED)


def _moment(text: str) -> float | None:
    """An HTTP date in seconds since the epoch."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
