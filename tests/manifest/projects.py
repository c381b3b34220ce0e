"""Small projects for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from declarative.diagnostics import Diagnostic
from declarative.errors import ProjectError
from declarative.manifest.cache import Cache
from declarative.manifest.compile import Compiled, compile_files
from declarative.manifest.document import read
from declarative.manifest.files import ManifestFile, find
from declarative.manifest.rendered import PLACEHOLDER, Rendered
from declarative.manifest.template import Templates
from declarative.model.value import canonical, freeze

HEAD = """apiVersion: runai/v1
kind: Training
metadata:
  name: resnet50
  projectId: "4501"
  cluster: a100
"""


def compiled(
    folder: Path,
    files: Mapping[str, str | bytes],
    variables: Mapping[str, Any] | None = None,
    environment: str | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Compiled:
    """Writes the files into the folder and compiles `manifests` there."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    found, missing = find(folder, ["manifests"])
    assert not missing
    templates = Templates(folder, freeze(variables or {}), environment, (secrets or {}).get)
    return compiled_thrice(found, templates, folder)


def compiled_thrice(files: tuple[ManifestFile, ...], templates: Templates, folder: Path) -> Compiled:
    """What the files come to; a cache may not make a difference, neither while it learns nor when it knows."""
    result = compile_files(files, templates)
    cache = Cache(folder / "cache")
    for again in (compile_files(files, templates, cache), compile_files(files, templates, cache)):
        assert again == result
        assert [canonical(one.body) for one in again.resources] == [canonical(one.body) for one in result.resources]
    return result


def findings(result: Compiled) -> list[str]:
    """Place and summary of each diagnostic."""
    return [f"{one.where}: {one.summary}" for one in result.diagnostics]


def assembled(rendered: Rendered) -> str:
    """The pieces of a template as one text, each value as it reads in the middle of other text."""
    return PLACEHOLDER.sub(lambda found: str(rendered.pasted[int(found[1])]), rendered.text)


def value_of(templates: Templates, text: str) -> Any:
    """The value of the one document that a template makes."""
    documents, diagnostics, _ = read(templates.render(text, "a.yaml"), "a.yaml")
    assert not diagnostics
    (document,) = documents
    return document.value


def problems(templates: Templates, text: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a template and its documents."""
    try:
        rendered = templates.render(text, "a.yaml")
    except ProjectError as error:
        return error.diagnostics
    return read(rendered, "a.yaml").diagnostics
