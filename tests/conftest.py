"""Profiles of hypothesis: by default the same examples every time, and random ones where HYPOTHESIS_PROFILE=random."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_COMMON = settings(deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("default", _COMMON, derandomize=True, database=None)
settings.register_profile("random", _COMMON, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "default")
