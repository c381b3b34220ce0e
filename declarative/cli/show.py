"""`declarative show`."""

from __future__ import annotations

from typing import Any

import click

from declarative.cli import planning
from declarative.cli.command import Command
from declarative.cli.options import Context, concise_option, context, global_options
from declarative.cli.outputs import Documents, document_options
from declarative.plan import planfile
from declarative.session import open_session


@click.command(cls=Command)
@click.argument("file", required=False, metavar="[PLANFILE]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; a plan in Terraform's plan format 1.2.")
@concise_option
@document_options
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, file: str | None, as_json: bool, concise: bool, **given: Any) -> int:
    """Show a saved plan, or without PLANFILE what the state remembers.

    \b
    Examples:
      declarative show prod.plan
      declarative show prod.plan --markdown - | gh pr comment --body-file -
      declarative show prod.plan --json | conftest test -
    """
    found = context(given, outer)
    documents = Documents.of(found, {**given, "as_json": as_json})
    if file is None:
        if concise or documents.markdown or documents.html:
            raise click.UsageError("--concise, --markdown and --html show a plan: declarative show PLANFILE ...")
        return _show_state(found, as_json)
    saved = planfile.load(planning.read_planfile(found.settings.root / file), file)
    if as_json:
        from declarative.view.terraform import plan_json

        found.console.json(
            plan_json(saved.plan, saved.created, drift=saved.drift, environment=saved.environment), indent=2
        )
    elif not documents.on_stdout:
        planning.show_plan(found.console, saved.plan, saved.names, concise=concise)
        found.console.note(f"Checksum: {planfile.checksum(saved)}")
    documents.write(saved, ())
    return 0


def _show_state(found: Context, as_json: bool) -> int:
    from declarative.view.state import state_show_json, state_show_text

    records = open_session(found.settings).store.load().records
    if as_json:
        found.console.json([state_show_json(record) for record in records], indent=2)
    elif records:
        found.console.out("\n".join(state_show_text(record, found.console.style) for record in records))
    else:
        found.console.note("The state is empty.")
    return 0
