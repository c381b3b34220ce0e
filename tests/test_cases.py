"""Every mistake in `tests/cases/` is told as its `expected.txt` says, to the byte.

A folder is a project, named after the mistake that it makes; `arguments.txt`, where there is one, holds options of the
command. After a change that is meant, write the expectations anew and read the difference:
`UPDATE_GOLDEN=1 pytest tests/test_cases.py`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from declarative.cli.main import run

FOLDER = Path(__file__).parent / "cases"
# The secret of every case, in `CASE_SECRET` and in their sensitive variables.
SECRET = "hunter2-of-the-cases"
CASES = sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir())


def arguments_of(case: str) -> list[str]:
    file = FOLDER / case / "arguments.txt"
    return ["validate", "--no-color", *(shlex.split(file.read_text("utf-8")) if file.exists() else ())]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DECLARATIVE_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_as_expected(
    case: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What `validate` prints in the folder is its `expected.txt`; it ends with 1 and prints no data."""
    monkeypatch.chdir(FOLDER / case)
    monkeypatch.setenv("CASE_SECRET", SECRET)
    monkeypatch.setenv("EMPTY_SECRET", "")
    code = run(arguments_of(case))
    printed = capfd.readouterr()
    file = FOLDER / case / "expected.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(printed.err, encoding="utf-8")
    assert printed.err == file.read_text(encoding="utf-8")
    assert (code, printed.out) == (1, "")


@pytest.mark.parametrize("case", CASES)
def test_no_mistake_is_told_twice(case: str) -> None:
    """Every finding of an expectation differs from the others, and none speaks of a bug or of Python."""
    text = (FOLDER / case / "expected.txt").read_text(encoding="utf-8")
    findings = text.split("\n\n")
    assert len(findings) == len(set(findings))
    assert not [
        word
        for word in (SECRET, "4711", "\ufdd0", "Bug in", "Traceback", "NoneType", "FrozenMap", "object at 0x")
        if word in text
    ]


def test_a_process_prints_the_same() -> None:
    """The installed command, in a process of its own, says what the function says."""
    case = "several-mistakes-at-once"
    done = subprocess.run(
        [sys.executable, "-m", "declarative", *arguments_of(case)],
        cwd=FOLDER / case,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (FOLDER / case / "expected.txt").read_text(encoding="utf-8")
