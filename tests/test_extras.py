"""What only some need is left out of an installation, until a command needs it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.tool import REPOSITORY, Done, environment, training

EXTRAS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
PROJECT = "apiVersion: declarative/v1\nkind: Project\n"


def without(module: str, folder: Path, *arguments: str) -> Done:
    """A command where the module is not installed."""
    program = f"import sys; sys.modules[{module!r}] = None; from declarative.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment({}), timeout=60)
    return Done(done.returncode, done.stdout, done.stderr).checked(1)


@pytest.mark.parametrize(
    ("extra", "module", "settings"),
    [
        ("postgres", "psycopg", "state: postgresql://me:hunter2@db.example/x\n"),
        ("cel", "cel", "policies: [{cel: 'true'}]\n"),
    ],
)
def test_what_is_missing_is_told_with_the_requirement_of_its_extra(
    extra: str, module: str, settings: str, tmp_path: Path
) -> None:
    """The hint holds however the tool was installed: it names the library, as `pyproject.toml` does, and not the extra."""
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "a.yaml").write_text(training("a"), encoding="utf-8")
    (tmp_path / "declarative.yaml").write_text(PROJECT + settings, encoding="utf-8")
    (requirement,) = EXTRAS[extra]
    done = without(module, tmp_path, "plan")
    assert f"hint: install it beside declarative: pip install '{requirement}'" in done.err
    assert "hunter2" not in done.err
