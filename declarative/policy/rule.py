"""What a rule is, what it is asked about, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.address import Address
from declarative.model.plan import Change, FieldChange, Plan
from declarative.model.position import Position
from declarative.model.record import Record
from declarative.model.value import masked


class Subject(Struct, frozen=True):
    """What rules are asked about: a plan without the texts of its secrets, the same as Terraform's JSON, and where it applies.

    `hidden` are the variables of the process environment that no rule gets to see.
    """

    plan: Plan
    document: dict[str, Any]
    environment: str | None
    root: Path
    hidden: frozenset[str] = frozenset()

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes that do something."""
        return tuple(change for change in self.plan.changes if not change.is_nothing)


class Finding(Struct, frozen=True):
    """What a rule says, and of which resource; without an address it is about the plan or about the rule itself."""

    diagnostic: Diagnostic
    address: Address | None = None


class Origin(Struct, frozen=True):
    """Where a rule was declared: `name` is for people, `where` the place in the project file."""

    name: str
    where: Position | None

    def finding(self, message: str, change: Change | None, severity: Severity) -> Finding:
        """What the rule has to say about a change, or about the whole plan."""
        about = f"{change.address}: " if change is not None else ""
        summary, hint = "Noted by a policy", None
        if severity is Severity.ERROR:
            summary, hint = "Denied by a policy", "change what the plan would do, or the policy; no option allows it"
        # What is deleted has no place in the manifests any more.
        where = (change.where if change is not None else None) or self.where
        note = f"policy {self.name}, at {self.where}"
        told = Diagnostic(summary, f"{about}{message}", hint, where, severity, notes=(note,))
        return Finding(told, change.address if change is not None else None)

    def broken(self, summary: str, detail: str, hint: str | None = None) -> Diagnostic:
        """The rule itself is wrong: an error, because what it would have said is not known."""
        return Diagnostic(summary, detail, hint, self.where)


class Rule(Protocol):
    """One entry of `policies:`, ready to be asked."""

    def findings(self, subject: Subject) -> Iterator[Finding]: ...


def shown(plan: Plan) -> Plan:
    """The plan without the texts of its secrets, and without what others set."""
    return replace(plan, changes=tuple(map(_shown, plan.changes)))


def _shown(change: Change) -> Change:
    return replace(
        change,
        before=masked(change.before),
        after=masked(change.after),
        fields=tuple(map(_shown_field, change.fields)),
        merged=None,
        imports=_shown_record(change.imports),
        remembers=_shown_record(change.remembers),
    )


def _shown_record(record: Record | None) -> Record | None:
    return record and replace(record, applied=masked(record.applied), intent=None)


def _shown_field(field: FieldChange) -> FieldChange:
    return replace(field, before=masked(field.before), after=masked(field.after))
