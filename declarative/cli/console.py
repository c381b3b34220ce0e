"""What reaches the terminal: data to standard output, everything else to standard error."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from msgspec.structs import replace

from declarative.diagnostics import Diagnostic, Severity
from declarative.errors import DeclarativeError
from declarative.view.style import Style

if TYPE_CHECKING:
    from declarative.cli.live import Live

# Where nobody says how wide it is.
_COLUMNS = 100
# Reading that takes longer is told, in seconds.
_PATIENCE = 1.0


class Console:
    """Writes texts as they are. A reader that went away is no reason to stop: the work goes on unheard.

    `continues` says that another one has written before in the same command.
    """

    # Whether diagnostics come after something that they are to be set apart from; the streams are those of all consoles.
    _follows = False

    def __init__(self, color: bool, root: Path, *, continues: bool = False) -> None:
        if not continues:
            Console._follows = False
        self._root = root
        for stream in filter(None, (sys.stdout, sys.stderr)):
            _suit_locale(stream)
        self._style = _style(sys.stdout, color)
        self._error_style = _style(sys.stderr, color)
        self._live: Live | None = None
        # What was marked for the host of a pipeline so far.
        self._annotated: Counter[Severity] = Counter()

    @property
    def style(self) -> Style:
        """How text looks on standard output, as wide as that is now."""
        return replace(self._style, width=_width(sys.stdout))

    @property
    def error_style(self) -> Style:
        """The same for standard error."""
        return replace(self._error_style, width=_width(sys.stderr))

    @property
    def rewrites(self) -> bool:
        """Whether lines can be rewritten in place: somebody watches a terminal that knows how."""
        knows = os.environ.get("TERM", "dumb") not in ("", "dumb")
        return bool(sys.stderr) and sys.stderr.isatty() and knows and not (in_automation() or _is_set("CI"))

    def next(self, command: str) -> str:
        """The command that a person would type next, to be put after a sentence; "" in automation."""
        return "" if in_automation() else f" Next: {command}"

    @contextmanager
    def live(self, rows: Callable[[os.terminal_size], list[str]], after: float = 0.0) -> Iterator[None]:
        """Rewrites rows below all notes while a block in an event loop goes on, from `after` seconds on."""
        from declarative.cli.live import Live

        assert sys.stderr
        self._live = Live(sys.stderr, rows, after)
        try:
            with self._live:
                yield
        finally:
            self._live = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Says on a terminal that the control plane is being read, while that takes more than a moment."""
        if not self.rewrites:
            yield
            return
        text = self.error_style.dim(f"Reading the control plane{self.error_style.ellipsis}")
        with self.live(lambda _: [text], _PATIENCE):
            yield

    def out(self, text: str | Iterable[str]) -> None:
        """Data, as one text or in parts; raises DeclarativeError where it cannot be written, as on a full disk."""
        Console._follows = True
        if self._live is not None:
            self._live.clear()  # both streams may go to one terminal
        try:
            _write(sys.stdout, text)
        except OSError as error:
            _discard(sys.stdout)
            raise DeclarativeError(
                Diagnostic("Output cannot be written", f"{error.strerror}.", "make room, or write it elsewhere")
            ) from error

    def json(self, value: Any, indent: int | None = None) -> None:
        """A value as data; without `indent` on one line."""
        self.out(json.dumps(value, indent=indent, ensure_ascii=not self.style.unicode))

    def note(self, text: str) -> None:
        """Everything that is not data: notes, progress, questions. The work goes on where nobody can hear them."""
        if self._live is not None and text:
            self._live.above(text)
            return
        with suppress(OSError):
            _write(sys.stderr, text)

    def diagnose(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Errors and warnings, with the lines of the files that they are about."""
        from declarative.view.diagnostics import diagnostics_text

        found = tuple(diagnostics)
        if found:
            text = diagnostics_text(found, self.error_style, self.source)
            self.note(f"\n{text}" if Console._follows else text)
            Console._follows = True
        self.annotate(found)

    def annotate(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Marks findings for the host of a pipeline, which reads them from the log."""
        if os.environ.get("GITHUB_ACTIONS") and diagnostics:
            from declarative.view.host import Host

            self.note("\n".join(Host.at(os.environ, self._root).annotations(diagnostics, self._annotated)))
            self._annotated.update(diagnostic.severity for diagnostic in diagnostics)

    def ask(self, question: str) -> str:
        """A line from standard input; "" when there is none."""
        self.note(question)
        try:
            with ended_by_signals():
                answer = sys.stdin.readline().strip() if sys.stdin else ""
        except (KeyboardInterrupt, OSError, ValueError):
            answer = ""  # a signal, a terminal that went away, or what is no text: none of them is a yes
        if not (self.is_interactive and answer):
            self.note("\n")  # nobody typed the end of the line
        return answer

    @property
    def is_interactive(self) -> bool:
        """Whether somebody can answer."""
        return bool(sys.stdin) and sys.stdin.isatty()

    def source(self, file: str) -> str | None:
        """The text of a file of the project, as diagnostics name it; None where it cannot be read."""
        try:
            return (self._root / file).read_text(encoding="utf-8-sig", errors="replace")
        except (OSError, ValueError):
            return None


def in_automation() -> bool:
    """Whether a program runs this one, and says so: nobody types commands, or watches rows that move."""
    return _is_set("DECLARATIVE_IN_AUTOMATION")


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").lower() not in ("", "0", "false")


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP do what Ctrl-C does, at once: an event loop's own handler would only take note of it.

    A signal that is ignored stays so: nohup asks for that.
    """
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {one: found for one in numbers if (found := signal.getsignal(one)) is not signal.SIG_IGN}
    for one in before:
        signal.signal(one, signal.default_int_handler)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler or signal.SIG_DFL)


def _suit_locale(stream: TextIO) -> None:
    """Writes ASCII in the C locale, where Python itself would write UTF-8 all the same."""
    wanted = os.environ.get("LC_ALL") or os.environ.get("LANG")
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure:
        encoding = "ascii" if wanted in ("C", "POSIX") else None
        reconfigure(encoding=encoding, errors="backslashreplace")


def _style(stream: TextIO | None, color: bool) -> Style:
    if stream is None:
        return Style()
    terminal = stream.isatty()
    shows = color and terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    unicode = (stream.encoding or "").lower().replace("-", "") == "utf8"
    return Style(color=shows, unicode=unicode)


def _width(stream: TextIO | None) -> int:
    """How wide text may be on one stream: as asked for, or as its terminal is. The other may go elsewhere."""
    chosen = os.environ.get("COLUMNS", "")
    asked = int(chosen) if chosen.isdecimal() else 0
    return max(asked or _terminal_width(stream) or _COLUMNS, 40)


def _terminal_width(stream: TextIO | None) -> int | None:
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream is not None and stream.isatty() else None
    except (OSError, ValueError):
        return None


def _write(stream: TextIO | None, text: str | Iterable[str]) -> None:
    if not text or stream is None:
        return
    if isinstance(text, str):
        text = (text, "" if text.endswith(("\n", " ")) else "\n")
    try:
        stream.writelines(text)
        stream.flush()
    except BrokenPipeError:
        _discard(stream)


def _discard(stream: TextIO) -> None:
    """Python would complain once more at exit; the null device takes what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
