"""What a plan foresees, told before anything is sent."""

from __future__ import annotations

from declarative.cli import planning
from declarative.cli.console import Console
from declarative.cli.outputs import Stream
from declarative.diagnostics import Diagnostic, Severity
from declarative.foreseeing import Foreseen
from declarative.view.text import counted


def tell(console: Console, foreseen: Foreseen, stream: Stream) -> list[Diagnostic]:
    """Notes, then warnings; the errors, where the control plane would refuse what the plan asks for."""
    for one in foreseen.unanswered:
        text = f"The control plane did not tell the {one.what} of {counted(one.projects, 'project')} ({one.reason})."
        console.note(console.error_style.dim(f"Not checked: {text}"))
        stream.tell([Diagnostic("Not checked", text, severity=Severity.WARNING)])
    planning.warn(console, [one for one in foreseen.diagnostics if one.severity is Severity.WARNING], stream)
    return [one for one in foreseen.diagnostics if one.severity is Severity.ERROR]
