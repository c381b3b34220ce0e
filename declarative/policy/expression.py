"""Rules as expressions in CEL, the Common Expression Language (https://cel.dev): each has to be true of a change.

The library is an extra, and is imported only where a project has such a rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from declarative.diagnostics import Diagnostic, Severity, nearest
from declarative.errors import ProjectError
from declarative.model.plan import Action, Change
from declarative.model.value import FrozenMap
from declarative.policy.rule import Finding, Origin, Subject

if TYPE_CHECKING:
    from cel import Program

_NAMES = ("change", "environment")
# The names that a macro gives to items: those are no variables of ours.
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)\s*,")
_PARSED = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)")
# By default a rule is about what will be there. What goes away has nothing after the change.
_LASTING = ("create", "update", "replace")
_WORDS = {Action.CREATE_THEN_DELETE: "replace"}


class Expression(Struct, frozen=True):
    """One expression, and which changes it is asked about."""

    origin: Origin
    program: Program
    message: str
    on: str
    actions: tuple[str, ...]
    severity: Severity

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for change in subject.changes:
            if _word(change) in self.actions and fnmatchcase(str(change.address), self.on):
                yield from self._said(change, subject.environment)

    def _said(self, change: Change, environment: str | None) -> Iterator[Finding]:
        try:
            answer = self.program.execute({"change": _seen(change), "environment": environment})
        except Exception as error:  # noqa: BLE001  (the library has no error of its own)
            why, hint = _failure(error)
            detail = f"{change.address}: {why}."
            yield Finding(self.origin.broken("Policy failed", detail, hint), change.address)
            return
        if not isinstance(answer, bool):
            detail = f"{change.address}: the expression gives {answer!r}, but true or false is expected."
            yield Finding(self.origin.broken("Policy failed", detail), change.address)
        elif not answer:
            yield self.origin.finding(self.message, change, self.severity)


def _word(change: Change) -> str:
    return _WORDS.get(change.action, str(change.action))


def _seen(change: Change) -> dict[str, Any]:
    return {
        "address": str(change.address),
        "kind": change.address.kind,
        "key": change.address.key,
        "action": _word(change),
        "before": change.before,
        "after": change.after,
        "fields": [field.label for field in change.fields],
    }


def _failure(error: Exception) -> tuple[str, str | None]:
    """What is wrong, in words, and the fix."""
    if isinstance(error, KeyError):
        name = error.args[0]
        hint = f"begin with `!has(...) ||` and the path to `{name}`, to say that changes without it are fine"
        return f"there is no `{name}` where the expression looks for it", hint
    return str(error).partition("\n")[0].rstrip("."), None


def load(declared: FrozenMap, origin: Origin) -> Expression:
    """The rule of a declaration; raises ProjectError."""
    return Expression(
        origin,
        _compiled(declared["cel"], origin),
        declared.get("message") or f"`{declared['cel'].strip()}` is false.",
        declared.get("on") or "*",
        declared.get("actions") or _LASTING,
        Severity.WARNING if declared.get("effect") == "warn" else Severity.ERROR,
    )


def examine(declared: FrozenMap, origin: Origin) -> tuple[Diagnostic, ...]:
    """What is wrong with an expression, as far as can be told without a change."""
    try:
        program = _compiled(declared["cel"], origin)
    except ProjectError as error:
        return error.diagnostics
    known = {*_NAMES, *_MACRO.findall(declared["cel"])}
    return tuple(_unknown(name, origin) for name in program.variables() if name not in known)


def _compiled(text: str, origin: Origin) -> Program:
    try:
        import cel
    except ImportError as error:
        detail = "Policies in CEL need a library that is not installed."
        hint = "install it beside declarative: pip install 'common-expression-language>=0.10'"  # the extra cel
        raise ProjectError(origin.broken("Missing library", detail, hint)) from error
    try:
        return cel.compile(text)
    except ValueError as error:
        found = _PARSED.search(str(error))
        line, column, why = found.groups() if found else ("1", "1", str(error))
        detail = f"Line {line}, column {column} of the expression: {why.partition(' expecting {')[0]}."
        raise ProjectError(origin.broken("Malformed policy", detail)) from error


def _unknown(name: str, origin: Origin) -> Diagnostic:
    spelling = nearest(name, _NAMES)
    hint = f"did you mean `{spelling}`?" if spelling else "there are `change` and `environment`"
    return origin.broken("Unknown name", f"The expression has `{name}`, which no policy knows.", hint)
