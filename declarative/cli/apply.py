"""`declarative apply`."""

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
    wait_options,
)


@click.command(cls=Command)
@planning_options
@apply_options
@wait_options
@click.option("--checksum", metavar="SUM", help="Apply PLANFILE only if it is the plan with this checksum.")
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, **given: Any) -> int:
    """Make the control plane what the manifests say: plan, ask, and carry it out in the order of dependencies.

    PATH is a file or folder of manifests, or one plan that `declarative plan --out` saved; without it, the project file
    decides. A saved plan is carried out as it was reviewed, or refused when what it touches has moved. It holds no secrets:
    they are looked up again, sensitive variables as for the plan, and have to be those that it was made with.

    An apply ends when the control plane has accepted it. With --wait it goes on, without the lock, until each training that it
    created or resumed runs (or has ended already) and each that it suspended has stopped; one that fails, or takes longer than
    --wait-timeout, is told with its last events, and ends the command with 1. All is recorded by then: Ctrl-C loses nothing.

    \b
    Examples:
      declarative apply
      declarative apply manifests/ --auto-approve
      declarative apply -e prod prod.plan        # as it was planned: -e prod --out prod.plan
      declarative apply prod.plan --checksum 0123456789ab    # the one that was reviewed, and no other
      declarative apply --allow disruption       # running trainings may stop
      declarative apply --wait --wait-timeout 30m
    """
    found = planning_context(given, outer)
    paths = found.settings.paths
    return run(found, Approval.of(given), saved=found.settings.root / paths[0] if len(paths) == 1 else None)
