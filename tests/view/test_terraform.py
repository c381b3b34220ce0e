"""The JSON has the keys and words that readers of Terraform's formats look for.

The tables below are facts read from Terraform 1.11: `terraform show -json`, `terraform apply -json`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from declarative.diagnostics import Diagnostic
from declarative.model.plan import Action
from declarative.model.position import Position
from declarative.view.stream import applied_event, drift_events, event_messages, plan_events, version_event
from declarative.view.terraform import diagnostics_json, plan_json
from tests.view import samples

NOW = "2026-01-02T03:04:05Z"
PLAN = {
    "format_version", "terraform_version", "planned_values", "resource_changes", "prior_state", "configuration",
    "timestamp", "applyable", "complete", "errored",
}  # fmt: skip
# Terraform has these only where there is something to say; `environment` is a key of ours.
AT_TIMES = {"resource_drift", "output_changes", "relevant_attributes"}
OURS = {"environment"}
PLANNED = {"address", "mode", "type", "name", "provider_name", "schema_version", "values", "sensitive_values"}
CONFIGURED = {"address", "mode", "type", "name", "provider_config_key", "expressions", "schema_version"}
RESOURCE_CHANGE = {"address", "mode", "type", "name", "provider_name", "change"}
CHANGE = {"actions", "before", "after", "after_unknown", "before_sensitive", "after_sensitive"}
MESSAGE = {"@level", "@message", "@module", "@timestamp", "type"}
# What each type of message has beside that: the key, and the keys below it that Terraform always writes.
BODIES: dict[str, tuple[str, set[str]]] = {
    "planned_change": ("change", {"resource", "action"}),
    "resource_drift": ("change", {"resource", "action"}),
    "change_summary": ("changes", {"add", "change", "import", "remove", "operation"}),
    "apply_start": ("hook", {"resource", "action"}),
    "apply_progress": ("hook", {"resource", "action", "elapsed_seconds"}),
    "apply_complete": ("hook", {"resource", "action", "elapsed_seconds"}),
    "apply_errored": ("hook", {"resource", "action", "elapsed_seconds"}),
    "diagnostic": ("diagnostic", {"severity", "summary", "detail"}),
}
# What it writes there at times, and what is ours: the phase of a training.
MORE = {"id_key", "id_value", "reason", "importing", "previous_resource", "address", "range", "phase", "notes"}
RESOURCE = {"addr", "module", "resource", "implied_provider", "resource_type", "resource_name", "resource_key"}
ACTIONS = {
    Action.NO_OP: ["no-op"],
    Action.CREATE: ["create"],
    Action.UPDATE: ["update"],
    Action.DELETE: ["delete"],
    Action.REPLACE: ["delete", "create"],
    Action.CREATE_THEN_DELETE: ["create", "delete"],
    Action.FORGET: ["forget"],
}


def test_each_resource_change_has_the_keys_of_the_format() -> None:
    """A summarizer finds every key, with the actions in Terraform's words."""
    document = plan_json(samples.FULL_PLAN)
    for change, shown in zip(samples.FULL_PLAN.changes, document["resource_changes"], strict=True):
        assert set(shown) - {"action_reason"} == RESOURCE_CHANGE
        assert set(shown["change"]) - {"replace_paths"} == CHANGE
        assert shown["change"]["actions"] == ACTIONS[change.action]
        assert (shown["change"]["before"], shown["change"]["after"]) == (change.before, change.after)


def test_a_plan_has_the_keys_of_terraforms() -> None:
    """Every key that Terraform 1.11 writes at the top and in each sort of resource is there, and no other but one."""
    document = plan_json(samples.FULL_PLAN, NOW)
    assert set(document) == PLAN | AT_TIMES | OURS
    for resource in document["planned_values"]["root_module"]["resources"]:
        assert set(resource) == PLANNED
    prior = document["prior_state"]
    assert set(prior) == {"format_version", "terraform_version", "values"}
    for resource in prior["values"]["root_module"]["resources"]:
        assert set(resource) - {"depends_on"} == PLANNED
    configuration = document["configuration"]
    assert set(configuration) == {"provider_config", "root_module"}
    for resource in configuration["root_module"]["resources"]:
        assert set(resource) - {"depends_on"} == CONFIGURED
        assert resource["provider_config_key"] in configuration["provider_config"]
        assert all(set(one) == {"constant_value"} for one in resource["expressions"].values())


def test_what_is_planned_configured_and_prior_are_the_two_sides_of_the_changes() -> None:
    """What a plan deletes is prior alone, what it creates planned and configured alone."""
    document = plan_json(samples.plan(samples.CREATE, samples.DELETE))

    def addresses(part: Any) -> list[str]:
        return [resource["address"] for resource in part["root_module"]["resources"]]

    assert (
        addresses(document["planned_values"]) == addresses(document["configuration"]) == [str(samples.CREATE.address)]
    )
    assert addresses(document["prior_state"]["values"]) == [str(samples.DELETE.address)]


def test_drift_is_told_in_the_form_of_changes_and_where_the_plan_reacts_to_it() -> None:
    """`resource_drift` has the keys of a change without a reason of ours; only what the plan changes is relevant."""
    idle = replace(samples.TEMPLATE, address=samples.SAME.address)
    document = plan_json(samples.plan(samples.TEMPLATE, samples.SAME), drift=(samples.TEMPLATE, idle))
    assert [set(one) for one in document["resource_drift"]] == [RESOURCE_CHANGE, RESOURCE_CHANGE]
    assert document["relevant_attributes"] == [
        {"resource": str(samples.TEMPLATE.address), "attribute": list(field.path)} for field in samples.TEMPLATE.fields
    ]


def test_equal_plans_give_equal_json() -> None:
    """No clock and no order of hashing gets in; the whole is JSON."""
    assert json.dumps(plan_json(samples.FULL_PLAN)) == json.dumps(plan_json(samples.FULL_PLAN))
    assert "timestamp" not in plan_json(samples.FULL_PLAN)


def test_replace_paths_name_what_forces_the_replacement() -> None:
    """Paths are lists of keys and indexes, only of the fields that force it."""
    (shown,) = plan_json(samples.plan(samples.REPLACE))["resource_changes"]
    assert shown["change"]["replace_paths"] == [list(field.path) for field in samples.REPLACE.fields]
    assert shown["action_reason"] == "replace_because_cannot_update"


def test_a_replacement_that_nothing_forces_says_who_asked_for_it() -> None:
    """It was requested, or it goes along with what it depends on; the stream has Terraform's shorter words."""
    along = replace(samples.REPLACE, fields=())
    for change, reason, short in (
        (along, "replace_by_triggers", "replace_triggered_by"),
        (replace(along, on_request=True), "replace_by_request", "requested"),
    ):
        plan = samples.plan(change)
        assert plan_json(plan)["resource_changes"][0]["action_reason"] == reason
        assert plan_events(plan, NOW)[0]["change"]["reason"] == short


@pytest.mark.parametrize(("destroy", "reason"), [(False, "delete_because_no_resource_config"), (True, None)])
def test_a_delete_has_a_reason_unless_all_is_destroyed(destroy: bool, reason: str | None) -> None:
    """Terraform gives no reason for what `destroy` deletes."""
    (shown,) = plan_json(samples.plan(samples.DELETE, destroy=destroy))["resource_changes"]
    assert shown.get("action_reason") == reason


def test_a_plan_without_changes_is_not_applyable() -> None:
    """As in Terraform, `applyable` says whether an apply would do anything."""
    assert plan_json(samples.FULL_PLAN)["applyable"] is True
    assert plan_json(samples.plan(samples.SAME))["applyable"] is False


def test_every_message_has_the_common_keys() -> None:
    """A reader of the stream can rely on level, message, module, timestamp and type."""
    messages = [version_event(NOW), *plan_events(samples.FULL_PLAN, NOW), applied_event(1, 2, 3, 0, NOW)]
    messages += [message for event in samples.EVENTS for message in event_messages(event, NOW)]
    for message in messages:
        assert set(message) >= MESSAGE
        for key in ("hook", "change"):
            assert key not in message or set(message[key]["resource"]) == RESOURCE


def test_each_type_of_message_has_the_keys_of_terraforms() -> None:
    """Beside the common keys there is one, with what Terraform 1.11 writes there."""
    messages = [*plan_events(samples.FULL_PLAN, NOW), *drift_events([samples.TEMPLATE], NOW)]
    messages += [message for event in samples.EVENTS for message in event_messages(event, NOW)]
    seen = set()
    for message in messages:
        if message["type"] == "apply_skipped":
            continue  # Terraform says nothing of what it does not begin
        body, keys = BODIES[message["type"]]
        assert set(message) - MESSAGE == {body}
        assert keys <= set(message[body]) <= keys | MORE
        seen.add(message["type"])
    assert seen == BODIES.keys()
    assert version_event(NOW).keys() - MESSAGE == {"declarative", "terraform", "ui"}


def test_the_stream_leaves_out_what_does_not_change() -> None:
    """Unchanged resources are no planned changes; the summary counts like the text does."""
    *planned, summary = plan_events(samples.FULL_PLAN, NOW)
    assert [message["change"]["action"] for message in planned] == [
        "create", "update", "update", "update", "replace", "replace", "delete", "forget",
    ]  # fmt: skip
    assert summary["changes"] == {"add": 3, "change": 3, "import": 0, "remove": 3, "operation": "plan"}
    assert summary["@message"] == "Plan: 3 to add, 3 to change, 3 to destroy."


def test_a_failure_is_followed_by_its_diagnostics() -> None:
    """An `apply_errored` says that, the `diagnostic` says why."""
    failed = next(event for event in samples.EVENTS if event.diagnostics)
    errored, *why = event_messages(failed, NOW)
    assert [errored["type"], *(one["type"] for one in why)] == ["apply_errored", "diagnostic", "diagnostic"]
    assert {one["diagnostic"]["address"] for one in why} == {"Training.bert"}


def test_a_diagnostic_has_its_range_and_its_hint() -> None:
    """Lines and columns count from 1; a hint ends the detail; without a place there is no range, nor notes without any."""
    noted = Diagnostic("s", "d", "h", Position("f", 3, 5), notes=("n", "o"))
    document = diagnostics_json([noted, Diagnostic("t")])
    assert (document["valid"], document["error_count"], document["warning_count"]) == (False, 2, 0)
    first, second = document["diagnostics"]
    assert first == {
        "severity": "error",
        "summary": "s",
        "detail": "d\n\nhint: h",
        "notes": ["n", "o"],
        "range": {"filename": "f", "start": {"line": 3, "column": 5}, "end": {"line": 3, "column": 6}},
    }
    assert second == {"severity": "error", "summary": "t", "detail": ""}
