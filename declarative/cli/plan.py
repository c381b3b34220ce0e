"""`declarative plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from declarative import workflow
from declarative.cli import foresight, planning
from declarative.cli.foresight import Foreseen
from declarative.cli.options import (
    Context,
    global_options,
    parallelism_option,
    planning_context,
    selection_options,
    variable_options,
)
from declarative.diagnostics import Diagnostic
from declarative.errors import PlanError
from declarative.manifest.compile import Compiled
from declarative.plan import guard, planfile
from declarative.session import compile_manifests, connected, open_session


@click.command()
@click.argument("paths", nargs=-1)
@variable_options
@selection_options
@parallelism_option
@click.option("--out", metavar="FILE", help="Save the plan for `declarative apply FILE`.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there are changes.")
@click.option("--destroy", is_flag=True, help="Plan what `declarative destroy` would do.")
@click.option("--json", "as_json", is_flag=True, help="Print a stream of events, one JSON object a line.")
@global_options
@click.pass_obj
def command(
    outer: dict[str, Any],
    /,
    out: str | None,
    detailed_exitcode: bool,
    destroy: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Show what an apply would change. Reads only; nothing is changed and no lock is taken.

    PATH is a file or folder of manifests; without it, the project file decides.

    \b
    Examples:
      declarative plan
      declarative plan manifests/ --var gpus=4
      declarative plan -e prod --out prod.plan && declarative apply -e prod prod.plan
    """
    found = planning_context(given, outer)
    planning.begin(found, as_json)
    file, compiled, foreseen = _planned(found, destroy)
    planning.show_plan(found.console, file.plan, as_json)
    planning.warn(found.console, planning.doubts(found, file, compiled), as_json)
    foresight.tell(found.console, foreseen, as_json)
    planning.foretell(found.console, guard.refusals(file.plan, file.recorded, file.desired), as_json)
    if out:
        _save(found, file, out)
    return 2 if detailed_exitcode and not file.plan.is_empty else 0


def _planned(found: Context, destroy: bool) -> tuple[planfile.PlanFile, Compiled | None, Foreseen]:
    session = open_session(found.settings)
    planning.announce(found, session)
    # Before the event loop, which would only take note of Ctrl-C while a server does not answer.
    snapshot = session.store.load()
    compiled = None if destroy and not found.settings.paths else compile_manifests(session)

    async def plan() -> tuple[planfile.PlanFile, Foreseen]:
        async with connected(session, read_only=True) as transport:
            if destroy:
                return await workflow.make_destruction(session, transport, compiled, snapshot), Foreseen()
            assert compiled is not None
            file = await workflow.make_plan(session, transport, compiled, snapshot)
            return file, await foresight.foresee(transport, compiled, file.plan)

    file, foreseen = planning.completed(plan())
    return file, compiled, foreseen


def _save(found: Context, file: planfile.PlanFile, out: str) -> None:
    path = found.settings.root / out
    try:
        Path(path).write_text(planfile.dump(file), encoding="utf-8")
    except OSError as error:
        raise PlanError(Diagnostic("Unwritable plan file", f"{path}: {error.strerror}.")) from error
    following = found.following("apply", out)
    found.console.note(f"\nSaved the plan to {out} (checksum {planfile.checksum(file)}). Next: {following}")
