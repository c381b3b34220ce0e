"""What the state has to remember, although nothing at the control plane differs."""

from __future__ import annotations

from declarative.model.observed import Observed
from declarative.model.record import Record
from declarative.model.resource import Resource
from declarative.plan.veil import Veil


def news(resource: Resource, record: Record, veil: Veil) -> str | None:
    """What changes of how a resource is kept, which only the state knows of."""
    changed = [
        f"lifecycle.{name} becomes {str(new).lower()}"
        for name, new, old in (
            ("preventDestroy", resource.lifecycle.prevent_destroy, record.prevent_destroy),
            ("keepOnDestroy", resource.lifecycle.keep_on_destroy, record.keep_on_destroy),
        )
        if new != old
    ]
    if is_exposed(record, veil):
        changed.append("what is secret now becomes a digest")
    return f"{' and '.join(changed)} in the state" if changed else None


def is_exposed(record: Record, veil: Veil) -> bool:
    """Whether the state holds the text of what is a secret by now."""
    return record.applied is not None and veil.over(record.applied) != record.applied


def has_news(resource: Resource, record: Record, observed: Observed, deposed: str | None, veil: Veil) -> bool:
    """Whether the state has something to record although nothing has to be called."""
    return (
        record.intent is not None
        or record.depends_on != resource.depends_on
        or record.keep_on_destroy != resource.lifecycle.keep_on_destroy
        or record.prevent_destroy != resource.lifecycle.prevent_destroy
        or record.ignored != resource.lifecycle.ignore_changes
        or record.finished != observed.readiness.finished
        or (record.previous_id is not None and deposed is None)
        or is_exposed(record, veil)
    )
