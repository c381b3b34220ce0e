"""What other tools of the field call it, and how it is done here: commands, and options with one dash or two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from declarative.diagnostics import nearest

_COMMANDS = {
    "refresh": "`declarative apply --refresh-only`",
    "taint": "`declarative apply --replace ADDR`",
    "untaint": "`declarative plan`, without --replace",
    "workspace": "`declarative plan -e NAME`, an environment of the project file",
    "output": "`declarative state show ADDR --json`",
    "console": "`declarative render`",
    "template": "`declarative render`",
    "fmt": "`declarative validate`",
    "get": "`declarative state list`",
    "list": "`declarative state list`",
    "describe": "`declarative state show ADDR`",
    "diff": "`declarative plan`",
    "preview": "`declarative plan`",
    "up": "`declarative apply`",
    "down": "`declarative destroy`",
    "delete": "`declarative destroy --target ADDR`",
    "mv": "`declarative state mv SOURCE DESTINATION`",
    "rm": "`declarative state rm ADDR`",
    "login": "`declarative doctor`, which tells how to sign in",
    "providers": "`declarative schema`",
    "version": "`declarative --version`",
    "help": "`declarative --help`",
}
_NO_QUESTIONS = "leave it out: without a terminal nothing is asked, and --auto-approve agrees beforehand"
_PATHS = "leave it out: files and folders need no option, as in `declarative plan manifests/`"
_OPTIONS = {
    "lock": "leave it out: a plan takes no lock, and an apply always does; --lock-timeout waits for it",
    "input": _NO_QUESTIONS,
    "yes": _NO_QUESTIONS,
    "y": _NO_QUESTIONS,
    "f": _PATHS,
    "filename": _PATHS,
    "dry-run": "`declarative plan` changes nothing",
    "namespace": "leave it out: the project stands in the manifest, as `metadata.project`",
    "n": "leave it out: the project stands in the manifest, as `metadata.project`",
    "compact-warnings": "leave it out: warnings have a few lines each",
    "backend-config": "the state is named by `state` in declarative.yaml, or by --state",
}


def command_hint(typed: str, commands: Iterable[str]) -> str:
    """What somebody who typed a command that is not there may have meant; "" for nothing known."""
    if typed in _COMMANDS:
        return f" Here that is {_COMMANDS[typed]}."
    spelling = nearest(typed, commands)
    return f" Did you mean `declarative {spelling}`?" if spelling else ""


class UnknownOption(click.UsageError):
    """An option that a command does not have, as it was `typed`; `hint` says how it is written here, if that is known."""

    def __init__(self, typed: str, ctx: click.Context) -> None:
        name, _, value = typed.partition("=")
        super().__init__(f"There is no option {name}.", ctx)
        self.hint = _option_hint(name.lstrip("-"), value, _by_name(ctx.command.get_params(ctx)))


def _option_hint(word: str, value: str, names: Iterable[str]) -> str | None:
    long = [name for name in names if name.startswith("--")]
    for name in (*([f"--no-{word}"] if value == "false" else ()), f"--{word}"):
        if name in long:
            return f"did you mean {name}?"
    if word in _OPTIONS:
        return _OPTIONS[word]
    spelling = nearest(word, long) if len(word) > 1 else None
    return f"did you mean {spelling}?" if spelling else None


def refuse_one_dash(ctx: click.Context, arguments: Sequence[str]) -> None:
    """Raises UnknownOption for an option in Terraform's spelling, such as `-auto-approve`.

    click takes its letters for options of one letter each, and would complain about one that nobody typed, or even find
    them all: `-exclude=x` would be the environment `xclude=x`.
    """
    known = _by_name(ctx.command.get_params(ctx))
    for word in _options_among(ctx.command, known, arguments):
        name = word.partition("=")[0]
        if word.startswith("--") or len(name) < 2:
            continue
        if f"-{name}" in _by_name(ctx.command.params) or not _is_cluster(word[1:], known):
            raise UnknownOption(word, ctx)


def _options_among(
    command: click.Command, known: dict[str, click.Parameter], arguments: Sequence[str]
) -> Iterator[str]:
    """The arguments that are options, and not their values."""
    rest = iter(arguments)
    for word in rest:
        if word == "--" or (word[:1] != "-" and not command.allow_interspersed_args):
            return
        if word[:1] == "-" and word != "-":
            yield word
            if word in known and _takes_value(known[word]):
                next(rest, None)


def _is_cluster(letters: str, known: dict[str, click.Parameter]) -> bool:
    """Whether letters are options of one letter each, the last one perhaps with its value: `-vCinfra`."""
    for letter in letters:
        option = known.get(f"-{letter}")
        if option is None or _takes_value(option):
            return option is not None
    return True


def _by_name(params: Iterable[click.Parameter]) -> dict[str, click.Parameter]:
    return {name: one for one in params if isinstance(one, click.Option) for name in (*one.opts, *one.secondary_opts)}


def _takes_value(option: click.Parameter) -> bool:
    return isinstance(option, click.Option) and not (option.is_flag or option.count)
