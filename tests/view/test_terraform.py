"""The JSON has the keys and words that readers of Terraform's formats look for.

The tables below are facts read from Terraform 1.11: `terraform show -json`, `terraform apply -json`.
"""

from __future__ import annotations

import json

import pytest

from declarative.diagnostics import Diagnostic
from declarative.model.plan import Action
from declarative.model.position import Position
from declarative.view.stream import applied_event, event_messages, plan_events, version_event
from declarative.view.terraform import diagnostics_json, plan_json
from tests.view import samples

NOW = "2026-01-02T03:04:05Z"
RESOURCE_CHANGE = {"address", "mode", "type", "name", "provider_name", "change"}
CHANGE = {"actions", "before", "after", "after_unknown", "before_sensitive", "after_sensitive"}
MESSAGE = {"@level", "@message", "@module", "@timestamp", "type"}
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


def test_equal_plans_give_equal_json() -> None:
    """No clock and no order of hashing gets in; the whole is JSON."""
    assert json.dumps(plan_json(samples.FULL_PLAN)) == json.dumps(plan_json(samples.FULL_PLAN))
    assert "timestamp" not in plan_json(samples.FULL_PLAN)


def test_replace_paths_name_what_forces_the_replacement() -> None:
    """Paths are lists of keys and indexes, only of the fields that force it."""
    (shown,) = plan_json(samples.plan(samples.REPLACE))["resource_changes"]
    assert shown["change"]["replace_paths"] == [list(field.path) for field in samples.REPLACE.fields]
    assert shown["action_reason"] == "replace_because_cannot_update"


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
