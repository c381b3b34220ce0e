"""Shows what a command would find: which control plane, who we are there, what may be read, and the state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from declarative.diagnostics import Diagnostic
from declarative.runai.examine import Examination, Finding, Verdict
from declarative.runai.sign_in import Nothing, moment
from declarative.runai.tokens import Identity
from declarative.state.store import Lock
from declarative.view.style import Style
from declarative.view.terraform import diagnostics_json
from declarative.view.text import columns, counted, wrapped

_WIDTH = max(len(verdict) for verdict in Verdict)


class StateReport(Struct, frozen=True):
    """Where the state is and who holds it; `resources` is None where it could not be read."""

    place: str
    resources: int | None = None
    held: tuple[Lock, ...] = ()
    problems: tuple[Diagnostic, ...] = ()


class Report(Struct, frozen=True):
    """All that was found. `origin` says who named the endpoint, `trust` by what its certificate is checked, if it has one."""

    endpoint: str
    origin: str
    trust: str | None
    control_plane: Examination
    state: StateReport

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        return (*self.control_plane.problems, *self.state.problems)

    @property
    def is_usable(self) -> bool:
        return not self.problems


def doctor_text(report: Report, style: Style) -> str:
    """A line for each finding, with what it means for the tool, and whether all is well."""
    blocks = [
        [
            style.bold(f"Control plane: {style.safe(report.endpoint)} ({style.safe(report.origin)})"),
            *_plane(report, style),
        ],
        [style.bold("What may be read"), *_reads(report.control_plane.findings, style)],
        [style.bold(f"State: {style.safe(report.state.place)}"), *_state(report.state, style)],
    ]
    end = style.green("Usable.") if report.is_usable else style.red("Not usable.")
    return "\n\n".join("\n".join(block) for block in blocks if len(block) > 1) + f"\n\n{style.bold(end)}\n"


def doctor_json(report: Report) -> dict[str, Any]:
    """The same for programs."""
    seen, state = report.control_plane, report.state
    return {
        "usable": report.is_usable,
        "endpoint": {"url": report.endpoint, "origin": report.origin, "trust": report.trust},
        "reachable": seen.reached is not None,
        "release": seen.release,
        "clusters": list(seen.clusters),
        "sign_in": {"way": seen.way, "signed_in": seen.is_signed_in, **_who_json(seen.identity or Identity())},
        "reads": [
            {
                "what": one.read.what,
                "request": f"GET {one.read.path}",
                "verdict": str(one.verdict),
                "status": one.status,
                "without": None if one.verdict is Verdict.OK else one.read.without,
            }
            for one in seen.findings
        ],
        "state": {
            "place": state.place,
            "readable": state.resources is not None,
            "resources": state.resources,
            "locks": [_lock_json(lock) for lock in state.held],
        },
        "diagnostics": diagnostics_json(report.problems)["diagnostics"],
    }


def _who_json(who: Identity) -> dict[str, Any]:
    expires = None if who.expires is None else moment(who.expires)
    return {"name": who.name, "email": who.email, "client": who.client, "expires": expires}


def _lock_json(lock: Lock) -> dict[str, Any]:
    holder = lock.holder
    return {
        "id": lock.id,
        "who": holder.who,
        "host": holder.host,
        "process": holder.pid,
        "command": holder.command,
        "since": moment(lock.since),
    }


def _plane(report: Report, style: Style) -> Iterator[str]:
    seen = report.control_plane
    if seen.reached is None:
        yield from _line(Verdict.FAILED, "it cannot be reached", style)
    else:
        yield from _line(Verdict.OK, "it can be reached", style)
    yield from _trust(report, style)
    yield from _line(*_sign_in(seen), style)
    if seen.release:
        yield from _line(Verdict.OK, f"release {seen.release}, by its way of signing in", style)
    if seen.clusters:
        yield from _line(Verdict.OK, f"clusters: {', '.join(seen.clusters)}", style)


def _trust(report: Report, style: Style) -> Iterator[str]:
    """By what the certificate is checked, or that there is none, once there is a connection of which that can be said."""
    is_reached, is_plain = report.control_plane.reached is not None, report.endpoint.startswith("http:")
    if report.trust and (is_reached or not is_plain):
        verdict = Verdict.UNTRIED if not is_reached else Verdict.NOTE if is_plain else Verdict.OK
        yield from _line(verdict, report.trust, style)


def _sign_in(seen: Examination) -> tuple[Verdict, str]:
    """Whether we are known. What a token says of itself is no proof: the control plane's answers are."""
    if seen.identity is None:
        verdict = Verdict.UNTRIED if seen.reached is None else Verdict.FAILED
        return verdict, "there are no credentials" if seen.way == Nothing.way else f"signing in with {seen.way}"
    name = _name(seen.identity)
    until = f"until {moment(seen.identity.expires)} " if seen.identity.expires is not None else ""
    if seen.is_signed_in:
        return Verdict.OK, f"signed in {f'as {name} ' if name else ''}{until}with {seen.way}"
    if seen.refused:
        return Verdict.FAILED, f"not accepted: {seen.way}{f', of {name}' if name else ''}"
    whose = f"of {name} " if name else ""
    return Verdict.UNCONFIRMED, f"with {seen.way} {whose}{until}no read has succeeded, so that it is not confirmed"


def _name(who: Identity) -> str | None:
    name = who.email or who.name or who.client
    return f"{name} (client {who.client})" if who.client and who.client != name else name


def _reads(findings: tuple[Finding, ...], style: Style) -> Iterator[str]:
    for one in findings:
        status = f", status {one.status}" if one.verdict is not Verdict.OK and one.status else ""
        means = "" if one.verdict is Verdict.OK else f": {one.read.without}"
        yield from _line(one.verdict, f"{one.read.what} (GET {one.read.path}{status}){means}", style)


def _state(state: StateReport, style: Style) -> Iterator[str]:
    if state.resources is None:
        yield from _line(Verdict.FAILED, "it cannot be read", style)
        return
    yield from _line(Verdict.OK, f"it can be read, and records {counted(state.resources, 'resource')}", style)
    for lock in state.held:
        holder = lock.holder
        who = f"{holder.who} on {holder.host} (process {holder.pid}, `{holder.command}`)"
        yield from _line(Verdict.OK, f"locked by {who} since {moment(lock.since)}", style)
    if not state.held:
        yield from _line(Verdict.OK, "nobody holds its lock", style)


def _line(verdict: Verdict, text: str, style: Style) -> Iterator[str]:
    """A verdict and what it is about, on as many lines as it takes."""
    paint = {Verdict.OK: style.green, Verdict.FAILED: style.red}.get(verdict, style.yellow)
    gap = " " * (_WIDTH - columns(verdict) + 2)
    first, *more = wrapped(text, style, " " * (_WIDTH + 4))
    yield f"  {paint(verdict)}{gap}{first.strip()}"
    yield from more
