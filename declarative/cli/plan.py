"""`declarative plan`."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
from msgspec.structs import replace

from declarative.cli import foresight, planning, policies
from declarative.cli.command import Command
from declarative.cli.options import (
    Context,
    concise_option,
    global_options,
    planning_context,
    planning_options,
    stream_options,
)
from declarative.cli.outputs import Documents, document_options, stream_of, write_whole
from declarative.diagnostics import Diagnostic
from declarative.library import Plan, Project
from declarative.plan import guard, planfile
from declarative.session import open_session


@click.command(cls=Command)
@planning_options
@click.option("--out", metavar="FILE", help="Save the plan for `declarative apply FILE`.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there are changes.")
@click.option("--destroy", is_flag=True, help="Plan what `declarative destroy` would do.")
@stream_options
@concise_option
@document_options
@global_options
@click.pass_obj
def command(
    outer: dict[str, Any],
    /,
    out: str | None,
    detailed_exitcode: bool,
    destroy: bool,
    concise: bool,
    **given: Any,
) -> int:
    """Show what an apply would change. Reads only; nothing is changed and no lock is taken.

    PATH is a file or folder of manifests; without it, the project file decides.

    \b
    Examples:
      declarative plan
      declarative plan manifests/ --var gpus=4
      declarative plan --target 'Training.run-*' --replace Training.run-3
      declarative plan --markdown comment.md --html plan.html    # for those who review it
      declarative plan -e prod --out prod.plan && declarative apply -e prod prod.plan
    """
    found = planning_context(given, outer, destroys=destroy)
    documents = Documents.of(found, given)
    with (
        stream_of(found, given["as_json"], given["json_into"], text=not documents.on_stdout) as stream,
        documents.written(stream) as review,
    ):
        made = _planned(found, destroy)
        file = made.file
        review.file = file
        planning.show_plan(found.console, file.plan, file.names, stream, concise=concise, drift=file.drift)
        foresight.admit(found.console, made.foreseen, stream)
        doubts = planning.doubts(found, file, made.project.compiled)
        foretold = planning.foretold(guard.refusals(file.plan, file.recorded, file.desired))
        errors = planning.tell(found.console, (*doubts, *made.foreseen.diagnostics, *foretold), stream)
        planning.fail(_with_nothing_saved(errors, out))
        if out:
            _save(found, file, out)
    return 2 if detailed_exitcode and not file.plan.is_empty else 0


def _planned(found: Context, destroy: bool) -> Plan:
    session = open_session(found.settings)
    planning.announce(found, session)
    with policies.beside_data():
        project = Project.of(session, destroy=destroy)
    return project.plan(destroy=destroy, reading=partial(policies.reading, found.console))


def _with_nothing_saved(errors: list[Diagnostic], out: str | None) -> list[Diagnostic]:
    """The errors; where the plan was to be saved, the last one says that it was not."""
    if not (errors and out):
        return errors
    *others, last = errors
    return [*others, replace(last, notes=(*last.notes, f"the plan was not saved to {out}"))]


def _save(found: Context, file: planfile.PlanFile, out: str) -> None:
    text = planfile.dump(file)
    write_whole(found.settings.root / out, text)
    following = found.console.next(found.following("apply", out))
    found.console.note(f"\nSaved the plan to {out} (checksum {planfile.borne(text)}).{following}")
