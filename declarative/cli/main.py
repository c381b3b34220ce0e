"""The command `declarative`: finds the command, runs it, and tells what went wrong."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from declarative import __version__
from declarative.cli.command import Group
from declarative.cli.elsewhere import UnknownOption, command_hint
from declarative.diagnostics import Diagnostic
from declarative.errors import DeclarativeError

# Heading -> name -> module of `declarative.cli`, and what the command does: so that help needs to import no command.
SECTIONS = {
    "Start": {
        "init": ("init", "Start a project that works as it is."),
        "doctor": ("doctor", "Show which control plane this is, who you are there and what you may read."),
        "schema": ("schema", "Print the JSON Schema of a kind."),
        "completion": ("completion", "Print what makes a shell complete commands and addresses."),
    },
    "Plan and apply": {
        "validate": ("validate", "Check all manifests, without the control plane."),
        "plan": ("plan", "Show what an apply would change."),
        "apply": ("apply", "Make the control plane what the manifests say."),
        "destroy": ("destroy", "Delete what the state records."),
        "import": ("import_", "Take what exists into the state, one object or all."),
    },
    "Look": {
        "show": ("show", "Show a saved plan, or the state."),
        "drift": ("drift", "Show what others have changed since the last apply."),
        "graph": ("graph", "Draw which resource needs which."),
        "render": ("render", "Print what the templates become."),
    },
    "State": {
        "state": ("state", "Look at what the state remembers, and mend it."),
        "force-unlock": ("force_unlock", "Take the state's lock away from its holder."),
    },
    "Control plane": {
        "sandbox": ("sandbox", "Serve or reset the embedded control plane."),
    },
}
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class _Commands(Group):
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
        if args and args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise click.UsageError(f"There is no command {args[0]}.{command_hint(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))  # one column for all sections
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), summary) for name, (_, summary) in commands.items()])


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
    if os.environ.get("_DECLARATIVE_COMPLETE"):
        from declarative.cli.completion import answer

        return answer(_cli())
    try:
        return int(_cli().main(list(arguments), prog_name="declarative", standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except _interruptions():
        with _undisturbed():
            from declarative.cli.outputs import INTERRUPTED

            return _fail((INTERRUPTED,), arguments)
    except Exception as error:  # noqa: BLE001  (the last resort: a traceback is no message)
        return _fail(_told(error, arguments), arguments)


def _interruptions() -> tuple[type[BaseException], ...]:
    """What Ctrl-C becomes: click makes its own of it, and so does a task. To import asyncio only for this takes long."""
    cancelled = (sys.modules["asyncio"].CancelledError,) if "asyncio" in sys.modules else ()
    return (KeyboardInterrupt, click.Abort, *cancelled)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """An impatient second Ctrl-C does not end what is told in the middle. Signals are the main thread's alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)


def _told(error: Exception, arguments: Sequence[str]) -> tuple[Diagnostic, ...]:
    """What a user hears of an error."""
    if isinstance(error, DeclarativeError):
        return error.diagnostics
    if isinstance(error, click.ClickException):
        found = error.ctx if isinstance(error, click.UsageError) else None
        path = found.command_path if found else "declarative"
        hint = error.hint if isinstance(error, UnknownOption) else None
        # click sets out choices as a column, behind tabs.
        text = " ".join(error.format_message().split())
        return (Diagnostic("Wrong usage", text, hint or f"see `{path} --help`"),)
    if {"-v", "--verbose"} & set(arguments):
        traceback.print_exception(error)
    detail = f"{type(error).__name__}: {error}"
    return (Diagnostic("Bug in declarative", detail, "please report it, with what `-v` shows"),)


def _fail(diagnostics: Sequence[Diagnostic], arguments: Sequence[str]) -> int:
    from declarative.cli.console import Console
    from declarative.cli.options import root_of

    console = Console(color="--no-color" not in arguments, root=root_of(arguments), continues=True)
    if "--json" in arguments and {"plan", "apply", "destroy"} & set(arguments):
        from declarative.cli.outputs import Stream

        Stream(console, as_json=True).tell(diagnostics)
    console.diagnose(diagnostics)
    return 1
