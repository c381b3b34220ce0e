"""The measurements measure what they say, so that they are there when somebody needs them. No figure is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.bench import report
from tests.bench.commands import Work
from tests.bench.cost import Cost
from tests.bench.goals import Goal, ratio
from tests.bench.served import Served, served
from tests.bench.server import TRAININGS, WORKLOADS
from tests.cli.tool import REPOSITORY, environment

TRAINING = {"name": "a", "projectId": "1", "clusterId": "c", "spec": {"image": "i"}}
# A harness that measured nothing: a second and 100 MiB for Terraform, a tenth of both for us.
HARNESS = """
import argparse, json
parser = argparse.ArgumentParser()
for name in ("declarative", "json", "repeat", "parallelism", "phases", "trainings", "changed", "backend", "latency"):
    parser.add_argument(f"--{name}")
parser.add_argument("--one-file", action="store_true")
chosen = parser.parse_args()

def run(part):
    cost = {"wall": part, "cpu": part, "peak_mib": 90 * part, "peak_sum_mib": 100 * part, "foreign": 0.0}
    return {phase: cost for phase in chosen.phases.split(",")}

sides = {"terraform": 1.0, "declarative": 0.1}
rows = {side: [run(part)] * int(chosen.repeat) for side, part in sides.items()}
open(chosen.json, "w").write(json.dumps({"rows": rows}))
"""


def tables(*options: str) -> dict[str, list[str]]:
    """All rows that `python -m tests.bench` prints, by their first cells."""
    command = (sys.executable, "-m", "tests.bench", *options)
    ran = subprocess.run(command, cwd=REPOSITORY, env=environment({}), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return cells(ran.stdout)


def cells(text: str) -> dict[str, list[str]]:
    """The rows of all tables in a text but the lines below their heads, by their first cells."""
    lines = (line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ") and "---" not in line)
    return {first.strip(): [one.strip() for one in rest] for first, *rest in lines}


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served() as one:
        yield one


def test_every_command_is_measured_and_does_its_work_against_the_measuring_server() -> None:
    """Three trainings are created, found unchanged, changed and deleted; each call is counted."""
    rows = tables("--quick", "--trainings", "3", "--many", "4", "--runs", "1")
    works = (
        "first plan",
        "first apply",
        "no-op plan, warm",
        "no-op plan, one file, cold",
        "one change, apply",
        "destroy",
    )
    assert {"--version", "--help", *(f"{work}, 3" for work in works)} <= rows.keys()
    assert float(rows["first apply, 3"][1]) > 0
    assert int(rows["no-op plan, warm, 3"][-1]) == 1
    assert 1 <= float(rows["apply"][-1]) <= 3
    assert 1 <= float(rows["destroy"][-1]) <= 3


def test_the_harness_is_asked_for_every_row_and_its_figures_become_ratios(tmp_path: Path) -> None:
    """Ratios are ours by theirs; a goal is met when none of its figures is above it."""
    harness = tmp_path / "peer.py"
    harness.write_text(HARNESS, encoding="utf-8")
    rows = tables("--peer", str(harness), "--large", "--rows", "files", "local", "large")
    assert rows["destroy, 1,000"][1:] == ["1.00 s / 100 MiB", "0.10 s / 10 MiB", "wall 1/10, peak 1/10", "met"]
    assert rows["one change, apply, 10,000"][-1] == "met"
    assert rows["no-op plan, a file each, 10,000"][-1] == "not met"


def test_growth_is_the_cost_of_one_among_many_by_that_of_one_among_few() -> None:
    """Once as it is, once without what a command with one alone takes."""
    costs = {Work("validate", count): Cost(wall, 0, 0) for count, wall in ((1, 1.0), (11, 2.0), (111, 22.0))}
    assert cells(report.growth(costs, 11, 111))["validate"] == ["181.82", "198.20", "1.09", "met", "2.00"]


def test_requests_of_a_plan_are_pages_and_a_constant() -> None:
    """The constant is what is left of the requests."""
    costs = {Work("no-op plan, warm", count): Cost(1, 0, 0, 0, {"list": asked}) for count, asked in ((3, 2), (1001, 4))}
    rows = cells(report.requests(costs))
    assert {count: rows[count] for count in ("3", "1,001")} == {"3": ["2", "1 + 1"], "1,001": ["4", "3 + 1"]}


def test_only_plans_of_huge_projects_are_judged_by_their_peak() -> None:
    """In MiB."""
    costs = {
        Work(what, 9): Cost(1, 0, peak) for what, peak in (("first plan", 2048), ("no-op plan", 2049), ("apply", 9))
    }
    assert [row[-1] for row in cells(report.huge(costs)).values()][1:] == ["met", "not met", ""]


@pytest.mark.parametrize(("wall", "peak", "met"), [(0.1, 0.2, True), (0.11, 0.2, False), (0.1, 0.21, False)])
def test_a_goal_is_met_when_neither_figure_is_above_it(wall: float, peak: float, met: bool) -> None:
    """The figure itself is good enough."""
    assert Goal(0.1, 0.2).is_met(wall, peak) is met


def test_a_ratio_below_one_is_told_as_a_fraction() -> None:
    """As the goals are."""
    assert [ratio(0.1), ratio(2.0)] == ["1/10", "2 x"]


def test_the_measuring_server_lists_what_was_created_by_pages_and_counts_requests_by_kind(server: Served) -> None:
    """`next` is where the following page begins; a deleted training is on no page and not to be read."""
    server.reset()
    ids = [ask(server, "POST", TRAININGS, TRAINING)["workloadId"] for _ in range(3)]
    page = ask(server, "GET", f"{WORKLOADS}?limit=2&filterBy=type%3D%3DTraining")
    assert ([row["id"] for row in page["workloads"]], page["next"]) == (ids[:2], 2)
    assert ask(server, "GET", f"{TRAININGS}/{ids[2]}")["spec"] == TRAINING["spec"]
    ask(server, "DELETE", f"{TRAININGS}/{ids[0]}")
    page = ask(server, "GET", f"{WORKLOADS}?offset=1&limit=2")
    assert ([row["id"] for row in page["workloads"]], page.get("next")) == (ids[2:], None)
    with pytest.raises(OSError, match="404"):
        ask(server, "GET", f"{TRAININGS}/{ids[0]}")
    counted = {kind: count["requests"] for kind, count in server.counts().items()}
    assert counted == {"create": 3, "list": 2, "read": 2, "delete": 1}


def test_a_delayed_request_is_in_flight_until_it_is_answered(server: Served) -> None:
    """Requests one after another are one in flight."""
    server.reset()
    server.delay(50)
    for _ in range(2):
        ask(server, "POST", TRAININGS, TRAINING)
    server.delay(0)
    count = server.counts()["create"]
    assert count["most"] == 1
    assert 0.5 < count["mean"] <= 1


def ask(server: Served, method: str, target: str, body: object = None) -> dict[str, Any]:
    """The answer, which has to be good."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(server.url + target, data, method=method), timeout=10) as answer:
        told: dict[str, Any] = json.load(answer)
        return told
