"""What a plan does not foresee."""

from __future__ import annotations

from declarative.cli.console import Console
from declarative.cli.outputs import Stream
from declarative.diagnostics import Diagnostic, Severity
from declarative.foreseeing import Foreseen
from declarative.view.text import counted


def admit(console: Console, foreseen: Foreseen, stream: Stream) -> None:
    """Notes what could not be foreseen."""
    for one in foreseen.unanswered:
        text = f"The control plane did not tell the {one.what} of {counted(one.projects, 'project')} ({one.reason})."
        console.note(console.error_style.dim(f"Not checked: {text}"))
        stream.tell([Diagnostic("Not checked", text, severity=Severity.WARNING)])
