"""What is live as files of manifests: one an object, in a folder for each place and kind, as a team would keep them in git."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from declarative import kinds
from declarative.kinds.sparse import sparse
from declarative.manifest.bookkeeping import API_VERSION as STATE_VERSION
from declarative.manifest.envelope import API_VERSION
from declarative.manifest.project import FILE
from declarative.manifest.writing import document_text
from declarative.model.address import Address
from declarative.model.observed import Observed
from declarative.model.value import FrozenMap, Value, put

_LONGEST = 80
_SECRET = re.compile(
    r"PASSW(OR)?D|PASSPHRASE|TOKEN|SECRET|CREDENTIAL|PRIVATE|(^|_)(API|ACCESS|AUTH|ENCRYPTION|SIGNING|SSH)?_?KEY($|_)",
    re.IGNORECASE,
)


class Sheet(Struct, frozen=True):
    """One file to be. `path` is relative to the folder of all; `exposed` are the variables that look secret, with their lines."""

    path: str
    address: Address
    object: Observed
    text: str
    exposed: tuple[tuple[str, int], ...]


def sheets(objects: Iterable[tuple[Observed, FrozenMap]], taken: Collection[Address]) -> Iterator[Sheet]:
    """The files of live objects, each given with its body, names in place of ids. `taken` are addresses that are in use."""
    objects = tuple(objects)
    often = Counter(_address(one, _slug(one.name)) for one, _ in objects)
    addresses, files = set(taken), {FILE}
    for one, body in objects:
        place, slug = _place(body["metadata"]), _slug(one.name)
        keys = [slug] if often[_address(one, slug)] == 1 else []
        keys += [_slug(f"{slug}-{place}"), f"{slug}-{one.id}"]
        address = next(found for key in keys if (found := _address(one, key)) not in addresses)
        addresses.add(address)
        folder = f"{_slug(place)}/{_folder(one.kind)}"
        path = _free((f"{folder}/{slug}{end}.yaml" for end in ("", f"-{one.id}")), files)
        text = _text(one, body, address)
        yield Sheet(path, address, one, text, tuple(_exposed(body, text)))


def imports_text(made: Iterable[Sheet]) -> str:
    """The documents that take the objects into the state."""
    documents = (
        document_text({"apiVersion": STATE_VERSION, "kind": "Import", "to": str(one.address), "id": one.object.id})
        for one in made
    )
    return "# Once they are applied, these documents say nothing more, and this file can be deleted.\n" + "---\n".join(
        documents
    )


def _text(one: Observed, body: FrozenMap, address: Address) -> str:
    if address.key != body["metadata"]["name"]:
        body = put(body, ("metadata", "key"), address.key)
    return document_text({"apiVersion": API_VERSION, "kind": one.kind, **sparse(kinds.kind_named(one.kind), body)})


def _address(one: Observed, key: str) -> Address:
    return Address(one.kind, key)


def _free(paths: Iterable[str], taken: set[str]) -> str:
    """The first path that is free, also where case means nothing to the file system."""
    found = next(path for path in paths if path.lower() not in taken and path.rpartition("/")[2] not in taken)
    taken.add(found.lower())
    return found


def _place(metadata: Mapping[str, Value]) -> str:
    """Where the object belongs, in a word: its project, or its wider scope."""
    scope = metadata.get("scope", "project")
    owner = metadata.get(scope) or metadata.get(f"{scope}Id")
    return str(owner) if scope == "project" else f"{scope}-{owner}" if owner else str(scope)


def _folder(kind: str) -> str:
    """`WorkloadTemplate` as `workload-templates`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind).lower() + "s"


def _slug(text: str) -> str:
    """Text as a part of a path and of an address, which nobody has to quote."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-._")[:_LONGEST] or "unnamed"


def _exposed(body: Value, text: str) -> Iterator[tuple[str, int]]:
    """The variables with a value in plain text whose names look secret, and their lines."""
    lines = text.split("\n")
    for name in _secretive(body):
        yield name, next((number for number, line in enumerate(lines, 1) if line.endswith(f"- name: {name}")), 1)


def _secretive(value: Value) -> Iterator[str]:
    if isinstance(value, Mapping):
        name = value.get("name")
        if isinstance(name, str) and isinstance(value.get("value"), str) and value["value"] and _SECRET.search(name):
            yield name
        for item in value.values():
            yield from _secretive(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _secretive(item)
