"""Records as rows of text, and the rules that every state keeps.

    1. A record without an id has a create pending.
    2. A record without an applied body has a create pending.
    3. An address has one record.
    4. An object at the control plane (kind and id) belongs to one record, once.
    5. A pending create or update says what it asks for.
    6. A record does not depend on itself.

A row ends with a checksum over all of it, as the last entry of `data`: what a disk has made of an id would else be read as
another id. Rows of earlier releases have none.

`violations` checks them whenever a state is read, and `flaws` those of one record before it is written: a state that
breaks them would make the next plan lie. Nothing here reads or writes a file.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from declarative.model.address import Address
from declarative.model.record import Intent, Operation, Record
from declarative.model.secret import SEALED, Hidden, Sealed, sealed
from declarative.model.value import FrozenMap, freeze_entries, from_json

# Raised by one with every change of the rows or of the tables around them.
FORMAT = 2
# Bytes of a state's own key, as many as a digest has.
KEY_SIZE = 32


class Malformed(ValueError):
    """A row is not what this module writes; the message says which and why."""


class Meta(NamedTuple):
    """What a state says of itself."""

    format: int
    lineage: str
    serial: int
    key: bytes
    # Optional: a state learns it with its first apply.
    endpoint: str = ""


class Row(NamedTuple):
    """One record as the tables hold it: every fact once. `data` and `intent` are JSON objects."""

    address: str
    kind: str
    key: str
    id: str | None
    name: str
    project: str | None
    data: str
    intent: str | None


def encode(record: Record, key: bytes) -> Row:
    """The row of a record. What is at its default is left out, so that rows stay short.

    Of secrets it holds the digests under `key`, the state's own.
    """

    def text(value: Any) -> str:
        # ASCII alone, because half of a surrogate pair, which YAML escapes can smuggle in, has no UTF-8 form.
        return json.dumps(value, separators=(",", ":"), default=lambda hidden: _sealed_json(hidden, key))

    data = {
        "applied": record.applied,
        "dependsOn": [str(address) for address in record.depends_on],
        "keepOnDestroy": record.keep_on_destroy,
        "preventDestroy": record.prevent_destroy,
        "ignoreChanges": record.ignored,
        "finished": record.finished,
        "previousId": record.previous_id,
    }
    return _summed(
        Row(
            address=str(record.address),
            kind=record.address.kind,
            key=record.address.key,
            id=record.id,
            name=record.name,
            project=record.project,
            data=text({name: value for name, value in data.items() if value not in (None, False, [], ())}),
            intent=text(_intent_entries(record.intent)) if record.intent else None,
        )
    )


def decode(row: Row, key: bytes) -> Record:
    """The record of a row; raises Malformed. Unknown entries are ignored: a newer release may add some."""
    try:
        verify(row)
        data = _value(row.data, key)
        return Record(
            address=Address(row.kind, row.key),
            id=row.id,
            name=row.name,
            project=row.project,
            applied=data.get("applied"),
            depends_on=tuple(map(_address, data.get("dependsOn", ()))),
            keep_on_destroy=data.get("keepOnDestroy", False),
            prevent_destroy=data.get("preventDestroy", False),
            ignored=data.get("ignoreChanges", ()),
            finished=data.get("finished", False),
            previous_id=data.get("previousId"),
            intent=_decode_intent(row.intent, key) if row.intent is not None else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"the row of {row.address} cannot be read: {error}") from error


def verify(row: Row) -> None:
    """Raises Malformed where the row is not as it was written."""
    content, mark, rest = row.data.rpartition(_SUM)
    # No value deeper within ends like that.
    if mark and rest[16:] == '"}' and rest[:16] != _sum(row, content):
        raise Malformed("its checksum does not match")


def unsummed(row: Row) -> dict[str, Any]:
    """The entries of `data` but for the checksum."""
    entries: dict[str, Any] = json.loads(row.data)
    entries.pop("sum", None)
    return entries


def _summed(row: Row) -> Row:
    content = row.data[:-1] + ("," if row.data != "{}" else "")
    return row._replace(data=f'{content}{_SUM}{_sum(row, content)}"}}')


def _sum(row: Row, content: str) -> str:
    """Sixteen hexadecimal digits over a row whose data is `content` so far."""
    text = f"{row.address}\0{row.kind}\0{row.key}\0{row.id}\0{row.name}\0{row.project}\0{row.intent}\0{content}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def violations(records: Iterable[Record]) -> Iterator[str]:
    """Every breach of the rules among all records of a state, in words."""
    addresses: set[Address] = set()
    owners: dict[tuple[str, str], Address] = {}
    for record in records:
        yield from flaws(record)
        if record.address in addresses:
            yield f"rule 3: {record.address} is recorded twice"
        addresses.add(record.address)
        for owned in filter(None, (record.id, record.previous_id)):
            owner = owners.setdefault((record.address.kind, owned), record.address)
            if owner != record.address:
                yield f"rule 4: {owner} and {record.address} both own {owned}"


def flaws(record: Record) -> Iterator[str]:
    """Every breach of the rules that one record can show by itself."""
    intent = record.intent
    creating = intent is not None and intent.operation is Operation.CREATE
    if record.id is None and not creating:
        yield f"rule 1: {record.address} has no id, and no create is pending"
    if record.applied is None and not creating:
        yield f"rule 2: {record.address} has no applied body, and no create is pending"
    if record.id is not None and record.id == record.previous_id:
        yield f"rule 4: {record.address} owns {record.id} twice"
    if intent and intent.body is None and intent.operation in (Operation.CREATE, Operation.UPDATE):
        yield f"rule 5: {record.address} has a pending {intent.operation} without a body"
    if record.address in record.depends_on:
        yield f"rule 6: {record.address} depends on itself"


# Few resources are depended on, and by many.
_address = functools.lru_cache(maxsize=1024)(Address.parse)


def _intent_entries(intent: Intent) -> dict[str, Any]:
    return {"operation": intent.operation, "body": intent.body, "digest": intent.digest, "since": intent.since}


def _decode_intent(text: str, key: bytes) -> Intent:
    entry = _value(text, key)
    return Intent(Operation(entry["operation"]), entry["body"], entry["digest"], entry["since"])


def _sealed_json(value: object, key: bytes) -> dict[str, str]:
    if not isinstance(value, Hidden):
        raise TypeError(f"{type(value).__name__} has no form in the state")
    digest = sealed(value, key).digest
    assert digest, "a state without a key cannot remember a secret"
    return {SEALED: digest}


def _value(text: str, key: bytes) -> FrozenMap:
    # Few records have secrets, and to look at every object for them takes longer than to look through the text.
    value = _sealed_decoder(key).decode(text) if _SEALED in text else from_json(text)
    if not isinstance(value, FrozenMap):
        raise Malformed("it is no JSON object")
    return value


_SUM = '"sum":"'

_SEALED = f'{{"{SEALED}":'


@functools.lru_cache(maxsize=8)
def _sealed_decoder(key: bytes) -> json.JSONDecoder:
    """Reads digests, too."""

    def hook(entries: dict[str, Any]) -> FrozenMap | Sealed:
        return Sealed(str(entries[SEALED]), key) if SEALED in entries and len(entries) == 1 else freeze_entries(entries)

    return json.JSONDecoder(object_hook=hook)
