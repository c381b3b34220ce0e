"""What a command is asked to work with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line and the process environment ask for. None is "not said", and leaves it to the project file."""

    root: Path
    environment: str | None = None
    endpoint: str | None = None
    state: str | None = None
    paths: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    variable_files: tuple[str, ...] = ()
    parallelism: int = 10
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
