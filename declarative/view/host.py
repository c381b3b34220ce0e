"""Where a pipeline runs: how its host links to a file or to the run, and how it wants errors to be marked.

Everything is taken from the variables that the hosts set for every job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.position import Position


@dataclass(frozen=True, slots=True)
class Host:
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

    def link(self, where: Position) -> str | None:
        """The URL of a line."""
        if self.files is None:
            return None
        return f"{self.files}/{quote(self._path(where))}#L{where.line}"

    def annotation(self, diagnostic: Diagnostic) -> str:
        """The line of a log that marks an error where it is, as GitHub Actions reads it."""
        level = "error" if diagnostic.severity is Severity.ERROR else "warning"
        facts = {"title": diagnostic.summary}
        if diagnostic.where:
            where = diagnostic.where
            facts = {"file": self._path(where), "line": str(where.line), "col": str(where.column), **facts}
        text = "\n".join(filter(None, (diagnostic.detail, diagnostic.hint and f"hint: {diagnostic.hint}")))
        named = ",".join(f"{name}={_property(value)}" for name, value in facts.items())
        return f"::{level} {named}::{_data(text)}"

    def _path(self, where: Position) -> str:
        return f"{self.folder}/{where.file}" if self.folder else where.file


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
