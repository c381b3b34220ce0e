"""The way to the network: light to load for a few requests, swift for many."""

from __future__ import annotations

import ssl
import urllib.request
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from declarative.runai.swift import Swift

# aiohttp takes 0.8 ms less for a request than httpx's own connections, and 0.12 s to import: as much as so many requests.
FEW = 150
_PROXIES = ("http", "https", "all")


class Network(httpx.AsyncBaseTransport):
    """httpx's own connections, until so many requests have been made, or are `expected`, that aiohttp's pay."""

    def __init__(self, verify: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._verify, self._limits = verify, limits
        self._light = httpx.AsyncHTTPTransport(verify=verify, limits=limits)
        self._swift: Swift | None = None
        self._requests = 0

    def expect(self, requests: int) -> None:
        """That so many are to come."""
        self._requests += requests

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._requests += 1
        if self._swift is None and self._requests <= FEW:
            return await self._light.handle_async_request(request)
        if self._swift is None:
            from declarative.runai.swift import Swift

            self._swift = Swift(self._verify, self._limits)
        return await self._swift.handle_async_request(request)

    async def aclose(self) -> None:
        await self._light.aclose()
        if self._swift is not None:
            await self._swift.aclose()


def behind_a_proxy() -> bool:
    """Whether the environment names proxies. Which hosts they are for, and how they are spoken to, httpx knows."""
    return any(urllib.request.getproxies().get(scheme) for scheme in _PROXIES)
