"""GitHub Actions reads errors from the log: each marks its line of the repository."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.position import Position
from declarative.view.host import Host
from tests.cli.tool import Tool, training

GITHUB = Host(annotates=True, folder="infra")
COMMAND = re.compile(r"^::(error|warning) (.*?)::(.*)$", re.MULTILINE)


def errors(number: int, severity: Severity = Severity.ERROR) -> list[Diagnostic]:
    return [Diagnostic("Wrong", f"{one}.", where=Position("a.yaml", one), severity=severity) for one in range(number)]


def test_a_finding_is_marked_at_its_place_from_the_root_of_the_repository_with_its_notes_and_hint() -> None:
    found = Diagnostic("Wrong", "It is 1.", "write 2", Position("manifests/a.yaml", 3, 5), notes=("in turn 2",))
    (line,) = GITHUB.annotations([found])
    place = "file=infra/manifests/a.yaml,line=3,col=5,title=Wrong"
    assert line == f"::error {place}::It is 1.%0Anote: in turn 2%0Ahint: write 2"


def test_a_place_above_the_project_is_told_from_the_root() -> None:
    (line,) = GITHUB.annotations([Diagnostic("Wrong", "It is.", where=Position("../values.yaml"))])
    assert line.startswith("::error file=values.yaml,line=1,")


def test_a_finding_without_a_place_or_a_detail_says_its_summary() -> None:
    warning = Diagnostic("Partial plan", severity=Severity.WARNING)
    assert GITHUB.annotations([warning]) == ["::warning title=Partial plan::Partial plan"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("100% a:b,c", "100%25 a:b,c"),
        ("a\nb", "a%0Ab"),
        ("a\r\x1b[2Jb", r"a\r\x1b[2Jb"),
        ("%0A::error::x", "%250A::error::x"),
    ],
)
def test_nothing_in_a_text_ends_the_line_or_is_taken_for_an_escape(text: str, told: str) -> None:
    (line,) = GITHUB.annotations([Diagnostic("Wrong", text)])
    assert line == f"::error title=Wrong::{told}"


def test_a_file_name_cannot_end_its_property() -> None:
    (line,) = GITHUB.annotations([Diagnostic("Wrong", "It is.", where=Position("a,line=9::b%.yaml"))])
    assert line == "::error file=infra/a%2Cline=9%3A%3Ab%25.yaml,line=1,col=1,title=Wrong::It is."


@pytest.mark.parametrize(
    ("number", "lines", "last"), [(10, 10, "9."), (11, 10, "2 more errors"), (30, 10, "21 more errors")]
)
def test_no_more_are_marked_than_the_host_shows_and_the_last_one_counts_the_rest(
    number: int, lines: int, last: str
) -> None:
    found = GITHUB.annotations(errors(number))
    assert len(found) == lines
    assert last in found[-1]


def test_warnings_have_a_room_of_their_own_and_what_was_marked_before_counts() -> None:
    found = GITHUB.annotations([*errors(12), *errors(12, Severity.WARNING)], {Severity.ERROR: 8, Severity.WARNING: 10})
    assert [line.split("::")[1].split()[0] for line in found] == ["error", "error"]
    assert "11 more errors" in found[-1]


def test_a_command_marks_its_errors_on_standard_error_alone(tmp_path: Path) -> None:
    tool = Tool(tmp_path / "infra", {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path)})
    tool.write(
        {
            "manifests/a.yaml": training("a").replace("image", "imag"),
            "declarative.yaml": "apiVersion: declarative/v1\nkind: Project\n",
        }
    )
    done = tool.run("plan", "--json", code=1)
    assert all(json.loads(line) for line in done.out.splitlines())
    (_, place, told), *_ = COMMAND.findall(done.err)
    assert place == "file=infra/manifests/a.yaml,line=5,col=3,title=Unknown key"
    assert told.endswith("%0Ahint: did you mean `image`?")


def test_many_errors_of_a_command_are_marked_up_to_the_limit(tmp_path: Path) -> None:
    tool = Tool(tmp_path, {"GITHUB_ACTIONS": "true"})
    tool.write({f"manifests/{one}.yaml": training("a b").replace("image", "imag") for one in range(9)})
    done = tool.run("validate", code=1)
    assert len(COMMAND.findall(done.err)) == 10
    assert "See the log of this step." in done.err


def test_no_host_no_marks(tmp_path: Path) -> None:
    tool = Tool(tmp_path, {"GITLAB_CI": "true"})
    tool.write({"manifests/a.yaml": training("a").replace("image", "imag")})
    assert not COMMAND.search(tool.run("validate", code=1).err)
