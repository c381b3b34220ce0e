"""Writes plans and diagnostics as Terraform's JSON, so that its policy checkers and summarizers work unchanged.

Formats: https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from declarative import __version__
from declarative.diagnostics import Diagnostic, Severity
from declarative.model.plan import Action, Change, Plan
from declarative.model.secret import Hidden, hides
from declarative.model.value import Value, masked
from declarative.view.diagnostics import in_order

PLAN_FORMAT = "1.2"
DIAGNOSTICS_FORMAT = "1.0"
STATE_FORMAT = "1.0"
IMPLIED_PROVIDER = "runai"
PROVIDER = f"declarative/{IMPLIED_PROVIDER}"
ACTIONS: dict[Action, list[str]] = {
    Action.NO_OP: ["no-op"],
    Action.CREATE: ["create"],
    Action.UPDATE: ["update"],
    Action.REPLACE: ["delete", "create"],
    Action.CREATE_THEN_DELETE: ["create", "delete"],
    Action.DELETE: ["delete"],
    Action.FORGET: ["forget"],
}


def plan_json(
    plan: Plan, timestamp: str | None = None, *, drift: Iterable[Change] = (), environment: str | None = None
) -> dict[str, Any]:
    """The plan in format 1.2. `timestamp` is RFC 3339; without it equal plans give equal JSON.

    `drift` are the changes that others have made, as `plan.drift` finds them. `environment` is a key of our own, for policies.
    """
    drifted = tuple(drift)
    document: dict[str, Any] = {
        "format_version": PLAN_FORMAT,
        # Readers require this key; the version is that of this tool.
        "terraform_version": __version__,
        "environment": environment,
        "planned_values": _module(_planned(change) for change in plan.changes if change.after is not None),
        "resource_drift": [_resource_change(change) for change in drifted],
        "resource_changes": [_resource_change(change, plan) for change in plan.changes],
        "output_changes": {},
        "prior_state": {
            "format_version": STATE_FORMAT,
            "terraform_version": __version__,
            "values": _module(_prior(change) for change in plan.changes if change.before is not None),
        },
        "configuration": {
            "provider_config": {IMPLIED_PROVIDER: {"name": IMPLIED_PROVIDER, "full_name": PROVIDER}},
            **_module(_configured(change) for change in plan.changes if change.after is not None),
        },
        "relevant_attributes": _relevant(drifted, plan),
    }
    if timestamp is not None:
        document["timestamp"] = timestamp
    return {**document, "applyable": not plan.is_empty, "complete": not plan.selection, "errored": False}


def _module(resources: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"root_module": {"resources": list(resources)}}


def _relevant(drifted: Iterable[Change], plan: Plan) -> list[dict[str, Any]]:
    """Which changes of others the plan reacts to."""
    changing = {change.address for change in plan.changes if change.action is not Action.NO_OP}
    return [
        {"resource": str(change.address), "attribute": list(field.path)}
        for change in drifted
        if change.address in changing
        for field in change.fields
    ]


def _resource(change: Change) -> dict[str, Any]:
    return {
        "address": str(change.address),
        "mode": "managed",
        "type": change.address.kind,
        "name": change.address.key,
        "provider_name": PROVIDER,
    }


def _planned(change: Change) -> dict[str, Any]:
    return {**_resource(change), "schema_version": 0, **_values(change.after)}


def _prior(change: Change) -> dict[str, Any]:
    needs = [str(address) for address in change.depended_on or change.depends_on]
    return {
        **_resource(change),
        # What moves is called here as the state still calls it.
        "address": str(change.moved_from or change.address),
        "name": (change.moved_from or change.address).key,
        "schema_version": 0,
        **_values(change.before),
        **({"depends_on": needs} if needs else {}),
    }


def _values(body: Value) -> dict[str, Any]:
    return {"values": masked(body), "sensitive_values": sensitive(body)}


def _configured(change: Change) -> dict[str, Any]:
    """What the manifest says. Templates are rendered and names looked up, so that all of it is constant."""
    resource = _resource(change)
    del resource["provider_name"]
    needs = [str(address) for address in change.depends_on]
    return {
        **resource,
        "provider_config_key": IMPLIED_PROVIDER,
        "expressions": {name: {"constant_value": value} for name, value in masked(change.after).items()},
        "schema_version": 0,
        **({"depends_on": needs} if needs else {}),
    }


def _resource_change(change: Change, plan: Plan | None = None) -> dict[str, Any]:
    """A change of a plan, or one that others have made, which has no reason of ours."""
    what: dict[str, Any] = {
        "actions": ACTIONS[change.action],
        "before": masked(change.before),
        "after": masked(change.after),
        "after_unknown": {},
        "before_sensitive": sensitive(change.before),
        "after_sensitive": sensitive(change.after),
    }
    paths = [list(field.path) for field in change.fields if field.replaces]
    if paths:
        what["replace_paths"] = paths
    if change.imports is not None:
        what["importing"] = {"id": change.imports.id}
    reason = action_reason(change, plan) if plan is not None else None
    former = {"previous_address": str(change.moved_from)} if change.moved_from is not None else {}
    return {**_resource(change), **former, "change": what, **({"action_reason": reason} if reason else {})}


def sensitive(value: Value) -> Any:
    """Terraform's way to say what is hidden in a value: true there, and beside it the least that shows the place.

    That is `{}` for a mapping and false for anything else with nothing hidden; a list with something hidden has all its items.
    """
    if isinstance(value, Hidden):
        return True
    if isinstance(value, Mapping):
        return {name: sensitive(item) for name, item in value.items() if hides(item)}
    return [sensitive(item) for item in value] if hides(value) else False


def action_reason(change: Change, plan: Plan) -> str | None:
    """Terraform's word for the reason, where it has one that is known to fit."""
    if change.action.replaces:
        if change.on_request:
            return "replace_by_request"
        forced = any(field.replaces for field in change.fields)
        return "replace_because_cannot_update" if forced else "replace_by_triggers"
    if change.action is Action.DELETE and not plan.destroy:
        return "delete_because_no_resource_config"
    return None


def diagnostics_json(diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """The answer of `validate --json`."""
    found = in_order(diagnostics)
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in found)
    return {
        "format_version": DIAGNOSTICS_FORMAT,
        "valid": errors == 0,
        "error_count": errors,
        "warning_count": len(found) - errors,
        "diagnostics": [diagnostic_json(diagnostic) for diagnostic in found],
    }


def diagnostic_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """One diagnostic; the hint ends the detail, because readers know no other place for it."""
    hint = f"hint: {diagnostic.hint}" if diagnostic.hint else ""
    document: dict[str, Any] = {
        "severity": str(diagnostic.severity),
        "summary": diagnostic.summary,
        "detail": "\n\n".join(part for part in (diagnostic.detail, hint) if part),
    }
    if diagnostic.notes:
        document["notes"] = list(diagnostic.notes)
    if where := diagnostic.where:
        document["range"] = {
            "filename": where.file,
            "start": {"line": where.line, "column": where.column},
            "end": {"line": where.line, "column": where.column + 1},
        }
    return document
