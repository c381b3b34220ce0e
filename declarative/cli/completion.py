"""`declarative completion`, and what a shell is answered when somebody presses Tab.

Answers are quick and silent: whatever goes wrong, there is just less to choose from.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    shell_complete,
)

from declarative.cli.command import Command
from declarative.cli.options import context, global_options
from declarative.errors import DeclarativeError

if TYPE_CHECKING:
    from declarative.session import Session

# What a shell sets to ask, by click's protocol; the value names the shell.
VARIABLE = "_DECLARATIVE_COMPLETE"
# Seconds until the answer is what was found by then: who waits longer types faster.
_PATIENCE = 2.0

_HOW_TO = {
    "bash": 'add this line to ~/.bashrc:  eval "$(declarative completion bash)"',
    "zsh": 'add this line to ~/.zshrc, after compinit:  eval "$(declarative completion zsh)"',
    "fish": "declarative completion fish > ~/.config/fish/completions/declarative.fish",
}

# Like click's own, but for no space after `NAME=`, where the value is still to come.
_BASH = """
%(complete_func)s() {
    local kind value
    COMPREPLY=()
    while IFS=',' read -r kind value; do
        case "$kind" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            part) compopt -o nospace; COMPREPLY+=("$value") ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Bash(BashComplete):
    source_template = _BASH

    def source(self) -> str:
        return self.source_template % self.source_vars()

    def format_completion(self, item: CompletionItem[Any]) -> str:
        kind = "part" if item.type == "plain" and item.value.endswith("=") else item.type
        return f"{kind},{item.value}"


add_completion_class(_Bash)


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(tuple(_HOW_TO)))
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, shell: str, **given: Any) -> int:
    """Print what makes a shell complete commands, options, environments, variables, files and addresses.

    Addresses come from the state and from the manifests of the project.

    \b
    Examples:
      eval "$(declarative completion bash)"      # for this session; for all, add the line to ~/.bashrc
      eval "$(declarative completion zsh)"       # likewise, in ~/.zshrc
      declarative completion fish > ~/.config/fish/completions/declarative.fish
    """
    found = context(given, outer)
    made = get_completion_class(shell)
    assert made is not None
    script = made(Command("declarative"), {}, "declarative", VARIABLE).source()
    found.console.out(f"# To have it in every session: {_HOW_TO[shell]}\n{script.strip()}")
    return 0


def answer(cli: click.Command) -> int:
    """Answers a shell, by click's protocol; the exit code."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
        try:
            return shell_complete(cli, {}, "declarative", VARIABLE, os.environ[VARIABLE])
        except Exception:  # noqa: BLE001  (a shell has no place for messages while somebody types)
            return 1


def items(source: str, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
    """What completes a text, by the name of its source."""
    if source in ("files", "folders"):
        return [CompletionItem(incomplete, type="file" if source == "files" else "dir")]
    found: dict[str, None] = {}
    # Whatever could be found before something went wrong, or took too long.
    with contextlib.suppress(Exception), _limited():
        for one in SOURCES[source](_session(ctx)):
            found[one] = None
    matching = sorted(one for one in found if one.startswith(incomplete))
    if source == "plans" and not matching:
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(one) for one in matching]


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Raises TimeoutError in what takes too long: a state whose server does not answer, say."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE, 0.1)  # again, where somebody caught the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _session(ctx: click.Context) -> Session:
    """The project that the command line so far is about; raises DeclarativeError."""
    from declarative.session import open_session

    given: dict[str, Any] = {}
    outer: click.Context | None = ctx
    while outer is not None:
        given = {**outer.params, **{name: value for name, value in given.items() if value is not None}}
        outer = outer.parent
    return open_session(context(given, {}).settings)


def _recorded(session: Session) -> Iterator[str]:
    yield from (str(record.address) for record in session.store.load().records)


def _declared(session: Session) -> Iterator[str]:
    """The addresses of all manifests that can be read, right or wrong."""
    from declarative.manifest.compile import address_text
    from declarative.session import render_manifests

    yield from filter(None, map(address_text, render_manifests(session)[0]))


def _addresses(session: Session) -> Iterator[str]:
    for source in (_recorded, _declared):
        with contextlib.suppress(DeclarativeError):  # without a state there are still manifests
            yield from source(session)


def _environments(session: Session) -> Iterator[str]:
    yield from _settings(session).get("environments") or ()


def _variables(session: Session) -> Iterator[str]:
    yield from (f"{name}=" for name in session.project.variables)


def _settings(session: Session) -> Mapping[str, Any]:
    return session.project.document.value if session.project.document else {}


def _kinds(_session: Session) -> Iterator[str]:
    from declarative.manifest.schema import all_schemas

    yield from (schema["title"].split()[0] for schema in all_schemas().values())


def _templates(_session: Session) -> Iterator[str]:
    from declarative.cli.init import TEMPLATES

    yield from TEMPLATES


def _locks(session: Session) -> Iterator[str]:
    yield from (lock.id for lock in session.store.holders())


def _plans(session: Session) -> Iterator[str]:
    """The saved plans of the project's folder."""
    from declarative.plan.planfile import is_planfile

    for file in sorted(session.settings.root.iterdir()):
        with contextlib.suppress(OSError):
            if file.is_file():
                with file.open(encoding="utf-8", errors="replace") as opened:
                    if is_planfile(opened.read(100)):
                        yield file.name


SOURCES: Mapping[str, Callable[[Session], Iterator[str]]] = {
    "addresses": _addresses,
    "recorded": _recorded,
    "declared": _declared,
    "environments": _environments,
    "variables": _variables,
    "kinds": _kinds,
    "templates": _templates,
    "locks": _locks,
    "plans": _plans,
}
