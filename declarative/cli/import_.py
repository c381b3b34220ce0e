"""`declarative import`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from declarative.cli.command import Command
from declarative.cli.options import (
    Context,
    Duration,
    context,
    global_options,
    parallelism_option,
    variable_options,
)
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import PlanError
from declarative.model.address import Address
from declarative.model.record import Record
from declarative.model.resource import Resource

if TYPE_CHECKING:
    from declarative.model.plan import Plan
    from declarative.session import Session
    from declarative.state.store import Snapshot


@click.command(cls=Command)
@click.argument("address", required=False, metavar="[ADDR]")
@click.argument("given", required=False, metavar="[ID|NAME]")
@click.option("--discover", is_flag=True, help="Everything that is live and not managed: writes manifests for it.")
@click.option("--project", metavar="P", help="With --discover: only what belongs to this project, by name or id.")
@click.option("--out", metavar="DIR", help="With --discover: the folder for the manifests; no file is overwritten.")
@click.option("--no-state", is_flag=True, help="With --discover: write files only, imports.yaml among them.")
@click.option("--lock-timeout", type=Duration(), default=0.0, metavar="DURATION", help="Wait for the lock.")
@variable_options
@parallelism_option
@global_options
@click.pass_obj
def command(
    outer: dict[str, Any],
    /,
    address: str | None,
    given: str | None,
    discover: bool,
    project: str | None,
    out: str | None,
    no_state: bool,
    lock_timeout: float,
    **more: Any,
) -> int:
    """Take what exists at the control plane into the state, which changes nothing there.

    For one object, its manifest comes first: ADDR is its address, ID or NAME tells the object. What differs between the
    two is what the next plan changes. With --discover, manifests are written for everything that nobody manages yet, and
    the next plan is empty.

    \b
    Examples:
      declarative import Training.resnet 8c4f5dc1-309e-4ea1-ac76-3c2c9cac4f44
      declarative import WorkloadTemplate.base base
      declarative import --discover --out manifests/live
      declarative import --discover --project vision --out manifests/vision
    """
    found = context(more, outer)
    if discover:
        if address is not None or out is None:
            raise click.UsageError("--discover takes --out DIR, and no ADDR.")
        from declarative.cli.discovering import Discovery, run

        return run(found, Discovery(project, out, not no_state, lock_timeout))
    if project or out or no_state:
        raise click.UsageError("--project, --out and --no-state go with --discover.")
    if address is None or given is None:
        raise click.UsageError("Name the ADDR of a manifest, and the ID or NAME of the object; or give --discover.")
    return _one(found, address, given, lock_timeout)


def _one(found: Context, text: str, given: str, lock_timeout: float) -> int:
    """Imports one object; the exit code."""
    from declarative.cli import planning
    from declarative.session import compile_manifests, open_session
    from declarative.state.store import Holder

    session = open_session(found.settings)
    resource = _resource(text, compile_manifests(session).resources)
    planning.announce(found, session)
    scope = frozenset((resource.address,))
    with session.store.lock(Holder.current(f"import {text} {given}"), lock_timeout, scope) as lease:
        snapshot = session.store.load()
        known = snapshot.by_address().get(resource.address)
        if known is not None:
            _refuse_another(known, given)
            found.console.out(f"Nothing to do: {known.address} is {known.name} [id={known.id}] already.")
            return 0
        record, following = asyncio.run(_planned(session, resource, given, snapshot))
        lease.backup()
        lease.write(record)
    found.console.out(f"Imported {record.address}: {record.name} [id={record.id}]. The next plan of it:\n")
    planning.show_plan(found.console, following)
    return 0


def _refuse_another(known: Record, given: str) -> None:
    """Raises PlanError unless what the state has is what was asked for."""
    if given.lower() != str(known.id) and given != known.name:
        detail = f"The state has {known.address} already, as {known.name} ({known.id})."
        raise PlanError(Diagnostic("Already managed", detail, f"to let go of that: state rm {known.address}"))


async def _planned(session: Session, resource: Resource, given: str, snapshot: Snapshot) -> tuple[Record, Plan]:
    """The record of the object, and the plan of it that follows."""
    from declarative import adopting
    from declarative.plan.adoption import record_of
    from declarative.runai import lookup
    from declarative.session import connected

    async with connected(session, read_only=True) as transport:
        looked_up = await lookup.resolve(transport, (resource,))
        if looked_up.unresolved:
            raise PlanError(*(one.diagnostic for one in looked_up.unresolved))
        (resolved,) = looked_up.resources
        live = await adopting.find(transport, resolved, given, snapshot.records)
    record = record_of(resolved, live, snapshot.key)
    return record, adopting.next_plan(session, resolved, record, live, snapshot)


def _resource(text: str, resources: Iterable[Resource]) -> Resource:
    """The manifest of an address; raises PlanError."""
    known = {str(one.address): one for one in resources}
    if text in known:
        return known[text]
    spelling = next((name for name in known if name.endswith(f".{text}")), None) or nearest(text, known)
    hint = (
        f"did you mean {spelling}?" if spelling else "write its manifest first, or have it written: import --discover"
    )
    try:
        Address.parse(text)
    except ValueError as error:
        raise PlanError(Diagnostic("Malformed address", f"{error}.", hint if spelling else None)) from error
    raise PlanError(Diagnostic("Unknown address", f"There is no manifest of {text}.", hint))
