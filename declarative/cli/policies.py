"""The project's own policies on the command line: examined by themselves, and with their prints out of the way."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from declarative.cli.console import Console
from declarative.diagnostics import Diagnostic
from declarative.manifest.project import Project


def examine(project: Project) -> tuple[Diagnostic, ...]:
    """What is wrong with the policies of a project, as far as can be told without running them."""
    if not project.policies:
        return ()
    from declarative.policy import rules

    return rules.examine(project)


@contextmanager
def beside_data() -> Iterator[None]:
    """What a policy prints goes where messages go: standard output is for data."""
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def reading(console: Console) -> Iterator[None]:
    """While a plan is made and its policies are asked."""
    with console.reading(), beside_data():
        yield
