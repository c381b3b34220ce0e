"""The README is run: what it tells people to type is typed, and what it shows has to come out.

Blocks fenced as ```console are one session, from the first to the last. A line that starts with `$ ` is typed; the lines
below it are all of its output, where `...` stands for anything. An output with a line that starts with `error:` means
exit code 1, any other 0. An answer that is shown at a prompt is typed, too. Blocks fenced as `sh` need the network, or
credentials, and are not run.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from declarative.cli.main import COMMANDS, run
from tests.cli.tree import OPTIONS, spellings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = "8080"
ANSWER = "Only yes is accepted: yes\n"
# Before the commands: no settings from outside, and no installation, which would need the network.
PREAMBLE = """
make() { sh tools/quickstart.sh; }
trap 'kill $(jobs -p) 2>/dev/null' EXIT
"""


@dataclass(frozen=True, slots=True)
class Command:
    """One command line, and all that it prints."""

    line: str
    shown: str

    @property
    def code(self) -> int:
        return 1 if re.search("^error:", self.shown, re.MULTILINE) else 0

    @property
    def pattern(self) -> str:
        """The shown output as a regular expression. Who answers by a pipe sees no line break after his answer."""
        shown = re.escape(self.shown.rstrip().replace(ANSWER, "Only yes is accepted: \0"))
        return shown.replace(re.escape("\0"), r"\n?").replace(re.escape("..."), ".*")

    def script(self, number: int) -> str:
        """Runs the line in the session's shell; output and exit code go to files."""
        out = f'"$SESSION/{number}.out"'
        if self.line.endswith("&"):
            last = shlex.quote(self.shown.splitlines()[-1])
            return (
                f"{self.line[:-1]} </dev/null >{out} 2>&1 &\n"
                f"for _ in $(seq 100); do grep -qxF {last} {out} && break; sleep 0.1; done\n"
                f'echo 0 >"$SESSION/{number}.code"\n'
            )
        answer = "<<<yes" if ANSWER in self.shown else "</dev/null"
        # A reader takes longer than the second in which the sandbox starts a training.
        pause = "sleep 1\n" if "Apply complete!" in self.shown else ""
        return f'{{ {self.line}\n}} {answer} >{out} 2>&1\necho $? >"$SESSION/{number}.code"\n{pause}'


def blocks(language: str) -> list[str]:
    return [text for found, text in FENCE.findall(README) if found == language]


def commands(port: int) -> Iterator[Command]:
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block.replace(PORT, str(port)), flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            yield Command(line, shown)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def environment(session: Path) -> dict[str, str]:
    """A clean environment in which `declarative` is the one under test."""
    binaries = session / "bin"
    binaries.mkdir()
    launcher = binaries / "declarative"
    launcher.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m declarative "$@"\n', encoding="utf-8")
    launcher.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DECLARATIVE_", "LC_", "LANG"))}
    return {
        **kept,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SESSION": str(session),
        "LC_ALL": "C.UTF-8",
    }


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="the commands need bash and curl")
def test_the_commands_of_the_readme_print_what_it_shows(tmp_path: Path) -> None:
    """A newcomer who types what the README says sees what it shows, line by line."""
    session, checkout = tmp_path / "session", tmp_path / "checkout"
    session.mkdir()
    for folder in ("examples", "tools"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns(".declarative", "__pycache__"))
    told = list(commands(free_port()))
    script = PREAMBLE + "".join(command.script(number) for number, command in enumerate(told))
    subprocess.run(["bash", "-c", script], cwd=checkout, env=environment(session), check=False, timeout=120)
    wrong = []
    for number, command in enumerate(told):
        output = (session / f"{number}.out").read_text(encoding="utf-8")
        code = int((session / f"{number}.code").read_text())
        if code != command.code or not re.fullmatch(command.pattern, output.rstrip(), re.DOTALL):
            wrong.append(f"$ {command.line}   (exit code {code}, {command.code} expected)\n{output}")
    assert not wrong, "The README shows something else for:\n\n" + "\n".join(wrong)
    assert len(told) > 10, "the commands of the README are not found any more"


def test_the_manifests_of_the_readme_are_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each YAML block of the README is a project file or manifests that validate with it."""
    (tmp_path / "manifests").mkdir()
    for number, block in enumerate(blocks("yaml")):
        name = "declarative.yaml" if "kind: Project" in block else f"manifests/{number}.yaml"
        (tmp_path / name).write_text(block, encoding="utf-8")
    assert run(["-C", str(tmp_path), "validate"]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out == "Success! The manifests are valid: 2 resources.\n"


def test_the_readme_names_every_command() -> None:
    """The table of commands has a row for each command that there is, and for no other."""
    table = README.partition("## Commands")[2].partition("`declarative COMMAND --help`")[0]
    named = set(re.findall(r"`([a-z-]+)", "\n".join(row.split(" | ")[0] for row in table.splitlines()[4:])))
    assert named == set(COMMANDS)


def test_the_options_of_the_readme_exist_or_are_said_not_to() -> None:
    """An option that the README mentions is one of some command; those to come are listed as such, and are none."""
    existing = {"--help"}.union(*map(spellings, OPTIONS))
    before, _, rest = README.partition("## Not in this release")
    absent, _, after = rest.partition("\n## ")
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", before + after)) - existing == set()
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", absent)) & existing == set()


def test_the_readme_mentions_every_option() -> None:
    """Each option of each command stands in the README by one of its spellings."""
    mentioned = set(re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", README))
    assert {option.opts[-1] for option in OPTIONS if mentioned.isdisjoint(spellings(option))} == set()


def test_the_links_of_the_readme_lead_somewhere() -> None:
    """Every relative link names a file or folder of the repository."""
    linked = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    assert linked
    assert [target for target in linked if not (ROOT / target).exists()] == []


def test_the_commands_of_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the README of the examples says to try works, in the folder that it says to start from."""
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".declarative"))
    monkeypatch.chdir(tmp_path)
    tried = [line.split() for line in re.findall(r"`declarative (.+?)`", text)]
    assert [run(line) for line in tried] == [0] * len(tried)
    assert {line[1] for line in tried} == {
        f"examples/{path.name}" for path in (ROOT / "examples").iterdir() if path.is_dir() and path.name != "ci"
    }
