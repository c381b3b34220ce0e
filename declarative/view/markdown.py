"""A plan as a comment on a pull request: what it comes to first, then every change, folded.

Code hosts refuse long comments. What does not fit is left out from the end: details first, then rows, never the totals, the
errors or the link to the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.plan import Change, Plan
from declarative.model.position import Position
from declarative.view.host import Host
from declarative.view.plan import SYMBOLS, change_text, count_line, shown_changes
from declarative.view.style import Style
from declarative.view.text import counted

# Characters that a comment may have at GitHub; GitLab allows more.
LONGEST = 65_536
# What errors may take of it, all told, and one of them.
_ERRORS, _ERROR = 40_000, 4_000
# What the last line may take: what was left out, and the link.
_RESERVE = 600
_STYLE = Style(color=False, unicode=True, width=100)


def plan_markdown(
    plan: Plan, diagnostics: Sequence[Diagnostic] = (), host: Host | None = None, limit: int = LONGEST
) -> str:
    """The comment for a plan, with what was said about it. `limit` counts characters."""
    host = host or Host()
    shown = shown_changes(plan)
    head = [f"### {count_line(plan) if shown else 'No changes.'}", _place(plan), *_told(diagnostics, host)]
    text = "\n\n".join(filter(None, head))
    room = limit - len(text) - _RESERVE
    table, rows = _table(shown, host, room)
    details, opened = _details(shown, room - len(table))
    left = [("row", len(shown) - rows), ("detail", len(shown) - opened)]
    return "\n\n".join(filter(None, (text, table, details, _end(left, host)))) + "\n"


def failure_markdown(diagnostics: Sequence[Diagnostic], host: Host | None = None) -> str:
    """The comment where there is no plan."""
    host = host or Host()
    return "\n\n".join(filter(None, ("### The plan failed.", *_told(diagnostics, host), _end((), host)))) + "\n"


def _place(plan: Plan) -> str:
    about = f"Control plane: {_code(plan.endpoint)}"
    return about + (f". Only {_code(plan.selection)}" if plan.selection else "")


def _told(diagnostics: Iterable[Diagnostic], host: Host) -> list[str]:
    """Errors and warnings, as many as there is room for, and how many more."""
    blocks: list[str] = []
    used, left = 0, 0
    for diagnostic in sorted(diagnostics, key=lambda one: one.severity is not Severity.ERROR):
        block = _alert(diagnostic, host)
        if used + len(block) > _ERRORS:
            left += 1
            continue
        used += len(block)
        blocks.append(block)
    return [*blocks, *([f"**And {counted(left, 'more finding')}.**"] if left else [])]


def _alert(diagnostic: Diagnostic, host: Host) -> str:
    """A box of the colour of its severity."""
    kind = "CAUTION" if diagnostic.severity is Severity.ERROR else "WARNING"
    where = f" at {_linked(diagnostic.where, host)}" if diagnostic.where else ""
    lines = [f"[!{kind}]", f"**{_plain(diagnostic.summary)}**{where}"]
    told = "\n".join((diagnostic.detail, *diagnostic.notes, f"hint: {diagnostic.hint}" if diagnostic.hint else ""))
    lines += [f"{_plain(line)}<br>" for line in told.strip()[:_ERROR].split("\n") if line]
    return "\n".join(f"> {line}" for line in lines)


def _table(shown: Sequence[Change], host: Host, room: int) -> tuple[str, int]:
    """A row a change, and how many of them there was room for."""
    if not shown:
        return "", 0
    lines = ["| | resource | manifest | |", "|---|---|---|---|"]
    used = sum(map(len, lines))
    for change in shown:
        where = _linked(change.where, host) if change.where else ""
        row = f"| {_code(SYMBOLS[change.action][0])} | {_code(str(change.address))} | {where} | {_remark(change)} |"
        used += len(row) + 1
        if used > room:
            break
        lines.append(row)
    return "\n".join(lines), len(lines) - 2


def _remark(change: Change) -> str:
    """What a reviewer has to know of a change at a glance."""
    forcing = ", ".join(_code(field.label) for field in change.fields if field.replaces)
    stops = "**stops running work**" if change.disruption else ""
    cause = f"replaced for {forcing}" if forcing else _plain(change.reason or "")
    return "; ".join(filter(None, (stops, cause)))


def _details(shown: Sequence[Change], room: int) -> tuple[str, int]:
    """What changes in each resource, folded, and how many of them there was room for."""
    blocks: list[str] = []
    for change in shown:
        block = _detail(change)
        room -= len(block) + 2
        if room < 0:
            break
        blocks.append(block)
    return "\n\n".join(blocks), len(blocks)


def _detail(change: Change) -> str:
    _, verb = SYMBOLS[change.action]
    text = "\n".join(_coloured(line) for line in change_text(change, _STYLE).split("\n")[1:])
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 0)
    summary = f"<summary><code>{escape(str(change.address))}</code>: {verb}</summary>"
    return f"<details>{summary}\n\n{fence}diff\n{text}\n{fence}\n</details>"


def _coloured(line: str) -> str:
    """The line with its mark in the first column, where `diff` has a colour for it."""
    rest = line.lstrip()
    mark = {"+": "+", "-": "-", "~": "!"}.get(rest[:1]) if rest[1:2] == " " else None
    return f"{mark}{' ' * (len(line) - len(rest))}{rest[1:]}" if mark else f" {line}"


def _end(left: Iterable[tuple[str, int]], host: Host) -> str:
    missing = " and ".join(counted(number, what) for what, number in left if number)
    run = f"[the whole output]({host.run})" if host.run else ""
    if missing:
        return f"*{missing} did not fit here; see {run or 'the output of the run'}.*"
    return f"*See {run}.*" if run else ""


def _linked(where: Position, host: Host) -> str:
    url = host.link(where)
    place = _code(f"{where.file}:{where.line}")
    return f"[{place}]({url})" if url else place


def _code(text: str) -> str:
    """Text as code; in HTML, because a table would break at a `|` between backticks."""
    return f"<code>{_plain(text)}</code>"


def _plain(text: str) -> str:
    """Text in which nothing is markup, a link or a mention. Entities, because a backslash would be copied along."""
    text = escape(_STYLE.safe(text), quote=False)
    return re.sub(r"[\\`*_{}\[\]#|~@!]", lambda found: f"&#{ord(found[0])};", text)
