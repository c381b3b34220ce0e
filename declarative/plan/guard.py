"""What an apply refuses until it is allowed: the limits of what one mistake can do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

from declarative.diagnostics import Diagnostic
from declarative.model.plan import Action, Change, Disruption, Plan, Run

# More than this share of at least so many recorded resources is a mass change.
MASS_SHARE = 0.3
MASS_MINIMUM = 10


class Guard(StrEnum):
    PREVENT_DESTROY = "prevent-destroy"
    DISRUPTION = "disruption"
    MASS_CHANGE = "mass-change"
    EMPTY = "empty"


# prevent-destroy has no flag: it is lifted in the manifest, where it was put.
ALLOWABLE = (Guard.DISRUPTION, Guard.MASS_CHANGE, Guard.EMPTY)


class Refusal(Struct, frozen=True):
    """One guard that stands in the way, and what it says."""

    guard: Guard
    diagnostic: Diagnostic


def refusals(plan: Plan, recorded: int, desired: int, allowed: Collection[str] = ()) -> tuple[Refusal, ...]:
    """The guards that refuse `plan`, but for those in `allowed` that can be allowed at all.

    `recorded` counts the records of the state, `desired` the resources of the manifests.
    """
    found = (
        *_prevent_destroy(plan),
        *_disruption(plan),
        *_mass_change(plan, recorded),
        *_empty(plan, recorded, desired),
    )
    lifted = {guard for guard in ALLOWABLE if guard in allowed}
    return tuple(refusal for refusal in found if refusal.guard not in lifted)


def _ends(change: Change) -> bool:
    return change.action is Action.DELETE or change.action.replaces


def _prevent_destroy(plan: Plan) -> Iterator[Refusal]:
    for change in plan.changes:
        if change.prevent_destroy and _ends(change):
            verb = "replaced" if change.action.replaces else "destroyed"
            causes = ", ".join(field.label for field in change.fields if field.replaces)
            because = f" ({causes})" if causes else ""
            hint = "set `lifecycle.preventDestroy: false` in its manifest and apply that first"
            detail = f"{change.address} would be {verb}{because}, but its lifecycle has preventDestroy."
            yield Refusal(Guard.PREVENT_DESTROY, Diagnostic("Protected resource", detail, hint, change.where))


def _disruption(plan: Plan) -> Iterator[Refusal]:
    stops = stopping(plan)
    if stops:
        yield Refusal(
            Guard.DISRUPTION, Diagnostic("Running work would stop", stops, "allow it with --allow disruption")
        )


def stopping(plan: Plan) -> str | None:
    """What the plan stops that runs, as a sentence; None when nothing does."""
    stopped = [(change, change.disruption) for change in plan.changes if change.disruption]
    if not stopped:
        return None
    each = some(f"{change.address} ({_stopped(change, one)})" for change, one in stopped)
    total = counted_gpus(sum(one.gpus or 0.0 for _, one in stopped))
    least = "at least " if any(one.gpus is None for _, one in stopped) else ""
    return f"This plan stops {each}{f': {least}{total} in all' if len(stopped) > 1 else ''}."


def _stopped(change: Change, disruption: Disruption) -> str:
    """What stops, in a few words: `Running since 2026-01-02 03:04 UTC, 8 GPUs, created by ana; deletes its volume data`."""
    run = change.run or Run()
    since = f" since {moment(run.since)}" if run.since is not None else ""
    maker = f", created by {run.creator}" if run.creator else ""
    lost = f"; {lost_volumes(run)}" if run.volumes else ""
    return f"{disruption.phase}{since}, {counted_gpus(disruption.gpus)}{maker}{lost}"


def lost_volumes(run: Run) -> str:
    """That volumes go with a run: `deletes its volumes a, b`."""
    return f"deletes its {'volume' if len(run.volumes) == 1 else 'volumes'} {some(run.volumes, 3)}"


def moment(seconds: float) -> str:
    """A time in seconds since the epoch, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def counted_gpus(number: float | None) -> str:
    """`0.5 GPU`, `1 GPU`, `8 GPUs`; of None that nobody tells."""
    if number is None:
        return "an unknown number of GPUs"
    return f"{number:g} {'GPU' if number <= 1 else 'GPUs'}"


def some(items: Iterable[object], limit: int = 5) -> str:
    """The first of many, and how many more there are."""
    named = [str(item) for item in items]
    return ", ".join(named[:limit]) + (f" and {len(named) - limit} more" if len(named) > limit else "")


def _mass_change(plan: Plan, recorded: int) -> Iterator[Refusal]:
    ending = [change for change in plan.changes if _ends(change)]
    if not plan.destroy and recorded >= MASS_MINIMUM and len(ending) > MASS_SHARE * recorded:
        detail = (
            f"This plan deletes or replaces {len(ending)} of {recorded} recorded resources: {_named(ending)}. "
            f"More than {MASS_SHARE:.0%} at once may be a mistake."
        )
        yield Refusal(
            Guard.MASS_CHANGE, Diagnostic("Many resources would end", detail, "allow it with --allow mass-change")
        )


def _empty(plan: Plan, recorded: int, desired: int) -> Iterator[Refusal]:
    asked_for = all(change.action is Action.FORGET or change.on_request for change in plan.changes)
    if not plan.destroy and not desired and recorded and not asked_for:
        detail = f"The manifests are empty, but the state owns {recorded} resource{'' if recorded == 1 else 's'}: {_named(plan.changes)}."
        hint = "check the paths, or allow it with --allow empty"
        yield Refusal(Guard.EMPTY, Diagnostic("Everything would be destroyed", detail, hint))


def _named(changes: Iterable[Change]) -> str:
    return some(change.address for change in changes)
