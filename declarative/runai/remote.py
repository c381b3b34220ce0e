"""The only module that changes the control plane."""

from __future__ import annotations

from declarative.errors import NotFound
from declarative.kinds.kind import Kind
from declarative.model.observed import Observed
from declarative.model.value import FrozenMap
from declarative.runai import observe
from declarative.runai.transport import Transport


class Remote:
    """The calls that change something, by kind. Bodies are manifest-shaped; all methods raise ControlPlaneError."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def create(self, kind: Kind, body: FrozenMap) -> Observed:
        """Creates an object. Never sent twice: when the outcome is unknown, the error says so (`ambiguous`)."""
        path = kind.endpoint.path
        answer = await self.transport.send("POST", path, kind.create_request(body), safe=False)
        return observe.understood(f"POST {path}", kind.read, answer)

    async def update(self, kind: Kind, id: str, body: FrozenMap) -> None:
        """Replaces everything that can be changed of an object by `body`."""
        assert kind.update_request is not None
        await self.transport.send("PUT", kind.endpoint.of(id), kind.update_request(body), safe=True)

    async def suspend(self, kind: Kind, id: str) -> None:
        """Stops a workload; one that is stopped stays so."""
        await self.transport.send("POST", kind.endpoint.of(id, "suspend"), safe=True)

    async def resume(self, kind: Kind, id: str) -> None:
        """Runs a workload again; one that runs goes on."""
        await self.transport.send("POST", kind.endpoint.of(id, "resume"), safe=True)

    async def delete(self, kind: Kind, id: str) -> None:
        """Begins to delete an object; one that is gone is what was asked for."""
        try:
            await self.transport.send("DELETE", kind.endpoint.of(id), safe=True)
        except NotFound:
            return

    async def listed(self, kind: Kind) -> list[Observed]:
        """All objects of a kind, as its listing tells them."""
        return [row async for row in observe.rows(self.transport, kind)]

    async def read(self, kind: Kind, id: str) -> Observed | None:
        """One object, or None when there is none."""
        return await observe.read(self.transport, kind, id)
