"""The only module that changes the control plane."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from msgspec.structs import replace

from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError, DeclarativeError, Refused
from declarative.kinds.kind import Kind
from declarative.model.observed import Observed
from declarative.model.secret import MASK, TELLING, Hidden, Secret, hidden_in
from declarative.model.value import FrozenMap, freeze, revealed
from declarative.runai import observe
from declarative.runai.transport import Transport


class Remote:
    """The calls that change something, by kind. Bodies are manifest-shaped; all methods raise ControlPlaneError.

    Secrets are revealed here, in the request alone, and no error repeats them.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def create(self, kind: Kind, body: FrozenMap) -> Observed:
        """Creates an object. Never sent twice: when the outcome is unknown, the error says so (`ambiguous`)."""
        path = kind.endpoint.path
        with _discreet(body):
            answer = await self.transport.send("POST", path, _request(kind.create_request(body)), safe=False)
            return observe.understood(f"POST {path}", kind.read, answer)

    async def update(self, kind: Kind, id: str, body: FrozenMap) -> None:
        """Replaces everything that can be changed of an object by `body`."""
        assert kind.update_request is not None
        with _discreet(body):
            await self.transport.send("PUT", kind.endpoint.of(id), _request(kind.update_request(body)), safe=True)

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
        except Refused as refused:
            if not await observe.is_gone(self.transport, kind, id, refused):
                raise

    async def listed(self, kind: Kind) -> list[Observed]:
        """All objects of a kind, as its listing tells them."""
        return [row async for row in observe.rows(self.transport, kind)]

    async def read(self, kind: Kind, id: str) -> Observed | None:
        """One object, or None when there is none."""
        return await observe.read(self.transport, kind, id)


def _request(body: Any) -> Any:
    """The body of a call with the texts of its secrets."""
    return revealed(freeze(body))


@contextmanager
def _discreet(body: FrozenMap) -> Iterator[None]:
    """Masks the secrets of `body` in the errors of a call: servers repeat what they refuse."""
    try:
        yield
    except ControlPlaneError as error:
        # The longest first: one secret may be a part of another.
        forms = sorted({form for hidden in hidden_in(body) for form in _forms(hidden)}, key=len, reverse=True)
        if forms:
            pattern = re.compile("|".join(map(re.escape, forms)))
            told = (_masked(diagnostic, partial(pattern.sub, MASK)) for diagnostic in error.diagnostics)
            # Its class, and what else it knows, stay as they are.
            DeclarativeError.__init__(error, *told)
        raise


def _masked(diagnostic: Diagnostic, mask: Callable[[str], str]) -> Diagnostic:
    return replace(
        diagnostic,
        summary=mask(diagnostic.summary),
        detail=mask(diagnostic.detail),
        hint=diagnostic.hint and mask(diagnostic.hint),
        notes=tuple(map(mask, diagnostic.notes)),
        field=diagnostic.field and mask(diagnostic.field),
    )


def _forms(hidden: Hidden) -> Iterator[str]:
    """The ways in which a server may repeat a secret: as it is, as JSON or Python quote it, and its longer lines alone."""
    for text in (hidden.revealed(), *(hidden.texts if isinstance(hidden, Secret) else ())):
        lines = [line for line in text.splitlines() if len(line.strip()) >= TELLING]
        for part in (text, text.strip(), *lines):
            quoted = (json.dumps(part), json.dumps(part, ensure_ascii=False), repr(part))
            yield from filter(None, (part, *(form[1:-1] for form in quoted)))
