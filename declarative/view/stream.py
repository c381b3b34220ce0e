"""Writes plans and events as Terraform's machine-readable messages, one JSON object a line.

Format: https://developer.hashicorp.com/terraform/internals/machine-readable-ui
Timestamps are RFC 3339 and given by the caller, so that equal values give equal messages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from declarative import __version__
from declarative.diagnostics import Diagnostic, Severity
from declarative.model.address import Address
from declarative.model.event import Event, EventType
from declarative.model.plan import Action, Change, Plan
from declarative.model.record import Operation
from declarative.view.drift import drift_summary
from declarative.view.plan import count_line, shown_changes
from declarative.view.progress import apply_summary, destroy_summary, event_message
from declarative.view.terraform import IMPLIED_PROVIDER, action_reason, diagnostic_json

Message = dict[str, Any]
_UI_VERSION = "1.2"
_ACTIONS = {
    Action.CREATE_THEN_DELETE: "replace",
}
_OPERATIONS = {
    Operation.CREATE: "create",
    Operation.DELETE: "delete",
    Operation.FORGET: "forget",
    Operation.ADOPT: "import",
}
# Terraform words the reasons of replacements shorter here than in its plan format.
_REASONS = {
    "replace_because_cannot_update": "cannot_update",
    "replace_by_request": "requested",
    "replace_by_triggers": "replace_triggered_by",
}
_LEVELS = {EventType.FAILED: "error", EventType.SKIPPED: "warn"}


def version_event(timestamp: str) -> Message:
    """The first message of every stream."""
    # Readers look for the version under Terraform's name.
    versions = {"declarative": __version__, "terraform": __version__, "ui": _UI_VERSION}
    return _message("version", f"Declarative {__version__}", timestamp, **versions)


def plan_events(plan: Plan, timestamp: str) -> list[Message]:
    """One `planned_change` a change, then the `change_summary`."""
    messages = []
    for change in shown_changes(plan):
        action = _action(change)
        what: dict[str, Any] = {"resource": _resource(change.address), "action": action}
        if reason := action_reason(change, plan):
            what["reason"] = _REASONS.get(reason, reason)
        if change.imports is not None:
            what["importing"] = {"id": change.imports.id}
        if change.moved_from is not None:
            what["previous_resource"] = _resource(change.moved_from)
        text = f"{change.address}: Plan to {action}"
        messages.append(_message("planned_change", text, timestamp, change=what))
    counts = (plan.to_add, plan.to_change, plan.to_destroy, plan.to_import)
    return [*messages, _summary(count_line(plan), counts, "plan", timestamp)]


def _action(change: Change) -> str:
    if change.action is Action.NO_OP:
        return "import" if change.imports is not None else "move"
    return _ACTIONS.get(change.action, str(change.action))


def drift_events(drifted: Iterable[Change], timestamp: str) -> list[Message]:
    """One `resource_drift` a resource."""
    messages = []
    for change in drifted:
        what = {"resource": _resource(change.address), "action": str(change.action)}
        text = f"{change.address}: Drift detected ({change.action})"
        messages.append(_message("resource_drift", text, timestamp, change=what))
    return messages


def drift_summary_event(drifted: Collection[Change], recorded: int, endpoint: str, timestamp: str) -> Message:
    """The `change_summary` at the end of a look for drift: what others have changed and removed."""
    removed = sum(change.action is Action.DELETE for change in drifted)
    text = drift_summary(len(drifted), recorded, endpoint)
    return _summary(text, (0, len(drifted) - removed, removed, 0), "drift", timestamp)


def event_json(event: Event, timestamp: str) -> Message:
    """One moment of a step. Its diagnostics are messages of their own: see `diagnostic_event`."""
    step = event.step
    hook: dict[str, Any] = {
        "resource": _resource(step.address),
        "action": _OPERATIONS.get(step.operation, "update"),
    }
    if known_id := event.id or step.id:
        hook |= {"id_key": "id", "id_value": known_id}
    if event.type is not EventType.STARTED:
        hook["elapsed_seconds"] = int(event.elapsed)
    if event.phase:
        hook["phase"] = event.phase
    text = f"{step.address}: {event_message(event)}"
    return _message(str(event.type), text, timestamp, level=_LEVELS.get(event.type, "info"), hook=hook)


def event_messages(event: Event, timestamp: str) -> list[Message]:
    """The moment, and one `diagnostic` message for each of its diagnostics."""
    address = event.step.address
    # What a skipped step could tell is in its message; its cause was told where it failed.
    told = event.diagnostics if event.type is not EventType.SKIPPED else ()
    return [event_json(event, timestamp), *(diagnostic_event(diagnostic, timestamp, address) for diagnostic in told)]


def diagnostic_event(diagnostic: Diagnostic, timestamp: str, address: Address | None = None) -> Message:
    """One diagnostic, with the address of the resource where it is about one."""
    is_error = diagnostic.severity is Severity.ERROR
    text = f"{'Error' if is_error else 'Warning'}: {diagnostic.summary}"
    what = diagnostic_json(diagnostic)
    if address:
        what["address"] = str(address)
    return _message("diagnostic", text, timestamp, level="error" if is_error else "warn", diagnostic=what)


def applied_event(
    added: int, changed: int, destroyed: int, imported: int, timestamp: str, *, destroy: bool = False
) -> Message:
    """The `change_summary` at the end of an apply or a destroy."""
    text = destroy_summary(destroyed) if destroy else apply_summary(added, changed, destroyed, imported)
    return _summary(text, (added, changed, destroyed, imported), "destroy" if destroy else "apply", timestamp)


def _summary(text: str, counts: tuple[int, int, int, int], operation: str, timestamp: str) -> Message:
    added, changed, removed, imported = counts
    changes = {"add": added, "change": changed, "import": imported, "remove": removed, "operation": operation}
    return _message("change_summary", text, timestamp, changes=changes)


def _message(type: str, text: str, timestamp: str, *, level: str = "info", **more: Any) -> Message:
    head = {"@level": level, "@message": text, "@module": "declarative.ui", "@timestamp": timestamp}
    return {**head, **more, "type": type}


def _resource(address: Address) -> dict[str, Any]:
    return {
        "addr": str(address),
        "module": "",
        "resource": str(address),
        "implied_provider": IMPLIED_PROVIDER,
        "resource_type": address.kind,
        "resource_name": address.key,
        "resource_key": None,
    }
