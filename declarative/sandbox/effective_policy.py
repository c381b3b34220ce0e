"""The effective policy of trainings as the control plane tells it: the rules by which creates are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from declarative.kinds.fields.base import UUID
from declarative.kinds.shape import ListOf, Object, Shape, shape_of
from declarative.kinds.training import TrainingSpec
from declarative.sandbox.answers import INJECTED
from declarative.sandbox.phases import stamp
from declarative.sandbox.places import places
from declarative.sandbox.wire import Answer, Call, Refusal, choice, missing

_SOURCE = {"scope": "tenant"}
SCOPES = ("tenant", "cluster", "department", "project")


def get(call: Call) -> Answer:
    """The policy of a scope. The sandbox has one for all of them."""
    if call.settings["refusePolicies"]:
        raise Refusal(403, "The policy is not for you", "The setting refusePolicies of the sandbox is on.")
    scope = choice(call.query, "scope", SCOPES)
    if scope is None:
        raise Refusal(400, "The query is not valid", f"scope has to be one of {', '.join(SCOPES)}.")
    cluster, project = call.query.get("clusterId"), call.query.get("projectId")
    if cluster is not None and not UUID.fullmatch(cluster):
        raise Refusal(400, "The query is not valid", "clusterId has to be a UUID.")
    if scope == "project" and project not in places(call.settings).projects:
        raise missing("Project", str(project))
    return Answer(200, {"effective": effective(call.settings["policy"]), "effectiveUpdatedAt": stamp(call.moment.wall)})


def effective(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults and rules in the shape of the API: as the spec is, with lists in two parts."""
    defaults: dict[str, Any] = {}
    rules: dict[str, Any] = {}
    for field in INJECTED:
        items = [{"name": name, "value": value} for name, value in policy.get(field, {}).items()]
        if items:
            _put(defaults, (field, "instances"), items)
    for field, value in policy.get("defaults", {}).items():
        _put(defaults, _steps(field), value)
    for field, limit in policy.get("limits", {}).items():
        if steps := _steps(field):
            _put(rules, steps, _rule(limit))
    for field, rule in policy.get("lists", {}).items():
        _put(rules, (*field.split("."), "instances"), {**_given(rule), "sourceOfRule": _SOURCE})
    return {"defaults": defaults, "rules": rules, "imposedAssets": []}


def _rule(limit: Mapping[str, Any]) -> dict[str, Any]:
    given = _given(limit)
    options = [{"value": value} for value in given.pop("allowed", ())]
    return {**given, **({"options": options} if options else {}), "sourceOfRule": _SOURCE}


def _given(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if value is not None}


def _steps(field: str) -> tuple[str, ...]:
    """Where a field of a training is in a policy; () for what trainings do not have."""

    def walk(shape: Shape, names: list[str]) -> Iterator[str]:
        for name in names:
            if isinstance(shape, ListOf):
                yield "attributes"
                shape = shape.item
            if not isinstance(shape, Object) or name not in shape.fields:
                raise KeyError(name)
            shape = shape.fields[name]
            yield name

    try:
        return tuple(walk(shape_of(TrainingSpec), field.split(".")))
    except KeyError:
        return ()


def _put(tree: dict[str, Any], steps: tuple[str, ...], value: Any) -> None:
    for step in steps[:-1]:
        tree = tree.setdefault(step, {})
    tree[steps[-1]] = value
