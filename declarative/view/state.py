"""Shows what the state remembers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from declarative.model.record import Intent, Record
from declarative.model.value import FrozenMap, Value, masked
from declarative.view.style import Style
from declarative.view.values import block

_PLAIN = Style()


def state_list_text(records: Iterable[Record], style: Style = _PLAIN) -> str:
    """One address a line, in order, for people and for `xargs`."""
    return "".join(f"{style.safe(str(record.address))}\n" for record in _ordered(records))


def state_list_json(records: Iterable[Record]) -> list[dict[str, Any]]:
    """The same with ids: one object a record, without what was applied."""
    return [_summary(record) for record in _ordered(records)]


def state_show_text(record: Record, style: Style) -> str:
    """All that is remembered of one resource, as YAML below its address."""
    facts: dict[str, Value] = {"id": record.id, "name": record.name, "project": record.project}
    facts |= {key: value for key, value in _flags(record).items() if value}
    if record.intent:
        facts["pending"] = FrozenMap(_intent(record.intent))
    facts["applied"] = record.applied
    lines = block({key: value for key, value in facts.items() if value is not None}, style)
    return "\n".join([style.bold(f"# {style.safe(str(record.address))}"), *lines]) + "\n"


def state_show_json(record: Record) -> dict[str, Any]:
    """All that is remembered of one resource."""
    return {
        **_summary(record),
        **_flags(record),
        "pending": _intent(record.intent) if record.intent else None,
        "applied": masked(record.applied),
    }


def _ordered(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.address)


def _summary(record: Record) -> dict[str, Any]:
    return {
        "address": str(record.address),
        "kind": record.address.kind,
        "key": record.address.key,
        "id": record.id,
        "name": record.name,
        "project": record.project,
    }


def _flags(record: Record) -> dict[str, Any]:
    return {
        "depends_on": [str(address) for address in record.depends_on],
        "prevent_destroy": record.prevent_destroy,
        "keep_on_destroy": record.keep_on_destroy,
        "finished": record.finished,
        "previous_id": record.previous_id,
    }


def _intent(intent: Intent) -> dict[str, Any]:
    since = datetime.fromtimestamp(intent.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"operation": str(intent.operation), "since": since}
