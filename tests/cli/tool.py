"""The tool as a process in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.forked import Command, Forked

COMMAND = (sys.executable, "-m", "declarative")
REPOSITORY = Path(__file__).parents[2]


class Done(NamedTuple):
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str

    def checked(self, code: int | None) -> Done:
        """The same, after the checks that hold for every command; `code` is the exit code that is wanted, if any."""
        assert "Traceback" not in self.err, self.err
        assert "Bug in declarative" not in self.err, self.err
        assert code in (None, self.code), self
        return self


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what steers the tool or its output, and with what is given."""
    steering = ("DECLARATIVE_", "LC_", "LANG", "NO_COLOR", "PYTHON", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return {**kept, "LANG": "C.UTF-8", "PYTHONPATH": str(REPOSITORY), "DECLARATIVE_CACHE_DIR": "", **given}


@dataclass(frozen=True)
class Tool:
    """Runs commands in `folder`, with `environ` added to a clean environment."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, code: int | None = 0, given: str = "", **environ: str) -> Done:
        """Runs one command, which has to end with `code` (None: anyhow) and never with a traceback."""
        with tempfile.TemporaryDirectory() as folder:
            typed, out, err = (Path(folder) / name for name in ("given", "out", "err"))
            typed.write_text(given, encoding="utf-8")
            command = Command(arguments, self.folder, environment({**self.environ, **environ}), typed, out, err)
            return Running(command.begin(), out, err).ended().checked(code)

    def launch(self, *arguments: str, code: int | None = 0, **environ: str) -> Done:
        """The same with an interpreter of its own, as a shell would do it: for what matters when one starts."""
        process = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=environment({**self.environ, **environ}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Done(process.returncode, process.stdout.decode(), process.stderr.decode()).checked(code)

    def start(self, *arguments: str, largest: int | None = None) -> Running:
        """Begins one command, whose output goes to files that can be read while it runs."""
        out, err = (self.folder / f".{name}-{time.monotonic_ns()}" for name in ("out", "err"))
        err.touch()
        nothing = Path(os.devnull)
        command = Command(arguments, self.folder, environment(self.environ), nothing, out, err, largest)
        return Running(command.begin(), out, err)

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def apply(self, *arguments: str, code: int | None = 0) -> Done:
        """Applies whatever it takes."""
        allowed = ("--auto-approve", "--allow", "disruption", "--allow", "mass-change", "--allow", "empty")
        return self.run("apply", *arguments, *allowed, code=code)

    def plan_is_empty(self, *arguments: str) -> None:
        assert self.run("plan", *arguments, "--detailed-exitcode").out.startswith("No changes.")


@dataclass
class Running:
    """A command under way."""

    process: Forked
    out_file: Path
    err_file: Path

    def said(self) -> str:
        return self.err_file.read_text(encoding="utf-8")

    def ended(self, seconds: float = 60) -> Done:
        code = self.process.wait(seconds)
        return Done(code, self.out_file.read_text(encoding="utf-8"), self.said()).checked(None)


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Waits for a condition, which has to come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.01)


def training(
    name: str, *, image: str = "nvcr.io/nvidia/pytorch:24.08-py3", more: str = "", needs: Sequence[str] = ()
) -> str:
    """A manifest of one training."""
    depends = f"dependsOn: [{', '.join(needs)}]\n" if needs else ""
    return f"""apiVersion: runai/v1
kind: Training
metadata: {{name: {name}, project: vision, cluster: a100-prod}}
{depends}{more}spec:
  image: {image}
  compute: {{gpuDevicesRequest: 1}}
"""


def template(name: str, *, text: str = "WARN") -> str:
    """A manifest of one template."""
    return f"""apiVersion: runai/v1
kind: WorkloadTemplate
metadata: {{name: {name}, scope: project, project: vision}}
spec:
  assets: {{environment: {{name: pytorch-24}}}}
  specificEnv: {{environmentVariables: [{{name: LEVEL, value: {text}}}]}}
"""


def documents(*manifests: str) -> str:
    return "---\n".join(manifests)
