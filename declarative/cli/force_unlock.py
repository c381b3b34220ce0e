"""`declarative force-unlock`."""

from __future__ import annotations

from typing import Any

import click

from declarative.cli.command import Command
from declarative.cli.options import context, global_options
from declarative.diagnostics import Diagnostic
from declarative.errors import StateError
from declarative.session import open_session


@click.command("force-unlock", cls=Command)
@click.argument("lock")
@click.option("--force", is_flag=True, help="Do not ask.")
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, lock: str, force: bool, **given: Any) -> int:
    """Take the state's lock away from its holder. LOCK is its id, which the refusal names.

    The lock of a process that died is taken over by itself; this is for one that hangs. Should it wake up, it can write no
    more, and ends with an error.

    \b
    Example:
      declarative force-unlock 8d6c1f0e-5a0b-4c59-9f56-0d7c4f1c7f8a
    """
    found = context(given, outer)
    if not force and found.console.ask(f"Take the lock {lock} away from its holder? Only yes is accepted: ") != "yes":
        hint = None if found.console.is_interactive else "without a terminal, agree with --force"
        raise StateError(Diagnostic("Lock was left alone", "Nothing was changed.", hint))
    taken = open_session(found.settings).store.force_unlock(lock)
    if taken is None:
        hint = "see which one is held: an apply that is refused names it"
        raise StateError(Diagnostic("Unknown lock", f"The state has no lock {lock}.", hint))
    holder = taken.holder
    found.console.out(
        f"Took the lock away from {holder.who} on {holder.host} (process {holder.pid}, `{holder.command}`)."
    )
    return 0
