"""Profiles of hypothesis: by default the same examples every time, and random ones where HYPOTHESIS_PROFILE=random.

And a PostgreSQL server for those who ask, one for each process that runs tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import PostgresServer, running

_COMMON = settings(deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("default", _COMMON, derandomize=True, database=None)
settings.register_profile("random", _COMMON, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "default")


@pytest.fixture(autouse=True)
def _usual_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests compare is as wide as where nobody says how wide; pytest's own processes say so."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server to be shared: whoever stops it starts it again."""
    with running() as server:
        yield server
