"""A saved plan is carried out as it was reviewed, or refused: it belongs to one place, and what it is about may not have moved."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

from msgspec.structs import replace

from declarative.diagnostics import Diagnostic
from declarative.errors import PlanError
from declarative.manifest.project import DEFAULT_STATE
from declarative.model.secret import Reference
from declarative.model.value import dotted
from declarative.plan import place, planfile, stale
from declarative.plan.guard import some
from declarative.plan.planfile import PlanFile
from declarative.runai import lookup
from declarative.runai.transport import Transport
from declarative.session import Session
from declarative.settings import without_password
from declarative.state.store import Snapshot
from declarative.survey import look, misgivings


def check_place(session: Session, saved: PlanFile, name: str) -> None:
    """Raises PlanError when a saved plan, by its `name`, was made for another environment or control plane."""
    if saved.environment != session.project.environment:
        detail = f"It was made {_with(saved.environment)}, but this is {_with(session.project.environment)}."
        hint = shlex.join(["declarative", "apply", *(("-e", saved.environment) if saved.environment else ()), name])
        raise PlanError(Diagnostic("Saved plan is for another environment", detail, hint))
    if not place.is_same(saved.plan.endpoint, session.endpoint):
        detail = f"It was made for {saved.plan.endpoint}, but this is {session.endpoint}."
        raise PlanError(Diagnostic("Saved plan is for another control plane", detail, "name it with --endpoint or -e"))


def _with(environment: str | None) -> str:
    return f"with -e {environment}" if environment else "without an environment"


async def check_saved(session: Session, transport: Transport, saved: PlanFile, snapshot: Snapshot) -> PlanFile:
    """A saved plan with its secrets, ready to be carried out; raises PlanError when it was made from another state or
    with other secrets, or is stale."""
    elsewhere = _other_state(session, saved, snapshot)
    if elsewhere:
        raise PlanError(Diagnostic("Saved plan is for another state", elsewhere, "name the state with --state or -e"))
    others = planfile.other_secrets(saved, snapshot.key)
    if others:
        raise PlanError(*map(_other_secret, others))
    touched = saved.plan.addresses
    coming = {change.imports.id for change in saved.plan.changes if change.imports is not None}
    records = [one for one in snapshot.records if one.address in touched]
    live, renamed = await asyncio.gather(
        look(transport, touched, snapshot.records, lambda one: one.id in coming), _renamed(transport, saved)
    )
    doubts = misgivings(session, snapshot, live)
    moved = stale.moved(saved.plan, records, live, snapshot.key)
    if renamed:
        raise PlanError(Diagnostic("Saved plan is stale", " ".join(renamed), "make a new one with plan --out"))
    if moved:
        detail = f"Since it was made, {', '.join(map(str, moved))} changed in the state or at the control plane."
        if snapshot.serial != saved.plan.serial and stale.is_in_place(saved.plan, records):
            detail += " The state has every change of it: it may have been applied already."
        raise PlanError(Diagnostic("Saved plan is stale", detail, "make a new one with plan --out"))
    return replace(saved, plan=stale.completed(saved.plan, records, live, snapshot.key), doubts=doubts)


async def _renamed(transport: Transport, saved: PlanFile) -> tuple[str, ...]:
    """What no longer holds of the names that a saved plan was made from: they are looked up again."""
    bodies = {change.address: change.after for change in saved.plan.changes}
    named = {one.address: after for one in saved.names if (after := bodies.get(one.address)) is not None}
    now = await lookup.again(transport, saved.names, named)
    lost = dict.fromkeys(one.diagnostic.detail for one in now.unresolved)
    return (*stale.renamed(saved.names, now.names), *lost)


def _other_state(session: Session, saved: PlanFile, snapshot: Snapshot) -> str | None:
    """What tells that a plan was made from another state. One that did not exist is known by its name and by what it holds."""
    if saved.plan.lineage:
        other = "The state has another lineage than the one that the plan was made from."
        return other if saved.plan.lineage != snapshot.lineage else None
    name = state_name(session)
    if saved.state and _state_file(session, saved.state) != _state_file(session, name):
        return f"It was made for the state {saved.state}, but this is {name}."
    strangers = {record.address for record in snapshot.records} - {change.address for change in saved.plan.changes}
    if strangers:
        return f"It was made from an empty state, but this one holds {some(sorted(strangers))}."
    return None


def _state_file(session: Session, name: str) -> Path:
    return (session.settings.root / Path(name.removeprefix("sqlite:///")).expanduser()).resolve()


def _other_secret(reference: Reference) -> Diagnostic:
    path = dotted((reference.name, *reference.path))
    name = f"`secret('{path}')`" if reference.source == "secret" else f"Variable `{path}`"
    detail = f"{name} has another value than the one that the plan was made with."
    return Diagnostic(
        "Secret differs from the plan", detail, "give the value that the plan was made with, or make a new plan"
    )


def state_name(session: Session) -> str:
    """How the state is called where it is asked for; a database without its password."""
    return without_password(session.settings.state or session.project.state or DEFAULT_STATE)
