"""Which files are manifests."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from declarative.diagnostics import Diagnostic, nearest
from declarative.manifest.project import FILE

SUFFIXES = (".yaml", ".yml")


class ManifestFile(Struct, frozen=True):
    """A file to compile; `name` is what the user sees, relative to the project where possible."""

    path: Path
    name: str


def find(root: Path, paths: Iterable[str]) -> tuple[tuple[ManifestFile, ...], tuple[Diagnostic, ...]]:
    """The manifests at `paths`, which are relative to `root`, sorted by name and without repetition.

    In folders all `*.yaml` and `*.yml` count, except the project file, hidden ones, and those whose name starts with `_`,
    which are there to be included by others.
    """
    found: dict[Path, ManifestFile] = {}
    diagnostics: list[Diagnostic] = []
    for given in paths:
        # `manifests` and `./x/../manifests` are one folder.
        path = Path(os.path.normpath(root / given))
        if path.is_dir():
            for file in _walk(root, path):
                found.setdefault(file.path, file)
        elif path.exists():
            found.setdefault(path, ManifestFile(path, _name(root, path)))
        else:
            diagnostics.append(_missing(root, given))
    return tuple(sorted(found.values(), key=lambda file: file.name)), tuple(diagnostics)


def _walk(root: Path, folder: Path) -> Iterator[ManifestFile]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if one[0] not in "._")
        # The names of a folder's files differ in the last part alone.
        name = _name(root, Path(parent))
        prefix = "" if name == os.curdir else f"{name}{os.sep}"
        for one in files:
            if one.endswith(SUFFIXES) and one[0] not in "._" and one != FILE:
                yield ManifestFile(Path(parent, one), f"{prefix}{one}")


def _name(root: Path, path: Path) -> str:
    return os.path.relpath(path, root) if path.is_relative_to(root) else str(path)


def _missing(root: Path, given: str) -> Diagnostic:
    folder = (root / given).parent
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    spelling = nearest(Path(given).name, names)
    hint = f"did you mean {Path(given).parent / spelling}?" if spelling else "give a file or a folder of manifests"
    return Diagnostic("No such file or folder", f"{given} does not exist.", hint)
