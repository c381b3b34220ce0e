"""`declarative state`."""

from __future__ import annotations

from typing import Any

import click

from declarative.cli.command import Group
from declarative.cli.options import context, global_options, pass_on
from declarative.cli.state_changes import mv, push, rm, unknown
from declarative.session import open_session


@click.group(cls=Group, no_args_is_help=True)
@global_options
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Look at what the state remembers, and mend it. What is live is not touched.

    \b
    Examples:
      declarative state list
      declarative state mv Training.resnet Training.resnet50
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
        raise unknown(address, records)
    if as_json:
        found.console.json(state_show_json(records[address]), indent=2)
    else:
        found.console.out(state_show_text(records[address], found.console.style))
    return 0


@command.command()
@global_options
@click.pass_obj
def pull(outer: dict[str, Any], /, **given: Any) -> int:
    """Print the whole state as one JSON document, for a backup or for state push.

    It has what was applied in plain text, but for secrets, of which it has digests and the key that they were made with.

    \b
    Example:
      declarative state pull > state.json
    """
    from declarative.state.transfer import dump

    found = context(given, outer)
    found.console.out(dump(open_session(found.settings).store.load()))
    return 0


for _changing in (mv, rm, push):
    command.add_command(_changing)
