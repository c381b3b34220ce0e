"""Whether a plan asks for more GPUs than a project is given, by project and node pool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from declarative import kinds
from declarative.diagnostics import Diagnostic, Severity
from declarative.model.foresight import Finding, Policy, Pool, Quota
from declarative.model.plan import Action, Change, Plan
from declarative.model.value import EMPTY, FrozenMap, Value, dig, put

_PHASE = ("desiredPhase",)
_CREATES = (Action.CREATE, Action.REPLACE, Action.CREATE_THEN_DELETE)


class _Tally(Struct):
    """What a plan does to one pool of one project, in GPUs: `first` are the changes that ask for some, in order."""

    frees: float = 0.0
    first: list[tuple[Change, float]] = field(default_factory=list)

    @property
    def adds(self) -> float:
        return sum(gpus for _, gpus in self.first)


# Project id and name of the pool.
_Key: TypeAlias = tuple[str, str]


def beyond_quota(plan: Plan, quotas: Mapping[str, Quota], policies: Mapping[str, Policy]) -> Iterator[Finding]:
    """A warning for each pool that would have more asked of it than it deserves, at the training that crosses the line.

    Running over quota is allowed, and what is over a limit waits; but what alone is over the limit of each of its pools
    would wait for ever, which is an error.
    """
    tallies: dict[_Key, _Tally] = {}
    for change in plan.changes:
        for body, gpus, is_added in _moves(change, policies):
            project = _project(body)
            quota = quotas.get(project)
            if quota is None or not gpus:
                continue
            tally = tallies.setdefault((project, _pools(body, quota, policies)[0]), _Tally())
            if is_added:
                tally.first.append((change, gpus))
                yield from _impossible(change, body, gpus, quota, policies)
            else:
                tally.frees += gpus
    for (project, name), tally in sorted(tallies.items(), key=lambda item: item[0]):
        pool = quotas[project].pool(name)
        # What frees as much as it asks for makes nothing worse.
        if pool is not None and tally.adds > tally.frees:
            yield from _crossing(quotas[project], pool, tally)


def projects(plan: Plan) -> tuple[frozenset[str], frozenset[str]]:
    """The ids of the projects whose GPUs a plan may ask for, and of those where it creates trainings."""
    resuming = {_project(change.after) for change in plan.changes if change.after is not None and _resumes(change)}
    creating = {_project(change.after) for change in plan.changes if change.after is not None and creates(change)}
    return frozenset(resuming | creating), frozenset(creating)


def creates(change: Change) -> bool:
    """Whether a change makes a training, which has to comply with policies and needs a name."""
    return change.action in _CREATES and kinds.kind_named(change.address.kind).has_phase


def _resumes(change: Change) -> bool:
    return change.action is Action.UPDATE and any(
        one.path == _PHASE and one.before == "Stopped" and one.after != "Stopped" for one in change.fields
    )


def _moves(change: Change, policies: Mapping[str, Policy]) -> Iterator[tuple[FrozenMap, float, bool]]:
    """The bodies that take and free GPUs, how many, and whether they take them."""
    kind = kinds.kind_named(change.address.kind)
    if not kind.has_phase:
        return
    if change.disruption is not None and change.before is not None:
        yield change.before, change.disruption.gpus or 0.0, False
    after = change.after
    if after is not None and (_resumes(change) or (creates(change) and after.get("desiredPhase") != "Stopped")):
        yield after, kind.gpus(_with_defaults(after, policies)), True


def _with_defaults(body: FrozenMap, policies: Mapping[str, Policy]) -> FrozenMap:
    """A body with the compute resources that the policy gives where it says nothing."""
    policy = policies.get(_project(body))
    preset = policy.defaults.get("compute") if policy else None
    if not isinstance(preset, Mapping):
        return body
    own = {name: value for name, value in (dig(body, ("spec", "compute")) or EMPTY).items() if value is not None}
    return put(body, ("spec", "compute"), FrozenMap({**preset, **own}))


def _project(body: FrozenMap) -> str:
    return str(dig(body, ("metadata", "projectId")))


def _pools(body: FrozenMap, quota: Quota, policies: Mapping[str, Policy]) -> tuple[str, ...]:
    """The node pools that a training may run in, the likeliest first."""
    policy = policies.get(_project(body))
    given: Value = dig(body, ("spec", "nodePools")) or (policy and policy.defaults.get("nodePools"))
    return tuple(map(str, given)) if given else quota.preferred or ("default",)


def _impossible(
    change: Change, body: FrozenMap, gpus: float, quota: Quota, policies: Mapping[str, Policy]
) -> Iterator[Finding]:
    pools = [quota.pool(name) for name in _pools(body, quota, policies)]
    limits = [pool.limit for pool in pools if pool is not None and pool.limit is not None]
    if len(limits) == len(pools) and gpus > max(limits):
        names = " and ".join(f"{quota.name}/{pool.name}" for pool in pools if pool is not None)
        detail = f"It asks for {gpus:g} at once, but the limit of {names} is {max(limits):g}: it would wait for ever."
        hint = f"ask for at most {max(limits):g}, or have the limit of the project raised"
        yield Finding(change, _gpus(Diagnostic("More GPUs than the limit", detail, hint)))


def _crossing(quota: Quota, pool: Pool, tally: _Tally) -> Iterator[Finding]:
    held = (pool.allocated or 0.0) - tally.frees
    after = held + tally.adds
    over = [bound for bound in (pool.deserved, pool.limit) if bound is not None and after > bound]
    if not over:
        return
    allocated = "unknown" if pool.allocated is None else f"{pool.allocated:g}"
    figures = (
        f"{quota.name}/{pool.name}: deserved {'unknown' if pool.deserved is None else f'{pool.deserved:g}'}, "
        f"allocated {allocated}, this plan adds {tally.adds:g} and frees {tally.frees:g}: {after:g}."
    )
    is_limit = pool.limit is not None and after > pool.limit
    consequence = (
        f" The limit is {pool.limit:g}: what is above it waits until others end."
        if is_limit
        else " What is over quota runs as long as nobody else needs its GPUs, and can be preempted."
    )
    summary = "More GPUs than the limit" if is_limit else "More GPUs than the quota"
    told = replace(_gpus(Diagnostic(summary, figures + consequence)), severity=Severity.WARNING)
    yield Finding(_crossed(tally, held, min(over)), told)


def _crossed(tally: _Tally, held: float, bound: float) -> Change:
    """The change with which the sum goes over a bound; the first where it was over it before."""
    for change, gpus in tally.first:
        held += gpus
        if held > bound:
            return change
    raise AssertionError("the sum is over the bound")


def _gpus(diagnostic: Diagnostic) -> Diagnostic:
    return replace(diagnostic, field="spec.compute.gpuDevicesRequest")
