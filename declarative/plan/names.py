"""Names are taken by one object at a time: who has the names that a plan needs?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from declarative import kinds
from declarative.diagnostics import Diagnostic, Severity
from declarative.model.address import Address
from declarative.model.foresight import Finding, Neighbour
from declarative.model.observed import Observed, Presence
from declarative.model.plan import Action, Change, Plan
from declarative.model.resource import Resource
from declarative.model.value import Path, dotted

# Kind, namespace, name.
Name: TypeAlias = tuple[str, str, str]
_NAME: Path = ("metadata", "name")


class Conflict(Struct, frozen=True):
    """What forbids a plan: whose it is, at which path of its body, and what to say."""

    resource: Resource
    path: Path
    diagnostic: Diagnostic


def name_of(resource: Resource) -> Name | None:
    """The name that a resource has to have for itself; None where the control plane makes one up."""
    if resource.body["metadata"].get("useGivenNameAsPrefix"):
        return None
    kind = kinds.kind_named(resource.address.kind)
    return kind.name, kind.namespace(resource.body), resource.name


def claimed(
    changes: Mapping[Address, Change], desired: Mapping[Address, Resource], holders: Mapping[Name, Observed]
) -> tuple[dict[Address, Change], tuple[Conflict, ...]]:
    """The changes, waiting for names that will be free, and the conflicts in place of those whose names will not.

    `holders` are the live objects by name.
    """
    conflicts = list(_twice(desired))
    waiting: dict[Address, Change] = {}
    # The names of what this plan deletes first are free for what it makes.
    leaving = {change.id for change in changes.values() if change.action in (Action.DELETE, Action.REPLACE)}
    for address, change in changes.items():
        resource = desired.get(address)
        name = name_of(resource) if resource and _needs_name(change) else None
        holder = holders.get(name) if name else None
        if (
            resource is None
            or holder is None
            or (holder.id == change.id and change.action is not Action.CREATE_THEN_DELETE)
        ):
            continue
        if holder.readiness.presence is Presence.DELETING or holder.id in leaving - {change.id}:
            waiting[address] = replace(change, awaits=holder.id)
        else:
            conflicts.append(Conflict(resource, _NAME, _taken(resource, holder, own=holder.id == change.id)))
    refused = {conflict.resource.address for conflict in conflicts}
    kept = {address: waiting.get(address, change) for address, change in changes.items() if address not in refused}
    return kept, tuple(conflicts)


def held_elsewhere(
    plan: Plan, neighbours: Mapping[str, tuple[Neighbour, ...]], called: Mapping[str, str]
) -> Iterator[Finding]:
    """The trainings whose names workloads of other types have; `neighbours` are those, by project, `called` their names.

    They are told from the control plane's answer alone: no state manages them, so that no plan can make them go.
    """
    holders = {(project, one.name): one for project, found in neighbours.items() for one in found}
    for change in plan.changes:
        if change.after is None or not _needs_name(change) or not kinds.kind_named(change.address.kind).has_phase:
            continue
        about = change.after["metadata"]
        project = str(about.get("projectId"))
        holder = holders.get((project, str(about["name"])))
        if holder is not None and not about.get("useGivenNameAsPrefix"):
            where = f"in project {called.get(project, project)} with the id {holder.id}"
            told = _leaving(change, holder, where) if holder.leaves else _held(change, holder, where)
            yield Finding(change, told)


def _held(change: Change, holder: Neighbour, where: str) -> Diagnostic:
    detail = (
        f"{change.address} would become {holder.name}, but a {holder.type} of that name exists {where}; names are unique "
        "across all types of workloads."
    )
    hint = "choose another `metadata.name`, or delete the existing object"
    return Diagnostic("Name already taken", detail, hint, field=dotted(_NAME))


def _leaving(change: Change, holder: Neighbour, where: str) -> Diagnostic:
    detail = f"{change.address} would become {holder.name}; a {holder.type} of that name {where} is being deleted."
    hint = "apply once it is gone: until then the control plane may refuse the name"
    return Diagnostic("Name not free yet", detail, hint, severity=Severity.WARNING, field=dotted(_NAME))


def _needs_name(change: Change) -> bool:
    """Whether a change brings a name into use that its object did not have."""
    renames = any(field.path == _NAME for field in change.fields)
    return change.action is Action.CREATE or change.action.replaces or (change.action is Action.UPDATE and renames)


def _twice(desired: Mapping[Address, Resource]) -> Iterator[Conflict]:
    first: dict[Name, Resource] = {}
    for resource in desired.values():
        name = name_of(resource)
        if name is not None and first.setdefault(name, resource) is not resource:
            other = first[name]
            detail = f"{other.address} at {other.where} and {resource.address} are both {resource.name} in {name[1]}."
            hint = "give one of the two another `metadata.name`"
            yield Conflict(resource, _NAME, Diagnostic("Two manifests for one resource", detail, hint))


def _taken(resource: Resource, holder: Observed, *, own: bool) -> Diagnostic:
    if own:
        detail = f"With createBeforeDestroy both objects of {resource.address} would be {resource.name} for a while."
        return Diagnostic("Name already taken", detail, "remove `createBeforeDestroy`, or change `metadata.name`, too")
    detail = (
        f"{resource.address} would become {holder.name}, but a {holder.kind} of that name exists in {holder.namespace} "
        f"with the id {holder.id}, and this state does not manage it."
    )
    hint = f"choose another `metadata.name`, or take the object over: declarative import {quote(str(resource.address))} {holder.id}"
    return Diagnostic("Name already taken", detail, hint)
