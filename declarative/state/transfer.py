"""A whole state as one JSON document: what `state pull` prints and `state push` takes.

    {
      "format": "declarative-state/2",      the number is that of the rows
      "lineage": "...", "serial": 12,       which state, and how often it was written
      "endpoint": "https://acme.run.ai",    the control plane of its objects; left out until it is known
      "key": "...",                         hexadecimal; what the digests of its secrets were made with
      "records": [{"address": "Training.a", "id": "...", "name": "a", "project": "4501",
                   "applied": {...}, "dependsOn": [...], ..., "intent": {...}}]
    }

Records are in order of address, and entries at their default are left out, so that equal states give equal documents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from declarative.diagnostics import Diagnostic
from declarative.errors import StateError
from declarative.model.address import Address
from declarative.model.record import Record
from declarative.state.format import FORMAT, Malformed, Row, decode, encode, unsummed, violations
from declarative.state.store import Snapshot

_NAME = "declarative-state"
_OWN = ("address", "id", "name", "project", "intent")


def dump(snapshot: Snapshot) -> str:
    """The document of a state."""
    records = sorted(snapshot.records, key=lambda record: record.address)
    content = {
        "format": f"{_NAME}/{FORMAT}",
        "lineage": snapshot.lineage,
        "serial": snapshot.serial,
        **({"endpoint": snapshot.endpoint} if snapshot.endpoint else {}),
        "key": snapshot.key.hex(),
        "records": [_entry(record, snapshot.key) for record in records],
    }
    return json.dumps(content, indent=2, ensure_ascii=True) + "\n"


def load(text: str, name: str) -> Snapshot:
    """The state that a document describes; raises StateError with everything that is wrong with it."""
    try:
        content = json.loads(text)
        found, _, number = str(content["format"]).partition("/")
        if found != _NAME:
            raise Malformed(f"its format is {content['format']}")
        if int(number) > FORMAT:
            raise _unusable(
                name, f"its format is {number}, and this release reads up to {FORMAT}", "use a newer release"
            )
        key = bytes.fromhex(content["key"])
        records = tuple(_record(entry, key) for entry in content["records"])
        endpoint = str(content.get("endpoint") or "")
        snapshot = Snapshot(str(content["lineage"]), int(content["serial"]), records, key, endpoint)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"{error}" if isinstance(error, Malformed) else "it is no document of a state, or it is damaged"
        raise _unusable(name, why, "push what declarative state pull printed") from error
    if faults := tuple(violations(records)):
        raise StateError(
            *(one for fault in faults for one in _unusable(name, fault, "mend it, or pull anew").diagnostics)
        )
    return snapshot


def _entry(record: Record, key: bytes) -> dict[str, Any]:
    row = encode(record, key)
    facts = {"address": row.address, "id": row.id, "name": row.name, "project": row.project, **unsummed(row)}
    intent = {"intent": json.loads(row.intent)} if row.intent else {}
    return {name: value for name, value in facts.items() if value is not None} | intent


def _record(entry: Mapping[str, Any], key: bytes) -> Record:
    address = Address.parse(entry["address"])
    data = {name: value for name, value in entry.items() if name not in _OWN}
    intent = entry.get("intent")
    row = Row(
        address=str(address),
        kind=address.kind,
        key=address.key,
        id=entry.get("id"),
        name=str(entry["name"]),
        project=entry.get("project"),
        data=_text(data),
        intent=None if intent is None else _text(intent),
    )
    return decode(row, key)


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _unusable(name: str, why: str, hint: str) -> StateError:
    return StateError(Diagnostic("Unusable state document", f"{name} cannot be pushed: {why}.", hint))
