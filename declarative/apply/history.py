"""What the cluster tells of an object: its last events, in a line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from declarative.errors import ControlPlaneError, Refused
from declarative.kinds.kind import Kind
from declarative.runai.transport import Transport

# How many events are told, and how many are looked through: some releases give the oldest ones first.
TOLD, LOOKED_AT = 5, 100
NOT_UNDERSTOOD = 400


async def happenings(transport: Transport, kind: Kind, id: str) -> tuple[str, ...]:
    """The last events of an object, oldest first; none where they cannot be read: they only explain."""
    if kind.events is None:
        return ()
    try:
        answer = await _answer(transport, kind.events(id))
    except ControlPlaneError:
        return ()
    found = answer.get("events") if isinstance(answer, Mapping) else None
    events = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    events.sort(key=lambda one: str(one.get("createdAt") or ""))
    return tuple(_line(one) for one in events[-TOLD:])


async def _answer(transport: Transport, path: str) -> Any:
    """The latest events of those that there are; in the server's own order where it takes no other, as up to 2.19."""
    try:
        return await transport.get(path, {"limit": LOOKED_AT, "sortOrder": "desc"})
    except Refused as refused:
        if refused.status != NOT_UNDERSTOOD:
            raise
        return await transport.get(path, {"limit": LOOKED_AT})


def _line(event: Mapping[str, Any]) -> str:
    """`2026-01-02T03:04:05Z Warning FailedScheduling: no node has enough GPUs`."""
    head = " ".join(str(event[name]) for name in ("createdAt", "type", "reason") if event.get(name))
    return f"{head}: {event.get('message') or ''}".rstrip(": ")
