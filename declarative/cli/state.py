"""`declarative state`."""

from __future__ import annotations

from typing import Any

import click

from declarative.cli.options import context, global_options, pass_on
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import StateError
from declarative.session import open_session


@click.group(no_args_is_help=True)
@global_options
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Look at what the state remembers.

    \b
    Example:
      declarative state list
    """
    pass_on(ctx, given)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@global_options
@click.pass_obj
def list_(outer: dict[str, Any], /, as_json: bool, **given: Any) -> int:
    """List the addresses that the state owns, one a line.

    \b
    Example:
      declarative state list | grep sweep
    """
    from declarative.view.state import state_list_json, state_list_text

    found = context(given, outer)
    records = open_session(found.settings).store.load().records
    if as_json:
        found.console.json(state_list_json(records), indent=2)
    elif records:
        found.console.out(state_list_text(records, found.console.style))
    else:
        found.console.note("The state is empty.")
    return 0


@command.command()
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@global_options
@click.pass_obj
def show(outer: dict[str, Any], /, address: str, as_json: bool, **given: Any) -> int:
    """Show what the state remembers of one resource.

    \b
    Example:
      declarative state show Training.resnet
    """
    from declarative.view.state import state_show_json, state_show_text

    found = context(given, outer)
    records = {str(record.address): record for record in open_session(found.settings).store.load().records}
    if address not in records:
        spelling = next((name for name in records if name.endswith(f".{address}")), None) or nearest(address, records)
        hint = f"did you mean {spelling}?" if spelling else "see declarative state list"
        raise StateError(Diagnostic("Unknown address", f"The state has no {address}.", hint))
    if as_json:
        found.console.json(state_show_json(records[address]), indent=2)
    else:
        found.console.out(state_show_text(records[address], found.console.style))
    return 0
