"""`declarative schema`."""

from __future__ import annotations

from typing import Any

import click

from declarative.cli.command import Command
from declarative.cli.options import context, global_options
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import ProjectError


@click.command(cls=Command)
@click.argument("kind", required=False)
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, kind: str | None, **given: Any) -> int:
    """Print the JSON Schema of a kind's manifest (Training, WorkloadTemplate), of a document about the state
    (Import, Moved, Removed) or of the project file (Project).

    Without KIND, the schema of a manifest of any kind. Editors complete and check manifests with it.

    \b
    Example:
      declarative schema Training > training.schema.json
    """
    from declarative.manifest.schema import all_schemas

    console = context(given, outer).console
    schemas = {name.removesuffix(".schema.json"): schema for name, schema in all_schemas().items()}
    found = schemas.get((kind or "manifest").lower())
    if found is None:
        spelling = nearest(kind or "", schemas)
        hint = f"did you mean {schemas[spelling]['title'].split()[0]}?" if spelling else "see declarative schema --help"
        raise ProjectError(Diagnostic("Unknown kind", f"There is no kind {kind}.", hint))
    console.json(found, indent=2)
    return 0
