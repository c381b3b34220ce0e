"""`declarative init`: what a new project has, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from declarative.cli.init import TEMPLATES
from tests.cli.tool import REPOSITORY, Tool

# Template -> what its commands need, and how many resources it makes.
MADE = {"training": ((), 2), "sweep": ((), 6), "team": (("-e", "dev"), 3)}


def test_every_template_is_listed_and_tried_here(tmp_path: Path) -> None:
    listed = Tool(tmp_path).run("init", "--list").out
    assert [line.split()[0] for line in listed.splitlines()] == list(TEMPLATES) == list(MADE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", MADE)
def test_a_template_makes_a_project_that_goes_through_its_life_as_it_is(tmp_path: Path, name: str) -> None:
    options, count = MADE[name]
    tool = Tool(tmp_path)
    said = tool.run("init", "--template", name).err
    assert said.endswith(f"Next: declarative plan{' -e dev' if options else ''}\n")
    assert f"{count} resources" in tool.run("validate", *options).out
    assert f"Plan: {count} to add, 0 to change, 0 to destroy." in tool.run("plan", *options).out
    tool.apply(*options)
    tool.plan_is_empty(*options)
    assert f"{count} destroyed" in tool.run("destroy", *options, "--auto-approve", "--allow", "disruption").out


def test_no_file_is_overwritten_and_then_none_is_written(tmp_path: Path) -> None:
    """A project file of somebody else stays as it was, and nothing is put beside it."""
    tool = Tool(tmp_path)
    tool.write({"declarative.yaml": "mine"})
    done = tool.run("init", "--template", "sweep", code=1)
    assert "declarative.yaml in . would be overwritten." in done.err
    assert [file.name for file in tmp_path.iterdir()] == ["declarative.yaml"]
    assert (tmp_path / "declarative.yaml").read_text() == "mine"


def test_a_gitignore_that_is_there_is_kept(tmp_path: Path) -> None:
    tool = Tool(tmp_path)
    tool.write({".gitignore": "mine"})
    tool.run("init")
    assert (tmp_path / ".gitignore").read_text() == "mine"


def test_a_template_that_is_misspelt_is_told_its_nearest_name(tmp_path: Path) -> None:
    assert "did you mean --template team?" in Tool(tmp_path).run("init", "--template", "tema", code=1).err
    assert "see declarative init --list" in Tool(tmp_path).run("init", "--template", "xyz", code=1).err


def test_the_template_of_a_team_is_the_example_of_a_team() -> None:
    """One is kept up to date with the other; only the line for editors differs."""
    example = REPOSITORY / "examples" / "team"
    scaffold = REPOSITORY / "declarative" / "cli" / "scaffold" / "team"
    for file in sorted(example.rglob("*.yaml")):
        lines = [line for line in file.read_text().splitlines() if "yaml-language-server" not in line]
        assert (scaffold / file.relative_to(example)).read_text().splitlines() == lines
