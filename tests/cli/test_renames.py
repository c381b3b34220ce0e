"""A rename that nobody told is guessed at; one that was told is followed, by a destroy too."""

from __future__ import annotations

import json

import pytest

from tests.cli.tool import Tool, documents, template, training

MOVED = "{{apiVersion: declarative/v1, kind: Moved, from: {}, to: {}}}"


@pytest.fixture
def applied(tool: Tool) -> Tool:
    tool.apply()
    return tool


def keyed(name: str, key: str, needs: tuple[str, ...] = ()) -> str:
    """A training whose address has a key of its own."""
    return training(name, needs=needs).replace(f"name: {name},", f"name: {name}, key: {key},")


def said(tool: Tool) -> str:
    """What a plan warns of, without line breaks."""
    return " ".join(tool.run("plan").err.split())


def test_another_key_draws_a_hint_at_the_new_manifest_and_following_it_leaves_nothing_to_do(applied: Tool) -> None:
    applied.write({"manifests/all.yaml": documents(template("base"), keyed("a", "new"), training("b"))})
    told = said(applied)
    assert "warning: Renamed without saying so --> manifests/all.yaml:8:1" in told
    assert "Training.a would be destroyed and Training.new created, with equal spec." in told
    document = MOVED.format("Training.a", "Training.new")
    assert f"if it was renamed, add {document}" in told
    applied.write({"manifests/moved.yaml": document})
    assert "Plan: 0 to add, 0 to change, 0 to destroy." in applied.run("plan").out
    assert "Renamed without" not in said(applied)
    applied.apply()
    applied.plan_is_empty()


def test_a_new_name_of_a_training_is_a_new_training_unless_only_the_key_changes(applied: Tool) -> None:
    """No request can give a training another name; the hint says how to keep the run."""
    applied.write({"manifests/all.yaml": documents(template("base"), training("new"), training("b"))})
    told = said(applied)
    assert "keep `metadata.name: a`, give it `key: new`, and add" in told
    applied.write(
        {
            "manifests/all.yaml": documents(template("base"), keyed("a", "new"), training("b")),
            "manifests/moved.yaml": MOVED.format("Training.a", "Training.new"),
        }
    )
    assert "Plan: 0 to add, 0 to change, 0 to destroy." in applied.run("plan").out


def test_a_template_is_renamed_in_place(applied: Tool) -> None:
    applied.write({"manifests/all.yaml": documents(template("new"), training("a"), training("b"))})
    told = said(applied)
    assert "if it was renamed, add {apiVersion: declarative/v1, kind: Moved, from: WorkloadTemplate.base" in told
    applied.write({"manifests/moved.yaml": MOVED.format("WorkloadTemplate.base", "WorkloadTemplate.new")})
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in applied.run("plan").out


def test_among_equals_the_one_that_keeps_its_name_is_meant(applied: Tool) -> None:
    """Both trainings are equal but for their names."""
    applied.write({"manifests/all.yaml": documents(template("base"), keyed("a", "bb"), keyed("b", "aa"))})
    told = said(applied)
    assert "Training.a would be destroyed and Training.bb created" in told
    assert "Training.b would be destroyed and Training.aa created" in told


@pytest.mark.parametrize(
    "manifests",
    [
        (training("new", image="other"), training("b")),  # another spec
        (template("new"), training("b")),  # another kind
        (training("a"), training("b"), training("new")),  # nothing goes
        (training("b"),),  # nothing comes
    ],
)
def test_what_is_no_rename_draws_no_hint(applied: Tool, manifests: tuple[str, ...]) -> None:
    applied.write({"manifests/all.yaml": documents(template("base"), *manifests)})
    assert "Renamed without" not in said(applied)


def test_what_a_document_removes_was_not_renamed(applied: Tool) -> None:
    removed = "{apiVersion: declarative/v1, kind: Removed, from: Training.a, destroy: true}"
    made = {"manifests/all.yaml": documents(template("base"), training("new"), training("b"))}
    applied.write({**made, "manifests/removed.yaml": removed})
    assert "Renamed without" not in said(applied)


def test_many_renames_are_told_in_few_words(tool: Tool) -> None:
    """Eight trainings of a loop get other keys at once."""
    tool.write({"manifests/all.yaml": documents(*(keyed(f"run-{one}", f"old-{one}") for one in range(8)))})
    tool.apply()
    tool.write({"manifests/all.yaml": documents(*(keyed(f"run-{one}", f"new-{one}") for one in range(8)))})
    told = said(tool)
    assert told.count("warning: Renamed without saying so") == 5
    assert "3 more look like that" in told
    assert "Training.old-0 would be destroyed and Training.new-0 created" in told


def test_a_secret_that_stays_is_no_difference(tool: Tool) -> None:
    """The state has a digest of it, which is enough to tell."""
    secret = "  environmentVariables: [{name: KEY, value: \"{{ secret('KEY') }}\"}]\n"
    tool.write({"manifests/all.yaml": training("a") + secret})
    tool.run("apply", "--auto-approve", KEY="hunter22")
    tool.write({"manifests/all.yaml": keyed("a", "new") + secret})
    assert "Renamed without saying so" in tool.run("plan", KEY="hunter22").err
    assert "Renamed without saying so" not in tool.run("plan", KEY="hunter23").err


def test_a_chain_of_moves_is_one_line_of_the_plan_with_where_it_came_from(applied: Tool) -> None:
    chain = documents(MOVED.format("Training.a", "Training.x") + "\n", MOVED.format("Training.x", "Training.y") + "\n")
    made = documents(template("base"), keyed("a", "y"), training("b"))
    applied.write({"manifests/all.yaml": made, "manifests/moved.yaml": chain})
    assert "# Training.a has moved to Training.y" in applied.run("plan").out
    applied.run("plan", "--out", "p.plan")
    document = json.loads(applied.run("show", "p.plan", "--json").out)
    (found,) = [one for one in document["resource_changes"] if one["address"] == "Training.y"]
    assert (found["previous_address"], found["change"]["actions"]) == ("Training.a", ["no-op"])


# --- destroy ------------------------------------------------------------------------------------------------------------
def test_a_destroy_of_paths_knows_what_has_moved(tool: Tool) -> None:
    """The move is pending: the state still has the old address, and what depends on it goes first all the same."""
    tool.write({"manifests/all.yaml": documents(training("a"), training("b", needs=["Training.a"]), training("c"))})
    tool.apply()
    made = documents(keyed("a", "new"), training("b", needs=["Training.new"]))
    tool.write({"manifests/all.yaml": documents(made, training("c")), "manifests/moved.yaml": ""})
    tool.write({"part/all.yaml": made, "part/moved.yaml": MOVED.format("Training.a", "Training.new")})
    planned = tool.run("plan", "--destroy", "part").out
    assert "# Training.a has moved to Training.new" in planned
    assert "Plan: 0 to add, 0 to change, 2 to destroy." in planned
    assert (
        "Plan: 0 to add, 0 to change, 2 to destroy."
        in tool.run("plan", "--destroy", "part", "--target", "Training.new").out
    )
    told = tool.run("destroy", "part", "--auto-approve", "--allow", "disruption").err.splitlines()
    gone = [one.partition(":")[0] for one in told if "Destruction complete" in one]
    assert gone == ["Training.b", "Training.new"]
    assert tool.run("state", "list").out.split() == ["Training.c"]


def test_a_saved_destroy_of_what_has_moved_is_carried_out(applied: Tool) -> None:
    made = documents(template("base"), keyed("a", "new"), training("b"))
    applied.write({"manifests/all.yaml": made, "manifests/moved.yaml": MOVED.format("Training.a", "Training.new")})
    applied.run("plan", "--destroy", "manifests", "--target", "Training.new", "--out", "d.plan")
    applied.apply("d.plan")
    assert applied.run("state", "list").out.split() == ["Training.b", "WorkloadTemplate.base"]
