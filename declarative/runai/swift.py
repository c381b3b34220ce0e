"""Requests over aiohttp: a quarter of the work for each that httpx's own connections take, and the same errors.

What an error says about its request decides whether a create may be sent again, so every one of them becomes an error of
httpx that says just that: the connect errors, and they alone, say that nothing was sent.
"""

from __future__ import annotations

import ssl

import aiohttp
import httpx
from yarl import URL

# Bytes of one line of an answer's head: what httpx takes, too, as gateways send long ones.
_LONGEST_LINE = 65_536


class Swift(httpx.AsyncBaseTransport):
    """Sends what httpx asks for. Proxies, cookies, redirects and encodings are not its business, retries of creates neither."""

    def __init__(self, verify: ssl.SSLContext, limits: httpx.Limits) -> None:
        # A connection that was idle for long may be closed by the server just when it is used again.
        connector = aiohttp.TCPConnector(
            limit=limits.max_connections or 0, keepalive_timeout=limits.keepalive_expiry, ssl=verify
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        patience = request.extensions["timeout"]
        try:
            async with self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
                data=await request.aread() or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=patience["connect"], sock_read=patience["read"]),
            ) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # aiohttp's error of a certificate has the type of ssl's, and not what that one tells.
            raise _same(error) from error.__cause__ or error
        reason = (answer.reason or "").encode("ascii", "replace")
        return httpx.Response(
            answer.status, headers=answer.raw_headers, content=content, extensions={"reason_phrase": reason}
        )

    async def aclose(self) -> None:
        await self._session.close()


def _same(error: Exception) -> httpx.HTTPError | httpx.InvalidURL:
    """The error of httpx that says the same of a request. What is not known to be of the connecting is in doubt."""
    words = str(error) or type(error).__name__
    match error:
        case aiohttp.ConnectionTimeoutError():
            return httpx.ConnectTimeout(words)
        case aiohttp.ClientConnectorError():  # names, refused connections, certificates
            return httpx.ConnectError(words)
        case aiohttp.InvalidURL():
            return httpx.InvalidURL(words)
        case TimeoutError():
            return httpx.ReadTimeout(words)
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError():
            return httpx.RemoteProtocolError(words)
        case _:
            return httpx.ReadError(words)
