"""Start-up is most of what a small project waits for: a command imports what it needs, and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.manifests import text

SCRIPT = "import sys; from declarative.cli.main import run; run({!r}); print(*sorted(set(sys.modules) & {!r}))"
# What takes more than five milliseconds each.
NETWORK = {"asyncio", "httpx", "psycopg", "ssl", "starlette"}
SLOW = NETWORK | {"deepdiff", "jinja2", "rich"}


def imported(folder: Path, arguments: list[str], watched: set[str]) -> set[str]:
    """Which of the `watched` modules a command line imports."""
    script = SCRIPT.format(arguments, watched)
    ran = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    return set(ran.stdout.splitlines()[-1].split())


def test_help_imports_no_library_but_that_of_commands(tmp_path: Path) -> None:
    """Neither models nor parsers are needed to say what there is."""
    assert imported(tmp_path, ["--help"], SLOW | {"pydantic", "yaml"}) == set()


@pytest.mark.parametrize(("more", "expected"), [("", set()), ("# {{ 1 + 1 }}\n", {"jinja2"})])
def test_validate_imports_jinja_only_for_templates_and_nothing_that_talks(
    tmp_path: Path, more: str, expected: set[str]
) -> None:
    """A file without `{{`, `{%` and `{#` is its own output."""
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "a.yaml").write_text(text(1) + more, encoding="utf-8")
    assert imported(tmp_path, ["validate"], SLOW) == expected
