"""A plan as a comment on a pull request: what it comes to first, then every change, folded.

Code hosts refuse long comments. What does not fit is left out from the end: details first, then rows, never the totals, the
errors or the link to the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.plan import Action, Change
from declarative.model.position import Position
from declarative.plan.planfile import PlanFile, checksum
from declarative.plan.totals import gpus
from declarative.view.concise import words
from declarative.view.host import Host
from declarative.view.known import Known
from declarative.view.plan import SYMBOLS, change_text, count_line, shown_changes
from declarative.view.style import Style
from declarative.view.text import counted, shorten

# GitHub takes 65,536 characters, GitLab more; what is left is for a line that a pipeline puts before it.
LONGEST = 65_000
# The share of it that findings may take in full, and that those may take which have only a line for themselves.
_FULL, _LINES = 0.4, 0.2
# Columns of one line of a finding, and lines of one finding.
_LINE, _MOST_LINES = 400, 30
# What the last line may take: what was left out, and the link.
_RESERVE = 600
# More rows are folded.
_OPEN_ROWS = 40
_STYLE = Style(color=False, unicode=True, width=100)


def plan_markdown(
    file: PlanFile, diagnostics: Sequence[Diagnostic] = (), host: Host | None = None, limit: int = LONGEST
) -> str:
    """The comment for a plan, with what was said about it. `limit` counts characters."""
    host = host or Host()
    shown = sorted(shown_changes(file.plan), key=_urgency)
    head = [f"### {count_line(file.plan) if shown else 'No changes.'}", _about(file), *_told(diagnostics, host, limit)]
    text = "\n\n".join(filter(None, head))
    room = limit - len(text) - _RESERVE
    table, rows = _table(shown, host, room)
    details, opened = _details(shown, Known.of(file.names), room - len(table) if rows == len(shown) else 0)
    left = [("row", len(shown) - rows), ("detail", len(shown) - opened)]
    return "\n\n".join(filter(None, (text, table, details, _end(left, host)))) + "\n"


def failure_markdown(diagnostics: Sequence[Diagnostic], host: Host | None = None, limit: int = LONGEST) -> str:
    """The comment where there is no plan."""
    host = host or Host()
    told = _told(diagnostics, host, limit)
    return "\n\n".join(filter(None, ("### The plan failed.", *told, _end((), host)))) + "\n"


def _urgency(change: Change) -> int:
    """What stops running work comes first, then what goes, as it might not all fit."""
    ends = change.action is Action.DELETE or change.action.replaces
    return 0 if change.disruption else 1 if ends else 2


def _about(file: PlanFile) -> str:
    """Where the plan belongs, what it comes to in GPUs, and how to apply exactly this one."""
    plan = file.plan
    place = f"Control plane {_code(plan.endpoint)}"
    place += f", environment {_code(file.environment)}" if file.environment else ""
    before, after = gpus(plan)
    facts = [
        place + ".",
        f"A partial plan: it {_prose(plan.selection)}." if plan.selection else "",
        f"GPUs asked for: {before:g} → {after:g}." if before != after else "",
        f"Checksum {_code(checksum(file))}." if not plan.is_empty else "",
    ]
    return " ".join(filter(None, facts))


def _told(diagnostics: Iterable[Diagnostic], host: Host, limit: int) -> list[str]:
    """Every finding, errors first: in full while there is room, then with a line each, then by their number."""
    found = sorted(diagnostics, key=lambda one: one.severity is not Severity.ERROR)
    boxes: list[str] = []
    room = limit * _FULL
    while len(boxes) < len(found) and (room := room - len(box := _box(found[len(boxes)], host)) - 2) >= 0:
        boxes.append(box)
    lines: list[str] = []
    room = limit * _LINES
    for one in found[len(boxes) :]:
        line = f"- {_title(one, host)}"
        if (room := room - len(line) - 1) < 0:
            break
        lines.append(line)
    left = len(found) - len(boxes) - len(lines)
    return [*boxes, "\n".join(lines), f"**And {counted(left, 'more finding')}.**" if left else ""]


def _box(diagnostic: Diagnostic, host: Host) -> str:
    """A box of the colour of its severity. All in one line of Markdown, so that no line of it can be more than text."""
    kind = "CAUTION" if diagnostic.severity is Severity.ERROR else "WARNING"
    hint = f"hint: {diagnostic.hint}" if diagnostic.hint else ""
    told = [line for part in (diagnostic.detail, *diagnostic.notes, hint) for line in part.split("\n") if line.strip()]
    left = [f"{_STYLE.ellipsis} {counted(len(told) - _MOST_LINES, 'more line')}"] if len(told) > _MOST_LINES else []
    lines = [_prose(shorten(_STYLE.safe(line.strip()), _LINE, _STYLE)) for line in (*told[:_MOST_LINES], *left)]
    return f"> [!{kind}]\n> " + "<br>".join([_title(diagnostic, host), *lines])


def _title(diagnostic: Diagnostic, host: Host) -> str:
    where = f" at {_linked(diagnostic.where, host)}" if diagnostic.where else ""
    return f"**{diagnostic.severity}: {_plain(shorten(_STYLE.safe(diagnostic.summary), _LINE, _STYLE))}**{where}"


def _table(shown: Sequence[Change], host: Host, room: int) -> tuple[str, int]:
    """A row a change, and how many of them there was room for."""
    folds = len(shown) > _OPEN_ROWS
    head = f"<details><summary>All {len(shown)} changes</summary>\n\n" if folds else ""
    tail = "\n\n</details>" if folds else ""
    lines = ["| | resource | what changes | manifest |", "|---|---|---|---|"]
    room -= len(head) + len(tail) + sum(len(line) + 1 for line in lines)
    for change in shown:
        row = _row(change, host)
        if (room := room - len(row) - 1) < 0:
            break
        lines.append(row)
    rows = len(lines) - 2
    return (head + "\n".join(lines) + tail if rows else ""), rows


def _row(change: Change, host: Host) -> str:
    stops = "**stops running work**; " if change.disruption else ""
    cells = (
        _code(SYMBOLS[change.action][0]),
        _code(shorten(_STYLE.safe(str(change.address)), _LINE, _STYLE)),
        stops + _plain(shorten(words(change, _STYLE), _LINE, _STYLE)),
        _linked(change.where, host) if change.where else "",
    )
    return f"| {' | '.join(cells)} |"


def _details(shown: Sequence[Change], known: Known, room: int) -> tuple[str, int]:
    """What changes in each resource, folded, and how many of them there was room for."""
    blocks: list[str] = []
    for change in shown:
        block = _detail(change, known)
        if (room := room - len(block) - 2) < 0:
            break
        blocks.append(block)
    return "\n\n".join(blocks), len(blocks)


def _detail(change: Change, known: Known) -> str:
    symbol, verb = SYMBOLS[change.action]
    text = "\n".join(_coloured(line) for line in change_text(change, _STYLE, known).split("\n")[1:])
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 0)
    summary = f"<summary>{_code(symbol)} {_code(str(change.address))}: {verb}</summary>"
    # The blank lines are those with which Markdown ends and begins between HTML.
    return f"<details>{summary}\n\n{fence}diff\n{text}\n{fence}\n\n</details>"


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
    place = _code(shorten(_STYLE.safe(f"{where.file}:{where.line}"), _LINE, _STYLE))
    return f"[{place}]({url})" if url and len(url) <= _LINE * 2 else place


def _prose(text: str) -> str:
    """Text whose words between backticks are code."""
    parts = re.split(r"`([^`]+)`", text)
    return "".join(_code(part) if index % 2 else _plain(part) for index, part in enumerate(parts))


def _code(text: str) -> str:
    """Text as code; in HTML, because a table would break at a `|` between backticks."""
    return f"<code>{_plain(text)}</code>"


def _plain(text: str) -> str:
    """Text in which nothing is markup, a link or a mention. Entities, because a backslash would be copied along."""
    text = escape(_STYLE.safe(text), quote=False)
    text = re.sub(r"[\\`*_{}\[\]|~!]", lambda found: f"&#{ord(found[0])};", text)
    # Hosts look for these in the finished text, where an entity is the character: only an element keeps them apart.
    return re.sub(r"(?<!&)[@#$]", lambda found: f"<span>{found[0]}</span>", text)
