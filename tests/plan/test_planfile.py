"""Saved plans."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from declarative.errors import PlanError
from declarative.kinds import ALL
from declarative.model.plan import Plan
from declarative.model.record import Operation
from declarative.model.value import FrozenMap, canonical, digest
from declarative.plan import planner
from declarative.plan.planfile import FORMAT, PlanFile, checksum, dump, is_planfile, load
from declarative.plan.planner import Live
from tests.examples import examples
from tests.plan.bodies import ORIGIN, address, observed, pending, planned, record, resource, template, training
from tests.strategies import bodies

QUICK = settings(max_examples=examples(40))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Real plans, from two bodies of a kind: one that is desired, and one that was applied and is live."""
    kind = draw(st.sampled_from(ALL))
    desired, applied = draw(bodies(kind, nulls=True)), draw(bodies(kind))
    lifecycle: dict[str, Any] = {
        "prevent_destroy": draw(st.booleans()),
        "create_before_destroy": draw(st.booleans()),
        "replace_when": (address(template(), "kept"),) if draw(st.booleans()) else (),
    }
    phase = draw(st.sampled_from(["Running", "Stopped", "Completed", "Pending"]))
    records, live = [record(applied, "id-1", "it")], [observed(applied, phase)]
    if draw(st.booleans()):
        records[0] = pending(desired, draw(st.sampled_from(list(Operation))), records[0])
    if draw(st.booleans()):
        records.append(record(template(), "id-2", "kept"))
        live.append(observed(template(), id="id-2"))
    wanted = [resource(desired, "it", line=draw(st.integers(1, 99)), **lifecycle)]
    if draw(st.booleans()):
        wanted.append(resource(template(nodeType="x"), "kept"))
    # What cannot have its name is left out of the plan.
    return planner.plan(wanted[draw(st.integers(0, 1)) :], records, Live.of(live, records), ORIGIN)[0]


PLAN = planned(resource(training(tty=True), needs=(address(template()),)), resource(template()))
TEXT = dump(PlanFile(PLAN, 1, 2))


@QUICK
@given(plan=plans(), recorded=st.integers(0, 99), desired=st.integers(0, 99))
def test_a_plan_comes_back_as_it_was(plan: Plan, recorded: int, desired: int) -> None:
    """But for the bodies to send: they hold what others set, and are made anew when the plan is carried out."""
    saved = replace(plan, changes=tuple(replace(change, merged=None) for change in plan.changes))
    file = PlanFile(saved, recorded, desired)
    text = dump(PlanFile(plan, recorded, desired))
    assert load(text, "p.plan") == file
    assert dump(load(text, "p.plan")) == text
    assert is_planfile(text)
    assert checksum(load(text, "p.plan")) == checksum(file)
    assert hash(load(text, "p.plan")) == hash(file)


def test_the_checksum_names_the_content() -> None:
    """Whatever changes, it changes; and it is what the file says of itself."""
    file = PlanFile(PLAN, 1, 2)
    changed = [
        PlanFile(PLAN, 2, 2),
        PlanFile(PLAN, 1, 3),
        PlanFile(replace(PLAN, serial=8), 1, 2),
        PlanFile(replace(PLAN, endpoint="https://acme.run.ai"), 1, 2),
        PlanFile(replace(PLAN, changes=PLAN.changes[:1]), 1, 2),
        PlanFile(replace(PLAN, changes=(replace(PLAN.changes[0], after=training(tty=False)), PLAN.changes[1])), 1, 2),
    ]
    sums = {checksum(one) for one in (file, *changed)}
    assert len(sums) == 1 + len(changed)
    assert all(len(one) == 12 for one in sums)
    assert json.loads(TEXT)["checksum"] == checksum(file)


@given(cut=st.integers(0, len(TEXT) - 2))
def test_a_truncated_file_is_refused(cut: int) -> None:
    with pytest.raises(PlanError):
        load(TEXT[:cut], "p.plan")


@given(place=st.integers(0, len(TEXT) - 2), letter=st.characters(codec="ascii"))
def test_a_changed_file_is_refused(place: int, letter: str) -> None:
    """Unless the change means nothing in JSON."""
    changed = TEXT[:place] + letter + TEXT[place + 1 :]
    try:
        found = load(changed, "p.plan")
    except PlanError:
        return
    assert found == PlanFile(PLAN, 1, 2)


def _with_content(content: object) -> str:
    return canonical({"format": FORMAT, "checksum": digest(content)[:12], "content": content})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "damaged"),
        ("null", "damaged"),
        ("[]", "damaged"),
        ("{}", "damaged"),
        ('"declarative-plan/1"', "damaged"),
        ("apiVersion: runai/v1", "damaged"),
        ('{"format_version":"1.2"}', "damaged"),
        ("[" * 100_000, "damaged"),
        (TEXT.replace(FORMAT, "declarative-plan/2"), "declarative-plan/2, and this release reads declarative-plan/1"),
        (TEXT.replace('"recorded":1', '"recorded":3'), "does not match its checksum"),
        (_with_content([]), "damaged"),
        (_with_content({"recorded": 1, "desired": 1}), "damaged"),
        (_with_content({"plan": {"changes": [{"action": "explode"}]}}), "damaged"),
        (_with_content({"plan": {"news": 1}}), "damaged"),
    ],
)
def test_what_is_no_plan_of_this_release_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(PlanError) as refused:
        load(text, "p.plan")
    (found,) = refused.value.diagnostics
    assert found.detail.startswith("p.plan cannot be read as a plan: ")
    assert why in found.detail
    assert "plan --out" in (found.hint or "")


@pytest.mark.parametrize("text", ["", "{}", "{", "apiVersion: runai/v1", '{"apiVersion": "runai/v1"}', '{"checksum'])
def test_other_files_are_not_taken_for_plans(text: str) -> None:
    assert not is_planfile(text)


def test_a_damaged_plan_is_still_taken_for_one() -> None:
    """So that the user hears that it is damaged, and not that it is no manifest."""
    assert is_planfile(TEXT[: len(TEXT) // 2])


def test_a_plan_shows_fields_in_the_order_of_the_manifest_after_it_was_saved() -> None:
    """Whatever the order, the checksum is that of the content."""
    body = training(tty=True, image="b", args="c")
    turned = FrozenMap({**body, "spec": FrozenMap(reversed(body["spec"].items()))})
    files = [PlanFile(planned(resource(one)), 0, 1) for one in (body, turned)]
    again = [load(dump(file), "p.plan") for file in files]
    assert [list(one.plan.changes[0].after["spec"]) for one in again] == [list(body["spec"]), list(turned["spec"])]
    assert checksum(again[0]) == checksum(again[1])
    assert is_planfile(dump(files[1]))


def test_where_a_plan_belongs_is_saved_with_it() -> None:
    file = PlanFile(PLAN, 1, 2, "prod", "prod.sqlite3")
    assert load(dump(file), "p.plan") == file
    assert len({checksum(one) for one in (file, replace(file, environment=None), replace(file, state=None))}) == 3


def test_when_a_plan_was_made_is_saved_and_no_part_of_its_checksum() -> None:
    """A plan that is made anew, and says the same, has the checksum that was reviewed."""
    first, second = (replace(PlanFile(PLAN, 1, 2), created=f"2026-01-0{day}T00:00:00Z") for day in (1, 2))
    assert load(dump(first), "p.plan").created == "2026-01-01T00:00:00Z"
    assert checksum(first) == checksum(second)
