"""What is replaced although nothing of it forces that: it is asked for, or goes along with others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import PlanError
from declarative.model.address import Address
from declarative.model.plan import Action, Change
from declarative.model.resource import Resource

REQUESTED = "asked for by --replace"
_MOVING = (Action.UPDATE, Action.REPLACE, Action.CREATE_THEN_DELETE)


def requested(
    texts: Iterable[str], desired: Collection[Address], recorded: Collection[Address], chosen: Collection[Address]
) -> frozenset[Address]:
    """The addresses that `--replace` names. Raises PlanError for those that no plan, or not this one, can replace.

    `desired` are those of the manifests, `recorded` those of the state, `chosen` those that the plan is about.
    """
    found: dict[str, Address] = {str(address): address for address in (*recorded, *desired)}
    wrong = [_refusal(text, found, desired, chosen) for text in dict.fromkeys(texts)]
    problems = [one for one in wrong if one is not None]
    if problems:
        raise PlanError(*problems)
    return frozenset(found[text] for text in texts)


def _refusal(
    text: str, found: Mapping[str, Address], desired: Collection[Address], chosen: Collection[Address]
) -> Diagnostic | None:
    address = found.get(text)
    if address is None:
        names = sorted(found)
        spelling = next((name for name in names if name.endswith(f".{text}")), None) or nearest(text, names)
        hint = f"did you mean {spelling}?" if spelling else "--replace takes one address, and may be repeated"
        return Diagnostic("Unknown address", f"Neither the manifests nor the state have {text}.", hint)
    if address not in desired:
        detail = f"{text} has no manifest, so that the plan deletes it; there is nothing to replace it with."
        return Diagnostic("Nothing to replace it with", detail, f"leave out --replace {text}")
    if address not in chosen:
        detail = f"{text} would be replaced, but --target and --exclude leave it out."
        return Diagnostic("Not in this plan", detail, f"add --target {text}, or leave out --replace {text}")
    return None


def replace_along(
    changes: dict[Address, Change], desired: Mapping[Address, Resource], asked: Collection[Address] = ()
) -> None:
    """Replaces in `changes` what is asked for, and what asks to be replaced along with others, until nothing more follows."""
    for address in asked:
        if _is_replaceable(changes.get(address)):
            changes[address] = replace(_replaced(changes[address], desired[address], REQUESTED), on_request=True)
    settled = False
    while not settled:
        settled = True
        for address, resource in desired.items():
            causes = (a for a in resource.lifecycle.replace_when if a in changes and changes[a].action in _MOVING)
            cause = next(causes, None) if _is_replaceable(changes.get(address)) else None
            if cause is not None:
                settled = False
                changes[address] = _replaced(changes[address], resource, f"replaceWhen: {cause} changes")


def _is_replaceable(change: Change | None) -> bool:
    """Whether there is an object that would stay."""
    return change is not None and change.action in (Action.NO_OP, Action.UPDATE) and change.before is not None


def _replaced(change: Change, resource: Resource, reason: str) -> Change:
    action = Action.CREATE_THEN_DELETE if resource.lifecycle.create_before_destroy else Action.REPLACE
    return replace(change, action=action, reason=reason)
