from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.plane import Plane


@pytest.fixture
def plane(tmp_path: Path) -> Plane:
    return Plane(tmp_path / "made" / "sandbox.sqlite3")
