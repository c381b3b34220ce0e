"""Writes `schemas/` from the models, or with `--check` names the files there that are not what would be written."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from declarative.manifest.schema import all_schemas

FOLDER = Path(__file__).resolve().parent.parent / "schemas"


def generated() -> dict[str, str]:
    """The text of every file, by name."""
    from declarative.sandbox import openapi

    return {
        name: text(schema) for name, schema in {**all_schemas(), "sandbox.openapi.json": openapi.document()}.items()
    }


def text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def stale(files: dict[str, str], folder: Path) -> list[str]:
    """The names of files that are missing in `folder`, differ, or should not be there."""
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in files.keys() | present.keys() if files.get(name) != present.get(name))


def write(files: dict[str, str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale(files, folder):
        if name in files:
            (folder / name).write_text(files[name], encoding="utf-8")
        else:
            (folder / name).unlink()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that are stale")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where the files are (default: schemas/)")
    given = parser.parse_args(arguments)
    files = generated()
    if not given.check:
        write(files, given.folder)
        return 0
    names = stale(files, given.folder)
    for name in names:
        print(f"stale: {name}; run python tools/schemas.py", file=sys.stderr)
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
