"""What reaches the terminal: data to standard output, everything else to standard error."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from declarative.diagnostics import Diagnostic
from declarative.view.style import Style


class Console:
    """Writes texts as they are. A reader that went away is no reason to stop: the work goes on unheard."""

    def __init__(self, color: bool, root: Path) -> None:
        self._root = root
        self.style = _style(sys.stdout, color)
        self.error_style = _style(sys.stderr, color)

    def out(self, text: str) -> None:
        """Data."""
        _write(sys.stdout, text)

    def note(self, text: str) -> None:
        """Everything that is not data: notes, progress, questions."""
        _write(sys.stderr, text)

    def diagnose(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Errors and warnings, with the lines of the files that they are about."""
        from declarative.view.diagnostics import diagnostics_text

        self.note(diagnostics_text(diagnostics, self.error_style, self._source))

    def ask(self, question: str) -> str:
        """A line from standard input; "" when there is none."""
        self.note(question)
        return sys.stdin.readline().strip() if sys.stdin else ""

    def _source(self, file: str) -> str | None:
        try:
            return (self._root / file).read_text(encoding="utf-8-sig")
        except (OSError, ValueError):
            return None


def _style(stream: TextIO, color: bool) -> Style:
    terminal = stream.isatty()
    shows = color and terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    unicode = (stream.encoding or "").lower().replace("-", "") == "utf8"
    width = shutil.get_terminal_size((100, 24)).columns if terminal else 100
    return Style(color=shows, unicode=unicode, width=max(width, 40))


def _write(stream: TextIO, text: str) -> None:
    if not text:
        return
    try:
        stream.write(text if text.endswith(("\n", " ")) else f"{text}\n")
        stream.flush()
    except UnicodeEncodeError:
        stream.write(text.encode("ascii", "backslashreplace").decode() + "\n")
    except BrokenPipeError:
        # Python would complain once more at exit; the null device takes what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
