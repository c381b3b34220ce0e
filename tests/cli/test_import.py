"""What exists comes under management: one object, by documents, or everything at once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from declarative.sandbox import seeds
from tests.cli.population import populate
from tests.cli.tool import Tool, documents, template, training, until

STRANGERS = documents(template("base"), training("a"), training("b"))


@pytest.fixture
def lost(tool: Tool) -> dict[str, str]:
    """A project whose three objects are live, but forgotten by the state; their ids by address."""
    tool.apply()
    ids = {address: state_of(tool, address)["id"] for address in tool.run("state", "list").out.split()}
    tool.run("state", "rm", "*")
    return ids


def state_of(tool: Tool, address: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tool.run("state", "show", address, "--json").out)
    return found


def document(kind: str, **fields: str) -> str:
    return json.dumps({"apiVersion": "declarative/v1", "kind": kind, **fields})


# --- one object -------------------------------------------------------------------------------------------------------
def test_an_object_is_imported_by_name_or_id_and_then_planned_as_it_is(tool: Tool, lost: dict[str, str]) -> None:
    """What manifest and object have alike is no change; the state has what the manifest declares of it."""
    by_name = tool.run("import", "Training.a", "a").out
    assert f"Imported Training.a: a [id={lost['Training.a']}]" in by_name
    assert "No changes." in by_name
    assert "Nothing to do" in tool.run("import", "Training.a", lost["Training.a"].upper()).out
    for address in ("Training.b", "WorkloadTemplate.base"):
        assert "No changes." in tool.run("import", address, lost[address]).out
    tool.plan_is_empty()


def test_what_differs_is_said_at_once_and_changed_by_the_next_apply(tool: Tool, lost: dict[str, str]) -> None:
    tool.write({"manifests/all.yaml": documents(template("base", text="INFO"), training("a", image="other:1"))})
    assert "value: WARN → INFO" in tool.run("import", "WorkloadTemplate.base", "base").out
    assert (
        "nvcr.io/nvidia/pytorch:24.08-py3 → other:1  # forces replacement" in tool.run("import", "Training.a", "a").out
    )
    assert "1 added, 1 changed, 1 destroyed" in tool.apply().out
    tool.plan_is_empty()
    assert state_of(tool, "WorkloadTemplate.base")["id"] == lost["WorkloadTemplate.base"]


@pytest.mark.parametrize(
    ("address", "given", "summary", "says"),
    [
        ("Training.c", "a", "Unknown address", "did you mean Training."),
        ("a", "a", "Malformed address", "did you mean Training.a?"),
        ("Training.a", "nobody", "No such object", "no Training of that"),
        ("Training.a", "nobody", "No such object", "in its place there are a, b"),
        ("WorkloadTemplate.base", "bsae", "No such object", "did you mean base?"),
        ("Training.a", "6f1c2a9e-0d6b-4b7e-9f43-0f9f6f7f1c11", "No such object", "no Training of that"),
        ("Training.a", "WorkloadTemplate.base", "Different kinds", "which is a WorkloadTemplate"),
        ("Training.b", "a", "Already managed", "state mv Training.a Training.b"),
        ("Training.a", "b", "Already managed", "state rm Training.a"),
    ],
)
def test_what_cannot_be_imported_is_told_with_the_way_out(
    tool: Tool, lost: dict[str, str], address: str, given: str, summary: str, says: str
) -> None:
    if summary == "Already managed":
        tool.run("import", "Training.a", "a")
    before = tool.run("state", "pull", code=None).out
    done = tool.run("import", address, lost.get(given, given), code=1)
    assert f"error: {summary}" in done.err
    assert says in done.err
    assert tool.run("state", "pull", code=None).out == before


def test_an_id_that_is_not_there_is_no_word_about_the_control_plane(tool: Tool) -> None:
    """With ids alone nothing is read but that object, whose 404 is the control plane's own."""
    by_ids = training("a").replace("project: vision, cluster: a100-prod", f'projectId: "4501", clusterId: {seeds.A100}')
    tool.write({"manifests/all.yaml": by_ids})
    said = tool.run("import", "Training.a", "11111111-1111-4111-8111-111111111111", code=1).err
    assert "error: No such object" in said
    assert "there is no Training of that" in said


def test_a_name_of_another_project_is_told_where_it_is(tool: Tool, lost: dict[str, str]) -> None:
    """Names are looked for in the place of the manifest alone."""
    tool.write({"manifests/all.yaml": training("a").replace("vision", "language")})
    assert f"{lost['Training.a']} in project 4501" in tool.run("import", "Training.a", "a", code=1).err


# --- documents --------------------------------------------------------------------------------------------------------
def test_import_documents_are_planned_carried_out_once_and_then_say_nothing(tool: Tool, lost: dict[str, str]) -> None:
    tool.write(
        {
            "manifests/imports.yaml": documents(
                document("Import", to="Training.a", id=lost["Training.a"]) + "\n",
                document("Import", to="WorkloadTemplate.base", name="base") + "\n",
                document("Import", to="Training.b", name="b") + "\n",
            )
        }
    )
    planned = tool.run("plan", "--detailed-exitcode", "--out", "p", code=2)
    assert f"# will be imported [id={lost['Training.a']}]" in planned.out
    assert "Plan: 3 to import, 0 to add, 0 to change, 0 to destroy." in planned.out
    shown = json.loads(tool.run("show", "p", "--json").out)["resource_changes"]
    assert {one["address"]: one["change"]["importing"]["id"] for one in shown} == lost
    assert "Apply complete! Resources: 3 imported, 0 added, 0 changed, 0 destroyed." in tool.run("apply", "p").out
    tool.plan_is_empty()
    tool.write({"manifests/all.yaml": documents(template("base"), training("a", image="other:1"), training("b"))})
    assert "Plan: 1 to add, 0 to change, 1 to destroy." in tool.run("plan").out
    tool.apply()
    # The object of the id is gone by now; the document has been followed all the same.
    tool.plan_is_empty()


def test_an_import_may_bring_changes_along(tool: Tool, lost: dict[str, str]) -> None:
    """Of one apply: the object comes in, and is changed or replaced as its manifest says."""
    tool.write(
        {
            "manifests/all.yaml": documents(
                template("base", text="INFO"), training("a", image="other:1"), training("b")
            ),
            "manifests/imports.yaml": documents(
                *(document("Import", to=address, id=identity) + "\n" for address, identity in lost.items())
            ),
        }
    )
    assert "Plan: 3 to import, 1 to add, 1 to change, 1 to destroy." in tool.run("plan", "--out", "p").out
    messages = [json.loads(line) for line in tool.run("plan", "--json").out.splitlines()]
    assert [one["changes"]["import"] for one in messages if one["type"] == "change_summary"] == [3]
    done = tool.run("apply", "p", "--allow", "disruption")
    assert "Resources: 3 imported, 1 added, 1 changed, 1 destroyed." in done.out
    tool.plan_is_empty()


def test_an_import_that_cannot_be_followed_is_told_at_its_document(tool: Tool, lost: dict[str, str]) -> None:
    tool.write(
        {
            "manifests/imports.yaml": documents(
                document("Import", to="Training.a", name="nobody") + "\n",
                document("Import", to="Training.b", id=lost["WorkloadTemplate.base"]) + "\n",
            )
        }
    )
    told = tool.run("plan", code=1).err
    assert re.findall(r"manifests/imports\.yaml:\d", told) == ["manifests/imports.yaml:1", "manifests/imports.yaml:3"]
    assert told.count("No such object") == 2


def test_a_plan_of_an_import_is_stale_when_the_object_changes(tool: Tool, lost: dict[str, str]) -> None:
    tool.write({"manifests/imports.yaml": document("Import", to="WorkloadTemplate.base", name="base")})
    tool.write({"manifests/all.yaml": template("base")})
    tool.run("plan", "--out", "p")
    tool.run("apply", "--auto-approve")
    assert "Saved plan is stale" in tool.run("apply", "p", code=1).err


def test_a_moved_resource_keeps_its_object_and_the_next_plan_is_empty(tool: Tool) -> None:
    """Its dependants follow, a chain goes to its end, and the document says nothing once it was followed."""
    tool.write({"manifests/all.yaml": documents(training("a"), training("b", needs=["Training.a"]))})
    tool.apply()
    before = state_of(tool, "Training.a")["id"]
    moved = training("a").replace("name: a,", "name: a, key: z,")
    tool.write(
        {
            "manifests/all.yaml": documents(moved, training("b", needs=["Training.z"])),
            "manifests/moved.yaml": """{apiVersion: declarative/v1, kind: Moved, from: Training.a, to: Training.y}
---
{apiVersion: declarative/v1, kind: Moved, from: Training.y, to: Training.z}
""",
        }
    )
    planned = tool.run("plan", "--detailed-exitcode", "--out", "p", code=2).out
    assert "# Training.a has moved to Training.z" in planned
    assert "Plan: 0 to add, 0 to change, 0 to destroy." in planned
    (first, *_) = [
        one for one in json.loads(tool.run("show", "p", "--json").out)["resource_changes"] if "previous_address" in one
    ]
    assert (first["address"], first["previous_address"]) == ("Training.z", "Training.a")
    assert "Training.z: Moved from Training.a" in tool.run("apply", "p").err
    assert tool.run("state", "list").out.split() == ["Training.b", "Training.z"]
    assert state_of(tool, "Training.z")["id"] == before
    assert state_of(tool, "Training.b")["depends_on"] == ["Training.z"]
    tool.plan_is_empty()


def test_a_move_is_part_of_a_partial_plan_by_its_new_address(tool: Tool) -> None:
    tool.apply()
    tool.write(
        {
            "manifests/all.yaml": documents(
                template("base"), training("a").replace("name: a,", "name: a, key: z,"), training("b")
            ),
            "manifests/moved.yaml": document("Moved", **{"from": "Training.a", "to": "Training.z"}),
        }
    )
    assert "Unknown address" in tool.run("plan", "--target", "Training.a", code=1).err
    tool.apply("--target", "Training.z")
    assert tool.run("state", "list").out.split() == ["Training.b", "Training.z", "WorkloadTemplate.base"]
    tool.plan_is_empty()


def test_a_move_onto_a_recorded_resource_is_refused_at_its_document(tool: Tool) -> None:
    tool.apply()
    tool.write(
        {
            "manifests/all.yaml": documents(template("base"), training("b")),
            "manifests/moved.yaml": document("Moved", **{"from": "Training.a", "to": "Training.b"}),
        }
    )
    told = tool.run("plan", code=1).err
    assert "error: Address is taken" in told
    assert "manifests/moved.yaml:1" in told


@pytest.mark.parametrize(("destroy", "counted"), [("false", "1 to forget"), ("true", "0 to change, 1 to destroy.")])
def test_a_removed_resource_is_forgotten_or_deleted(tool: Tool, destroy: str, counted: str) -> None:
    tool.apply()
    tool.write(
        {
            "manifests/all.yaml": documents(template("base"), training("b")),
            "manifests/removed.yaml": f"{{apiVersion: declarative/v1, kind: Removed, from: Training.a, destroy: {destroy}}}",
        }
    )
    planned = tool.run("plan").out
    assert counted in planned
    assert "manifests/removed.yaml:1" in planned
    tool.apply()
    tool.plan_is_empty()
    tool.write({"manifests/all.yaml": STRANGERS, "manifests/removed.yaml": ""})
    assert tool.run("plan", code=None).code == (1 if destroy == "false" else 0)


@pytest.mark.parametrize("destroy", ["false", "true"])
def test_what_removed_documents_alone_ask_for_is_no_empty_project(tool: Tool, destroy: str) -> None:
    """All that the state has may go, or be let go of, where each of it is named; what is not named is guarded."""
    tool.write({"manifests/all.yaml": training("a")})
    tool.apply()
    tool.write(
        {"manifests/all.yaml": document("Removed", **{"from": "Training.a"}).replace("}", f', "destroy": {destroy}}}')}
    )
    tool.run("apply", "--auto-approve", "--allow", "disruption")
    assert tool.run("state", "list").out == ""


# --- everything -------------------------------------------------------------------------------------------------------
def test_a_control_plane_in_use_is_written_down_and_the_next_plan_is_empty(url: str, tmp_path: Path) -> None:
    """300 templates and 300 trainings of all sorts, half of them of any valid form."""
    populate(url, 300)
    tool = Tool(tmp_path / "project", {"DECLARATIVE_ENDPOINT": url, "DECLARATIVE_TOKEN": "sandbox"})
    tool.folder.mkdir()
    done = tool.run("import", "--discover", "--out", "manifests")
    assert "Wrote 600 manifests below manifests: 300 Training, 300 WorkloadTemplate." in done.out
    assert "Secrets in plain text" in done.err
    assert "hf_123" not in done.err
    tool.run("validate")
    tool.plan_is_empty()
    texts = {path: path.read_text(encoding="utf-8") for path in tool.folder.glob("manifests/**/*.yaml")}
    assert len(texts) == 600
    noise = (
        "null",
        "backoffLimit: 6",
        "exclude: false",
        "readOnly: false",
        "priorityClass: train",
        "claimName: train-",
    )
    assert not [(path, word) for path, text in texts.items() for word in noise if f" {word}\n" in text]
    assert not [
        path for path, text in texts.items() if "Id:" in text and "clusterId" not in text and "departmentId" not in text
    ]
    assert "Nothing to import" in tool.run("import", "--discover", "--out", "manifests").out


@pytest.fixture
def strangers(url: str, tmp_path: Path) -> Tool:
    """A project without manifests, at a control plane with three objects that nobody manages."""
    other = Tool(tmp_path / "other", {"DECLARATIVE_ENDPOINT": url, "DECLARATIVE_TOKEN": "sandbox"})
    other.write({"manifests/all.yaml": STRANGERS})
    httpx.patch(f"{url}/_sandbox/settings", json={"speed": "instant"}).raise_for_status()
    other.apply()
    tool = Tool(tmp_path / "project", other.environ)
    tool.folder.mkdir()
    return tool


def test_what_is_written_reads_as_if_a_person_had(strangers: Tool) -> None:
    strangers.run("import", "--discover", "--out", "manifests/live")
    assert (strangers.folder / "manifests/live/vision/trainings/a.yaml").read_text(encoding="utf-8") == (
        "apiVersion: runai/v1\nkind: Training\nmetadata:\n  name: a\n  project: vision\n  cluster: a100-prod\n"
        "spec:\n  image: nvcr.io/nvidia/pytorch:24.08-py3\n  compute:\n    gpuDevicesRequest: 1\n"
    )
    assert (strangers.folder / "manifests/live/vision/workload-templates/base.yaml").read_text(encoding="utf-8") == (
        "apiVersion: runai/v1\nkind: WorkloadTemplate\nmetadata:\n  name: base\n  scope: project\n  project: vision\n"
        "spec:\n  assets:\n    environment:\n      name: pytorch-24\n  specificEnv:\n    environmentVariables:\n"
        "      - name: LEVEL\n        value: WARN\n"
    )
    strangers.plan_is_empty()


def test_without_the_state_documents_import_at_the_next_apply(strangers: Tool) -> None:
    strangers.run("import", "--discover", "--out", "manifests", "--no-state")
    assert strangers.run("state", "list").out == ""
    assert "Plan: 3 to import, 0 to add, 0 to change, 0 to destroy." in strangers.run("plan").out
    strangers.apply()
    strangers.plan_is_empty()
    (strangers.folder / "manifests/imports.yaml").unlink()
    strangers.plan_is_empty()


def test_only_what_lives_and_has_no_manifest_is_written(strangers: Tool, url: str) -> None:
    """Runs that have ended are counted; what has a manifest is named with the way to import it; files are never overwritten."""
    rows = httpx.get(f"{url}/api/v1/workloads", headers={"Authorization": "Bearer sandbox"}).json()["workloads"]
    ended = next(row["id"] for row in rows if row["name"] == "b")
    httpx.post(f"{url}/_sandbox/workloads/{ended}/phase", json={"phase": "Completed"}).raise_for_status()
    strangers.write({"manifests/mine.yaml": training("a")})
    done = strangers.run("import", "--discover", "--out", "manifests")
    assert "Left alone: 1 run that has finished." in done.err
    assert "declarative import Training.a" in done.err
    assert "Wrote 1 manifest below manifests: 1 WorkloadTemplate." in done.out
    strangers.run("state", "rm", "WorkloadTemplate.base")
    (strangers.folder / "manifests/vision/workload-templates/base.yaml").write_text("# mine\n", encoding="utf-8")
    assert "File exists" in strangers.run("import", "--discover", "--out", "manifests", code=1).err
    assert strangers.run("state", "list").out == ""


def test_a_project_is_chosen_by_name_or_id_and_the_folder_has_to_be_planned(strangers: Tool) -> None:
    assert "Nothing to import" in strangers.run("import", "--discover", "--project", "4502", "--out", "manifests").out
    assert (
        "did you mean vision?"
        in strangers.run("import", "--discover", "--project", "vison", "--out", "manifests", code=1).err
    )
    for folder in ("elsewhere", "manifests/_hidden", "../manifests"):
        assert "use --out manifests/live" in strangers.run("import", "--discover", "--out", folder, code=1).err
    assert "Wrote 3 manifests" in strangers.run("import", "--discover", "--project", "vision", "--out", "manifests").out
    strangers.plan_is_empty()


def test_objects_of_one_name_get_addresses_of_their_own(strangers: Tool, tmp_path: Path) -> None:
    """Names repeat across projects: the key says which project is meant."""
    other = Tool(tmp_path / "third", strangers.environ)
    other.write({"manifests/all.yaml": training("a").replace("vision", "language")})
    other.apply()
    strangers.run("import", "--discover", "--out", "manifests")
    assert strangers.run("state", "list").out.split() == [
        "Training.a-language", "Training.a-vision", "Training.b", "WorkloadTemplate.base"
    ]  # fmt: skip
    strangers.plan_is_empty()


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "Training.a",
        "--discover",
        "Training.a a --out x",
        "--discover Training.a --out x",
        "--project p",
        "Training.a a b",
    ],
)
def test_wrong_usage_is_told(tool: Tool, arguments: str) -> None:
    assert "error: Wrong usage" in tool.run("import", *arguments.split(), code=1).err


def test_a_killed_discovery_leaves_its_documents_to_the_next_apply(url: str, tmp_path: Path) -> None:
    """The files are there before the state knows of anything, so that nothing is deleted or made twice."""
    populate(url, 60)
    tool = Tool(tmp_path / "project", {"DECLARATIVE_ENDPOINT": url, "DECLARATIVE_TOKEN": "sandbox"})
    tool.folder.mkdir()
    running = tool.start("import", "--discover", "--out", "manifests")
    until((tool.folder / "manifests/imports.yaml").exists)
    running.process.kill()
    running.ended()
    recorded = len(tool.run("state", "list").out.split())
    assert recorded < 120
    assert f"Plan: {120 - recorded} to import, 0 to add, 0 to change, 0 to destroy." in tool.run("plan").out
    tool.apply()
    tool.plan_is_empty()


def test_without_a_usable_state_no_file_is_written(strangers: Tool) -> None:
    strangers.write({".declarative/state.sqlite3": "no state"})
    strangers.run("import", "--discover", "--out", "manifests", code=1)
    assert not list(strangers.folder.glob("manifests/**/*.yaml"))
