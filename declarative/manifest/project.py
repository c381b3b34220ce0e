"""The project file: which control plane, which manifests, which state, which variables."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace
from pydantic import Field

from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import ProjectError
from declarative.kinds.check import check
from declarative.kinds.fields.base import Fields, Text
from declarative.manifest.document import Document, decode, parse
from declarative.manifest.policies import PolicyDeclaration
from declarative.manifest.variables import VariableDeclaration
from declarative.model.position import Position
from declarative.model.value import EMPTY, FrozenMap, Path, Value, dig

FILE = "declarative.yaml"
SANDBOX = "sandbox"
DEFAULT_STATE = ".declarative/state.sqlite3"


class EnvironmentOverlay(Fields):
    """What an environment changes of the project."""

    endpoint: Text | None = Field(None, description="Control plane of this environment.")
    state: Text | None = Field(None, description="State of this environment.")
    variables: dict[str, Any] | None = Field(None, description="Values of variables, by name.")


class ProjectFile(Fields):
    """A project: manifests, the control plane they describe and the state that remembers them."""

    apiVersion: Literal["declarative/v1"] = Field(description="Version of the project file's form.")
    kind: Literal["Project"] = Field(description="Always Project.")
    endpoint: Text | None = Field(None, description="URL of the control plane, or sandbox for the embedded one.")
    manifests: tuple[Text, ...] | None = Field(
        None, description="Files and folders of manifests, relative to this file."
    )
    state: Text | None = Field(None, description="File of the state, relative to this file.")
    variables: dict[str, VariableDeclaration] | None = Field(
        None, description="Variables that manifests may use, by name."
    )
    environments: dict[str, EnvironmentOverlay] | None = Field(
        None, description="Environments, chosen with -e, that overlay endpoint, state and variables."
    )
    policies: tuple[PolicyDeclaration, ...] | None = Field(None, description="Rules that every plan has to keep.")


class Project(Struct, frozen=True):
    """A project as configured: the file, overlaid by the environment.

    `root` is the folder that paths are relative to. `endpoint` and `state` are None where nothing is configured.
    `variables` are declarations by name, `overlay` the environment's values by name, `policies` the declarations of rules
    over plans; `document` finds their places.
    """

    root: pathlib.Path
    environment: str | None = None
    endpoint: str | None = None
    state: str | None = None
    manifests: tuple[str, ...] = ()
    variables: FrozenMap = EMPTY
    overlay: FrozenMap = EMPTY
    policies: tuple[FrozenMap, ...] = ()
    document: Document | None = None

    def locate(self, *path: str | int, on_key: bool = False) -> Position | None:
        """The place of a setting in the project file, or of its key."""
        return self.document.locate(path, on_key) if self.document else None


def load(root: pathlib.Path, environment: str | None) -> Project:
    """Reads `declarative.yaml` in `root`, if there is one; raises ProjectError with everything that is wrong."""
    file = root / FILE
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        if not root.is_dir():
            raise ProjectError(Diagnostic("No such folder", f"There is no folder {root}.")) from None
        if environment:
            detail = f"-e {environment} names an environment of {FILE}, but there is no such file here."
            raise ProjectError(Diagnostic("No project file", detail, "start a project with declarative init")) from None
        return Project(root)
    except OSError as error:
        raise ProjectError(
            Diagnostic("Unreadable project file", f"{file}: {error.strerror}.", "it has to be a file that you may read")
        ) from error
    document = _read(text)
    given = document.value
    environments: Mapping[str, Any] = given.get("environments") or EMPTY
    if environment and environment not in environments:
        where = document.locate(("environments",), on_key=True)
        raise ProjectError(_no_environment(environment, tuple(environments), where))
    overlay = (environments.get(environment) or EMPTY) if environment else EMPTY
    return Project(
        root,
        environment,
        endpoint=overlay.get("endpoint") or given.get("endpoint"),
        state=overlay.get("state") or given.get("state"),
        manifests=given.get("manifests") or (),
        variables=given.get("variables") or EMPTY,
        overlay=overlay.get("variables") or EMPTY,
        policies=given.get("policies") or (),
        document=document,
    )


def _read(text: bytes) -> Document:
    documents, diagnostics, *_ = parse(decode(text, FILE), FILE)
    if not diagnostics and len(documents) != 1:
        diagnostics = (_not_one(documents),)
    if not diagnostics:
        value = documents[0].value
        diagnostics = tuple(
            replace(documents[0].diagnostic(violation), is_private=_is_private(value, violation.path))
            for violation in check(ProjectFile, value)
        )
    if not diagnostics:
        diagnostics = tuple(_unusable_names(documents[0]))
    if diagnostics:
        raise ProjectError(*diagnostics)
    return documents[0]


def _unusable_names(document: Document) -> Iterator[Diagnostic]:
    """Variables that no template could name."""
    for name in document.value.get("variables") or ():
        if not name.isidentifier():
            detail = (
                f"`{name}` cannot be written as var.NAME: a name has letters, digits and `_`, and begins with no digit."
            )
            hint = f"did you mean `{re.sub(r'[^0-9A-Za-z_]', '_', name)}`?"
            yield Diagnostic("Unusable name", detail, hint, document.locate(("variables", name), on_key=True))


def _is_private(project: Value, path: Path) -> bool:
    """Whether the value of a sensitive variable may stand on the line of a mistake."""
    declared = dig(project, ("variables",))
    declared = declared if isinstance(declared, FrozenMap) else EMPTY
    if path[:1] == ("environments",):
        return any(isinstance(one, FrozenMap) and one.get("sensitive") for one in declared.values())
    return path[:1] == ("variables",) and bool(dig(project, (*path[:2], "sensitive")))


def _not_one(documents: tuple[Document, ...]) -> Diagnostic:
    if not documents:
        hint = "write `apiVersion: declarative/v1` and `kind: Project`, or remove the file"
        return Diagnostic("Empty project file", f"{FILE} has nothing in it.", hint, Position(FILE))
    detail = f"{FILE} has {len(documents)} YAML documents; the second one starts here."
    return Diagnostic("Not one document", detail, "keep one", documents[1].where)


def _no_environment(name: str, known: tuple[str, ...], where: Position | None) -> Diagnostic:
    spelling = nearest(name, known)
    return Diagnostic(
        "Unknown environment",
        f"There is no environment {name} in {FILE}." + (f" It has {', '.join(known)}." if known else " It has none."),
        f"did you mean -e {spelling}?" if spelling else "add it under `environments:`",
        where,
    )
