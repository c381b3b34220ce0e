"""What `import --discover` does: find what nobody manages, write it down, and take it into the state."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from shlex import quote

from msgspec import Struct
from msgspec.structs import replace

from declarative import kinds
from declarative.cli import planning
from declarative.cli.options import Context
from declarative.diagnostics import Diagnostic, Severity
from declarative.errors import ProjectError
from declarative.manifest.compile import Compiled, compile_files
from declarative.manifest.files import ManifestFile
from declarative.manifest.filing import Sheet, imports_text, sheets
from declarative.manifest.template import Templates
from declarative.model.address import Address
from declarative.model.foresight import Policy, Unanswered
from declarative.model.observed import Observed
from declarative.model.position import Position
from declarative.model.resource import Lifecycle, Resource
from declarative.model.value import EMPTY, FrozenMap
from declarative.plan.adoption import record_of
from declarative.plan.names import name_of
from declarative.plan.presets import without_presets
from declarative.runai import discover, foresight, lookup
from declarative.runai.directory import Directory
from declarative.runai.discover import Strangers
from declarative.runai.transport import Transport
from declarative.session import Session, compile_manifests, connected, open_session
from declarative.state.store import Holder, Lease, Snapshot
from declarative.view.text import counted

_FEW = 10


class Discovery(Struct, frozen=True):
    """What is asked for: of which project (None: of all), written where, and whether it comes into the state at once."""

    project: str | None
    out: str
    into_state: bool
    lock_timeout: float


def run(found: Context, asked: Discovery) -> int:
    """The exit code; raises DeclarativeError."""
    session = open_session(found.settings)
    folder = _folder(session, asked)
    compiled = compile_manifests(session) if _has_manifests(session) else _nothing(session)
    planning.announce(found, session)
    work = _Work(found, session, asked, folder, compiled)
    if not asked.into_state:
        return asyncio.run(work.done(session.store.load(), None))
    with session.store.lock(Holder.current("import --discover"), asked.lock_timeout) as lease:
        return asyncio.run(work.done(session.store.load(), lease))


def _nothing(session: Session) -> Compiled:
    """A project without manifests."""
    return Compiled((), (), (), Templates(session.settings.root, EMPTY, session.project.environment))


def _sources(session: Session) -> tuple[str, ...]:
    return session.project.manifests or ("manifests",)


def _has_manifests(session: Session) -> bool:
    return any((session.settings.root / one).exists() for one in _sources(session))


def _folder(session: Session, asked: Discovery) -> Path:
    """Where the files go; raises ProjectError where no plan would see them."""
    root = session.settings.root
    folder = Path(os.path.normpath(root / asked.out))
    homes = [Path(os.path.normpath(root / one)) for one in _sources(session)]
    inside = [folder.relative_to(home) for home in homes if folder.is_relative_to(home)]
    if asked.into_state and not any(all(part[0] not in "._" for part in one.parts) for one in inside):
        detail = f"{asked.out} is not among the manifests of the project ({', '.join(_sources(session))})."
        hint = f"use --out {_sources(session)[0]}/live, or add the folder to `manifests:` in the project file; "
        hint += "--no-state writes files anywhere"
        raise ProjectError(Diagnostic("Folder without a plan", detail, hint))
    return folder


class _Work(Struct, frozen=True):
    found: Context
    session: Session
    asked: Discovery
    folder: Path
    compiled: Compiled

    async def done(self, snapshot: Snapshot, lease: Lease | None) -> int:
        async with connected(self.session, read_only=True) as transport:
            directory = await discover.directory(transport)
            project = discover.project_of(directory, self.asked.project).id if self.asked.project else None
            owned = {found for one in snapshot.records for found in (one.id, one.previous_id) if found}
            with self.found.console.reading():
                strangers = await discover.strangers(transport, owned, project)
                found, described = await self._undescribed(transport, strangers.found)
            running = {str(one.project) for one in found if kinds.kind_named(one.kind).has_phase}
            policies, untold = await foresight.policies(transport, running)
            bodies = [(one, _named(directory, one, policies)) for one in found]
            made, staged = self._checked(bodies, {one.address for one in snapshot.records})
            resolved = await lookup.resolve(transport, staged)
            made = self._without(made, {one.resource.address: one.diagnostic for one in resolved.unresolved})
        self._write(made)
        if lease is not None:
            self._take(lease, made, {one.address: one for one in resolved.resources}, snapshot.key)
        self._report(made, strangers, described, untold)
        return 0

    async def _undescribed(
        self, transport: Transport, found: Iterable[Observed]
    ) -> tuple[list[Observed], list[tuple[Observed, Resource]]]:
        """What no manifest describes yet, and what one does that was never applied."""
        resources = (await lookup.resolve(transport, self.compiled.resources)).resources
        named = {name: one for one in resources if (name := name_of(one)) is not None}
        described = [(one, named[name]) for one in found if (name := (one.kind, one.namespace, one.name)) in named]
        ids = {one.id for one, _ in described}
        return [one for one in found if one.id not in ids], described

    def _checked(
        self, found: list[tuple[Observed, FrozenMap]], recorded: set[Address]
    ) -> tuple[list[Sheet], list[Resource]]:
        """The files to be written, and what they compile to. What no manifest may say is left out with a warning."""
        taken = recorded | {one.address for one in self.compiled.resources}
        made = list(sheets(found, taken))
        with tempfile.TemporaryDirectory() as place:
            staged = [_staged(Path(place), number, self._name(one)) for number, one in enumerate(made)]
            for file, one in zip(staged, made, strict=True):
                file.path.write_text(one.text, encoding="utf-8")
            compiled = compile_files((*self.compiled.files, *staged), self.compiled.templates)
        places = {self._name(one): one.address for one in made}
        told = [one for one in compiled.diagnostics if one.where and one.where.file in places]
        kept = self._without(made, {places[one.where.file]: one for one in reversed(told) if one.where})
        addresses = {one.address for one in kept}
        return kept, [one for one in compiled.resources if one.address in addresses]

    def _without(self, made: list[Sheet], wrong: Mapping[Address, Diagnostic]) -> list[Sheet]:
        """What is left when what cannot be a manifest is taken out, with a warning each."""
        for one in made:
            if (why := wrong.get(one.address)) is not None:
                detail = f"The {one.object.kind} {one.object.name} ({one.object.id}) cannot be a manifest: {why.detail}"
                self._warn(Diagnostic("Object left out", detail, "it stays as it is, unmanaged"))
        return [one for one in made if one.address not in wrong]

    def _name(self, one: Sheet) -> str:
        """The file of a sheet as users see it."""
        return os.path.relpath(self.folder / one.path, self.session.settings.root)

    def _write(self, made: list[Sheet]) -> None:
        """The files, and last the documents that an interrupted command leaves to the next apply."""
        try:
            for one in made:
                _create(self.folder / one.path, one.text)
            if made:
                _create(self.folder / "imports.yaml", imports_text(made))
        except FileExistsError as error:
            detail = f"{error.filename} is there already, and nothing is overwritten."
            hint = "choose another --out, or move the file away"
            raise ProjectError(Diagnostic("File exists", detail, hint)) from error
        except OSError as error:
            raise ProjectError(Diagnostic("Unwritable folder", f"{error.filename}: {error.strerror}.")) from error

    def _take(self, lease: Lease, made: list[Sheet], resources: Mapping[Address, Resource], key: bytes) -> None:
        lease.backup()
        lease.write(*(record_of(resources[one.address], one.object, key) for one in made))
        if made:
            (self.folder / "imports.yaml").unlink()

    def _report(
        self,
        made: list[Sheet],
        strangers: Strangers,
        described: list[tuple[Observed, Resource]],
        untold: Unanswered | None,
    ) -> None:
        console = self.found.console
        left = (
            (strangers.finished, "run that has finished", "runs that have finished"),
            (strangers.leaving, "object that is being deleted", "objects that are being deleted"),
            (strangers.built_in, "object of the platform's own", "objects of the platform's own"),
        )
        told = [f"{number} {one if number == 1 else many}" for number, one, many in left if number]
        if told:
            console.note(f"Left alone: {', '.join(told)}.")
        if untold is not None:
            many = counted(untold.projects, "project")
            text = (
                f"The policies of {many} were not told ({untold.reason}): what they set stands in the manifests, too."
            )
            console.note(text)
        if described:
            self._warn(_described(described))
        exposed = [f"{self._name(one)}:{line} {name}" for one in made for name, line in one.exposed]
        if exposed:
            self._warn(_exposed(exposed))
        where = os.path.relpath(self.folder, self.session.settings.root)
        if not made:
            console.out("Nothing to import: no other object is live that the state does not manage.")
            return
        number = Counter(one.object.kind for one in made)
        what = ", ".join(f"{number[kind.name]} {kind.name}" for kind in kinds.ALL if number[kind.name])
        console.out(f"Wrote {counted(len(made), 'manifest')} below {where}: {what}.")
        if self.asked.into_state:
            following = console.next("declarative plan, which finds no changes.")
            console.out(f"The state manages these objects from now on.{following}")
        else:
            console.out(f"{where}/imports.yaml takes them into the state at the next apply, and can be deleted then.")

    def _warn(self, diagnostic: Diagnostic) -> None:
        self.found.console.diagnose([replace(diagnostic, severity=Severity.WARNING)])


def _named(known: Directory, one: Observed, policies: Mapping[str, Policy]) -> FrozenMap:
    """The body of an object, names in place of ids, without what the policy of its project gave to it."""
    assert one.body is not None
    kind, policy = kinds.kind_named(one.kind), policies.get(str(one.project))
    body = without_presets(kind, one.body, policy) if policy is not None and kind.has_phase else one.body
    resource = Resource(Address(one.kind, one.name), body, Lifecycle(), (), Position(""))
    return lookup.with_names(known, resource).body


def _staged(folder: Path, number: int, name: str) -> ManifestFile:
    return ManifestFile(folder / f"{number}.yaml", name)


def _create(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def _described(described: list[tuple[Observed, Resource]]) -> Diagnostic:
    one, resource = described[0]
    listed = ", ".join(str(resource.address) for _, resource in described[:_FEW])
    more = f" and {len(described) - _FEW} more" if len(described) > _FEW else ""
    detail = f"Objects of these names are live, but not in the state: {listed}{more}."
    return Diagnostic(
        "Manifests are there already",
        detail,
        f"import them: declarative import {quote(str(resource.address))} {one.id}",
    )


def _exposed(places: list[str]) -> Diagnostic:
    listed = "\n".join(places[:_FEW])
    more = f"\nand {len(places) - _FEW} more" if len(places) > _FEW else ""
    detail = f"By their names these are secrets; their values now stand in the manifests:\n{listed}{more}"
    hint = "before they reach git, write \"{{ secret('NAME') }}\" in their place"
    return Diagnostic("Secrets in plain text", detail, hint)
