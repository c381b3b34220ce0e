"""The README's promises to those who come from other tools: each row of its tables is held by a test."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.tool import REPOSITORY, Tool, template

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
TOOLS = ["declarative", "Terraform", "OpenTofu", "Pulumi", "Argo CD", "octoDNS"]


def rows(heading: str) -> Iterator[list[str]]:
    """The cells of the first table below a heading, its head first."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| ") and not line.startswith("|---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


FEATURES = list(rows("Beside other tools"))
TASKS = list(rows("Ten everyday tasks"))
EXISTING = {
    name
    for file in (REPOSITORY / "tests").rglob("test_*.py")
    for name in re.findall(r"^ *(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
}


def commands(cell: str) -> list[list[str]]:
    return [shlex.split(line) for line in re.findall(r"`(.+?)`", cell)]


@pytest.mark.parametrize("row", FEATURES[1:], ids=lambda row: row[0].partition(" <!--")[0])
def test_a_feature_that_the_readme_claims_is_held_by_a_test(row: list[str]) -> None:
    """By the one that the row names, or else by one of the row's own name."""
    named = re.search(r"<!-- (test_\w+) -->", row[0])
    own = "test_" + re.sub(r"\W+", "_", row[0].lower()).strip("_")
    assert (named[1] if named else own) in EXISTING


def test_every_tool_has_an_answer_in_every_row() -> None:
    """An answer is a word of the legend, or the release that brought it."""
    assert FEATURES[0][1:] == TOOLS
    assert len(FEATURES) > 20
    answers = {answer for row in FEATURES[1:] for answer in row[1:]}
    assert {len(row) for row in FEATURES} == {len(TOOLS) + 1}
    assert {answer for answer in answers if not re.fullmatch(r"1\.\d+", answer)} == {"yes", "no", "partly", "—", "?"}
    assert {row[1] for row in FEATURES[1:]} == {"yes"}


def test_protection_that_a_variable_decides(tmp_path: Path) -> None:
    """The same manifest is protected with one value, and destroyed with another."""
    tool = Tool(tmp_path)
    protected = template("base").replace("spec:", "lifecycle: {preventDestroy: {{ var.protect }}}\nspec:", 1)
    project = "apiVersion: declarative/v1\nkind: Project\nvariables: {protect: {type: boolean, default: true}}\n"
    tool.write({"manifests/all.yaml": protected, "declarative.yaml": project})
    tool.apply()
    assert "Protected resource" in tool.run("destroy", "manifests", "--auto-approve", code=1).err
    destroyed = tool.run("destroy", "manifests", "--auto-approve", "--var", "protect=false")
    assert "1 destroyed" in destroyed.out


def test_the_ten_everyday_tasks_can_be_done_as_the_readme_says(tmp_path: Path) -> None:
    """One after another, in a new project, each command ends well."""
    tool = Tool(tmp_path)
    assert len(TASKS) == 11
    for _, _, here in TASKS[1:]:
        for name, *arguments in commands(here):
            assert name == "declarative"
            tool.run(*arguments)
    assert tool.run("state", "list").out == ""


def test_what_a_terraform_user_guesses_works_or_is_answered_with_its_spelling_here(tmp_path: Path) -> None:
    """Each command of Terraform's column, typed with the other name, is right already, or the error says how it is spelt."""
    tool = Tool(tmp_path)
    for _, terraform, here in TASKS[1:]:
        for (_, *guess), (_, *right) in zip(commands(terraform), commands(here), strict=True):
            done = tool.run(*guess, code=None)
            if done.code:
                option = next(word.partition("=")[0] for word in guess if word.startswith("-"))
                assert f"did you mean -{option}?" in done.err, (guess, done)
                tool.run(*right)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("taint", "--replace"), ("workspace", "-e NAME"), ("refresh", "--refresh-only"), ("output", "state show")],
)
def test_a_command_of_another_tool_is_answered_with_the_one_here(tmp_path: Path, typed: str, meant: str) -> None:
    assert meant in Tool(tmp_path).run(typed, code=1).err
