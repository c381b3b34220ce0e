"""What an effective policy has against what a plan creates, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from declarative.diagnostics import Diagnostic
from declarative.model.foresight import Policy
from declarative.model.position import Position
from declarative.model.secret import Reference, Secret
from declarative.model.value import FrozenMap, freeze
from declarative.plan.compliance import told_once, violations
from tests.plan.bodies import only, resource, training

GPUS = "compute.gpuDevicesRequest"


def nested(field: str, value: Any) -> dict[str, Any]:
    """`{"a": {"b": value}}` for `a.b`."""
    for name in reversed(field.split(".")):
        value = {name: value}
    return dict(value)


def found(spec: dict[str, Any], rules: dict[str, Any], defaults: dict[str, Any] | None = None) -> list[Diagnostic]:
    change = only(resource(training(**spec)))
    policy = Policy(freeze(defaults or {}), freeze(rules))
    return [finding.diagnostic for finding in violations(change, policy)]


def one(spec: dict[str, Any], rules: dict[str, Any], defaults: dict[str, Any] | None = None) -> Diagnostic:
    (diagnostic,) = found(spec, rules, defaults)
    return diagnostic


@pytest.mark.parametrize(
    ("field", "rule", "good", "bad", "wants"),
    [
        (GPUS, {"max": 2}, 2, 3, "allows at most 2"),
        (GPUS, {"min": 2}, 2, 1, "allows at least 2"),
        (GPUS, {"min": 2, "max": 8, "step": 2}, 6, 5, "allows only steps of 2 from 2"),
        (GPUS, {"step": 4}, 8, 6, "allows only steps of 4 from 0"),
        ("compute.gpuPortionRequest", {"min": 0.25, "step": 0.25}, 0.75, 0.6, "allows only steps of 0.25 from 0.25"),
        ("compute.cpuMemoryRequest", {"min": "1Gi", "max": "4Gi"}, "4096Mi", "5G", "allows at most 4Gi"),
        ("compute.cpuMemoryRequest", {"min": "1Gi"}, "1Gi", "1G", "allows at least 1Gi"),
        ("compute.gpuRequestType", {"options": [{"value": "portion"}]}, "portion", "memory", 'allows only "portion"'),
        ("image", {"options": [{"value": "a"}, {"value": "b", "displayed": "B"}]}, "b", "c", 'only "a" or "b"'),
        ("nodePools", {"options": [{"value": "a"}, {"value": "b"}]}, ["b", "a"], ["a", "c"], 'only "a" or "b"'),
        ("nodePools", {"required": True}, ["a"], [], "requires it"),
        ("security.capabilities", {"options": [{"value": "CHOWN"}]}, ["CHOWN"], ["KILL"], 'only "CHOWN"'),
        ("security.hostNetwork", {"canEdit": False}, False, True, "does not allow to set it"),
        ("podAffinity.type", {"options": [{"value": "Required"}]}, "Required", "Preferred", 'only "Required"'),
        ("probes.readiness.periodSeconds", {"max": 10}, 10, 11, "allows at most 10"),
        ("priorityClass", {"canEdit": False}, None, "build", "does not allow to set it"),
    ],
)
def test_a_rule_for_a_field_is_kept_or_told_with_what_was_found_and_what_is_wanted(
    field: str, rule: dict[str, Any], good: Any, bad: Any, wants: str
) -> None:
    assert found(nested(field, good), nested(field, rule)) == []
    diagnostic = one(nested(field, bad), nested(field, rule))
    assert diagnostic.summary == "Against the policy"
    assert wants in diagnostic.detail
    assert diagnostic.field == f"spec.{field}"
    assert diagnostic.hint


@pytest.mark.parametrize("field", [GPUS, "image", "security.runAsUid", "nodePools", "backoffLimit"])
def test_what_is_required_is_given_or_preset_or_told(field: str) -> None:
    """Also where the section is not given: it has nothing but optional fields."""
    rules = nested(field, {"required": True})
    assert f"`spec.{field}` is missing" in one({"image": None}, rules).detail
    assert found({"image": None}, rules, nested(field, ["a"] if field == "nodePools" else 1)) == []


@pytest.mark.parametrize("field", ["probes.readiness.periodSeconds", "podAffinity.type"])
def test_what_is_required_of_a_part_that_is_not_used_is_not_missed(field: str) -> None:
    assert found({}, nested(field, {"required": True})) == []


def test_what_takes_its_default_from_another_field_is_not_missing_and_stays_at_it() -> None:
    rule = {"required": True, "canEdit": False, "defaultFrom": {"field": "cpuCoreRequest", "factor": 2}}
    rules = nested("compute.cpuCoreLimit", rule)
    assert found({"compute": {"cpuCoreRequest": 2}}, rules) == []
    assert found({"compute": {"cpuCoreRequest": 2, "cpuCoreLimit": 4}}, rules) == []
    told = one({"compute": {"cpuCoreRequest": 2, "cpuCoreLimit": 5}}, rules)
    assert "`spec.compute.cpuCoreLimit` is 5" in told.detail
    assert "is missing" in one({}, rules).detail


def test_what_cannot_be_edited_may_be_repeated_as_it_is() -> None:
    rules, defaults = nested(GPUS, {"canEdit": False}), nested(GPUS, 1)
    assert found(nested(GPUS, 1), rules, defaults) == []
    told = one(nested(GPUS, 2), rules, defaults)
    assert (told.detail, told.hint) == (
        "`spec.compute.gpuDevicesRequest` is 2, but the policy has it fixed at 1.",
        "leave it out",
    )


def test_a_set_that_cannot_be_edited_has_no_order() -> None:
    rules, defaults = nested("security.capabilities", {"canEdit": False}), {"security": {"capabilities": ["A", "B"]}}
    assert found({"security": {"capabilities": ["B", "A"]}}, rules, defaults) == []
    assert found({"security": {"capabilities": ["B"]}}, rules, defaults)


def test_whose_rule_it_is_is_told() -> None:
    told = one(nested(GPUS, 2), nested(GPUS, {"max": 1, "sourceOfRule": {"scope": "department"}}))
    assert "but the policy of the department allows at most 1" in told.detail


# --- items ------------------------------------------------------------------------------------------------------------
VARIABLES = [{"name": "HOME", "value": "/home"}, {"name": "USER", "value": "me"}]


def variables(about: dict[str, Any], *items: dict[str, Any]) -> list[Diagnostic]:
    defaults = {"environmentVariables": {"instances": VARIABLES}}
    spec = {"environmentVariables": list(items)}
    return found(spec, {"environmentVariables": {"instances": about}}, defaults)


def test_items_may_be_added_unless_the_policy_says_no() -> None:
    added = {"name": "X", "value": "1"}
    assert variables({}, added) == []
    assert variables({"canAdd": True}, added) == []
    (told,) = variables({"canAdd": False}, added)
    assert told.detail == "`spec.environmentVariables[X]` is added, but the policy allows no items beside its own."
    assert told.field == "spec.environmentVariables[0]"


def test_items_of_the_policy_may_be_changed_and_excluded_unless_they_are_locked() -> None:
    changed, excluded = {"name": "HOME", "value": "/x"}, {"name": "HOME", "exclude": True}
    assert variables({"canAdd": False}, changed) == []
    assert variables({"canAdd": False}, excluded) == []
    assert variables({"locked": ["HOME"]}, {"name": "HOME", "value": "/home"}, {"name": "USER", "value": "you"}) == []
    for item in (changed, excluded):
        (told,) = variables({"locked": ["HOME"]}, item)
        assert "has it locked" in told.detail


def test_rules_for_the_items_of_a_list_are_for_each_of_them_wherever_they_lie() -> None:
    rules = {
        "storage": {"pvc": {"attributes": {"claimInfo": {"size": {"max": "10G"}}, "readOnly": {"required": True}}}}
    }
    volumes = [
        {"path": "/a", "claimInfo": {"size": "5G"}, "readOnly": True},
        {"path": "/b", "claimInfo": {"size": "20G"}, "readOnly": False},
        {"path": "/c"},
    ]
    told = found({"storage": {"pvc": volumes}}, rules)
    assert [one.field for one in told] == ["spec.storage.pvc[1].claimInfo.size", "spec.storage.pvc[2].readOnly"]
    assert "`spec.storage.pvc[/b].claimInfo.size`" in told[0].detail
    assert (
        len(found({"storage": {"pvc": volumes}}, rules, {"storage": {"pvc": {"attributes": {"readOnly": True}}}})) == 1
    )


def test_items_that_are_excluded_have_no_fields_to_check() -> None:
    rules = {"ports": {"attributes": {"container": {"max": 1000}}}}
    port = {"container": 8080, "serviceType": "NodePort"}
    assert len(found({"ports": [port]}, rules)) == 1
    assert found({"ports": [{**port, "exclude": True}]}, rules) == []


# --- what cannot be told ----------------------------------------------------------------------------------------------
def test_secrets_are_not_compared() -> None:
    secret = Secret((Reference("secret", "KEY"),), "hidden")
    body = training(environmentVariables=[{"name": "X", "value": "x"}])
    hidden = freeze({"environmentVariables": [{"name": "X", "value": secret}]})
    body = FrozenMap({**body, "spec": hidden})
    rules = freeze({"environmentVariables": {"attributes": {"value": {"options": [{"value": "x"}]}}}})
    assert list(violations(only(resource(body)), Policy(rules=rules))) == []


@pytest.mark.parametrize(
    "rules",
    [
        {"nobodyKnowsThis": {"max": 1}},
        {"compute": {"later": {"required": True}}},
        {"compute": None},
        {"compute": {"gpuDevicesRequest": None}},
        {"compute": {"gpuDevicesRequest": {"max": None, "options": None, "step": 0}}},
        {"compute": {"gpuDevicesRequest": {"max": "many"}}},
        {"image": {"max": 1}},
        {"environmentVariables": {"instances": None}},
        {"environmentVariables": {"instances": {"locked": None, "canAdd": None}}},
        {"exposedUrls": {"attributes": {"customUrl": {"canEdit": False}}}},
        {"storage": 1},
    ],
)
def test_rules_that_mean_nothing_here_are_no_errors(rules: dict[str, Any]) -> None:
    spec = {"compute": {"gpuDevicesRequest": 2}, "environmentVariables": [{"name": "A", "value": "1"}]}
    assert found({**spec, "exposedUrls": [{"container": 80, "url": "x"}]}, rules) == []


# --- the turns of a loop ----------------------------------------------------------------------------------------------
def test_the_same_line_is_told_once_with_how_often_it_was_found() -> None:
    def at(line: int, detail: str = "d") -> Diagnostic:
        return Diagnostic("s", detail, None, Position("m.yaml", line), field="spec.image")

    told = told_once([at(1, "a"), at(1, "b"), at(2), at(1, "c"), at(3), at(3)])
    assert [(one.where and one.where.line, one.detail, one.notes) for one in told] == [
        (1, "a", ("this line makes the same mistake 2 more times",)),
        (2, "d", ()),
        (3, "d", ("this line makes the same mistake once more",)),
    ]


def test_what_has_no_place_is_told_each_time() -> None:
    assert len(told_once([Diagnostic("s"), Diagnostic("s")])) == 2
