"""Rules as a command of the team's choice: it reads the plan as Terraform's JSON, and ends with 0 when nothing is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.address import Address
from declarative.model.value import FrozenMap
from declarative.policy.rule import Finding, Origin, Subject

_TIMEOUT = "60s"
_SECONDS = {"s": 1, "m": 60}
# What a person still reads; the rest is the command's to show elsewhere.
_LONGEST = 4000
_PLACES = 5
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Command(Struct, frozen=True):
    """One command; `seconds` is how long it may take."""

    origin: Origin
    words: tuple[str, ...]
    seconds: int
    severity: Severity

    def findings(self, subject: Subject) -> Iterator[Finding]:
        try:
            done = subprocess.run(  # noqa: S603  (the command that the project file names, without a shell)
                _found(self.words, subject.root),
                input=json.dumps(subject.document, ensure_ascii=False).encode("utf-8", "surrogatepass"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=subject.root,
                env={name: value for name, value in os.environ.items() if name not in subject.hidden},
                timeout=self.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            detail = f"`{self.origin.name}` did not end within {self.seconds} seconds."
            yield Finding(self.origin.broken("Policy failed", detail, "give it longer with `timeout`"))
        except OSError as error:
            yield Finding(self.origin.broken("Policy failed", f"`{self.origin.name}`: {error.strerror}."))
        else:
            if done.returncode:
                yield self._refused(done, subject)

    def _refused(self, done: subprocess.CompletedProcess[bytes], subject: Subject) -> Finding:
        text = _ESCAPES.sub("", done.stdout.decode("utf-8", "replace")).strip()
        said = f"{text[:_LONGEST]}…" if len(text) > _LONGEST else text
        found = self.origin.finding(said or f"it ended with {done.returncode} and said nothing", None, self.severity)
        named = [one for one in subject.changes if one.where is not None and _names(text, one.address)]
        # Where it speaks of one resource, that is the place to look at.
        if len(named) == 1:
            return Finding(replace(found.diagnostic, where=named[0].where), named[0].address)
        places = (f"{change.address} is at {change.where}" for change in named[:_PLACES])
        return Finding(replace(found.diagnostic, notes=(*found.diagnostic.notes, *places)))


def _names(text: str, address: Address) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(str(address))}(?![\w-])", text) is not None


def _found(words: tuple[str, ...], root: Path) -> list[str]:
    """The words with the program's place: relative to the project where it has a folder, otherwise in the PATH."""
    program = words[0]
    at = str((root / program).absolute()) if "/" in program else shutil.which(program)
    if at is None:
        raise FileNotFoundError(2, "there is no such program")
    return [at, *words[1:]]


def load(declared: FrozenMap, origin: Origin) -> Command:
    """The rule of a declaration."""
    timeout = declared.get("timeout") or _TIMEOUT
    seconds = int(timeout[:-1]) * _SECONDS[timeout[-1]]
    severity = Severity.WARNING if declared.get("effect") == "warn" else Severity.ERROR
    return Command(origin, tuple(declared["command"]), seconds, severity)


def examine(root: Path, declared: FrozenMap, origin: Origin) -> tuple[Diagnostic, ...]:
    """What is wrong with a command, without running it."""
    program = declared["command"][0]
    try:
        at = Path(_found(declared["command"], root)[0])
    except FileNotFoundError:
        detail = f"There is no program {program} in the PATH."
        return (
            origin.broken("Unusable policy command", detail, "install it, or name its file, such as policies/check.sh"),
        )
    if not at.is_file():
        return (
            origin.broken(
                "Unusable policy command",
                f"There is no file {program}.",
                "its place is relative to the project's folder",
            ),
        )
    if not os.access(at, os.X_OK):
        return (origin.broken("Unusable policy command", f"{program} may not be run.", f"chmod +x {program}"),)
    return ()
