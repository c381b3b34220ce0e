"""`declarative validate`."""

from __future__ import annotations

from typing import Any

import click

from declarative.cli import policies
from declarative.cli.command import Command
from declarative.cli.options import context, global_options, variable_options
from declarative.diagnostics import Diagnostic
from declarative.errors import DeclarativeError
from declarative.session import compile_manifests, open_session


@click.command(cls=Command)
@click.argument("paths", nargs=-1)
@variable_options
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, as_json: bool, **given: Any) -> int:
    """Check manifests and variables: every mistake at once, each with file, line and column. Needs no network.

    PATH is a file or folder of manifests; without it, the project file decides.

    \b
    Examples:
      declarative validate
      declarative validate manifests/ --json
    """
    found = context(given, outer)
    diagnostics: tuple[Diagnostic, ...] = ()
    count = 0
    try:
        session = open_session(found.settings)
        diagnostics = policies.examine(session.project)
        count = len(compile_manifests(session).resources)
    except DeclarativeError as error:
        diagnostics += error.diagnostics
    if as_json:
        from declarative.view.terraform import diagnostics_json

        found.console.json(diagnostics_json(diagnostics), indent=2)
    elif diagnostics:
        found.console.diagnose(diagnostics)
    else:
        found.console.out(f"Success! The manifests are valid: {count} resource{'' if count == 1 else 's'}.")
    return 1 if diagnostics else 0
