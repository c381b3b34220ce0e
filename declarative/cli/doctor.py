"""`declarative doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from msgspec.structs import replace

from declarative.cli.command import Command
from declarative.cli.options import Context, context, global_options
from declarative.errors import ControlPlaneError, StateError, Unauthorized
from declarative.model.value import dig
from declarative.runai.credentials import Credentials
from declarative.runai.examine import Examination, examine
from declarative.session import Session, credentials_of, open_session, transport_to
from declarative.view.doctor import Report, StateReport, doctor_json, doctor_text


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, as_json: bool, **given: Any) -> int:
    """Show which control plane this is, who you are there, what you may read, and how the state is. Changes nothing.

    Ends with 1 when the tool cannot work like this.

    \b
    Examples:
      declarative doctor
      declarative doctor -e prod --json
    """
    found = context(given, outer)
    session = open_session(found.settings)
    chosen = given.get("endpoint") or outer.get("endpoint")
    report = Report(
        session.endpoint,
        _origin(session, bool(chosen)),
        _trust(session),
        asyncio.run(_examine(session)),
        _state(session),
    )
    if as_json:
        found.console.json(doctor_json(report), indent=2)
    else:
        _tell(found, report)
    return 0 if report.is_usable else 1


def _tell(found: Context, report: Report) -> None:
    found.console.out(doctor_text(report, found.console.style))
    found.console.diagnose(report.problems)


def _origin(session: Session, by_option: bool) -> str:
    """Who named the endpoint."""
    project = session.project
    if session.settings.endpoint:
        return "by --endpoint" if by_option else "by DECLARATIVE_ENDPOINT"
    if project.document is None or project.endpoint is None:
        return "by default"
    within = ("environments", project.environment or "", "endpoint")
    return f"by {project.locate(*(within if dig(project.document.value, within) else ('endpoint',)))}"


def _trust(session: Session) -> str | None:
    """By what the certificate of the control plane is checked."""
    environ: Mapping[str, str] = session.settings.environ
    if session.is_embedded:
        return None
    if session.endpoint.startswith("http:"):
        return "the connection is not encrypted"
    for name in ("DECLARATIVE_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        if environ.get(name):
            return f"its certificate is checked against {environ[name]} ({name})"
    return "its certificate is checked against the public authorities"


async def _examine(session: Session) -> Examination:
    try:
        credentials = credentials_of(session)
    except Unauthorized as error:
        seen = await _asked(session, Credentials())
        return replace(seen, problems=error.diagnostics if seen.reached is not None else seen.problems)
    return await _asked(session, credentials)


async def _asked(session: Session, credentials: Credentials) -> Examination:
    try:
        with _leaving_no_trace(session) as asked:
            return await _answered(asked, credentials)
    except ControlPlaneError as error:  # a CA bundle that cannot be read, or a file that is no sandbox's
        return Examination("nothing", problems=error.diagnostics)


async def _answered(session: Session, credentials: Credentials) -> Examination:
    async with transport_to(session, credentials, read_only=True) as transport:
        seen = await examine(transport)
    return replace(seen, way="the token that every sandbox takes") if session.is_embedded else seen


@contextmanager
def _leaving_no_trace(session: Session) -> Iterator[Session]:
    """The session; while there is no embedded control plane yet, with one in a folder that goes away again."""
    if not session.is_embedded or session.sandbox_file().exists():
        yield session
        return
    with TemporaryDirectory() as folder:
        yield replace(session, settings=replace(session.settings, root=Path(folder)))


def _state(session: Session) -> StateReport:
    where = session.store.name
    try:
        return StateReport(where, len(session.store.load().records), session.store.holders())
    except StateError as error:
        return StateReport(where, problems=error.diagnostics)
