"""`declarative apply`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from declarative.cli.applying import Approval, run
from declarative.cli.options import apply_options, context, global_options, parallelism_option, variable_options


@click.command()
@click.argument("paths", nargs=-1)
@variable_options
@parallelism_option
@apply_options
@global_options
@click.pass_obj
def command(
    outer: dict[str, Any],
    /,
    paths: tuple[str, ...],
    lock_timeout: float,
    allow: tuple[str, ...],
    auto_approve: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Make the control plane what the manifests say: plan, ask, and carry it out in the order of dependencies.

    PATH is a file or folder of manifests, or one plan that `declarative plan --out` saved; without it, the project file
    decides. A saved plan is carried out as it was reviewed, or refused when what it touches has moved.

    \b
    Examples:
      declarative apply
      declarative apply manifests/ --auto-approve
      declarative apply prod.plan
      declarative apply --allow disruption       # running trainings may stop
    """
    found = context(
        given, outer, paths=paths, **{name: given[name] for name in ("variables", "variable_files", "parallelism")}
    )
    saved = Path(found.settings.root / paths[0]) if len(paths) == 1 else None
    return run(found, Approval(auto_approve, allow, lock_timeout, as_json), saved=saved)
