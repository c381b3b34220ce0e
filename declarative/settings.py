"""What a command is asked to work with."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct, field

# Where the tool keeps its own files, beside the project file.
FOLDER = ".declarative"

# As libpq has it: what stands before the first @, unless a / comes first, are user and password, whatever their characters.
_URL = re.compile(
    r"(?P<scheme>\w+://)(?:(?P<user>[^:@/]*)(?::[^@/]*)?(?=@))?(?P<rest>[^?]*)(?:\?(?P<options>.*))?", re.DOTALL
)
_PASSWORD = re.compile(r"(?:ssl)?password=.*", re.DOTALL)


def make_folder(folder: Path) -> None:
    """Makes a folder for the tool's own files; the usual one keeps itself out of git. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if folder.name == FOLDER and not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def without_password(url: str) -> str:
    """A URL that may be printed; anything else as it is. Whoever runs what was printed gives the password by other means."""
    found = _URL.fullmatch(url)
    if found is None:
        return url
    options = [one for one in (found["options"] or "").split("&") if not _PASSWORD.fullmatch(unquote(one))]
    return found["scheme"] + (found["user"] or "") + found["rest"] + (f"?{'&'.join(options)}" if any(options) else "")


class Settings(Struct, frozen=True):
    """What the command line and the process environment ask for. None is "not said", and leaves it to the project file."""

    root: Path
    environment: str | None = None
    endpoint: str | None = None
    state: str | None = None
    paths: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    variable_files: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    replacing: tuple[str, ...] = ()
    refresh: bool = True
    refresh_only: bool = False
    parallelism: int = 10
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    # Hears every request to the control plane, a line each.
    trace: Callable[[str], None] | None = None
    # Hears once that the control plane makes itself wait for.
    notice: Callable[[str], None] | None = None
