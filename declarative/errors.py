"""Every way in which a command can fail.

    DeclarativeError              the command ends with exit code 1 and prints the diagnostics
    |-- ProjectError              the project file, the manifests or the variables are wrong
    |-- PlanError                 the plan cannot be made or may not be executed (guards, conflicts, stale plan files)
    |-- StateError                the state cannot be opened, read, locked or written
    |   `-- StateLocked           somebody else holds the lock
    `-- ControlPlaneError         the control plane could not be asked, or said no
        |-- Unreachable           no answer: connection refused, reset or timed out
        |-- Unintelligible        a good status, but not what the API answers: a login page, say
        |-- Unauthorized          401: the credentials were not accepted
        `-- Refused               any other error status, with the server's own words
            |-- NotFound          404, in the control plane's own words
            `-- Conflict          409, or 400 that says the name is taken

All of them carry `Diagnostic`s, so that the command line has one way to print an error.
"""

from __future__ import annotations

from declarative.diagnostics import Diagnostic


class DeclarativeError(Exception):
    """An expected failure, told by one or more diagnostics."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(str(diagnostic) for diagnostic in diagnostics))
        self.diagnostics = diagnostics


class ProjectError(DeclarativeError):
    """The project file, the manifests or the variables are wrong."""


class PlanError(DeclarativeError):
    """The plan cannot be made or may not be executed."""


class StateError(DeclarativeError):
    """The state cannot be opened, read, locked or written."""


class StateLocked(StateError):
    """Somebody else holds the state's lock."""


class ControlPlaneError(DeclarativeError):
    """The control plane could not be asked, or said no."""

    # True when the request may have been carried out although no good answer came back.
    ambiguous = False
    # The seconds after which the server asked to be asked again, where it did.
    retry_after: float | None = None


class Unreachable(ControlPlaneError):
    """No answer came back."""

    def __init__(self, *diagnostics: Diagnostic, ambiguous: bool) -> None:
        super().__init__(*diagnostics)
        self.ambiguous = ambiguous


class Unintelligible(ControlPlaneError):
    """A good status, but not what the API answers. What was asked for may have been done."""

    ambiguous = True

    @classmethod
    def answer(cls, request: str, why: str) -> Unintelligible:
        """The error of one request, such as `GET /api/v1/workloads`."""
        hint = "check that the endpoint is a control plane, and not a proxy or a login page in front of it"
        return cls(Diagnostic("Unintelligible answer", f"{request} was answered, but {why}.", hint))


class Unauthorized(ControlPlaneError):
    """The credentials were not accepted."""


class Refused(ControlPlaneError):
    """The control plane answered with an error status. `wordless` says that the answer had no body."""

    def __init__(self, *diagnostics: Diagnostic, status: int, wordless: bool = False) -> None:
        super().__init__(*diagnostics)
        self.status = status
        self.wordless = wordless
        self.ambiguous = status >= 500


class NotFound(Refused):
    """404 in the control plane's own words: there is no such object."""


class Conflict(Refused):
    """The name is taken, or the object is in use."""
