from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.tool import Tool, documents, template, training
from tests.forked import sandbox


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """A project of a template and two trainings, on the embedded control plane."""
    made = Tool(tmp_path)
    made.write({"manifests/all.yaml": documents(template("base"), training("a"), training("b"))})
    return made


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A sandbox in a process of its own."""
    with sandbox(tmp_path / "plane" / "sandbox.sqlite3") as found:
        yield found
