"""What a plan comes to, over all its changes."""

from __future__ import annotations

from declarative import kinds
from declarative.model.address import Address
from declarative.model.plan import Action, Plan
from declarative.model.value import FrozenMap


def gpus(plan: Plan) -> tuple[float, float]:
    """The GPUs that what the state owns asks for, before and after. What is stopped or has finished asks for none."""
    before = sum(_asked(one.address, one.before) for one in plan.changes if not one.finished)
    after = sum(
        _asked(one.address, one.after)
        for one in plan.changes
        if one.action is not Action.NO_OP or not one.finished  # a finished run that stays does not run again
    )
    return before, after


def _asked(address: Address, body: FrozenMap | None) -> float:
    if body is None or body.get("desiredPhase") == "Stopped":
        return 0.0
    return kinds.kind_named(address.kind).gpus(body)
