"""`declarative destroy`."""

from __future__ import annotations

from typing import Any

import click

from declarative.cli.applying import Approval, run
from declarative.cli.command import Command
from declarative.cli.options import (
    apply_options,
    global_options,
    planning_context,
    planning_options,
)


@click.command(cls=Command)
@planning_options
@apply_options
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, **given: Any) -> int:
    """Delete what the state records, dependants first.

    With PATH, a file or folder of manifests, only what they name. Protected resources (preventDestroy) are refused, and
    those with keepOnDestroy are forgotten and stay live.

    \b
    Examples:
      declarative destroy
      declarative destroy manifests/sweep.yaml --auto-approve --allow disruption
    """
    return run(planning_context(given, outer, destroys=True), Approval.of(given), destroy=True)
