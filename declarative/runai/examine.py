"""What a control plane lets us do: whether it is there, who we are to it, and which of the reads it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from declarative import kinds
from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError, Refused, Unauthorized, Unintelligible, Unreachable
from declarative.kinds.kind import Kind
from declarative.runai.directory import COLLECTIONS, entry_of
from declarative.runai.listing import rows_of
from declarative.runai.observe import NOT_FOUND, understood
from declarative.runai.refusals import NOTHING_FOUND
from declarative.runai.sign_in import Application
from declarative.runai.tokens import Identity, identity
from declarative.runai.transport import Transport

_PROJECTS = "/api/v1/org-unit/projects"
_CLUSTERS = "/api/v1/clusters"
# How a control plane says that it has no such read, or not with these parameters.
_ABSENT = (400, 404, 405, 501)


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    REFUSED = "refused"
    ABSENT = "not offered"
    FAILED = "failed"
    UNTRIED = "not tried"
    UNCONFIRMED = "unconfirmed"


# Reads an answer as the tool itself will; raises what `understood` knows where it is of another form.
Reader = Callable[[Any], object]


def _mapping(answer: Any) -> object:
    return answer.keys()


def _collection(name: str) -> Reader:
    one = COLLECTIONS[name]
    return lambda answer: [entry_of(row, one) for row in rows_of(answer, one.path, one.items)]


def _kind(kind: Kind) -> Reader:
    listing = kind.endpoint.listing
    return lambda answer: [kind.read_row(row) for row in rows_of(answer, listing.path, listing.items)]


class Read(Struct, frozen=True):
    """One read that the tool makes use of, what it cannot do `without` it, and what `reads` its answer."""

    what: str
    path: str
    without: str
    parameters: tuple[tuple[str, str], ...] = ()
    reads: Reader = _mapping

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
    Read("projects", _PROJECTS, _BY_ID.format("projects"), _ONE_PAGE, _collection("project")),
    Read(
        "departments",
        "/api/v1/org-unit/departments",
        _BY_ID.format("departments"),
        _ONE_PAGE,
        _collection("department"),
    ),
    Read("clusters", _CLUSTERS, _BY_ID.format("clusters"), reads=_collection("cluster")),
    Read(
        "workloads",
        "/api/v1/workloads",
        "trainings are read one by one, and a name that is taken shows only when it is applied",
        (*_ONE_PAGE, ("filterBy", "type==Training")),
        _kind(kinds.kind_named("Training")),
    ),
    Read(
        "templates",
        "/api/v1/asset/workload-template",
        "templates are read one by one",
        reads=_kind(kinds.kind_named("WorkloadTemplate")),
    ),
    *(
        Read(f"{one.what}s", one.path, _BY_ID.format(f"{one.what}s"), reads=_collection(name))
        for name, one in COLLECTIONS.items()
        if name in ("environment", "compute", "datasource")
    ),
    Read(
        "policy",
        "/api/v2/policy/trainings",
        "a plan cannot foresee what the policy refuses",
        (("scope", "project"), ("projectId", "{project}")),
    ),
    Read("quota", f"{_PROJECTS}/{{project}}", "a plan cannot foresee whether there are GPUs left"),
)


class Finding(Struct, frozen=True):
    """How one read was answered; `status` where it was at all."""

    read: Read
    verdict: Verdict
    status: int | None = None


class Examination(Struct, frozen=True):
    """What a control plane answered.

    `reached` is the status of a request without a token, None where nobody answered. `way` is how we sign in, and `identity`
    what the token says, once there is one. `release` is what the form of its sign-in tells, `clusters` their names and
    versions. `problems` are what keeps the tool from working. `refused` says that the token was not accepted, `issued` that
    the control plane itself has given it.
    """

    way: str
    reached: int | None = None
    identity: Identity | None = None
    release: str | None = None
    clusters: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    refused: bool = False
    issued: bool = False

    @property
    def is_signed_in(self) -> bool:
        """Whether the control plane knows the token: it has issued it, or answered a read with it."""
        known = self.issued or any(one.verdict is Verdict.OK for one in self.findings)
        return self.identity is not None and known and not self.refused


async def examine(transport: Transport) -> Examination:
    """Asks for everything that the tool reads, once each, and changes nothing."""
    source = transport.sign_in.source
    seen = Examination(source.way)
    try:
        seen = replace(seen, reached=await transport.reach(_CLUSTERS))
        token = await transport.sign_in.token()
        seen = replace(seen, identity=identity(token.text), issued=isinstance(source, Application))
        projects = await _answer(transport, READS[0])
        project = _first_project(projects.value)
        others = await asyncio.gather(*(_of_project(transport, read, project) for read in READS[1:]))
    except ControlPlaneError as error:
        return replace(seen, problems=error.diagnostics, refused=isinstance(error, Unauthorized))
    answers = (projects, *others)
    return replace(
        seen,
        release=source.generation.release if isinstance(source, Application) and source.generation else None,
        clusters=tuple(name for one in answers if one.finding.read.path == _CLUSTERS for name in _clusters(one.value)),
        findings=tuple(one.finding for one in answers),
        problems=tuple(_problems(answers)),
    )


class _Answer(Struct, frozen=True):
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
        understood(f"GET {read.path}", read.reads, value)
    except (Unauthorized, Unreachable):
        raise
    except Refused as refused:
        if refused.status in _ABSENT:
            return _Answer(Finding(read, Verdict.ABSENT, refused.status))
        if refused.status == 403:
            return _Answer(Finding(read, Verdict.REFUSED, refused.status))
        return _Answer(Finding(read, Verdict.FAILED, refused.status), None, refused.diagnostics)
    except Unintelligible as error:
        return _Answer(Finding(read, Verdict.FAILED), None, error.diagnostics)
    return _Answer(Finding(read, Verdict.OK, 200), value)


def _problems(answers: tuple[_Answer, ...]) -> list[Diagnostic]:
    """What failed, once where it is that of several reads; and where nothing may be read at all, that."""
    alike: dict[Diagnostic, list[tuple[str, Diagnostic]]] = {}
    for one in answers:
        for problem in one.problems:
            about = replace(problem, detail=problem.detail.replace(one.finding.read.path, ""))
            alike.setdefault(about, []).append((one.finding.read.what, problem))
    if not alike and not any(one.finding.verdict is Verdict.OK for one in answers):
        return [_nothing(answers)]
    return [_folded(same) for same in alike.values()]


def _folded(same: list[tuple[str, Diagnostic]]) -> Diagnostic:
    """The first of several problems that differ by their paths alone, with what else it is about."""
    (_, first), *others = same
    note = f"the same for {', '.join(what for what, _ in others)}"
    return replace(first, notes=(*first.notes, note)) if others else first


def _nothing(answers: tuple[_Answer, ...]) -> Diagnostic:
    """That no read was answered; where all are 404, it is more likely the wrong place than the lack of a right."""
    statuses = {one.finding.status for one in answers if one.finding.verdict is not Verdict.UNTRIED}
    if statuses == {NOT_FOUND}:
        return NOTHING_FOUND
    detail = "The control plane refuses every read, or offers none."
    return Diagnostic("Nothing may be read", detail, "ask its administrator for a role that may view")


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
