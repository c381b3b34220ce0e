"""What a plan ends, read in full before anybody agrees to it: rows of a list tell neither the volumes nor, in some releases, whose it is."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from declarative import kinds
from declarative.errors import ControlPlaneError
from declarative.model.address import Address
from declarative.model.plan import Change, Plan
from declarative.plan.ending import told, with_volumes
from declarative.plan.veil import Veil
from declarative.runai.observe import read
from declarative.runai.transport import Transport

# Of how many runs the rest is read: nobody reads more of them before he answers. Whether a run holds GPUs is asked of all.
MOST = 50


async def in_full(transport: Transport, plan: Plan) -> Plan:
    """The plan with what the runs themselves tell, of the first `MOST` that it stops or ends; those unread stay as they are."""
    ending = [one for one in plan.changes if one.run is not None and one.id is not None]
    untold = [one for one in ending[MOST:] if one.disruption is not None and one.disruption.gpus is None]
    found = await asyncio.gather(*(_full(transport, change) for change in (*ending[:MOST], *untold)))
    changed: dict[Address, Change] = {change.address: change for change in found}
    return replace(plan, changes=tuple(changed.get(one.address, one) for one in plan.changes))


async def _full(transport: Transport, change: Change) -> Change:
    kind = kinds.kind_named(change.address.kind)
    try:
        observed = await read(transport, kind, str(change.id))
    except ControlPlaneError:
        observed = None  # it only explains; an apply that needs the control plane will hear of it
    if observed is None or observed.body is None:
        return change
    full = told(change, observed)
    # The body that the plan shows stays the one that it was compared with.
    body = Veil(kind, (change.before, change.after)).over(observed.body)
    return replace(full, run=with_volumes(replace(full, before=body)).run)
