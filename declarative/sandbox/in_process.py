"""The embedded control plane without a network: the same application, reached through httpx."""

from __future__ import annotations

from pathlib import Path

import httpx

from declarative.sandbox.app import create_app

STATIC_TOKEN = "sandbox"  # noqa: S105 (everybody knows it: it is documented)


def in_process(path: Path) -> httpx.AsyncBaseTransport:
    """A transport to the control plane whose storage is the file `path`."""
    return httpx.ASGITransport(app=create_app(path))
