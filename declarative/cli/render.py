"""`declarative render`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import click

from declarative.cli.command import Command
from declarative.cli.options import context, global_options, variable_options
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import ProjectError
from declarative.session import open_session, render_manifests


@click.command(cls=Command)
@click.argument("paths", nargs=-1)
@click.option("--address", metavar="GLOB", help="Print only these manifests, such as Training.run-*.")
@variable_options
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, address: str | None, **given: Any) -> int:
    """Print what the templates become, as YAML without templates. Secrets are masked. Needs no network.

    The manifests are not checked against their schemas: that is what validate does.

    \b
    Examples:
      declarative render
      declarative render manifests/sweep.yaml --address 'Training.run-*'
    """
    from declarative.manifest.compile import address_text
    from declarative.view.manifest import manifests_text

    found = context(given, outer)
    documents, diagnostics = render_manifests(open_session(found.settings))
    named = [(document, address_text(document) or "") for document in documents]
    chosen = [document for document, name in named if address is None or fnmatchcase(name, address)]
    if address is not None and not chosen and not diagnostics:
        raise ProjectError(_none(address, sorted(name for _, name in named if name)))
    found.console.out(manifests_text(((one.where, one.value) for one in chosen), found.console.style))
    found.console.diagnose(diagnostics)
    return 1 if diagnostics else 0


def _none(address: str, known: list[str]) -> Diagnostic:
    spelling = nearest(address, known)
    hint = f"did you mean {spelling}?" if spelling else "addresses are written KIND.KEY; * stands for any text"
    return Diagnostic("Unknown address", f"No manifest has the address {address}.", hint)
