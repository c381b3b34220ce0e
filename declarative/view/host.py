"""Where a pipeline runs: how its host links to a file or to the run, and how it wants errors to be marked.

Everything is taken from the variables that the hosts set for every job.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.position import Position
from declarative.view.style import Style
from declarative.view.text import counted

# Errors, and as many warnings, that GitHub shows of one step. It drops the others without a word.
_SHOWN = 10
_STYLE = Style(color=False, unicode=True)


class Host(Struct, frozen=True):
    """`files` is the URL below which the files of this commit are shown, `run` that of the run; None where unknown.

    `folder` leads from the repository's root to the folder that positions are relative to. `annotates` says that the host
    reads errors from the log, in GitHub's form.
    """

    files: str | None = None
    run: str | None = None
    folder: str = ""
    annotates: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str], folder: str = "") -> Host:
        """The host that set these variables."""
        if environ.get("GITHUB_ACTIONS") == "true":
            root = f"{environ.get('GITHUB_SERVER_URL', '')}/{environ.get('GITHUB_REPOSITORY', '')}"
            files = f"{root}/blob/{environ.get('GITHUB_SHA', 'HEAD')}"
            return cls(files, f"{root}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}", folder, annotates=True)
        if environ.get("GITLAB_CI") == "true":
            files = f"{environ.get('CI_PROJECT_URL', '')}/-/blob/{environ.get('CI_COMMIT_SHA', 'HEAD')}"
            return cls(files, environ.get("CI_JOB_URL"), folder)
        return cls()

    @classmethod
    def at(cls, environ: Mapping[str, str], root: Path) -> Host:
        """The same, where positions are relative to the folder `root`, which lies in the checkout of the job."""
        checkout = environ.get("GITHUB_WORKSPACE") or environ.get("CI_PROJECT_DIR")
        root = root.resolve()
        if checkout and root.is_relative_to(top := Path(checkout).resolve()):
            folder = root.relative_to(top).as_posix()
            return cls.of(environ, "" if folder == "." else folder)
        return cls.of(environ)

    def link(self, where: Position) -> str | None:
        """The URL of a line."""
        if self.files is None:
            return None
        return f"{self.files}/{quote(self._path(where))}#L{where.line}"

    def annotations(self, diagnostics: Iterable[Diagnostic], before: Mapping[Severity, int] | None = None) -> list[str]:
        """Lines for the log that mark findings where they are; none for a host that reads none.

        `before` are those that the step has had already: the last one that is shown says how many more there are.
        """
        found = list(diagnostics) if self.annotates else []
        lines: list[str] = []
        for severity in Severity:
            ours = [one for one in found if one.severity is severity]
            room = max(_SHOWN - (before or {}).get(severity, 0), 0)
            if len(ours) > room > 0:
                more = Diagnostic(f"{counted(len(ours) - room + 1, f'more {severity}')}", "See the log of this step.")
                ours = [*ours[: room - 1], replace(more, severity=severity)]
            lines += map(self._annotation, ours[:room])
        return lines

    def _annotation(self, diagnostic: Diagnostic) -> str:
        """One finding as GitHub Actions reads it: https://docs.github.com/actions/reference/workflow-commands"""
        facts = {"title": diagnostic.summary}
        if diagnostic.where:
            where = diagnostic.where
            facts = {"file": self._path(where), "line": str(where.line), "col": str(where.column), **facts}
        hint = f"hint: {diagnostic.hint}" if diagnostic.hint else ""
        notes = (f"note: {note}" for note in diagnostic.notes)
        told = "\n".join(filter(None, (diagnostic.detail, *notes, hint)))
        named = ",".join(f"{name}={_property(value)}" for name, value in facts.items())
        return f"::{diagnostic.severity} {named}::{_data(told or diagnostic.summary)}"

    def _path(self, where: Position) -> str:
        return posixpath.normpath(posixpath.join(self.folder, where.file))


def _data(text: str) -> str:
    """Text of several lines on one, as the runner takes it apart again."""
    return "%0A".join(_STYLE.safe(line).replace("%", "%25") for line in text.split("\n"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
