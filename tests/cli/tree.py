"""The tree of commands, as click knows it."""

from __future__ import annotations

from collections.abc import Mapping

import click

from declarative.cli.main import COMMANDS, _cli


def _commands() -> Mapping[tuple[str, ...], click.Command]:
    root = _cli()
    context = click.Context(root)
    found: dict[tuple[str, ...], click.Command] = {(): root}
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command
        found[(name,)] = command
        if isinstance(command, click.Group):
            found |= {(name, inner): one for inner, one in command.commands.items()}
    return found


# Every command by the words that call it; without words, it is the tool itself.
TREE = _commands()
OPTIONS = tuple(option for command in TREE.values() for option in command.params if isinstance(option, click.Option))


def spellings(option: click.Option) -> frozenset[str]:
    """All that may be typed for an option: long, short, and the one that says no."""
    return frozenset((*option.opts, *option.secondary_opts))
