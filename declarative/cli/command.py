"""What a command of this tool is to click: help with its options in groups, and completion of what they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from declarative.cli.elsewhere import UnknownOption, refuse_one_dash

# Heading -> its options, by their longest names, in the order in which help shows them. Others come first, as "Options".
OPTIONS = {
    "Variables": ("--var", "--var-file"),
    "Selection": ("--target", "--exclude", "--replace", "--refresh", "--refresh-only", "--destroy", "--policy"),
    "Consent": ("--auto-approve", "--allow", "--checksum"),
    "Execution": ("--parallelism", "--lock-timeout", "--wait", "--wait-timeout"),
    "Output": (
        "--out", "--detailed-exitcode", "--full", "--concise", "--json", "--json-into", "--markdown", "--html", "--format",
    ),
    "With every command": (
        "--chdir", "--environment", "--endpoint", "--state", "--no-color", "--verbose", "--version", "--help",
    ),
}  # fmt: skip
_GENERAL = "Options"


class Command(click.Command):
    """A command whose help has its options in groups, and whose arguments a shell can complete."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        _complete(self)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _understood(ctx, args):
            return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _format_options(self, ctx, formatter)


class Group(click.Group):
    """The same for a command that has commands."""

    command_class = Command

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        _complete(self)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _understood(ctx, args):
            return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        _format_options(self, ctx, formatter)


@contextmanager
def _understood(ctx: click.Context, args: list[str]) -> Iterator[None]:
    """Errors of what was typed are told as it was typed, and of this command."""
    if not ctx.resilient_parsing:
        refuse_one_dash(ctx, args)
    try:
        yield
    except click.NoSuchOption as error:
        raise UnknownOption(error.option_name, ctx) from error
    except click.UsageError as error:
        error.ctx = error.ctx or ctx
        raise


def _format_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    groups: dict[str, list[tuple[str, str]]] = {heading: [] for heading in (_GENERAL, *OPTIONS)}
    for option in _ordered(command, ctx):
        row = option.get_help_record(ctx)
        if row is not None:
            groups[_heading(option)].append(row)
    for heading, rows in groups.items():
        if rows:
            with formatter.section(heading):
                formatter.write_dl(rows)


def _ordered(command: click.Command, ctx: click.Context) -> list[click.Option]:
    places = {name: place for place, name in enumerate(name for names in OPTIONS.values() for name in names)}
    options = [param for param in command.get_params(ctx) if isinstance(param, click.Option)]
    return sorted(options, key=lambda option: places.get(_name(option), -1))


def _heading(option: click.Option) -> str:
    return next((heading for heading, names in OPTIONS.items() if _name(option) in names), _GENERAL)


def _name(option: click.Option) -> str:
    return max(option.opts, key=len)


class _Completed(click.types.StringParamType):
    """A text that a shell can complete."""

    def __init__(self, source: str) -> None:
        self._source = source

    def shell_complete(
        self, ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        from declarative.cli import completion

        return completion.items(self._source, ctx, incomplete)


# What completes the value of an option, and of an argument (of one command, where it differs); see `completion.items`.
_VALUES = {
    "--target": "addresses", "--exclude": "addresses", "--replace": "addresses", "--address": "addresses",
    "--environment": "environments", "--template": "templates", "--var": "variables",
    "--chdir": "folders", "--var-file": "files", "--json-into": "files", "--markdown": "files", "--html": "files",
    "--out": "files", "--state": "files",
}  # fmt: skip
_ARGUMENTS = {
    "paths": "files", "folder": "folders", "kind": "kinds", "lock": "locks", "file": "plans", "address": "declared",
    ("push", "file"): "files", ("show", "address"): "recorded",
    ("mv", "source"): "recorded", ("mv", "destination"): "declared", ("rm", "addresses"): "recorded",
}  # fmt: skip


def _complete(command: click.Command) -> None:
    """Gives the texts among a command's parameters what completes them."""
    for param in command.params:
        if param.type is not click.STRING:
            continue
        if isinstance(param, click.Option):
            source = _VALUES.get(_name(param))
        else:
            source = _ARGUMENTS.get((command.name or "", param.name or "")) or _ARGUMENTS.get(param.name or "")
        if source:
            param.type = _Completed(source)
