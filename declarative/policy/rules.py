"""The rules of a project: found wrong, loaded, asked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from declarative.diagnostics import Diagnostic
from declarative.errors import ProjectError
from declarative.manifest.project import Project
from declarative.model.plan import Plan
from declarative.model.secret import Reference, Secret, hidden_in
from declarative.model.value import FrozenMap
from declarative.plan.planfile import PlanFile
from declarative.policy import command, expression, functions
from declarative.policy.rule import Finding, Origin, Rule, Subject, shown
from declarative.view.terraform import plan_json

_SETTINGS = "DECLARATIVE_"


def examine(project: Project) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with the policies of a project, each at its line there; runs none of them."""
    return tuple(
        diagnostic for declared, origin in _declared(project) for diagnostic in _wrong(project, declared, origin)
    )


def _wrong(project: Project, declared: FrozenMap, origin: Origin) -> tuple[Diagnostic, ...]:
    if declared.get("python"):
        return functions.examine(project.root, origin)
    if declared.get("command"):
        return command.examine(project.root, declared, origin)
    return expression.examine(declared, origin)


def load(project: Project) -> tuple[Rule, ...]:
    """The rules of a project, ready to be asked: this runs the files of Python. Raises ProjectError with all that is wrong."""
    wrong = examine(project)
    if wrong:
        raise ProjectError(*wrong)
    return tuple(_loaded(project, declared, origin) for declared, origin in _declared(project))


def _loaded(project: Project, declared: FrozenMap, origin: Origin) -> Rule:
    if declared.get("python"):
        return functions.load(project.root, origin)
    if declared.get("command"):
        return command.load(declared, origin)
    return expression.load(declared, origin)


def _declared(project: Project) -> Iterator[tuple[FrozenMap, Origin]]:
    """Each declaration with its place, which is that of the file, the command or the expression."""
    for index, declared in enumerate(project.policies):
        form = next(name for name in ("python", "command", "cel") if declared.get(name))
        given = declared[form]
        name = given if form == "python" else " ".join(given) if form == "command" else "in CEL"
        yield declared, Origin(name, project.locate("policies", index, form))


def ask(rules: Iterable[Rule], file: PlanFile, root: Path) -> tuple[Finding, ...]:
    """What the rules of the project in `root` have to say about a plan, in their order.

    What the plan holds of secrets stays hidden from them.
    """
    rules = tuple(rules)
    if not rules:
        return ()
    document = plan_json(file.plan, file.created, drift=file.drift, environment=file.environment)
    subject = Subject(shown(file.plan), document, file.environment, root, _hidden(file.plan))
    return tuple(finding for rule in rules for finding in rule.findings(subject))


def _hidden(plan: Plan) -> frozenset[str]:
    """The variables of the process environment that hold credentials or secrets of the plan."""
    parts = (
        part
        for change in plan.changes
        for hidden in hidden_in(change.after)
        if isinstance(hidden, Secret)
        for part in hidden.parts
    )
    secrets = {part.name for part in parts if isinstance(part, Reference) and part.source == "secret"}
    return frozenset(secrets | {name for name in os.environ if name.startswith(_SETTINGS)})
