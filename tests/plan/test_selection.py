"""Targets bring along what they need, and exclusions leave behind what needs them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative.errors import PlanError
from declarative.model.address import Address
from declarative.plan.selection import Needs, Selection


def address(key: str) -> Address:
    return Address("Training", key)


def needs(**edges: str) -> Needs:
    """`a="bc"`: a depends on b and c."""
    return {address(key): tuple(map(address, others)) for key, others in edges.items()}


def keys(selection: Selection, staying: Needs, leaving: Needs | None = None) -> str:
    return "".join(sorted(one.key for one in selection.of(staying, leaving or {})))


CHAIN = needs(a="b", b="c", c="", d="c")


@pytest.mark.parametrize(
    ("targets", "excludes", "expected"),
    [
        ((), (), "abcd"),
        (("Training.a",), (), "abc"),
        (("Training.d",), (), "cd"),
        (("Training.[ad]",), (), "abcd"),
        (("Training.c",), (), "c"),
        ((), ("Training.b",), "cd"),
        ((), ("Training.c",), ""),
        (("Training.a",), ("Training.b",), "c"),
        (("*",), ("Training.a",), "bcd"),
    ],
)
def test_dependencies_follow_targets(targets: tuple[str, ...], excludes: tuple[str, ...], expected: str) -> None:
    """Of what stays, a target needs its dependencies, and an exclusion takes its dependants out."""
    assert keys(Selection(targets, excludes), CHAIN) == expected


@pytest.mark.parametrize(
    ("targets", "excludes", "expected"),
    [
        (("Training.c",), (), "abcd"),
        (("Training.a",), (), "a"),
        ((), ("Training.a",), "d"),
        ((), ("Training.d",), "ab"),
    ],
)
def test_deletions_go_the_other_way_round(targets: tuple[str, ...], excludes: tuple[str, ...], expected: str) -> None:
    """What depends on something that goes has to go before it, and what is kept keeps what it depends on."""
    assert keys(Selection(targets, excludes), {}, CHAIN) == expected


@pytest.mark.parametrize(
    ("glob", "hint"), [("Training.aa", "did you mean"), ("resnet", "KIND.KEY"), ("a", "Training.a")]
)
def test_a_glob_that_matches_nothing_is_an_error(glob: str, hint: str) -> None:
    """A typo in a target must not look like an empty plan."""
    with pytest.raises(PlanError) as caught:
        Selection((glob,)).of(CHAIN, {})
    assert hint in (caught.value.diagnostics[0].hint or "")


@st.composite
def graphs(draw: st.DrawFn) -> Needs:
    """Acyclic dependencies among a few addresses."""
    names = "abcdefgh"[: draw(st.integers(1, 8))]
    return needs(
        **{name: "".join(draw(st.sets(st.sampled_from(names[:i])))) if i else "" for i, name in enumerate(names)}
    )


@pytest.mark.parametrize(("glob", "expected"), [("Training.*", "ab"), ("WorkloadTemplate.*", "c"), ("*.[bc]", "bc")])
def test_a_glob_may_name_a_kind(glob: str, expected: str) -> None:
    known = {address("a"): (), address("b"): (), Address("WorkloadTemplate", "c"): ()}
    assert keys(Selection((glob,)), known) == expected


@given(staying=graphs(), data=st.data())
def test_a_selection_can_be_applied_by_itself(staying: Needs, data: st.DataObject) -> None:
    """Whatever is selected has its dependencies selected, too, and nothing that is excluded."""
    selection = drawn(staying, data)
    chosen = selection.of(staying, {})
    assert all(set(staying[one]) <= chosen for one in chosen)
    assert not chosen & {one for one in staying if str(one) in selection.excludes}


@given(leaving=graphs(), data=st.data())
def test_a_selection_can_be_deleted_by_itself(leaving: Needs, data: st.DataObject) -> None:
    """Whatever is selected has all that depends on it selected, too, and nothing that is excluded."""
    selection = drawn(leaving, data)
    chosen = selection.of({}, leaving)
    assert all(other in chosen for other, needs in leaving.items() if chosen & set(needs))
    assert not chosen & {one for one in leaving if str(one) in selection.excludes}


@given(everything=graphs(), data=st.data())
def test_a_selection_has_nothing_that_nobody_asked_for(everything: Needs, data: st.DataObject) -> None:
    """What is neither a target nor needed by one is not selected, and what is left out is excluded or needs what is."""
    staying = {one: needs for one, needs in everything.items() if data.draw(st.booleans())}
    leaving = {one: needs for one, needs in everything.items() if one not in staying}
    first = {
        one: {other for other in staying.get(one, ()) if other in everything}
        | {other for other, needs in leaving.items() if one in needs and one in leaving}
        for one in everything
    }
    selection = drawn(everything, data)
    reached = reach({one for one in everything if str(one) in selection.targets}, first)
    wanted = reached if selection.targets else set(everything)
    spared = {
        one for one in everything if reach({one}, first) & {o for o in everything if str(o) in selection.excludes}
    }
    assert selection.of(staying, leaving) == wanted - spared


def drawn(known: Needs, data: st.DataObject) -> Selection:
    """Targets and exclusions among known addresses."""
    names = st.sampled_from([str(one) for one in known])
    return Selection(tuple(data.draw(st.lists(names, max_size=2))), tuple(data.draw(st.lists(names, max_size=2))))


def reach(start: set[Address], edges: dict[Address, set[Address]]) -> set[Address]:
    """What can be reached, by one step at a time until nothing is new."""
    while True:
        more = start.union(*(edges[one] for one in start))
        if more == start:
            return start
        start = more
