"""The command `declarative`: finds the command, runs it, and tells what went wrong."""

from __future__ import annotations

import asyncio
import importlib
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from declarative import __version__
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import DeclarativeError

# Name, module of `declarative.cli`, and what it does: so that help needs to import no command.
COMMANDS = {
    "init": ("init", "Start a project that works as it is."),
    "validate": ("validate", "Check all manifests, without the control plane."),
    "plan": ("plan", "Show what an apply would change."),
    "apply": ("apply", "Make the control plane what the manifests say."),
    "destroy": ("destroy", "Delete what the state records."),
    "show": ("show", "Show a saved plan, or the state."),
    "schema": ("schema", "Print the JSON Schema of a kind."),
    "state": ("state", "Look at what the state remembers."),
    "sandbox": ("sandbox", "Serve or reset the embedded control plane."),
}


class _Commands(click.Group):
    """Commands that are imported when they are called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"declarative.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            spelling = nearest(args[0], COMMANDS)
            hint = f" Did you mean `declarative {spelling}`?" if spelling else ""
            raise click.UsageError(f"There is no command {args[0]}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def _cli() -> click.Group:
    from declarative.cli.options import global_options

    @click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
    @click.version_option(__version__, prog_name="declarative", message="%(prog)s %(version)s")
    @global_options
    @click.pass_context
    def cli(ctx: click.Context, /, **given: Any) -> int:
        """Terraform for NVIDIA Run:ai: YAML manifests of AI workloads, planned and applied.

        \b
        Start here:
          declarative init                 # a project that works as it is
          declarative plan                 # what would change
          declarative apply                # make it so
        """
        ctx.obj = given
        if ctx.invoked_subcommand is None:
            click.echo(ctx.get_help())
        return 0

    return cli


def run(arguments: Sequence[str]) -> int:
    """Runs one command line; its exit code: 0 done, 1 any error, 2 only where a command says so."""
    try:
        return int(_cli().main(list(arguments), prog_name="declarative", standalone_mode=False) or 0)
    except DeclarativeError as error:
        return _fail(error.diagnostics)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "declarative"
        return _fail((Diagnostic("Wrong usage", error.format_message(), f"see `{path} --help`"),))
    except click.ClickException as error:
        return _fail((Diagnostic("Wrong usage", error.format_message()),))
    except (KeyboardInterrupt, click.Abort, asyncio.CancelledError):
        return _fail(
            (Diagnostic("Interrupted", "The command was stopped.", "run it again: the state knows what was under way"),)
        )
    except Exception as error:  # noqa: BLE001  (the last resort: a traceback is no message)
        return _bug(error, arguments)


def _fail(diagnostics: Sequence[Diagnostic]) -> int:
    from declarative.cli.console import Console
    from declarative.cli.options import root_of

    Console(color="--no-color" not in sys.argv, root=root_of(sys.argv)).diagnose(diagnostics)
    return 1


def _bug(error: Exception, arguments: Sequence[str]) -> int:
    if {"-v", "--verbose"} & set(arguments):
        traceback.print_exc()
    detail = f"{type(error).__name__}: {error}"
    return _fail((Diagnostic("Bug in declarative", detail, "please report it, with what `-v` shows"),))
