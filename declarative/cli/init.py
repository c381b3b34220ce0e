"""`declarative init`: a project that validates, plans and applies as it is."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import click

from declarative.cli.options import context, global_options
from declarative.diagnostics import Diagnostic
from declarative.errors import ProjectError

# Where the files of the scaffold go; they lie beside this module under plain names.
FILES = {
    "project.yaml": "declarative.yaml",
    "base.yaml": "manifests/base.yaml",
    "hello.yaml": "manifests/hello.yaml",
    "gitignore": ".gitignore",
}


@click.command()
@click.argument("folder", default=".")
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, folder: str, **given: Any) -> int:
    """Start a project: a project file, two manifests and a .gitignore.

    The project uses the embedded control plane until its file names another one. Files that exist are never touched.

    \b
    Example:
      declarative init infra && cd infra && declarative plan
    """
    console = context(given, outer).console
    root = Path(given["chdir"] or outer.get("chdir") or ".") / folder
    existing = [name for name in FILES.values() if (root / name).exists() and name != ".gitignore"]
    if existing:
        detail = f"{', '.join(existing)} in {root} would be overwritten."
        raise ProjectError(
            Diagnostic("Project already there", detail, "choose an empty folder: declarative init FOLDER")
        )
    for source, name in FILES.items():
        target = root / name
        if not target.exists():
            _write(target, resources.files("declarative.cli.scaffold").joinpath(source).read_text(encoding="utf-8"))
            console.note(f"created {target}")
    where = "" if folder == "." else f"cd {folder} && "
    console.note(f"\nThe project is ready. Next: {where}declarative plan")
    return 0


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProjectError(Diagnostic("Unwritable folder", f"{target}: {error.strerror}.")) from error
