"""What to say of a name that means nothing, several things, or something elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from declarative.diagnostics import Diagnostic, nearest
from declarative.kinds.kind import Reference
from declarative.runai.directory import COLLECTIONS, Directory, Entry, normal

# As many names, or candidates, are told as can be read at a glance.
_TOLD = 8


def unlisted(directory: Directory, reference: Reference, name: str) -> Diagnostic:
    """The control plane does not say what there is."""
    collection = COLLECTIONS[reference.collection]
    detail = (
        f"The {collection.what} {name} cannot be looked up: "
        f"GET {collection.path} was answered {directory.refused[reference.collection]}."
    )
    return Diagnostic("Names cannot be looked up", detail, _write_id(reference))


def unknown(reference: Reference, name: str, known: Iterable[str]) -> Diagnostic:
    """Nothing has the name; `known` are those that there are."""
    names = sorted(set(known))
    spelling = nearest(name, names)
    listed = ", ".join(names[:_TOLD]) + (" and others" if len(names) > _TOLD else "")
    hint = f"did you mean `{spelling}`?" if spelling else f"there are {listed}" if names else "there is none at all"
    what = COLLECTIONS[reference.collection].what
    return Diagnostic("Unknown name", f"The control plane has no {what} {name}.", hint)


def ambiguous(directory: Directory, reference: Reference, name: str, found: list[Entry]) -> Diagnostic:
    """Several things have the name, and all of them can be meant."""
    what = COLLECTIONS[reference.collection].what
    return Diagnostic(
        "Ambiguous name",
        f"The {what} {name} exists {len(found)} times: {_candidates(directory, found)}.",
        _write_id(reference),
    )


def elsewhere(
    directory: Directory, reference: Reference, name: str, found: list[Entry], metadata: Mapping[str, Any]
) -> Diagnostic:
    """All that has the name belongs to something else than what `metadata` says."""
    what = COLLECTIONS[reference.collection].what
    if reference.collection not in ("project", "department"):
        scope = metadata.get("scope", "project")
        owner = metadata.get(f"{scope}Id", metadata.get(scope))
        view = scope if owner is None else f"{scope} {directory.told(scope, owner)}"
        detail = f"No {what} {name} can be seen from the scope {view}, only elsewhere: {_candidates(directory, found)}."
        return Diagnostic("Name of another scope", detail, "name one of this scope or of a wider one")
    for owner, owned in (("cluster", _cluster), ("department", _department)):
        asked = metadata.get(f"{owner}Id")
        places = sorted({directory.told(owner, place) for entry in found if (place := owned(entry)) is not None})
        told = None if asked is None else directory.told(owner, asked)
        if told is not None and places and not any(_in(entry, owner, asked) for entry in found):
            are = f"is in the {owner} {places[0]}" if len(places) == 1 else f"are in the {owner}s {', '.join(places)}"
            plural = "" if len(places) == 1 else "s"
            which = name if len(found) == 1 else f"{name} ({', '.join(sorted(entry.id for entry in found)[:_TOLD])})"
            detail = f"The {what}{plural} {which} {are}, not in {told}."
            return Diagnostic(f"Not in this {owner}", detail, f"write `{owner}: {places[0]}`, or name another {what}")
    detail = f"What is called {name} belongs to something else: {_candidates(directory, found)}."
    return Diagnostic(f"Not the {what} of this scope", detail, f"name another {what}")


def of_another_kind(found: list[Entry], kind: str) -> Diagnostic:
    """A data source has the name, but is none of the kind that is asked for."""
    kinds = sorted({str(entry.kind) for entry in found})
    detail = f"The data source {found[0].name} is of the kind {' or '.join(kinds)}, not {kind}."
    return Diagnostic("Data source of another kind", detail, f"write `kind: {kinds[0]}`")


def unfit(reference: Reference, found: Entry) -> Diagnostic:
    """An id that the control plane would not take here."""
    what = COLLECTIONS[reference.collection].what
    detail = f"The {what} {found.name} has the id {found.id}, which cannot be a `{reference.target}` here."
    return Diagnostic("Unusable id", detail, f"name another {what}")


def _write_id(reference: Reference) -> str:
    if reference.target is None:
        return f"write the id instead of the name: `{reference.path[-2]}: ID`"
    return f"write the id instead of the name: `{reference.target}: ID`"


def _candidates(directory: Directory, found: list[Entry]) -> str:
    told = [_candidate(directory, entry) for entry in sorted(found, key=lambda entry: entry.id)]
    return ", ".join(told[:_TOLD]) + (" and others" if len(told) > _TOLD else "")


def _candidate(directory: Directory, entry: Entry) -> str:
    """An id, and where it belongs as far as that is known."""
    owners = {"cluster": entry.cluster, "department": _department(entry), "project": entry.project}
    if entry.scope is not None:
        owner = owners.get(entry.scope)
        return f"{entry.id} ({entry.scope}{f' {directory.told(entry.scope, owner)}' if owner else ''})"
    places = [f"{name} {directory.told(name, owner)}" for name, owner in owners.items() if owner]
    return f"{entry.id} ({', '.join(places)})" if places else entry.id


def _cluster(entry: Entry) -> str | None:
    return entry.cluster


def _department(entry: Entry) -> str | None:
    return min(entry.departments, default=None)


def _in(entry: Entry, owner: str, asked: Any) -> bool:
    wanted = normal(asked)
    return (
        entry.cluster in (None, wanted) if owner == "cluster" else wanted in entry.departments or not entry.departments
    )
