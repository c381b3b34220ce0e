"""Shows a plan with one line a change, for whoever knows the manifests and wants to see that nothing else happens."""

from __future__ import annotations

import re

from declarative.model.plan import Change, FieldChange, Plan
from declarative.model.value import masked
from declarative.plan.guard import counted_gpus
from declarative.view.fields import phase_word
from declarative.view.plan import SYMBOLS, closing, no_changes, painted, shown_changes
from declarative.view.style import Style
from declarative.view.text import columns, shorten
from declarative.view.values import flow

# Columns that an address may push the words to the right by, and those that the words have at least.
_WIDEST, _NARROWEST = 48, 30
_LONGEST_VALUE = 24
# The name of a field with the keys of its lists: `environmentVariables[LR].value`; keys may have dots.
_STEP = re.compile(r"[^.\[]+(?:\[[^\]]*\])*")


def concise_text(plan: Plan, style: Style) -> str:
    """The symbol, the address and a few words of each change, then the count."""
    shown = shown_changes(plan)
    if not shown:
        return no_changes(plan, style) + "\n"
    pad = min(max(columns(style.safe(str(change.address))) for change in shown), _WIDEST)
    return "\n".join([*(_line(change, pad, style) for change in shown), "", *closing(plan, style)]) + "\n"


def _line(change: Change, pad: int, style: Style) -> str:
    address = style.safe(str(change.address))
    gap = " " * max(pad - columns(address), 0)
    room = max(style.width - 4 - max(pad, columns(address)) - 2, _NARROWEST)
    stops = f"stops work on {counted_gpus(change.disruption.gpus)}" if change.disruption else ""
    text = shorten(words(change, style), max(room - columns(stops) - 2, 12) if stops else room, style)
    end = style.bold(style.yellow(style.safe(stops))) if stops else ""
    told = "; ".join(filter(None, (text, end)))
    return f"{painted(change, style)} {style.bold(address)}{gap}  {told}".rstrip()


def words(change: Change, style: Style) -> str:
    """What changes, where it comes from, and why, in a few words."""
    told = [_difference(change.fields, style)] if change.fields else []
    if change.imports is not None:
        told.append(f"import of {change.imports.id}")
    if change.moved_from is not None:
        told.append(f"moved from {change.moved_from}")
    told = told or [SYMBOLS[change.action][1]]
    return style.safe("; ".join([*told, change.reason] if change.reason else told))


def _difference(fields: tuple[FieldChange, ...], style: Style) -> str:
    """The first difference, of those that force a replacement if there are any, and how many more."""
    first = next((field for field in fields if field.replaces), fields[0])
    more = f" (+{len(fields) - 1} more)" if len(fields) > 1 else ""
    return (phase_word(first) or f"{_short(first.label)} {_values(first, style)}") + more


def _short(label: str) -> str:
    """The last field of a path, from the last list that it is in."""
    steps = _STEP.findall(label) or [label]
    start = next((index for index in range(len(steps) - 1, -1, -1) if "[" in steps[index]), len(steps) - 1)
    return ".".join(steps[start:])


def _values(field: FieldChange, style: Style) -> str:
    before, after = (_value(value, style) for value in (field.before, field.after))
    if before == after:
        return after  # what is secret in it differs, or what is too long to be shown
    if field.before is None:
        return f"= {after}"
    return "removed" if field.after is None else f"{before} {style.arrow} {after}"


def _value(value: object, style: Style) -> str:
    return shorten(flow(masked(value), style), _LONGEST_VALUE, style)
