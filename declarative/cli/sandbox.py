"""`declarative sandbox`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from declarative.cli.command import Group
from declarative.cli.options import context, global_options, pass_on
from declarative.session import SANDBOX_FILE

_options = partial(global_options, state="File of the sandbox, instead of that of endpoint: sandbox.")


@click.group(cls=Group, no_args_is_help=True)
@_options
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Serve or reset the embedded control plane, for learning, demos and pipeline tests.

    \b
    Example:
      declarative sandbox serve --port 8080
    """
    pass_on(ctx, given)


@command.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@_options
@click.pass_obj
def serve(outer: dict[str, Any], /, port: int, host: str, **given: Any) -> int:
    """Serve the embedded control plane over HTTP until Ctrl-C.

    It shows the same objects as `endpoint: sandbox`, unless --state names another file. Sign in with the token sandbox, or as the application sandbox with the secret sandbox.

    \b
    Example:
      declarative sandbox serve --port 8080
      DECLARATIVE_TOKEN=sandbox declarative plan --endpoint http://127.0.0.1:8080
    """
    from declarative.sandbox.serve import serve as serve_until_stopped

    found = context(given, outer)

    def ready(url: str) -> None:
        found.console.note(f"The sandbox serves {url} from {_file(given, outer)}. Stop it with Ctrl-C.")
        found.console.note(found.console.next(f"DECLARATIVE_TOKEN=sandbox declarative plan --endpoint {url}").lstrip())

    serve_until_stopped(_file(given, outer), host, port, ready)
    return 0


@command.command()
@_options
@click.pass_obj
def reset(outer: dict[str, Any], /, **given: Any) -> int:
    """Bring the embedded control plane back to what it was at the start. The project's own state is not touched.

    \b
    Example:
      declarative sandbox reset
    """
    from declarative.sandbox.store import reset as bring_back

    found = context(given, outer)
    bring_back(_file(given, outer))
    found.console.note(f"The sandbox in {_file(given, outer)} is as it was at the start.")
    return 0


def _file(given: dict[str, Any], outer: dict[str, Any]) -> Path:
    """The file of the sandbox. Not the state of `DECLARATIVE_STATE`: that is the project's."""
    root = Path(given.get("chdir") or outer.get("chdir") or ".")
    return root / (given.get("state") or outer.get("state") or SANDBOX_FILE)
