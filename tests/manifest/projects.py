"""Small projects for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from declarative.manifest.compile import Compiled, compile_files
from declarative.manifest.files import find
from declarative.manifest.template import Templates
from declarative.model.value import freeze

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
) -> Compiled:
    """Writes the files into the folder and compiles `manifests` there."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    found, missing = find(folder, ["manifests"])
    assert not missing
    return compile_files(found, Templates(folder, freeze(variables or {}), environment))


def findings(result: Compiled) -> list[str]:
    """Place and summary of each diagnostic."""
    return [f"{one.where}: {one.summary}" for one in result.diagnostics]
