"""What `lifecycle` and `dependsOn` promise, from the manifest to the plan."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from declarative.model.address import Address
from declarative.model.plan import Action
from declarative.model.record import Record
from declarative.model.resource import Resource
from declarative.plan.planner import Live, destruction
from declarative.plan.steps import steps
from tests.cli.tool import Tool, documents, template
from tests.plan.bodies import ORIGIN, observed, planned, record, resource, training

PROJECT = """apiVersion: declarative/v1
kind: Project
variables: {protect: {type: boolean, default: true}, text: {type: string, default: one}}
"""


def manifest(name: str, spec: str = "image: busybox", more: str = "") -> str:
    """A training whose lifecycle and the like are in `more`, and whose spec may have several lines."""
    lines = "".join(f"  {line}\n" for line in spec.splitlines())
    place = "project: vision, cluster: a100-prod, useGivenNameAsPrefix: true"
    return f"apiVersion: runai/v1\nkind: Training\nmetadata: {{name: {name}, {place}}}\n{more}spec:\n{lines}"


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    made = Tool(tmp_path)
    made.write({"declarative.yaml": PROJECT})
    return made


# --- preventDestroy and keepOnDestroy -----------------------------------------------------------------------------------
def test_protection_may_come_from_a_variable(tool: Tool) -> None:
    """It is lifted by another value and an apply with that, and by nothing else."""
    protected = "lifecycle: {preventDestroy: '{{ var.protect }}'}\n".replace("'", "")
    tool.write({"manifests/a.yaml": manifest("a", "image: '{{ var.text }}'", protected)})
    tool.apply()
    told = tool.run("plan", "--var", "text=two", code=1).err
    assert "error: Protected resource" in told
    assert "manifests/a.yaml:1" in told
    assert "error: Protected resource" in tool.run("destroy", "--auto-approve", code=1).err
    lifted = tool.run("plan", "--var", "protect=false").out
    assert "lifecycle.preventDestroy becomes false in the state" in lifted
    assert "1 to destroy" in tool.run("plan", "--var", "protect=false", "--var", "text=two").out
    tool.apply("--var", "protect=false")
    tool.run("destroy", "--auto-approve", "--allow", "disruption")


def test_keep_on_destroy_lets_go_of_what_stays_live(tool: Tool) -> None:
    tool.write({"manifests/a.yaml": manifest("a", more="lifecycle: {keepOnDestroy: true}\n")})
    tool.apply()
    assert "1 to forget" in tool.run("plan", "--destroy").out
    tool.run("destroy", "--auto-approve")
    assert tool.run("state", "list").out == ""
    assert "Wrote 1 manifest" in tool.run("import", "--discover", "--out", "manifests/live").out


# --- ignoreChanges --------------------------------------------------------------------------------------------------------
SPEC = """image: busybox
environmentVariables: [{{name: LR, value: "{lr}"}}, {{name: MODE, value: "{mode}"}}]
labels: [{{name: team, value: "{team}"}}, {{name: cost.example/center, value: "{center}"}}]
annotations: [{{name: note, value: "{note}"}}]"""
BEFORE = {"lr": "0.1", "mode": "fast", "team": "red", "center": "1", "note": "x"}


@pytest.mark.parametrize(
    ("ignored", "changed", "left"),
    [
        ("spec.environmentVariables[*].value", {"lr": "0.2", "mode": "slow"}, 0),
        ("spec.environmentVariables[LR].value", {"lr": "0.2", "mode": "slow"}, 1),
        ("spec.environmentVariables[L*]", {"lr": "0.2"}, 0),
        ("spec.labels[team]", {"team": "blue"}, 0),
        ("spec.labels[team]", {"team": "blue", "center": "2"}, 1),
        ("spec.labels[cost.example/center].value", {"center": "2"}, 0),
        ("spec.labels", {"team": "blue", "center": "2"}, 0),
        ("spec.annotations", {"note": "y"}, 0),
        ("spec.*", {"note": "y", "lr": "0.2", "team": "blue"}, 0),
        ("spec.annotations", {"note": "y", "lr": "0.2"}, 1),
    ],
)
def test_ignored_paths_leave_just_their_differences_alone(
    tool: Tool, ignored: str, changed: dict[str, str], left: int
) -> None:
    more = f"lifecycle: {{ignoreChanges: ['{ignored}']}}\n"
    tool.write({"manifests/a.yaml": manifest("a", SPEC.format(**BEFORE), more)})
    tool.apply()
    tool.write({"manifests/a.yaml": manifest("a", SPEC.format(**{**BEFORE, **changed}), more)})
    said = tool.run("plan").out
    assert said.startswith("No changes.") if not left else said.count("~ spec.") == left, said


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("spec.lables", "did you mean `labels`?"),
        ("spec.labels[team].vale", "did you mean `value`?"),
        ("spec.labels.team", "did you mean `spec.labels[team]`?"),
        ("spec.environmentVariables.LR.value", "did you mean `spec.environmentVariables[LR].value`?"),
        ("specs.image", "did you mean `spec`?"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_with_the_nearest_spelling(tool: Tool, path: str, hint: str) -> None:
    tool.write({"manifests/a.yaml": manifest("a", more=f"lifecycle: {{ignoreChanges: ['{path}']}}\n")})
    told = tool.run("validate", code=1).err
    assert "leads nowhere" in told
    assert hint in told
    assert "manifests/a.yaml:4" in told


# --- createBeforeDestroy and replaceWhen ------------------------------------------------------------------------------------
def test_a_replacement_may_come_first_and_follow_another_resource(tool: Tool) -> None:
    more = "lifecycle: {createBeforeDestroy: true, replaceWhen: [WorkloadTemplate.base]}\n"
    tool.write({"manifests/all.yaml": documents(template("base"), manifest("a", more=more))})
    tool.apply()
    tool.write({"manifests/all.yaml": documents(template("base", text="INFO"), manifest("a", more=more))})
    planned_text = tool.run("plan").out
    assert "+/- Training.a" in planned_text
    assert "# replaceWhen: WorkloadTemplate.base changes" in planned_text
    told = tool.apply().err.splitlines()
    order = [one.split(" complete")[0] for one in told if " complete after" in one]
    assert order == ["WorkloadTemplate.base: Modifications", "Training.a: Creation", "Training.a: Destruction"]
    tool.plan_is_empty()


# --- circles ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("first", "second", "hint"),
    [
        ("dependsOn: [Training.b]\n", "dependsOn: [Training.a]\n", "remove one of the `dependsOn`"),
        (
            "lifecycle: {replaceWhen: [Training.b]}\n",
            "lifecycle: {replaceWhen: [Training.a]}\n",
            "remove one of the `replaceWhen`",
        ),
        (
            "lifecycle: {createBeforeDestroy: true, replaceWhen: [Training.b]}\n",
            "dependsOn: [Training.a]\n",
            "remove one of the `replaceWhen` or `dependsOn`",
        ),
    ],
)
def test_a_circle_is_an_error_with_its_path_and_places(tool: Tool, first: str, second: str, hint: str) -> None:
    tool.write({"manifests/a.yaml": manifest("a", more=first), "manifests/b.yaml": manifest("b", more=second)})
    told = " ".join(tool.run("validate", code=1).err.split())
    assert "error: Circular dependency" in told
    assert "Training.a -> Training.b" in told
    assert "Training.a at manifests/a.yaml:1" in told
    assert "Training.b at manifests/b.yaml:1" in told
    assert hint in told


def known(key: str, *needs: str) -> Record:
    body = training(metadata={"name": key})
    depends_on = tuple(Address("Training", one) for one in needs)
    return replace(record(body, f"id-{key}"), depends_on=depends_on)


def test_records_that_depend_on_one_another_can_be_destroyed_all_the_same() -> None:
    """An apply that turned a dependency round, and was killed, leaves one side as it was before."""
    records = (known("a", "b"), known("b", "a"))
    live = [observed(one.applied, id=str(one.id)) for one in records if one.applied]
    found = steps(destruction(records, Live.of(live, records), ORIGIN))
    order = list(TopologicalSorter({step.index: step.needs for step in found}).static_order())
    assert len(order) == 2
    assert any(step.needs for step in found)


@given(data=st.data())
def test_whatever_is_recorded_and_wanted_no_step_waits_for_itself(data: st.DataObject) -> None:
    """Records may depend on anything; what manifests say has no circles."""
    keys = "abcdef"
    records: list[Record] = []
    resources: list[Resource] = []
    for index, key in enumerate(keys):
        anything = data.draw(st.sets(st.sampled_from(keys.replace(key, ""))))
        earlier = data.draw(st.sets(st.sampled_from(keys[:index]))) if index else set()
        body = training(metadata={"name": key, "useGivenNameAsPrefix": True})
        if data.draw(st.booleans()):
            records.append(replace(known(key, *anything), applied=body))
        if data.draw(st.booleans()):
            there = tuple(Address("Training", one) for one in earlier if any(r.address.key == one for r in resources))
            changed = training(
                metadata={"name": key, "useGivenNameAsPrefix": True}, args=data.draw(st.sampled_from("xy"))
            )
            wanted = data.draw(st.sampled_from([body, changed]))
            resources.append(resource(wanted, key, there, create_before_destroy=data.draw(st.booleans())))
    live = [observed(one.applied, id=str(one.id)) for one in records if one.applied]
    plan = planned(*resources, records=tuple(records), live=tuple(live))
    found = steps(plan)
    order = list(TopologicalSorter({step.index: step.needs for step in found}).static_order())
    assert len(order) == len(found)
    busy = {change.address for change in plan.changes if change.action is not Action.NO_OP or change.adopts}
    assert {step.address for step in found} == busy
