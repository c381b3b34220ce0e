"""What is told before anything happens: all warnings at once, with how many there are, and nothing twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from declarative import load
from declarative.diagnostics import Severity
from tests.apply.stage import Stage, direct
from tests.cli.tool import Tool, documents, training

RUNNING = r"This plan stops Training\.a \(Running since [^)]*, 1 GPU, created by sandbox\)\."


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """One training that runs."""
    with direct(tmp_path) as made:
        made.write(training("a"))
        made.tool.run("apply", "--auto-approve")
        yield made


def test_all_warnings_are_counted_together(stage: Stage) -> None:
    """Whoever they come from: the paths, what runs, and the guards."""
    stage.write("")
    (stage.tool.folder / "empty").mkdir()
    said = stage.tool.run("plan", "empty").err
    summaries = ("No manifests", "Running work would stop", "Everything would be destroyed")
    assert [said.count(f"warning: {one}\n") for one in summaries] == [1, 1, 1]
    assert said.count("warning: ") == 3
    assert [line for line in said.splitlines() if line.endswith(("warnings.", "warning."))] == ["3 warnings."]


def test_what_stops_is_told_once_in_a_long_plan(stage: Stage) -> None:
    """By the warning, which says how to allow it."""
    stage.write(documents(*(training(name) for name in "aklmn")))
    done = stage.tool.run("plan", "--replace", "Training.a")
    assert len(done.out.splitlines()) > 30
    assert "This plan stops" not in done.out
    assert re.search(RUNNING, " ".join(done.err.split()))
    assert done.err.count("This plan stops") == 1


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("apply", "--replace", "Training.a"), "apply these changes"),
        (("apply", "--replace", "Training.a", "--allow", "disruption"), "apply these changes"),
        (("destroy", "--concise"), "destroy these resources"),
    ],
)
def test_the_prompt_names_what_stops_however_short_the_plan_is(
    stage: Stage, arguments: tuple[str, ...], what: str
) -> None:
    """Whoever answers yes has allowed it."""
    done = stage.tool.run(*arguments, code=1)
    said = " ".join(done.err.split())
    assert re.search(rf"{RUNNING} Do you want to {what}\?", said), said
    assert (done.out + done.err).count("This plan stops") == 1


def test_the_warnings_of_a_plan_are_warnings_to_programs_too(tool: Tool) -> None:
    tool.apply()
    tool.write({"manifests/all.yaml": training("a").replace("name: a,", "name: a, key: new,")})
    plan = load(tool.folder).plan()
    assert ("Renamed without saying so", Severity.WARNING) in [(one.summary, one.severity) for one in plan.warnings]
