"""`declarative` as a library: what a program can do with it, and that the README's example runs."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import declarative
from declarative import DeclarativeError, Project, load
from declarative.model.plan import Action
from tests.cli.tool import REPOSITORY, Tool, documents, environment, template, training
from tests.project import Project as Folder

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project of a template and a training, on an embedded control plane whose phases move at once."""
    Folder(tmp_path)
    (tmp_path / "manifests" / "all.yaml").write_text(documents(template("base"), training("a")), encoding="utf-8")
    return tmp_path


def test_a_project_is_loaded_planned_and_applied(folder: Path) -> None:
    project = load(folder)
    assert [str(one.address) for one in project.resources] == ["Training.a", "WorkloadTemplate.base"]
    assert project.endpoint == "sandbox"
    plan = project.plan()
    assert [(str(one.address), one.action) for one in plan.changes] == [
        ("Training.a", Action.CREATE),
        ("WorkloadTemplate.base", Action.CREATE),
    ]
    heard: list[str] = []
    applied = plan.apply(lambda event: heard.append(f"{event.type} {event.step.address}"))
    assert applied.is_complete
    assert "apply_complete Training.a" in heard
    assert load(folder).plan().is_empty


def test_a_plan_is_applied_in_a_thread_too_where_no_signals_can_be_caught(folder: Path) -> None:
    plan = load(folder).plan()
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(plan.apply).result(60).is_complete
    assert load(folder).plan().is_empty


def test_what_the_library_applies_is_what_the_command_line_knows(folder: Path) -> None:
    load(folder).plan().apply()
    tool = Tool(folder)
    tool.plan_is_empty()
    assert tool.run("state", "list").out.split() == ["Training.a", "WorkloadTemplate.base"]


def test_a_destroy_is_a_plan_too(folder: Path) -> None:
    load(folder).plan().apply()
    plan = load(folder).plan(destroy=True)
    assert {one.action for one in plan.changes} == {Action.DELETE}
    assert plan.apply(allow=["disruption"]).is_complete
    assert Tool(folder).run("state", "list").out == ""


def test_bad_manifests_raise_every_mistake_with_its_place(folder: Path) -> None:
    (folder / "manifests" / "all.yaml").write_text(training("a").replace("image", "imag"), encoding="utf-8")
    with pytest.raises(DeclarativeError) as caught:
        load(folder)
    (found,) = [one for one in caught.value.diagnostics if one.summary == "Unknown key"]
    assert (str(found.where), found.hint) == ("manifests/all.yaml:5:3", "did you mean `image`?")


def test_a_guard_refuses_until_it_is_allowed(folder: Path) -> None:
    """Nothing is sent before, and the refusal says how to allow it."""
    load(folder).plan().apply()
    plan = load(folder).plan(destroy=True)
    with pytest.raises(DeclarativeError) as caught:
        plan.apply()
    assert [one.hint for one in caught.value.diagnostics] == ["allow it with --allow disruption"]
    assert plan.refusals() == caught.value.diagnostics
    assert plan.refusals(allow=["disruption"]) == ()
    assert load(folder).plan().is_empty


def test_the_policies_of_the_project_hold_for_the_library_too(folder: Path) -> None:
    """A rule that the command line would refuse a plan for refuses it here."""
    rule = "policies: [{cel: 'change.after.metadata.name != \"a\"', message: no a, on: Training.*}]\n"
    (folder / "declarative.yaml").write_text(f"apiVersion: declarative/v1\nkind: Project\n{rule}", encoding="utf-8")
    (folder / "manifests" / "all.yaml").write_text(training("a"), encoding="utf-8")
    with pytest.raises(DeclarativeError, match="no a"):
        load(folder, paths=["manifests"]).plan().apply()
    assert "no a" in Tool(folder).run("apply", "manifests", "--auto-approve", code=1).err
    assert Tool(folder).run("state", "list").out == ""


def test_a_plan_that_is_stale_is_refused(folder: Path) -> None:
    plan = load(folder).plan()
    load(folder).plan().apply()
    with pytest.raises(DeclarativeError, match="stale"):
        plan.apply()


def test_a_saved_plan_is_one_of_the_command_line(folder: Path) -> None:
    plan = load(folder).plan()
    plan.save(folder / "infra.plan")
    assert plan.checksum in Tool(folder).run("show", "infra.plan").err
    assert "2 added" in Tool(folder).run("apply", "infra.plan").out


def test_variables_keep_their_types(folder: Path) -> None:
    """A text stays a text, a number a number, and a wrong one is an error with the name of the variable."""
    (folder / "declarative.yaml").write_text(
        "apiVersion: declarative/v1\nkind: Project\nmanifests: [manifests]\n"
        "variables: {gpus: {type: integer, default: 1}, tag: {type: string, default: '1'}}\n",
        encoding="utf-8",
    )
    text = training("a", image="a:{{ var.tag }}").replace("gpuDevicesRequest: 1", "gpuDevicesRequest: {{ var.gpus }}")
    (folder / "manifests" / "all.yaml").write_text(text, encoding="utf-8")

    def spec(project: Project) -> tuple[object, object]:
        (only,) = project.resources
        return only.body["spec"]["compute"]["gpuDevicesRequest"], only.body["spec"]["image"]

    assert spec(load(folder, variables={"gpus": 2, "tag": "1.10"})) == (2, "a:1.10")
    with pytest.raises(DeclarativeError, match="gpus"):
        load(folder, variables={"gpus": "many"})


def test_a_selection_makes_a_partial_plan(folder: Path) -> None:
    plan = load(folder, targets=["Training.*"]).plan()
    assert [str(one.address) for one in plan.changes] == ["Training.a"]
    assert plan.apply().is_complete


def test_the_package_hands_out_just_what_it_says() -> None:
    """All of it has a description, and nothing is imported before it is asked for."""
    assert all(getattr(declarative, name).__doc__ for name in declarative.__all__ if name != "__version__")
    with pytest.raises(AttributeError, match="nonsense"):
        declarative.nonsense  # noqa: B018
    script = "import sys, declarative; sys.exit('declarative.library' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], env=environment({}), check=False).returncode == 0


def test_the_program_of_the_readme_runs(tmp_path: Path) -> None:
    """As it stands there, in a new project: it prints what the README says that it prints."""
    (program,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    Tool(tmp_path).run("init", "infra")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment({}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = re.findall(r"^ *print\(.*# (.*)$", program, re.MULTILINE)
    assert said
    assert done.stdout.splitlines() == said


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeclarativeError) as caught:
        load(tmp_path / "nosuch")
    assert str(caught.value) == f"No such folder: There is no folder {tmp_path / 'nosuch'}."
