"""How many examples a property is tried with."""

from __future__ import annotations

import os

_MORE = 10 if os.environ.get("HYPOTHESIS_PROFILE") == "random" else 1


def examples(usually: int, variable: str = "") -> int:
    """`usually`, ten times as many in the profile of random runs, or what the environment variable says."""
    return int(os.environ.get(variable) or usually * _MORE)
