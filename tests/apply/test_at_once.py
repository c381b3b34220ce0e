"""Several applies of parts of one state at once: no update is lost, nothing waits for ever, nothing is made twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apply.stage import STATES, Hold, Stage, created_name, direct, is_create, kept_in, staged
from tests.cli.tool import template, training, until
from tests.postgres import PostgresServer
from tests.runai.wire import Asked, Reply

APPLY = ("apply", "--auto-approve", "--allow", "disruption", "--allow", "mass-change", "--lock-timeout", "2m")


def part(number: int, turn: int) -> list[str]:
    """Every turn updates one, replaces one, and puts one in place of another."""
    return [
        template(f"base{number}", text=f"v{turn}"),
        training(f"run{number}", image=f"registry.example/train:{turn}", needs=[f"WorkloadTemplate.base{number}"]),
        training(f"new{number}t{turn}"),
    ]


def targets(*numbers: int) -> list[str]:
    """Whatever belongs to these parts, of any turn."""
    globs = (f"*.{name}" for number in numbers for name in (f"base{number}", f"run{number}", f"new{number}t*"))
    return [option for glob in globs for option in ("--target", glob)]


@pytest.fixture(params=STATES)
def shared(request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer) -> Iterator[Stage]:
    with direct(tmp_path, **kept_in(request.param, postgres)) as stage:
        yield stage


@pytest.mark.parametrize("shares", [0, 1], ids=["disjoint", "overlapping"])
@pytest.mark.parametrize(("number", "turns"), [(4, 2), pytest.param(8, 6, marks=pytest.mark.torture)])
def test_applies_at_once_lose_no_update_and_make_nothing_twice(
    shared: Stage, number: int, turns: int, shares: int
) -> None:
    """Each is about a part, or about that of its neighbour as well; the first ones make the state, too."""
    made: set[str] = set()
    for turn in range(turns):
        shared.write(*(text for part_number in range(number) for text in part(part_number, turn)))
        running = [
            shared.tool.start(*APPLY, *targets(*((one + more) % number for more in range(shares + 1))))
            for one in range(number)
        ]
        for one in running:
            ended = one.ended(120)
            assert ended.code == 0, ended.err
        made |= shared.live_ids()
        assert shared.live() == Counter(
            name for one in range(number) for name in (f"base{one}", f"run{one}", f"new{one}t{turn}")
        )
        assert shared.recorded_ids() == shared.live_ids()
        shared.tool.plan_is_empty()
        assert shared.processed() == len(made)


@pytest.fixture
def held(tmp_path: Path, postgres: PostgresServer) -> Iterator[Stage]:
    with staged(tmp_path, DECLARATIVE_STATE=postgres.url()) as stage:
        yield stage


def test_on_a_server_disjoint_parts_are_applied_while_one_is_under_way(held: Stage) -> None:
    """What overlaps is refused, naming what is held, or waits; a plan needs no lock."""
    hold = Hold()

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked) and created_name(asked) == "base0":
            hold()
        return held.passed(asked)

    held.interfere = interfere
    held.write(*part(0, 0), *part(1, 0))
    first = held.tool.start(*APPLY, *targets(0))
    until(hold.reached.is_set)
    held.tool.apply(*targets(1))
    refused = held.tool.apply(*targets(0), "--lock-timeout", "0s", code=1)
    assert "WorkloadTemplate.base0" in refused.err
    assert "is held by" in refused.err
    assert "The state is locked" in held.tool.apply(code=1).err
    held.tool.run("plan", *targets(1))
    waiting = held.tool.start(*APPLY, *targets(0, 1))
    hold.released.set()
    assert [first.ended().code, waiting.ended().code] == [0, 0]
    held.is_whole("base0", "run0", "new0t0", "base1", "run1", "new1t0")


def test_what_came_to_a_selection_while_it_waited_is_locked_as_well(held: Stage) -> None:
    """A dependant that somebody has made meanwhile is deleted with its target, under a lock that covers it."""
    held.write(training("a"))
    held.tool.apply()
    hold = Hold()

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked) and created_name(asked) == "base":
            hold()
        return held.passed(asked)

    held.interfere = interfere
    held.write(template("base"), training("a"), training("b", needs=["Training.a", "WorkloadTemplate.base"]))
    first = held.tool.start(*APPLY)
    until(hold.reached.is_set)
    waiting = held.tool.start("destroy", *APPLY[1:], "--target", "Training.a")
    until(lambda: "Control plane" in waiting.said())
    time.sleep(0.5)  # it reads the state next; should that take longer, it knows of the dependant from the start
    hold.released.set()
    assert first.ended().code == 0
    done = waiting.ended()
    assert done.code == 0, done.err
    assert held.recorded_ids() == held.live_ids()
    assert held.live() == Counter(["base"])


@pytest.mark.parametrize("answered", [True, False], ids=["recorded", "under way"])
def test_the_look_for_a_lost_create_takes_nothing_that_another_apply_makes(held: Stage, answered: bool) -> None:
    """Two trainings that look alike, each applied by a process of its own: the one that never arrived is not the other."""
    lost, answer = Hold(), Hold()

    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked) and not lost.reached.is_set():
            lost()
            return None
        reply = held.passed(asked)
        if is_create(asked) and not answered and not answer.reached.is_set():
            answer()
        return reply

    held.interfere = interfere
    name = "name: twin, useGivenNameAsPrefix: true,"
    held.write(*(training("twin").replace("name: twin,", f"key: twin{number}, {name}") for number in range(2)))
    first = held.tool.start(*APPLY, "--target", "Training.twin0")
    until(lost.reached.is_set)
    second = held.tool.start(*APPLY, "--target", "Training.twin1")
    until(answer.reached.is_set if not answered else lambda: second.process.poll() is not None)
    lost.released.set()
    assert first.ended().code == 1
    answer.released.set()
    assert second.ended().code == 0
    assert len(held.recorded_ids() & held.live_ids()) == len(held.live_ids()) == 1
    held.landed()
    held.tool.apply()
    assert len(held.live_ids()) == 2
    assert held.recorded_ids() == held.live_ids()
    held.tool.plan_is_empty()
