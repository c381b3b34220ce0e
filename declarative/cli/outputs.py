"""What a command writes beside its text for people: the stream of events, and documents for those who review a plan."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import click
from msgspec import Struct

from declarative.cli.console import Console
from declarative.cli.options import Context
from declarative.diagnostics import Diagnostic
from declarative.errors import DeclarativeError
from declarative.plan.planfile import PlanFile
from declarative.view.host import Host

STDOUT = "-"
INTERRUPTED = Diagnostic("Interrupted", "The command was stopped.", "run it again: the state knows what was under way")


def timestamp() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")


class Stream:
    """Events, one JSON object a line: on standard output in place of the text for people, in a file beside it, or nowhere.

    `replaces_text` says that standard output has no room for that text. `told` are the diagnostics that went by, whether
    anybody reads the stream or not. It is false where nobody does.
    """

    def __init__(self, console: Console, *, as_json: bool = False, into: Path | None = None, text: bool = True) -> None:
        self.replaces_text = as_json or not text
        self.told: list[Diagnostic] = []
        self._console = console
        self._as_json = as_json
        self._into = into
        self._file: TextIO | None = _opened(into) if into else None

    def __bool__(self) -> bool:
        return self._as_json or self._file is not None

    def begin(self) -> None:
        """The first message."""
        if self:
            from declarative.view.stream import version_event

            self.write([version_event(timestamp())])

    def write(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Messages, as they are; raises DeclarativeError where they cannot be written."""
        for message in messages:
            if self._as_json:
                self._console.json(message)
            self._record(message)

    def tell(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Diagnostics as messages."""
        found = tuple(diagnostics)
        self.told += found
        if self:
            from declarative.view.stream import diagnostic_event

            self.write(diagnostic_event(one, timestamp()) for one in found)

    def ended_by(self, diagnostics: Iterable[Diagnostic]) -> None:
        """The error that ends the command, into the file; `main` tells standard output all of them, wrong usage too."""
        if self._file is not None:
            from declarative.view.stream import diagnostic_event

            with suppress(DeclarativeError):  # there is an error to be told already
                for one in diagnostics:
                    self._record(diagnostic_event(one, timestamp()))

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # each line was flushed when it was written
                self._file.close()

    def _record(self, message: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(message) + "\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self._into, error) from error


@contextmanager
def stream_of(found: Context, as_json: bool, into: str | None, *, text: bool = True) -> Iterator[Stream]:
    """The stream that `--json` and `--json-into` ask for, begun; the error that ends the command ends it, too."""
    path = found.settings.root / into if into else None
    stream = Stream(found.console, as_json=as_json, into=path, text=text)
    try:
        stream.begin()
        yield stream
    except (DeclarativeError, KeyboardInterrupt, asyncio.CancelledError) as error:
        stream.ended_by(_told(error))
        raise
    finally:
        stream.close()


class Review(Struct):
    """What there is to review so far. Without a plan, it is why there is none."""

    stream: Stream
    file: PlanFile | None = None


class Documents(Struct, frozen=True):
    """The files that a plan is written to for those who review it; None for not asked for, `-` for standard output."""

    found: Context
    markdown: str | None = None
    html: str | None = None

    @classmethod
    def of(cls, found: Context, given: Mapping[str, Any]) -> Documents:
        """From the options of a command; raises UsageError where standard output would get two things."""
        documents = cls(found, given["markdown"], given["html"])
        if [given["as_json"], given["markdown"] == STDOUT, given["html"] == STDOUT].count(True) > 1:
            raise click.UsageError("Standard output takes one of --json, --markdown - and --html -.")
        return documents

    @property
    def on_stdout(self) -> bool:
        return STDOUT in (self.markdown, self.html)

    @contextmanager
    def written(self, stream: Stream) -> Iterator[Review]:
        """Writes the documents when the work ends, whatever came of it: a pipeline posts them either way."""
        review = Review(stream)
        try:
            yield review
        except (DeclarativeError, KeyboardInterrupt, asyncio.CancelledError) as error:
            with suppress(DeclarativeError):  # there is an error to be told already
                self.write(review.file, (*stream.told, *_told(error)))
            raise
        self.write(review.file, stream.told)

    def write(self, file: PlanFile | None, diagnostics: Sequence[Diagnostic]) -> None:
        """The documents of a plan, or of why there is none; raises DeclarativeError where they cannot be written."""
        if self.markdown is not None:
            from declarative.view.markdown import failure_markdown, plan_markdown

            host = Host.at(self.found.settings.environ, self.found.settings.root)
            text = plan_markdown(file, diagnostics, host) if file else failure_markdown(diagnostics, host)
            self._put(self.markdown, text)
        if self.html is not None:
            from declarative.view.html import failure_html, plan_html

            self._put(self.html, plan_html(file, diagnostics) if file else failure_html(diagnostics))

    def _put(self, name: str, text: str) -> None:
        if name == STDOUT:
            self.found.console.out(text)
        else:
            write_whole(self.found.settings.root / name, text)


def document_options(command: Any) -> Any:
    """Adds `--markdown` and `--html`."""
    markdown = click.option(
        "--markdown", metavar="FILE", help="Write the plan, or why there is none, as a comment for a pull request."
    )
    html = click.option("--html", metavar="FILE", help="Write it as one page with filter, picture and GPU totals.")
    return markdown(html(command))


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that nobody finds half of it: the old one stays until the new one is there. Raises DeclarativeError."""
    target = path.resolve()  # a link stays one
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")  # a device or a pipe, which can only be written to
            return
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path | None, error: OSError) -> DeclarativeError:
    hint = "name a file in a folder that exists and that may be written to"
    return DeclarativeError(Diagnostic("Unwritable file", f"{path}: {error.strerror}.", hint))


def _told(error: BaseException) -> tuple[Diagnostic, ...]:
    return error.diagnostics if isinstance(error, DeclarativeError) else (INTERRUPTED,)
