"""Where in a manifest the field is that a control plane complains about.

Control planes name fields in dots: from the top of the request (`spec.compute.gpuDevicesRequest`), within the spec
(`compute.gpuDevicesRequest`, `environmentVariables[0].value`), or by a name that the manifest has elsewhere (`projectId`,
`meta.name`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from declarative import kinds
from declarative.diagnostics import Diagnostic
from declarative.kinds.kind import Kind
from declarative.kinds.rules import Violation
from declarative.kinds.shape import ListOf, MapOf, Object, Shape, shape_of
from declarative.manifest.compile import Compiled
from declarative.model.address import Address
from declarative.model.plan import Change
from declarative.model.resource import Resource
from declarative.model.value import FrozenMap, Path, Value, dig

_STEP = re.compile(r"\[(?P<quote>[\"']?)(?P<inner>[^\]]*?)(?P=quote)\]|[^.\[]+")
_NUMBER = re.compile(r"[0-9]{1,9}")


def placed(complaint: Diagnostic, change: Change, compiled: Compiled | None) -> Diagnostic:
    """A complaint about a field of a change, at its place in the manifest; without manifests at that of the document.

    A diagnostic that names no field is left as it is.
    """
    if complaint.field is None:
        return complaint
    resource = _resource(change.address, compiled.resources) if compiled else None
    path = path_of(complaint.field, kinds.kind_named(change.address.kind), resource.body) if resource else None
    if compiled is None or resource is None or path is None:
        return replace(complaint, where=change.where)
    document = compiled.document(resource)
    if document is None:
        return replace(complaint, where=change.where)
    found = document.diagnostic(Violation(path, complaint.summary, complaint.detail, complaint.hint))
    return replace(found, notes=(*complaint.notes, *found.notes), field=complaint.field)


def _resource(address: Address, resources: Sequence[Resource]) -> Resource | None:
    """The resource of an address; `resources` are in order of address."""
    at = bisect_left(resources, address, key=lambda resource: resource.address)
    return resources[at] if at < len(resources) and resources[at].address == address else None


def path_of(field: str, kind: Kind, written: FrozenMap) -> Path | None:
    """The path in a manifest's body of a field that a control plane names; None where it cannot be told.

    Of several readings the one that leads furthest counts. Steps that lead nowhere are left out, and where the manifest
    has a name for an id, the path leads to the name.
    """
    best: tuple[int, Path] = (0, ())
    for added, steps in _readings(kind, _steps(field)):
        path = _walk(kind, steps, written)
        best = max(best, (len(path) - added, path), key=lambda reading: reading[0])
    return best[1] or None


def _steps(field: str) -> tuple[str, ...]:
    """`a.b[0]["c.d"]`, `$.a.b` and `/a/b/0` in parts."""
    if field.startswith("/"):
        return tuple(step for step in field.split("/") if step)
    found = tuple(match["inner"] if match["inner"] is not None else match[0] for match in _STEP.finditer(field))
    return found[1:] if found[:1] == ("$",) else found


def _readings(kind: Kind, steps: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """What the steps may mean from the top of a manifest, the likeliest first, each with how many steps it adds."""
    if steps[:1] == ("meta",):
        yield 0, ("metadata", *steps[1:])
    yield 0, steps
    yield 1, ("spec", *steps)
    yield 1, ("metadata", *steps)
    spec = shape_of(kind.spec)
    yield from ((2, ("spec", name, *steps)) for name, part in spec.fields.items() if isinstance(part, Object))


def _walk(kind: Kind, steps: tuple[str, ...], written: FrozenMap) -> Path:
    """The path that the steps lead along, as far as the kind knows them."""
    shape: Shape = kind.shape
    path: Path = ()
    for text in steps:
        given = dig(written, path)
        step: str | int | None = text
        if isinstance(shape, Object) and text in shape.fields:
            shape, step = shape.fields[text], _written_name(kind, given, text)
        elif isinstance(shape, ListOf):
            step = _index(shape, given, text)
            shape = shape.item
        elif isinstance(shape, MapOf):
            shape = shape.item
        else:
            break
        if step is None:
            break
        path = (*path, step)
    return path


def _index(shape: ListOf, items: Value, text: str) -> int | None:
    """The index of the item that a step means, by its index or its name; None where it cannot be told.

    Updates send lists in the manifest's order, but for those whose order means nothing.
    """
    known = items if isinstance(items, tuple) else ()
    if _NUMBER.fullmatch(text) and int(text) < len(known):
        return None if shape.unordered else int(text)
    names = shape.keyed.fields if shape.keyed else ()
    found = (at for name in names for at, item in enumerate(known) if str(dig(item, (name,))) == text)
    return next(found, None)


def _written_name(kind: Kind, given: Value, name: str) -> str:
    """The name of a field, or that of the one that the manifest has in place of an id."""
    if not isinstance(given, Mapping) or name in given:
        return name
    instead = (str(one.path[-1]) for one in kind.references if one.target == name and one.path[-1] in given)
    return next(instead, name)
