"""Shows a plan to the person who has to say yes to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from declarative.model.address import Address
from declarative.model.plan import Action, Change, Disruption, Plan, Run
from declarative.model.value import FrozenMap, dig
from declarative.plan.guard import counted_gpus, lost_volumes, moment, some, stopping
from declarative.view.fields import body_lines, fields_lines, marked
from declarative.view.known import NOTHING_KNOWN, Known
from declarative.view.style import Style
from declarative.view.text import counted, packed, wrapped

SYMBOLS = {
    Action.CREATE: ("+", "create"),
    Action.UPDATE: ("~", "update in place"),
    Action.DELETE: ("-", "destroy"),
    Action.REPLACE: ("-/+", "destroy, then create"),
    Action.CREATE_THEN_DELETE: ("+/-", "create, then destroy"),
    Action.FORGET: (".", "forget"),
    Action.NO_OP: ("=", "change the state alone"),
}


def plan_text(plan: Plan, style: Style, known: Known = NOTHING_KNOWN) -> Iterator[str]:
    """The whole plan in parts: symbols, one block a change, and the count. At once it would take more memory than the plan."""
    shown = shown_changes(plan)
    if not shown:
        yield no_changes(plan, style) + "\n"
        return
    yield _header(plan, shown, style) + "\n\n"
    for change in shown:
        yield change_text(change, style, known) + "\n\n"
    yield "\n".join(closing(plan, style)) + "\n"


def change_text(change: Change, style: Style, known: Known = NOTHING_KNOWN) -> str:
    """The block of one change: its title, and what changes."""
    return "\n".join(_change_lines(change, style, known))


def shown_changes(plan: Plan) -> tuple[Change, ...]:
    """What is worth a line: all but the resources that stay as they are."""
    return tuple(change for change in plan.changes if not change.is_nothing)


def count_line(plan: Plan) -> str:
    """How many, in the words that scripts look for."""
    imports = f"{plan.to_import} to import, " if plan.to_import else ""
    return f"Plan: {imports}{plan.to_add} to add, {plan.to_change} to change, {plan.to_destroy} to destroy."


def no_changes(plan: Plan, style: Style) -> str:
    """What is said when there is nothing to do."""
    same = len(plan.changes)
    if plan.refresh_only:
        why = f"The state is up to date with the control plane ({style.safe(plan.endpoint)})."
    elif same:
        verb = "matches" if same == 1 else "match"
        what = f"the control plane ({style.safe(plan.endpoint)})" if plan.is_refreshed else "what was last applied"
        why = f"{counted(same, 'resource')} {verb} {what}."
    elif plan.destroy:
        why = "The state records no resource, so there is nothing to destroy."
    else:
        why = "The manifests ask for nothing, and the state records nothing."
    return "\n".join([f"{style.bold(style.green('No changes.'))} {why}", *unchanged(plan.changes, style)])


def disruption_text(change: Change, disruption: Disruption) -> str:
    """What stops, as a sentence without its subject."""
    article = "an" if disruption.phase[:1] in "AEIOU" else "a"
    gpus = counted_gpus(disruption.gpus)
    return f"stops {article} {disruption.phase} {change.address.kind.lower()} that holds {gpus}"


def _header(plan: Plan, shown: tuple[Change, ...], style: Style) -> str:
    used = {change.action for change in shown}
    legend = [f"{symbol} {words}" for action, (symbol, words) in SYMBOLS.items() if action in used]
    lines = packed(legend, max(style.width, 40) - 4)
    place = f"Changes at {style.safe(plan.endpoint)}, marked by these symbols:"
    return "\n".join([place, *(f"    {line}" for line in lines)])


def _change_lines(change: Change, style: Style, known: Known) -> list[str]:
    lines = [_title(change, style)]
    lines += [style.dim(line) for line in _reason(change, style)]
    lines += _run_lines(change, style)
    if change.action is Action.CREATE and change.after is not None:
        lines += body_lines(change.after, style, "+", known=known)
    elif change.action in (Action.DELETE, Action.FORGET):
        lines += body_lines(_essentials(change), style, SYMBOLS[change.action][0], known=known)
    else:
        lines += fields_lines(change.fields, style, phases=change.action is Action.UPDATE, known=known)
    return lines


def _run_lines(change: Change, style: Style) -> list[str]:
    """What becomes of the live run, on two lines at most: what stops since when, and whose it is and what goes with it."""
    run, lines = change.run or Run(), []
    since = f" since {moment(run.since)}" if run.since is not None else ""
    if change.disruption:
        comma = "," if since else ""
        text = style.safe(f"{disruption_text(change, change.disruption)}{comma}{since}")
        lines.append(style.bold(style.yellow(f"# {text}")))
    elif run.phase and since:
        lines.append(style.dim(f"# {style.safe(run.phase)}{since}"))
    made = f"created {moment(run.created)}" if run.created is not None and run.since is None else "created"
    about = [made + (f" by {run.creator}" if run.creator else "")] if made != "created" or run.creator else []
    about += [lost_volumes(run)] if run.volumes else []
    if about:
        text = f"# {style.safe('; '.join(about))}"
        lines.append(style.bold(style.yellow(text)) if run.volumes else style.dim(text))
    return [f"    {line}" for line in lines]


def _title(change: Change, style: Style) -> str:
    place = f"  {style.dim(_place(change, style))}" if change.where else ""
    return f"{painted(change, style)} {style.bold(style.safe(str(change.address)))}{place}"


def painted(change: Change, style: Style) -> str:
    """The symbol in its colours, right-aligned in three columns."""
    symbol = SYMBOLS[change.action][0]
    return " " * (3 - len(symbol)) + "/".join(marked(mark, style) for mark in symbol.split("/"))


def _place(change: Change, style: Style) -> str:
    return f"{style.safe(change.where.file)}:{change.where.line}" if change.where else ""


def _reason(change: Change, style: Style) -> list[str]:
    told = [change.reason] if change.reason else []
    if change.imports is not None:
        told.insert(0, f"will be imported [id={change.imports.id}]")
    if change.moved_from is not None:
        told.insert(0, f"{change.moved_from} has moved to {change.address}")
    return [line for one in told for line in wrapped(style.safe(one), style, "    # ")]


def _essentials(change: Change) -> FrozenMap:
    """What tells the object apart for someone who has to let it go."""
    body = change.before
    found = {name: dig(body, ("metadata", name)) for name in ("name", "project", "projectId", "scope")}
    return FrozenMap({name: value for name, value in {**found, "id": change.id}.items() if value is not None})


def closing(plan: Plan, style: Style) -> list[str]:
    """The count, and what it does not count."""
    lines = [style.bold(count_line(plan))]
    forgotten, same = plan.count(Action.FORGET), sum(change.is_nothing for change in plan.changes)
    if forgotten:
        text = f"{forgotten} to forget: dropped from the state; nothing is destroyed at the control plane."
        lines += wrapped(text, style)
    if same:
        lines.append(style.dim(f"{counted(same, 'resource')} {'stays' if same == 1 else 'stay'} unchanged."))
    return lines + unchanged(plan.changes, style)


def unchanged(changes: Iterable[Change], style: Style) -> list[str]:
    """Why resources stay as they are, where the planner says so."""
    news: dict[str, list[Address]] = {}
    for change in changes:
        if change.is_nothing and change.reason:
            news.setdefault(change.reason, []).append(change.address)
    return [line for why, which in news.items() for line in wrapped(f"{some(which)}: {why}.", style, "  ")]


def stopping_text(plan: Plan, style: Style) -> str:
    """All that stops, in the words of the guard; "" for nothing. Each block tells it, but they may be out of sight."""
    return "\n".join(style.yellow(line) for line in wrapped(stopping(plan) or "", style))
