"""Options that commands share. The global ones are taken before and after the command."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec import Struct

from declarative.cli.console import Console
from declarative.plan.guard import ALLOWABLE
from declarative.settings import Settings, without_password

Command = TypeVar("Command", bound=Callable[..., Any])
_WHERE = {"chdir": "-C", "environment": "-e", "endpoint": "--endpoint", "state": "--state"}
_GLOBALS = (*_WHERE, "no_color", "verbose")
# What a command's own options set, by the name that the parameter and the setting share.
_OWN = (
    "paths", "variables", "variable_files", "parallelism",
    "targets", "excludes", "replacing", "refresh", "refresh_only",
)  # fmt: skip


class Duration(click.ParamType[float]):
    """`60s`, `5m`, `1h`, or a number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|)", str(value))
        if found is None:
            self.fail(f"{value} is no duration; write 60s or 5m", param, ctx)
        return float(found[1]) * {"ms": 0.001, "s": 1, "": 1, "m": 60, "h": 3600}[found[2]]


class Context(Struct, frozen=True):
    """What every command gets: the settings and the console. `where` are the options that said which project and state."""

    settings: Settings
    console: Console
    where: tuple[str, ...] = ()

    def following(self, command: str, *arguments: str) -> str:
        """The line of a command that works with the same project, state and control plane."""
        return shlex.join(["declarative", *command.split(), *self.where, *arguments])


def global_options(command: Command, *, state: str = "State: a file, or postgresql://...") -> Command:
    """Adds the options that every command takes; `state` is the help of `--state`."""
    for option in reversed(
        (
            click.option("-C", "--chdir", metavar="DIR", help="Work in this folder instead of the current one."),
            click.option("-e", "--environment", metavar="NAME", help="Environment of the project file."),
            click.option("--endpoint", metavar="URL", help="Control plane, or sandbox for the embedded one."),
            click.option("--state", metavar="URL", help=state),
            click.option("--no-color", is_flag=True, default=None, help="Print without colour."),
            click.option(
                "-v", "--verbose", is_flag=True, default=None, help="Say more: every request, and tracebacks of bugs."
            ),
        )
    ):
        command = option(command)
    return command


def context(given: Mapping[str, Any], outer: Mapping[str, Any]) -> Context:
    """The context of a command from its own options, the global ones before it, and the process environment."""
    chosen = {name: given[name] if given.get(name) is not None else outer.get(name) for name in _GLOBALS}
    environ = os.environ
    root = Path(chosen["chdir"] or ".")
    if not root.is_dir():
        raise click.UsageError(f"--chdir {root}: there is no such folder.")
    console = Console(not chosen["no_color"], root)
    settings = Settings(
        root=root,
        environment=chosen["environment"] or environ.get("DECLARATIVE_ENVIRONMENT") or None,
        endpoint=chosen["endpoint"] or environ.get("DECLARATIVE_ENDPOINT") or None,
        state=chosen["state"] or environ.get("DECLARATIVE_STATE") or None,
        environ=environ,
        trace=(lambda line: console.note(console.error_style.dim(line))) if chosen["verbose"] else None,
        notice=lambda line: console.note(console.error_style.yellow(line)),
        **{name: given[name] for name in _OWN if given.get(name) is not None},
    )
    where = tuple(
        word
        for name, option in _WHERE.items()
        if chosen[name]
        for word in (option, without_password(str(chosen[name])))
    )
    return Context(settings, console, where)


def planning_context(given: Mapping[str, Any], outer: Mapping[str, Any], *, destroys: bool = False) -> Context:
    """The context of a command with `planning_options`; raises UsageError for those that say different things."""
    if given["refresh_only"] and not given["refresh"]:
        raise click.UsageError("--refresh-only is nothing but a refresh; leave out --no-refresh.")
    if given["refresh_only"] and given["replacing"]:
        raise click.UsageError("--refresh-only changes the state alone; leave out --replace, or plan without it.")
    if destroys and given["refresh_only"]:
        raise click.UsageError("--refresh-only destroys nothing; use declarative apply --refresh-only.")
    if destroys and given["replacing"]:
        raise click.UsageError("--replace makes a resource anew, and a destroy does not; leave it out.")
    return context(given, outer)


def pass_on(ctx: click.Context, given: Mapping[str, Any]) -> None:
    """Hands the global options of a group, over those before it, to its commands."""
    ctx.obj = {name: value if value is not None else ctx.obj.get(name) for name, value in given.items()}


def root_of(arguments: Sequence[str]) -> Path:
    """The folder of `--chdir` in a command line that may be wrong."""
    for option, value in pairwise((*arguments, "")):
        if option in ("-C", "--chdir"):
            return Path(value)
        if option.startswith(("--chdir=", "-C")):
            return Path(option.removeprefix("--chdir=").removeprefix("-C"))
    return Path()


def variable_options(command: Command) -> Command:
    """Adds `--var` and `--var-file`."""
    variable = click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Value of a variable.")
    file = click.option("--var-file", "variable_files", multiple=True, metavar="FILE", help="YAML file of variables.")
    return variable(file(command))


def planning_options(command: Command) -> Command:
    """Adds what all commands share that plan: PATH..., variables, how much the plan is about, and by what it goes."""
    for option in (
        parallelism_option,
        click.option(
            "--refresh-only",
            is_flag=True,
            help="Bring the state up to what is live, and change nothing at the control plane.",
        ),
        click.option(
            "--refresh/--no-refresh",
            default=True,
            help="Read what is live, or go by the state and read only what the plan changes.",
        ),
        click.option(
            "--replace", "replacing", multiple=True, metavar="ADDR", help="Replace this one, whether it differs or not."
        ),
        click.option(
            "--exclude",
            "excludes",
            multiple=True,
            metavar="GLOB",
            help="Not these addresses, nor what depends on them.",
        ),
        click.option(
            "--target", "targets", multiple=True, metavar="GLOB", help="Only these addresses, and what they depend on."
        ),
    ):
        command = option(command)
    return click.argument("paths", nargs=-1)(variable_options(command))


def parallelism_option(command: Command) -> Command:
    """Adds `--parallelism`, whose default the environment may set."""
    return click.option(
        "--parallelism",
        type=click.IntRange(1, 256),
        default=10,
        envvar="DECLARATIVE_PARALLELISM",
        show_default=True,
        metavar="N",
        help="Calls in flight at a time.",
    )(command)


def apply_options(command: Command) -> Command:
    """Adds what `apply` and `destroy` share."""
    for option in (
        click.option("--lock-timeout", type=Duration(), default=0.0, metavar="DURATION", help="Wait for the lock."),
        click.option(
            "--allow",
            multiple=True,
            metavar="GUARD",
            type=click.Choice([str(one) for one in ALLOWABLE]),
            help="Allow what a guard refuses: disruption, mass-change or empty. May be repeated.",
        ),
        click.option("--auto-approve", is_flag=True, help="Do not ask."),
    ):
        command = option(command)
    return stream_options(concise_option(command))


def stream_options(command: Command) -> Command:
    """Adds `--json` and `--json-into`."""
    into = click.option("--json-into", metavar="FILE", help="Write the same stream into a file, beside the text.")
    return into(
        click.option("--json", "as_json", is_flag=True, help="Print a stream of events, one JSON object a line.")(
            command
        )
    )


def concise_option(command: Command) -> Command:
    """Adds `--concise`."""
    return click.option("--concise", is_flag=True, help="Show the plan with one line a change.")(command)


# Seconds that a training gets to reach its phase unless --wait-timeout says otherwise.
WAIT_SECONDS = 600.0


def wait_options(command: Command) -> Command:
    """Adds `--wait/--no-wait` and `--wait-timeout`."""
    wait = click.option(
        "--wait/--no-wait",
        default=False,
        help="Wait until the trainings that were created, resumed or suspended run, have ended, or have stopped.",
    )
    timeout = click.option(
        "--wait-timeout",
        type=Duration(),
        metavar="DURATION",
        help="How long to wait for each training; 10m when not given.",
    )
    return wait(timeout(command))


def wait_of(given: Mapping[str, Any]) -> float | None:
    """The seconds to wait for each training, from what `wait_options` adds; None for no wait. Raises UsageError."""
    timeout: float | None = given["wait_timeout"]
    if not given["wait"]:
        if timeout is not None:
            raise click.UsageError("--wait-timeout says how long to wait; add --wait.")
        return None
    return WAIT_SECONDS if timeout is None else timeout
