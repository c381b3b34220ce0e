"""Rules as Python functions: `deny...` and `warn...` of a file in the project.

`examine` reads the file without running it; `load` runs it. It is the team's own code, and nothing keeps it in bounds.
"""

from __future__ import annotations

import ast
import inspect
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from msgspec import Struct

from declarative.diagnostics import Diagnostic, Severity
from declarative.errors import ProjectError
from declarative.model.plan import Change
from declarative.policy.rule import Finding, Origin, Subject

_PREFIXES = ("deny", "warn")
_ARGUMENTS = ("change", "plan", "environment")


class Functions(Struct, frozen=True):
    """The rules of one file, in the order in which they stand there."""

    origin: Origin
    functions: tuple[FunctionType, ...]

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for function in self.functions:
            takes = tuple(inspect.signature(function).parameters)
            for change in subject.changes if "change" in takes else (None,):
                given = {"change": change, "plan": subject.plan, "environment": subject.environment}
                yield from self._said(function, {name: given[name] for name in takes}, change)

    def _said(self, function: FunctionType, given: Mapping[str, Any], change: Change | None) -> Iterator[Finding]:
        severity = Severity.ERROR if function.__name__.startswith("deny") else Severity.WARNING
        origin = Origin(f"{function.__name__} of {self.origin.name}", self.origin.where)
        try:
            messages = tuple(_messages(function(**given)))
        except (Exception, SystemExit) as error:  # noqa: BLE001  (the team's code can fail in any way)
            about = f" for {change.address}" if change is not None else ""
            detail = f"{function.__name__}{about}: {_failure(error, self.origin.name)}."
            hint = "nothing is applied until the policy can be asked"
            yield Finding(self.origin.broken("Policy failed", detail, hint), change.address if change else None)
            return
        yield from (origin.finding(message, change, severity) for message in messages)


def _messages(answer: Any) -> Iterator[str]:
    """The messages of an answer: none, one, or several; raises TypeError for anything else."""
    if answer is None:
        return
    for one in (answer,) if isinstance(answer, str) or not isinstance(answer, Iterable) else answer:
        if not isinstance(one, str):
            raise TypeError(f"it gives {one!r}, but a policy gives messages, which are text")
        yield one


def examine(root: Path, origin: Origin) -> tuple[Diagnostic, ...]:
    """What is wrong with a file, as far as can be told without running it."""
    try:
        parsed = ast.parse(_read(root, origin), origin.name)
    except ProjectError as error:
        return error.diagnostics
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return (origin.broken("Malformed policy", f"{_failure(error, origin.name)}."),)
    found = [node for node in parsed.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    rules = [node for node in found if node.name.startswith(_PREFIXES)]
    if not rules:
        hint = "write `def deny_...(change):`, and yield a message for what may not be"
        detail = f"{origin.name} has no function whose name begins with deny or warn."
        return (origin.broken("No policy in the file", detail, hint),)
    return tuple(diagnostic for node in rules for diagnostic in _unusable(node, origin))


def _unusable(node: ast.FunctionDef | ast.AsyncFunctionDef, origin: Origin) -> Iterator[Diagnostic]:
    place = f"{node.name} ({origin.name}:{node.lineno})"
    if isinstance(node, ast.AsyncFunctionDef):
        yield origin.broken("Unusable policy", f"{place} is async.", "write `def` in place of `async def`")
    taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    names = [one.arg for one in taken if one is not None]
    foreign = [name for name in names if name not in _ARGUMENTS]
    if foreign or not {"change", "plan"} & set(names) or node.args.posonlyargs:
        detail = f"{place} takes {', '.join(names) or 'nothing'}."
        hint = "take `change` (asked for each) or `plan` (asked once), and `environment` where it matters"
        yield origin.broken("Unusable policy", detail, hint)


def load(root: Path, origin: Origin) -> Functions:
    """Runs a sound file, and takes its rules; raises ProjectError."""
    text = _read(root, origin)
    module = ModuleType(f"declarative_policy_of_{Path(origin.name).stem}")
    module.__file__ = str(root / origin.name)
    # Dataclasses look their module up; the import system would leave compiled files behind.
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, origin.name, "exec"), module.__dict__)  # noqa: S102  (the rules that the project file names)
    except (Exception, SystemExit) as error:
        raise ProjectError(origin.broken("Policy cannot be loaded", f"{_failure(error, origin.name)}.")) from error
    found = [(name, one) for name, one in vars(module).items() if name.startswith(_PREFIXES)]
    functions = tuple(
        one for _, one in found if isinstance(one, FunctionType) and one.__code__.co_filename == origin.name
    )
    strange = [name for name, one in found if callable(one) and one not in functions]
    if strange:
        detail = f"{origin.name} gets {', '.join(strange)} from elsewhere, so it would not be asked."
        raise ProjectError(origin.broken("Unusable policy", detail, "define it in the file, or give it another name"))
    return Functions(origin, functions)


def _read(root: Path, origin: Origin) -> str:
    try:
        return (root / origin.name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ProjectError(origin.broken("Unreadable policy", f"{origin.name}: {reason}.")) from error


def _failure(error: BaseException, name: str) -> str:
    """Where in the file something failed, and how."""
    if isinstance(error, SyntaxError):
        return f"{name}:{error.lineno or 1}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    place = f"{name}:{lines[-1]}: " if lines else ""
    return f"{place}{type(error).__name__}" + (f": {error}" if str(error) else "")
