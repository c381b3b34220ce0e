"""Makes a mapping obey the rules of its model, one function for each rule: valid by construction, not by rejection."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from declarative.kinds.fields.assets import ScopeHasId
from declarative.kinds.fields.autoscaling import Thresholds
from declarative.kinds.fields.base import Fields
from declarative.kinds.fields.compute import SeveralDevices
from declarative.kinds.fields.connectivity import HasConnectionName
from declarative.kinds.fields.storage import ClaimInfoFits
from declarative.kinds.quantity import amount
from declarative.kinds.rules import (
    AtMost,
    AtMostOne,
    ExactlyOne,
    NoLess,
    OnlyWith,
    RequiredWhen,
    SameInAll,
    TrueNeeds,
)

Given = dict[str, Any]
_SCOPES = ("cluster", "department", "project")


@dataclass
class Repair:
    """One mapping under repair.

    `fill` draws a value of a field (other than a second argument), `keep` are the fields that have to stay as they are, `banned` those that may not be
    added, `required` those that may not be dropped.
    """

    given: Given
    fill: Callable[..., Any]
    keep: frozenset[str] = field(default_factory=frozenset)
    banned: frozenset[str] = field(default_factory=frozenset)
    required: frozenset[str] = field(default_factory=frozenset)

    def has(self, name: str) -> bool:
        return self.given.get(name) is not None

    def add(self, name: str) -> bool:
        if name in self.banned:
            return False
        self.given[name] = self.fill(name)
        return True

    def leave(self, name: str, value: Any) -> None:
        """Lets the field have any value but this, or none."""
        if name not in self.required:
            self.drop([name])
        elif name not in self.keep:
            self.given[name] = self.fill(name, value)

    def drop(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.keep:
                self.given.pop(name, None)


def obey(model: type[Fields], repair: Repair) -> Given:
    """The mapping, changed until no rule of `model` complains or nothing more can be done."""
    for _ in range(4):
        for rule in model.rules:
            REPAIRS[type(rule)](rule, repair)
        if obeys(model, repair.given):
            break
    return repair.given


def obeys(model: type[Fields], given: Given) -> bool:
    return not any(True for rule in model.rules for _ in rule.check(given))


def _at_most_one(rule: AtMostOne | ExactlyOne, repair: Repair) -> None:
    present = [name for name in rule.fields if repair.has(name)]
    chosen = next((name for name in present if name in repair.keep), present[0] if present else None)
    repair.drop(name for name in rule.fields if name != chosen)


def _exactly_one(rule: ExactlyOne, repair: Repair) -> None:
    _at_most_one(rule, repair)
    if not any(repair.has(name) for name in rule.fields):
        any(repair.add(name) for name in rule.fields)


def _required_when(rule: RequiredWhen, repair: Repair) -> None:
    given = repair.given
    if rule.only and repair.has(rule.field) and given.get(rule.when) != rule.value:
        if rule.field in repair.keep:
            given[rule.when] = rule.value
        else:
            del given[rule.field]
    if given.get(rule.when) == rule.value and not repair.has(rule.field) and not repair.add(rule.field):
        repair.leave(rule.when, rule.value)


def _only_with(rule: OnlyWith, repair: Repair) -> None:
    if repair.has(rule.field) and repair.given.get(rule.when) not in rule.values:
        if rule.field in repair.keep:
            repair.given[rule.when] = rule.values[0]
        else:
            del repair.given[rule.field]


def _true_needs(rule: TrueNeeds, repair: Repair) -> None:
    if repair.given.get(rule.field) is True and repair.given.get(rule.needs) is not True:
        if {rule.needs} & (repair.keep | repair.banned):
            repair.drop([rule.field])
        else:
            repair.given[rule.needs] = True


def _no_less(rule: NoLess, repair: Repair) -> None:
    limit, request = amount(repair.given.get(rule.limit)), amount(repair.given.get(rule.request))
    if limit is not None and request is not None and limit < request:
        changed, other = (rule.request, rule.limit) if rule.limit in repair.keep else (rule.limit, rule.request)
        repair.given[changed] = repair.given[other]


def _at_most(rule: AtMost, repair: Repair) -> None:
    """Values are drawn within the bound."""


def _several_devices(rule: SeveralDevices, repair: Repair) -> None:
    given = repair.given
    if (given.get("gpuDevicesRequest") or 0) <= 1:
        return
    if repair.keep & {*rule.excluded, "gpuRequestType"} and given.get("gpuRequestType") != "portion":
        given["gpuDevicesRequest"] = 1
        return
    repair.drop(rule.excluded)
    if given.get("gpuRequestType") in ("memory", "migProfile"):
        repair.drop(["gpuRequestType"])


def _same_in_all(rule: SameInAll, repair: Repair) -> None:
    items = repair.given.get(rule.items) or ()
    first = next((item[rule.field] for item in items if item.get(rule.field) is not None), None)
    if first is not None:
        repair.given[rule.items] = tuple(
            {**item, rule.field: first} if item.get(rule.field) is not None else item for item in items
        )


def _claim_info_fits(_: ClaimInfoFits, repair: Repair) -> None:
    given = repair.given
    if "claimInfo" in repair.banned:
        given.update(existingPvc=True)
    elif given.get("existingPvc") is True and "claimInfo" in repair.keep:
        given["existingPvc"] = False
    if given.get("existingPvc") is True:
        repair.drop(["claimInfo"])
    elif not given.get("exclude") and (given.get("claimInfo") or {}).get("size") is None:
        given["claimInfo"] = {**(given.get("claimInfo") or {}), "size": "10G"}


def _has_connection_name(_: HasConnectionName, repair: Repair) -> None:
    if not (repair.has("connectionName") or repair.has("name")):
        any(repair.add(name) for name in ("connectionName", "name"))


def _scope_has_id(_: ScopeHasId, repair: Repair) -> None:
    given = repair.given
    kept = next((scope for scope in _SCOPES if repair.keep & {scope, f"{scope}Id"}), None)
    given["scope"] = kept or given["scope"]
    if {given["scope"], f"{given['scope']}Id"} & repair.banned:
        given["scope"] = "tenant"
    for scope in _SCOPES:
        if scope != given["scope"]:
            repair.drop((scope, f"{scope}Id"))
        elif not (repair.has(scope) or repair.has(f"{scope}Id")):
            repair.add(f"{scope}Id")


def _thresholds(_: Thresholds, repair: Repair) -> None:
    given, keep = repair.given, repair.keep
    if repair.has("scaleToZeroRetentionSeconds") and given.get("minReplicas") != 0:
        if "scaleToZeroRetentionSeconds" in keep:
            given["minReplicas"] = 0
        else:
            del given["scaleToZeroRetentionSeconds"]
    if given.get("minReplicas") == 0 and given.get("thresholdMetric") == "latency":
        given["minReplicas" if "thresholdMetric" in keep else "thresholdMetric"] = (
            1 if "thresholdMetric" in keep else "throughput"
        )
    low = given["minReplicas"] if repair.has("minReplicas") else 1
    high = given["maxReplicas"] if repair.has("maxReplicas") else max(low, 1)
    if high < low:
        given["minReplicas" if "maxReplicas" in keep else "maxReplicas"] = high if "maxReplicas" in keep else low
    elif low < high and (low, high) != (0, 1):
        for name in ("thresholdMetric", "thresholdValue"):
            if not repair.has(name) and not repair.add(name):
                given["maxReplicas"] = max(low, 1)
    elif repair.has("thresholdValue") and not repair.has("thresholdMetric") and not repair.add("thresholdMetric"):
        repair.drop(["thresholdValue"])


REPAIRS: dict[type, Callable[[Any, Repair], None]] = {
    AtMost: _at_most,
    AtMostOne: _at_most_one,
    ClaimInfoFits: _claim_info_fits,
    ExactlyOne: _exactly_one,
    HasConnectionName: _has_connection_name,
    NoLess: _no_less,
    OnlyWith: _only_with,
    RequiredWhen: _required_when,
    SameInAll: _same_in_all,
    ScopeHasId: _scope_has_id,
    SeveralDevices: _several_devices,
    Thresholds: _thresholds,
    TrueNeeds: _true_needs,
}
