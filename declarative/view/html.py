"""A plan as one page that needs nothing from elsewhere: totals, what was said, every change, and who needs whom.

Look and behaviour are in `report/`; the page can be read without its script.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.plan import Change, Plan
from declarative.plan.planfile import PlanFile, checksum
from declarative.plan.totals import gpus
from declarative.view.concise import words
from declarative.view.graph import nodes_of_plan, sort_of
from declarative.view.graph_svg import svg
from declarative.view.known import Known
from declarative.view.plan import SYMBOLS, change_text, count_line, shown_changes
from declarative.view.style import Style
from declarative.view.text import counted

_STYLE = Style(color=False, unicode=True, width=110)
# Their names for people, in the order of the page.
_NAMES = {
    "add": "create",
    "change": "update",
    "replace": "replace",
    "destroy": "destroy",
    "forget": "forget",
    "state": "state only",
}
# More than this nobody can follow in a picture.
_MOST_DRAWN = 400


def plan_html(file: PlanFile, diagnostics: Sequence[Diagnostic] = ()) -> str:
    """The page of a plan, with what was said about it."""
    plan, known = file.plan, Known.of(file.names)
    shown = shown_changes(plan)
    title = count_line(plan) if shown else "No changes."
    place = f"Control plane {_code(plan.endpoint)}"
    place += f", environment {_code(file.environment)}" if file.environment else ""
    place += f", checksum {_code(checksum(file))}" if not plan.is_empty else ""
    partial = f"<p>A partial plan: it {_prose(plan.selection)}.</p>" if plan.selection else ""
    body = [
        f"<header><h1>{_text(title)}</h1><p class='quiet'>{place}</p>{partial}</header>",
        _totals(plan, shown),
        *_findings(diagnostics),
        _changes(shown, known),
        _picture(plan),
    ]
    return _page(title, "\n".join(filter(None, body)))


def failure_html(diagnostics: Sequence[Diagnostic]) -> str:
    """The page where there is no plan."""
    title = "The plan failed."
    return _page(title, "\n".join([f"<header><h1>{_text(title)}</h1></header>", *_findings(diagnostics)]))


def _page(title: str, body: str) -> str:
    look, script = _resource("report.css"), _resource("report.js")
    # Whatever a value holds, the page runs this one script and loads nothing.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_text(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<style>{look}</style>\n</head>\n<body>\n{body}\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _resource(name: str) -> str:
    return files("declarative.view").joinpath("report", name).read_text(encoding="utf-8")


def _totals(plan: Plan, shown: Sequence[Change]) -> str:
    numbers = _by_sort(shown)
    cells = [
        f"<li class='{sort}'><b>{numbers[sort]}</b>{name}</li>" for sort, name in _NAMES.items() if sort in numbers
    ]
    before, after = gpus(plan)
    cells.append(f"<li class='same'><b>{len(plan.changes) - len(shown)}</b>unchanged</li>")
    cells.append(f"<li class='wide'><b>{before:g} → {after:g}</b>GPUs, before → after</li>")
    return f"<ul class='totals'>{''.join(cells)}</ul>"


def _by_sort(shown: Iterable[Change]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for change in shown:
        numbers[sort_of(change)] = numbers.get(sort_of(change), 0) + 1
    return numbers


def _findings(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """Errors before warnings."""
    return [_finding(one) for one in sorted(diagnostics, key=lambda one: one.severity is not Severity.ERROR)]


def _finding(diagnostic: Diagnostic) -> str:
    where = f" <code>{_text(str(diagnostic.where))}</code>" if diagnostic.where else ""
    lines = [diagnostic.detail, *diagnostic.notes, f"hint: {diagnostic.hint}" if diagnostic.hint else ""]
    told = "".join(f"<pre>{_lines(one)}</pre>" for one in lines if one)
    name = f"{diagnostic.severity}: {diagnostic.summary}"
    return f"<section class='finding {diagnostic.severity}'><b>{_text(name)}</b>{where}{told}</section>"


def _changes(shown: Sequence[Change], known: Known) -> str:
    if not shown:
        return ""
    numbers = _by_sort(shown)
    boxes = "".join(
        f"<label><input type='checkbox' value='{sort}' checked> {name} ({numbers[sort]})</label>"
        for sort, name in _NAMES.items()
        if sort in numbers
    )
    search = "<input id='search' type='search' placeholder='Filter  ( / )' aria-label='Filter'>"
    unfold = "<button id='unfold' type='button'>Unfold all</button>"
    count = "<span id='shown' class='quiet' role='status'></span>"
    controls = f"<div class='filter' role='search'>{search}{boxes}{unfold}{count}</div>"
    return "\n".join(["<h2>Changes</h2>", controls, *(_change(change, known) for change in shown)])


def _change(change: Change, known: Known) -> str:
    symbol, verb = SYMBOLS[change.action]
    sort = sort_of(change)
    address = f"<span class='mark'>{symbol}</span><code>{_text(str(change.address))}</code>"
    stops = "<span class='stops'>stops running work</span>" if change.disruption else ""
    told = f"<span class='words'>{_text(words(change, _STYLE))}</span>"
    place = f"<span class='place'>{_text(f'{change.where.file}:{change.where.line}')}</span>" if change.where else ""
    head = f"<summary>{address}{stops}{told}{place}</summary>"
    lines = [line.removeprefix("    ") for line in change_text(change, _STYLE, known).split("\n")[1:]]
    text = "\n".join(map(_line, lines)) or f"<span class='quiet'>{verb}</span>"
    return f"<details class='one {sort}' data-sort='{sort}'>{head}<pre>{text}</pre></details>"


def _line(line: str) -> str:
    """A line of a change, in the colour of its mark."""
    sort = {"+": "add", "-": "destroy", "~": "change"}.get(line.lstrip()[:1])
    return f"<i class='{sort}'>{_text(line)}</i>" if sort else _text(line)


def _picture(plan: Plan) -> str:
    nodes = nodes_of_plan(plan)
    needed = {need for node in nodes for need in node.needs}
    joined = [node for node in nodes if node.needs or node.address in needed]
    if not joined:
        return ""
    if len(joined) > _MOST_DRAWN:
        size = counted(len(joined), "resource")
        return f"<h2>Dependencies</h2><p class='quiet'>{size} depend on one another: too many for a picture.</p>"
    return f"<h2>Dependencies</h2><div class='picture' tabindex='0' role='group' aria-label='Dependencies'>{svg(joined)}</div>"


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _lines(text: str) -> str:
    """Lines whose words between backticks are code."""
    return "\n".join(map(_prose, text.rstrip().split("\n")))


def _prose(text: str) -> str:
    parts = re.split(r"`([^`]+)`", text)
    return "".join(_code(part) if index % 2 else _text(part) for index, part in enumerate(parts))


def _text(text: str) -> str:
    """Text from outside, in which nothing is markup and nothing is invisible."""
    return escape(_STYLE.safe(text))
