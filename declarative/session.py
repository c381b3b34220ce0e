"""A project with its settings applied: manifests compiled, state found, control plane connected.

Templates and HTTP take long to import, and many commands need neither: they are imported where they are used.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from declarative.diagnostics import Diagnostic, by_place
from declarative.errors import ControlPlaneError, PlanError, ProjectError, Refused, Unauthorized, Unreachable
from declarative.manifest import files, project, variables
from declarative.manifest.project import DEFAULT_STATE, SANDBOX, Project
from declarative.model.resource import Resource
from declarative.model.secret import Hidden, Reference, Secret, hides, seal
from declarative.model.value import FrozenMap, dig, dotted, turned
from declarative.plan import graph
from declarative.settings import FOLDER, Settings, make_folder
from declarative.state.opening import open_store
from declarative.state.store import Store

if TYPE_CHECKING:
    from declarative.manifest.compile import Compiled
    from declarative.manifest.document import Document
    from declarative.manifest.files import ManifestFile
    from declarative.manifest.template import Templates
    from declarative.runai.credentials import Credentials
    from declarative.runai.transport import Transport

SANDBOX_FILE = f"{FOLDER}/sandbox.sqlite3"


class Session(Struct, frozen=True):
    """A project with its settings applied."""

    settings: Settings
    project: Project
    endpoint: str
    store: Store

    @property
    def is_embedded(self) -> bool:
        """Whether the control plane is the embedded one."""
        return self.endpoint == SANDBOX

    def sandbox_file(self) -> Path:
        """Where the embedded control plane keeps its objects."""
        return self.settings.root / SANDBOX_FILE


def open_session(settings: Settings) -> Session:
    """Reads the project file and finds the state; opens no connection. Raises DeclarativeError."""
    found = project.load(settings.root, settings.environment)
    endpoint = _as_written_here(settings.endpoint or found.endpoint or SANDBOX)
    if endpoint != SANDBOX and not _is_url(endpoint):
        hint = "write a URL such as https://acme.run.ai, or sandbox"
        where = None if settings.endpoint else found.locate("endpoint")
        raise ProjectError(Diagnostic("Unusable endpoint", f"{endpoint} is no URL.", hint, where))
    if "@" in urlsplit(endpoint).netloc:
        hint = "set DECLARATIVE_TOKEN, or DECLARATIVE_CLIENT_ID and DECLARATIVE_CLIENT_SECRET"
        raise ProjectError(Diagnostic("Unusable endpoint", "A URL with a user or password ends up in logs.", hint))
    store = open_store(settings.state or found.state or DEFAULT_STATE, settings.root)
    return Session(settings, found, endpoint, store)


def _as_written_here(endpoint: str) -> str:
    """An endpoint without blanks around it, its scheme in small letters: `HTTPS://host` is `https://host`."""
    scheme, colon, rest = endpoint.strip().partition("://")
    return f"{scheme.lower()}{colon}{rest}" if colon else scheme


def _is_url(text: str) -> bool:
    """Whether a text names a host that can be asked."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port out of range, or brackets without an address
        return False


def compile_manifests(session: Session) -> Compiled:
    """Finds, renders and checks all manifests; raises ProjectError with everything that is wrong."""
    from declarative.manifest.cache import Cache
    from declarative.manifest.compile import compile_files

    found, templates, problems = _templates(session)
    with Cache.of(session.settings.root, (one.path for one in found), session.settings.environ) as cache:
        compiled = compile_files(found, templates, cache)
    by_address = {one.address: one for one in (*compiled.resources, *compiled.outlines)}
    circles = graph.cycles(by_address, compiled.locate_reference)
    if problems or compiled.diagnostics or circles:
        raise ProjectError(*problems, *by_place((*compiled.diagnostics, *circles)))
    return _for_sandbox(session, compiled) if session.is_embedded else compiled


def _for_sandbox(session: Session, compiled: Compiled) -> Compiled:
    if not any(hides(one.body) for one in compiled.resources):
        return compiled
    key = _stand_in_key(session)
    sent = (_with_stand_ins(one, key) if hides(one.body) else one for one in compiled.resources)
    return replace(compiled, resources=tuple(sent))


def render_manifests(session: Session) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """All documents as the templates made them, unchecked, and what kept others from being read."""
    from declarative.manifest.compile import documents_of

    found, templates, problems = _templates(session)
    parsed = [documents_of(file, templates) for file in found]
    return (
        tuple(document for one in parsed for document in one.documents),
        (*problems, *(diagnostic for one in parsed for diagnostic in one.diagnostics)),
    )


def _templates(session: Session) -> tuple[tuple[ManifestFile, ...], Templates, tuple[Diagnostic, ...]]:
    """The manifests of a project, what renders them, and what is wrong before they are looked at; raises ProjectError."""
    from declarative.manifest.template import Templates

    root, chosen = session.settings.root, session.project
    found, missing = files.find(root, session.settings.paths or chosen.manifests or _default_manifests(root))
    values, problems = variable_values(session)
    unknown = chosen.variables.keys() - values.keys()
    templates = Templates(root, values, chosen.environment, session.settings.environ.get, unknown)
    return found, templates, (*missing, *problems)


def look_up(session: Session, reference: Reference) -> str:
    """The text of a secret that a saved plan refers to; raises ProjectError where it is not given."""
    if reference.source == "secret":
        text = session.settings.environ.get(reference.name)
        if not text:
            raise ProjectError(variables.no_secret(reference.name, text))
    else:
        values, problems = variable_values(session)
        found = dig(values, (reference.name, *reference.path))
        # What is wrong with variables that the plan does not need is none of its business.
        if not isinstance(found, Secret):
            raise ProjectError(*problems or (_no_variable(reference),))
        text = found.revealed()
    return _stand_in(text, _stand_in_key(session)) if session.is_embedded else text


def _no_variable(reference: Reference) -> Diagnostic:
    name = dotted((reference.name, *reference.path))
    detail = f"The saved plan needs the sensitive variable `{name}`, but the project has none of this name."
    return Diagnostic("Missing variable", detail, "make a new plan with plan --out")


def _with_stand_ins(resource: Resource, key: bytes) -> Resource:
    """The resource as the embedded control plane gets it. It runs nothing, so it needs no secret, and keeps none on disk."""

    def stand_in(secret: Hidden) -> Secret:
        assert isinstance(secret, Secret)
        texts = iter(secret.texts)
        return secret.filled(lambda _: _stand_in(next(texts), key))

    return replace(resource, body=turned(resource.body, stand_in))


def _stand_in(text: str, key: bytes) -> str:
    """What the embedded control plane gets in place of a secret; another one for another secret."""
    return f"stand-in-{seal(text, key).digest[:32]}"


def _stand_in_key(session: Session) -> bytes:
    """The key of the stand-ins, kept beside the embedded control plane and made when it is first needed."""
    file = session.settings.root / FOLDER / "sandbox.key"
    try:
        if not file.exists():
            make_folder(file.parent)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
                made.write(secrets.token_bytes(32))
        return file.read_bytes()
    except OSError:
        # Where nothing can be written there is no embedded control plane to compare with either.
        return secrets.token_bytes(32)


def _default_manifests(root: Path) -> tuple[str, ...]:
    """Where manifests are when nobody says."""
    if (root / "manifests").is_dir():
        return ("manifests",)
    hint = "name files or folders (declarative plan manifests/), or start a project with declarative init"
    above = next((folder for folder in root.resolve().parents if (folder / project.FILE).is_file()), None)
    if above is not None:
        hint = f"there is a project in {above}: use -C {os.path.relpath(above, root)}"
    detail = "There is neither a project file nor a folder manifests here, and no path on the command line."
    raise ProjectError(Diagnostic("No manifests", detail, hint))


def variable_values(session: Session) -> tuple[FrozenMap, tuple[Diagnostic, ...]]:
    """The values of all variables, and what is wrong with those that were given."""
    settings, found = session.settings, session.project
    given = [*variables.from_environment(settings.environ, found.variables)]
    problems: list[Diagnostic] = []
    for name in settings.variable_files:
        found_there, unreadable = variables.from_file(settings.root / name, found.variables)
        given += found_there
        problems += unreadable
    for option in settings.variables:
        one = variables.from_option(option, found.variables)
        if isinstance(one, Diagnostic):
            problems.append(one)
        else:
            given.append(one)
    environments = dig(found.document.value, ("environments",)) if found.document else None
    others = {name: one for name, one in (environments or {}).items() if name != found.environment}
    problems += variables.check_overlays(found.variables, others, found.locate)
    values, wrong = variables.resolve(
        found.variables, found.overlay, found.locate, given, found.environment, all_read=not problems
    )
    return values, (*problems, *wrong)


@asynccontextmanager
async def connected(session: Session, *, read_only: bool) -> AsyncIterator[Transport]:
    """A transport to the session's control plane. An error of one that is not there, or does not know us, says where to look."""
    from declarative.runai.refusals import NOTHING_FOUND

    async with transport_to(session, credentials_of(session), read_only=read_only) as transport:
        try:
            yield transport
        except (PlanError, ControlPlaneError) as error:
            if transport.finds_nothing and isinstance(error, (PlanError, Refused)):  # what came of it; this is why
                raise ControlPlaneError(_with_doctor(NOTHING_FOUND)) from error
            if isinstance(error, (Unreachable, Unauthorized)):
                error.diagnostics = tuple(map(_with_doctor, error.diagnostics))
            raise


def _with_doctor(told: Diagnostic) -> Diagnostic:
    doctor = "`declarative doctor` shows which control plane this is, who you are there and what you may read"
    return replace(told, hint=f"{told.hint}; {doctor}" if told.hint else doctor)


def credentials_of(session: Session) -> Credentials:
    """Who we are at the session's control plane, from the environment; raises Unauthorized for what no header can carry."""
    from declarative.runai.credentials import Credentials

    if session.is_embedded:
        from declarative.sandbox.in_process import STATIC_TOKEN

        return Credentials(STATIC_TOKEN)
    return Credentials.from_environment(session.settings.environ)


def transport_to(session: Session, credentials: Credentials, *, read_only: bool) -> Transport:
    """A transport to the session's control plane, to be closed by whoever asked for it; raises ControlPlaneError."""
    from declarative.runai.transport import Transport

    inner, endpoint = None, session.endpoint
    if session.is_embedded:
        from declarative.sandbox.in_process import InProcess

        inner, endpoint = InProcess(session.sandbox_file()), "http://sandbox"
    return Transport(
        endpoint,
        credentials,
        parallelism=session.settings.parallelism,
        ca_bundle=session.settings.environ.get("DECLARATIVE_CA_BUNDLE"),
        read_only=read_only,
        trace=session.settings.trace,
        notice=session.settings.notice,
        inner=inner,
    )
