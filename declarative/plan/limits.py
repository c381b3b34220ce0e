"""The rules of a policy for one field: what is demanded, what was found, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from declarative.diagnostics import nearest
from declarative.kinds.check import shown
from declarative.kinds.quantity import amount
from declarative.model.secret import alike
from declarative.model.value import Value

_Rule = Mapping[str, Any]


class Verdict(NamedTuple):
    """What is wrong: what was `found`, what the policy `wants`, and how to mend it."""

    found: str
    wants: str
    hint: str


def source(rule: _Rule) -> str:
    """Whose rule it is, as far as the control plane tells: ` of the department`."""
    told = rule.get("sourceOfRule")
    scope = told.get("scope") if isinstance(told, Mapping) else None
    return f" of the {scope}" if scope else ""


def against(rule: _Rule, value: Value, default: Value, *, unordered: bool = False) -> Iterator[Verdict]:
    """What a rule has against a value; `default` is what the field has where it is not given."""
    if value is None or value == ():
        if rule.get("required") is True and default in (None, ()):
            choices = _choices(rule)
            yield Verdict("is missing", "requires it", f"write {_listed(choices)}" if choices else "add it")
        return
    # What is off by itself is not switched by saying so.
    untouched = default is None and value is False
    if rule.get("canEdit") is False and not untouched and not _same(value, default, unordered):
        wants = "does not allow to set it" if default is None else f"has it fixed at {shown(default)}"
        yield Verdict(f"is {shown(value)}", wants, "leave it out")
        return
    choices = _choices(rule)
    for one in value if isinstance(value, tuple) else (value,):
        if choices and not any(_same(one, choice, unordered=False) for choice in choices):
            spelling = nearest(one, map(str, choices)) if isinstance(one, str) else None
            hint = f"did you mean `{spelling}`?" if spelling else f"write {_listed(choices)}"
            yield Verdict(f"is {shown(one)}", f"allows only {_listed(choices)}", hint)
        yield from _bounds(rule, one)


def derived(rule: _Rule, given: _Rule, defaults: _Rule) -> Value:
    """What a field has that takes its default from one beside it, times a factor; None where that cannot be told."""
    origin = rule.get("defaultFrom")
    if not isinstance(origin, Mapping):
        return None
    name = str(origin.get("field") or "").rpartition(".")[2]
    value = given.get(name) if given.get(name) is not None else defaults.get(name)
    factor = origin.get("factor")
    found, times = amount(value), amount(1 if factor is None else factor)
    return value if times == 1 or found is None or times is None else str((found * times).normalize())


def _bounds(rule: _Rule, value: Value) -> Iterator[Verdict]:
    """Bounds are for amounts; about anything else they say nothing."""
    found = amount(value)
    if found is None:
        return
    least, most, step = (amount(rule.get(name)) for name in ("min", "max", "step"))
    if most is not None and found > most:
        yield Verdict(f"is {shown(value)}", f"allows at most {rule['max']}", f"write {rule['max']} or less")
    elif least is not None and found < least:
        yield Verdict(f"is {shown(value)}", f"allows at least {rule['min']}", f"write {rule['min']} or more")
    elif step and (found - (least or 0)) % step:
        start = least or Decimal(0)
        below = start + (found - start) // step * step
        pair = [one for one in (below, below + step) if most is None or one <= most]
        wants = f"allows only steps of {rule['step']} from {start.normalize():f}"
        yield Verdict(f"is {shown(value)}", wants, f"write {' or '.join(f'{one.normalize():f}' for one in pair)}")


def _choices(rule: _Rule) -> tuple[Value, ...]:
    """The values that a field may have; empty where any."""
    options = rule.get("options")
    return tuple(
        option["value"] if isinstance(option, Mapping) else option
        for option in (options if isinstance(options, tuple) else ())
        if not isinstance(option, Mapping) or "value" in option
    )


def _listed(choices: tuple[Value, ...]) -> str:
    words = [shown(one) for one in choices[:6]] + ([f"{len(choices) - 6} others"] if len(choices) > 6 else [])
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _same(one: Value, other: Value, unordered: bool) -> bool:
    if unordered and isinstance(one, tuple) and isinstance(other, tuple):
        return sorted(map(str, one)) == sorted(map(str, other))
    if alike(one, other):
        return True
    first, second = amount(one), amount(other)
    # Options of numbers are texts in some releases.
    return first is not None and first == second
