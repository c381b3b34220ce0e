"""Terraform for NVIDIA Run:ai: plan and apply YAML manifests of AI workloads.

As a library: `load` gives a Project, its `plan()` a Plan with `changes`, whose `apply()` carries it out. What goes wrong raises
a DeclarativeError, whose `diagnostics` say what, where and how to mend it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from declarative.errors import DeclarativeError
    from declarative.library import Applied, Plan, Project, load

__version__ = "0.1.0"
# Seconds since the epoch: code on disk that is younger is not the code that runs.
__started__ = time.time()
__all__ = ["Applied", "DeclarativeError", "Plan", "Project", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """Imports the library when it is first asked for: `--version` and help need none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from declarative import errors, library

    return getattr(errors if name == "DeclarativeError" else library, name)
