"""What a control plane lets us do: whether it is there, who we are to it, and which of the reads it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError, NotFound, Refused, Unauthorized, Unintelligible, Unreachable
from declarative.runai.sign_in import Application
from declarative.runai.tokens import Identity, identity
from declarative.runai.transport import Transport

_PROJECTS = "/api/v1/org-unit/projects"
_CLUSTERS = "/api/v1/clusters"
# How a control plane says that it has no such read, or not with these parameters.
_ABSENT = (400, 404, 405, 501)


class Verdict(StrEnum):
    OK = "ok"
    REFUSED = "refused"
    ABSENT = "not offered"
    FAILED = "failed"
    UNTRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Read:
    """One read that the tool makes use of, and what it cannot do `without` it."""

    what: str
    path: str
    without: str
    parameters: tuple[tuple[str, str], ...] = ()

    def of_project(self, id: str | None) -> Read | None:
        """The read with the id of a project in its place; None where it needs one and there is none."""
        texts = (self.path, *(value for _, value in self.parameters))
        if not any("{project}" in text for text in texts):
            return self
        if id is None:
            return None
        parameters = tuple((name, value.replace("{project}", id)) for name, value in self.parameters)
        return replace(self, path=self.path.replace("{project}", id), parameters=parameters)


_ONE_PAGE = (("limit", "1"), ("offset", "0"))
_BY_ID = "names of {} in manifests cannot be looked up; write ids"
READS = (
    Read("projects", _PROJECTS, _BY_ID.format("projects"), _ONE_PAGE),
    Read("departments", "/api/v1/org-unit/departments", _BY_ID.format("departments"), _ONE_PAGE),
    Read("clusters", _CLUSTERS, _BY_ID.format("clusters")),
    Read(
        "workloads",
        "/api/v1/workloads",
        "trainings are read one by one, and a name that is taken shows only when it is applied",
        (*_ONE_PAGE, ("filterBy", "type==Training")),
    ),
    Read("templates", "/api/v1/asset/workload-template", "templates are read one by one"),
    Read("environments", "/api/v1/asset/environment", _BY_ID.format("environments")),
    Read("compute resources", "/api/v1/asset/compute", _BY_ID.format("compute resources")),
    Read("data sources", "/api/v1/asset/datasource", _BY_ID.format("data sources")),
    Read(
        "policy",
        "/api/v2/policy/trainings",
        "a plan cannot foresee what the policy refuses",
        (("scope", "project"), ("projectId", "{project}")),
    ),
    Read("quota", f"{_PROJECTS}/{{project}}", "a plan cannot foresee whether there are GPUs left"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """How one read was answered; `status` where it was at all."""

    read: Read
    verdict: Verdict
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    """What a control plane answered.

    `reached` is the status of a request without a token, None where nobody answered. `way` is how we sign in, and `identity`
    what the token says, once there is one. `release` is what the form of its sign-in tells, `clusters` their names and
    versions. `problems` are what keeps the tool from working.
    """

    way: str
    reached: int | None = None
    identity: Identity | None = None
    release: str | None = None
    clusters: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    problems: tuple[Diagnostic, ...] = ()


async def examine(transport: Transport) -> Examination:
    """Asks for everything that the tool reads, once each, and changes nothing."""
    source = transport.sign_in.source
    seen = Examination(source.way)
    try:
        seen = replace(seen, reached=await transport.reach(_CLUSTERS))
        token = await transport.sign_in.token()
        seen = replace(seen, identity=identity(token.text))
        projects = await _answer(transport, READS[0])
        project = _first_project(projects.value)
        others = await asyncio.gather(*(_of_project(transport, read, project) for read in READS[1:]))
    except ControlPlaneError as error:
        return replace(seen, problems=error.diagnostics)
    answers = (projects, *others)
    return replace(
        seen,
        release=source.generation.release if isinstance(source, Application) and source.generation else None,
        clusters=tuple(name for one in answers if one.finding.read.path == _CLUSTERS for name in _clusters(one.value)),
        findings=tuple(one.finding for one in answers),
        problems=tuple(_problems(answers)),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """A finding, with what was answered or what went wrong."""

    finding: Finding
    value: Any = None
    problems: tuple[Diagnostic, ...] = ()


async def _of_project(transport: Transport, read: Read, project: str | None) -> _Answer:
    wanted = read.of_project(project)
    return await _answer(transport, wanted) if wanted else _Answer(Finding(read, Verdict.UNTRIED))


async def _answer(transport: Transport, read: Read) -> _Answer:
    """How a read is answered; raises Unauthorized and Unreachable, which are not about this one."""
    try:
        value = await transport.get(read.path, dict(read.parameters))
    except (Unauthorized, Unreachable):
        raise
    except (NotFound, Refused) as refused:
        if refused.status in _ABSENT:
            return _Answer(Finding(read, Verdict.ABSENT, refused.status))
        if refused.status == 403:
            return _Answer(Finding(read, Verdict.REFUSED, refused.status))
        return _Answer(Finding(read, Verdict.FAILED, refused.status), None, refused.diagnostics)
    except Unintelligible as error:
        return _Answer(Finding(read, Verdict.FAILED), None, error.diagnostics)
    return _Answer(Finding(read, Verdict.OK, 200), value)


def _problems(answers: tuple[_Answer, ...]) -> list[Diagnostic]:
    """What failed; and where nothing may be read at all, that."""
    found = list(dict.fromkeys(problem for one in answers for problem in one.problems))
    if not found and not any(one.finding.verdict is Verdict.OK for one in answers):
        detail = "The control plane refuses every read, or offers none."
        found.append(Diagnostic("Nothing may be read", detail, "ask its administrator for a role that may view"))
    return found


def _first_project(value: Any) -> str | None:
    rows = value.get("projects") if isinstance(value, Mapping) else None
    first = rows[0] if isinstance(rows, list) and rows else None
    found = first.get("id") if isinstance(first, Mapping) else None
    return None if found is None else str(found)


def _clusters(value: Any) -> list[str]:
    """Names and versions; the answer is a list, or has one."""
    rows = value.get("clusters") if isinstance(value, Mapping) else value
    named = [row for row in rows if isinstance(row, Mapping) and row.get("name")] if isinstance(rows, list) else []
    return [" ".join(str(row[key]) for key in ("name", "version") if row.get(key)) for row in named]
