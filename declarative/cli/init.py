"""`declarative init`: a project that validates, plans and applies as it is."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import click

from declarative.cli.command import Command
from declarative.cli.options import context, global_options
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import ProjectError

# Folder of the scaffold -> what it shows.
TEMPLATES = {
    "training": "a training, and a template to start others from; what init takes when none is named",
    "sweep": "trainings by the dozen: every learning rate with every batch size, from one file",
    "team": "the environments dev and prod, variables, a shared macro, protected resources",
}
_DEFAULT = "training"
_IGNORE = ".gitignore"


@click.command(cls=Command)
@click.argument("folder", default=".")
@click.option("--template", metavar="NAME", default=_DEFAULT, help=f"What to start from: {', '.join(TEMPLATES)}.")
@click.option("--list", "lists", is_flag=True, help="Say what each template has, and write nothing.")
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, folder: str, template: str, lists: bool, **given: Any) -> int:
    """Start a project in FOLDER: a project file, manifests and a .gitignore.

    The project uses the embedded control plane until its file names another one. Files that exist are never touched.

    \b
    Examples:
      declarative init
      declarative init infra && cd infra && declarative plan
      declarative init runs --template sweep
    """
    console = context(given, outer).console
    if lists:
        width = max(map(len, TEMPLATES)) + 2
        console.out("\n".join(f"{name:{width}}{shows}" for name, shows in TEMPLATES.items()))
        return 0
    root = Path(given["chdir"] or outer.get("chdir") or ".") / folder
    files = _files(template)
    existing = [name for name in files if (root / name).exists()]
    if existing:
        detail = f"{', '.join(existing)} in {root} would be overwritten."
        raise ProjectError(
            Diagnostic("Project already there", detail, "choose an empty folder: declarative init FOLDER")
        )
    if not (root / _IGNORE).exists():
        files[_IGNORE] = _scaffold() / "gitignore"
    for name, source in files.items():
        _write(root / name, source.read_text(encoding="utf-8"))
        console.note(f"created {root / name}")
    where = "" if folder == "." else f"cd {folder} && "
    following = console.next(f"{where}declarative plan{' -e dev' if template == 'team' else ''}")
    console.note(f"\nThe project is ready.{following}")
    return 0


def _scaffold() -> Traversable:
    return resources.files("declarative.cli.scaffold")


def _files(template: str) -> dict[str, Traversable]:
    """The files of a template by their names in the project; raises ProjectError."""
    if template not in TEMPLATES:
        spelling = nearest(template, TEMPLATES)
        hint = f"did you mean --template {spelling}?" if spelling else "see declarative init --list"
        raise ProjectError(Diagnostic("Unknown template", f"There is no template {template}.", hint))
    folder = _scaffold() / template
    manifests = (folder / "manifests").iterdir()
    named = {f"manifests/{file.name}": file for file in sorted(manifests, key=lambda file: file.name)}
    return {"declarative.yaml": folder / "declarative.yaml", **named}


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        hint = "choose another folder: declarative init FOLDER"
        detail = f"{target}: {error.strerror}."
        raise ProjectError(Diagnostic("Unwritable folder", detail, hint)) from error
