"""Every example, and what `init` writes, can be validated, planned, applied, planned again and destroyed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from declarative.model.value import masked
from declarative.session import open_session, render_manifests
from declarative.settings import Settings
from tests.cli.tool import REPOSITORY, Tool

EXAMPLES = REPOSITORY / "examples"
FILES = sorted(EXAMPLES.rglob("*.yaml"))
MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)")
# Folder, arguments, resources.
CASES = [
    pytest.param("quickstart", (), 3, id="quickstart"),
    pytest.param("sweep", (), 6, id="sweep"),
    pytest.param("policies", ("-e", "dev"), 1, id="policies"),
    pytest.param("team", ("-e", "dev"), 3, id="team-dev"),
    pytest.param("team", ("-e", "prod"), 5, id="team-prod"),
]


def goes_through_its_life(tool: Tool, arguments: tuple[str, ...], count: int, *, protected: bool = False) -> None:
    assert f"{count} resource" in tool.run("validate", *arguments).out
    assert f"Plan: {count} to add, 0 to change, 0 to destroy." in tool.run("plan", *arguments).out
    added = f"Apply complete! Resources: {count} added, 0 changed, 0 destroyed."
    assert added in tool.run("apply", *arguments, "--auto-approve").out
    tool.plan_is_empty(*arguments)
    destroy = ("destroy", *arguments, "--auto-approve", "--allow", "disruption")
    if protected:
        assert "Protected resource" in tool.run(*destroy, code=1).err
        lifted = ("--var", "protect=false", "--auto-approve")
        tool.run("apply", *arguments, *lifted)
    tool.run(*destroy)
    assert tool.run("state", "list", *(a for a in arguments if a not in ("manifests",))).out == ""


@pytest.mark.parametrize(("name", "arguments", "count"), CASES)
def test_an_example_goes_through_its_life(tmp_path: Path, name: str, arguments: tuple[str, ...], count: int) -> None:
    shutil.copytree(EXAMPLES / name, tmp_path / "at", ignore=shutil.ignore_patterns(".declarative"))
    tool = Tool(tmp_path / "at")
    if (EXAMPLES / name / "declarative.yaml").exists():
        goes_through_its_life(tool, arguments, count, protected="prod" in arguments)
    else:
        files = {path.name: path.read_text() for path in tool.folder.glob("*.yaml")}
        tool.write({f"manifests/{file}": text for file, text in files.items()})
        goes_through_its_life(tool, arguments, count)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--var", "gpus=9"), "Training.train-dev: no training over 8 GPUs in dev"),
        (("image: nvcr.io", "image: elsewhere"), "the image elsewhere/nvidia/pytorch:24.08-py3 comes from none of"),
        (("train-", "tmp-"), "temporary names do not belong into a manifest"),
    ],
)
def test_each_policy_of_the_example_minds_what_it_says(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    shutil.copytree(EXAMPLES / "policies", tmp_path / "at", ignore=shutil.ignore_patterns(".declarative"))
    tool = Tool(tmp_path / "at")
    manifest = tool.folder / "manifests" / "training.yaml"
    manifest.write_text(manifest.read_text().replace(*change))
    options = change if change[0] == "--var" else ()
    done = tool.run("plan", "-e", "dev", *options, code=None)
    assert told in re.sub(r"\s+", " ", done.err)
    assert done.err.count('"name": "tmp-') <= 1
    assert done.code == (0 if "temporary" in told else 1)


def test_the_scaffold_goes_through_its_life(tmp_path: Path) -> None:
    Tool(tmp_path).run("init")
    conforms(tmp_path, "", "project.schema.json", "manifest.schema.json")
    goes_through_its_life(Tool(tmp_path), (), 2)


def test_the_quickstart_can_be_planned_in_an_empty_folder_with_nothing_configured(tmp_path: Path) -> None:
    done = Tool(tmp_path).run("plan", str(EXAMPLES / "quickstart"))
    assert "Plan: 3 to add, 0 to change, 0 to destroy." in done.out
    assert "embedded control plane" in done.err
    assert not list(tmp_path.rglob("state*"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(EXAMPLES).as_posix())
def test_an_example_names_a_schema_that_exists(file: Path) -> None:
    if file.name.startswith("_"):
        return  # no manifest, only macros
    found = MODELINE.match(file.read_text())
    assert found, "the first line names no schema"
    assert (file.parent / found[1]).resolve().is_file()


@pytest.mark.parametrize(
    ("name", "environment"),
    [("quickstart", None), ("sweep", None), ("policies", "dev"), ("team", "dev"), ("team", "prod")],
)
def test_an_example_conforms_to_the_schemas(name: str, environment: str | None) -> None:
    conforms(EXAMPLES / name, environment or "", "project.schema.json", "manifest.schema.json")


def conforms(folder: Path, environment: str, project: str, manifest: str) -> None:
    """Checks the project file, and every document as its template made it, as an editor would."""
    paths = () if (folder / "declarative.yaml").exists() else (".",)
    session = open_session(Settings(folder, environment=environment or None, paths=paths, environ={}))
    if session.project.document is not None:
        check(json.loads(json.dumps(session.project.document.value)), project)
    documents, problems = render_manifests(session)
    assert not problems
    for document in documents:
        check(json.loads(json.dumps(masked(document.value))), manifest)


def check(document: Any, schema: str) -> None:
    loaded = json.loads((REPOSITORY / "schemas" / schema).read_text())
    jsonschema.Draft202012Validator(loaded).validate(document)
