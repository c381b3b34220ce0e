"""The commands of `declarative state` that change it. Each works under the lock, and keeps a copy of what was before."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import click
from msgspec.structs import replace

from declarative.cli.command import Command
from declarative.cli.options import Context, Duration, context, global_options
from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import StateError
from declarative.model.address import Address
from declarative.model.record import Record
from declarative.session import open_session
from declarative.settings import FOLDER
from declarative.state.store import Backup, Holder, Lease, Snapshot, Store
from declarative.view.text import counted

# Beside the project file, where git ignores it.
BACKUPS = f"{FOLDER}/backups"

_lock_timeout = click.option(
    "--lock-timeout", type=Duration(), default=0.0, metavar="DURATION", help="Wait for the lock."
)


@click.command(cls=Command)
@click.argument("source")
@click.argument("destination")
@_lock_timeout
@global_options
@click.pass_obj
def mv(outer: dict[str, Any], /, source: str, destination: str, lock_timeout: float, **given: Any) -> int:
    """Give what the state remembers another address, as a manifest with another key asks for. What is live stays as it is.

    \b
    Example:
      declarative state mv Training.resnet Training.resnet50
    """
    found = context(given, outer)
    old, new = _address(source), _address(destination)
    with _locked(found, f"state mv {source} {destination}", lock_timeout) as (lease, snapshot):
        records = snapshot.by_address()
        if old not in records:
            raise unknown(source, map(str, records))
        if old.kind != new.kind:
            detail = f"{old} is a {old.kind}, and cannot become a {new.kind}."
            raise StateError(Diagnostic("Different kinds", detail, f"write {old.kind}.{new.key}"))
        if new in records:
            detail = f"The state has {new} already, with the id {records[new].id}."
            raise StateError(
                Diagnostic("Address is taken", detail, f"move it away first, or forget it: state rm {new}")
            )
        dependants = (
            replace(record, depends_on=tuple(new if one == old else one for one in record.depends_on))
            for record in snapshot.records
            if old in record.depends_on and record.address != old
        )
        with _kept(found, lease, snapshot):
            lease.write(replace(records[old], address=new), *dependants, forget=[old])
    found.console.out(f"Moved {old} to {new}.")
    return 0


@click.command(cls=Command)
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@_lock_timeout
@global_options
@click.pass_obj
def rm(outer: dict[str, Any], /, addresses: tuple[str, ...], lock_timeout: float, **given: Any) -> int:
    """Forget resources. They stay live, and nobody manages them any more. ADDRESS may be a glob.

    \b
    Examples:
      declarative state rm Training.resnet
      declarative state rm 'Training.run-*'
    """
    found = context(given, outer)
    with _locked(found, f"state rm {' '.join(addresses)}", lock_timeout) as (lease, snapshot):
        chosen: dict[Address, Record] = {}
        for glob in addresses:
            matching = {one.address: one for one in snapshot.records if fnmatchcase(str(one.address), glob)}
            if not matching:
                raise unknown(glob, (str(one.address) for one in snapshot.records))
            chosen |= matching
        with _kept(found, lease, snapshot):
            lease.write(forget=chosen)
    for record in chosen.values():
        found.console.out(f"Forgot {record.address}. It stays live with the id {record.id}.")
    return 0


@click.command(cls=Command)
@click.argument("file")
@click.option("--force", is_flag=True, help="Also when the state was written since the document was pulled.")
@_lock_timeout
@global_options
@click.pass_obj
def push(outer: dict[str, Any], /, file: str, force: bool, lock_timeout: float, **given: Any) -> int:
    """Put a document that state pull printed in place of the whole state. FILE may be - for standard input.

    Refuses the document of another state (a foreign lineage), and with a serial below the present one unless --force is given.

    \b
    Examples:
      declarative state push state.json
      declarative --state postgresql://db/infra state push state.json      # moves a state to a server
    """
    from declarative.state.refusals import foreign
    from declarative.state.transfer import load

    found = context(given, outer)
    pushed = load(_text(found, file), file)
    with _locked(found, f"state push {file}", lock_timeout) as (lease, snapshot):
        if snapshot.records and pushed.lineage != lease.lineage:
            raise foreign("The state", lease.lineage, pushed.lineage)
        is_older = pushed.lineage == lease.lineage and pushed.serial < snapshot.serial
        if is_older and snapshot.records and not force:
            detail = (
                f"{file} has the serial {pushed.serial}, but the state was written since and has {snapshot.serial}."
            )
            raise StateError(
                Diagnostic("Older than the state", detail, "pull anew, or give up what is newer with --force")
            )
        with _kept(found, lease, snapshot):
            lease.replace_all(pushed)
    found.console.out(f"Pushed {counted(len(pushed.records), 'resource')}.")
    return 0


def unknown(address: str, known: Collection[str] | Iterator[str]) -> StateError:
    """The error for an address that the state does not have."""
    spelling = _spelling(address, sorted(known))
    hint = f"did you mean {spelling}?" if spelling else "see declarative state list"
    return StateError(Diagnostic("Unknown address", f"The state has no {address}.", hint))


def _spelling(address: str, names: Collection[str]) -> str | None:
    """The known address that was most likely meant, by kind and key each; one without a kind is taken for a key."""
    kind, _, key = address.rpartition(".")
    right = nearest(kind, {name.partition(".")[0] for name in names})
    keys = {name.partition(".")[2]: name for name in names if not kind or name.partition(".")[0] == right}
    return keys.get(nearest(key, keys) or "")


@contextmanager
def _locked(found: Context, command: str, timeout: float) -> Iterator[tuple[Lease, Snapshot]]:
    """The lock of the whole state, and the state as it is now."""
    store: Store = open_session(found.settings).store
    with store.lock(Holder.current(command), timeout) as lease:
        yield lease, store.load()


@contextmanager
def _kept(found: Context, lease: Lease, snapshot: Snapshot) -> Iterator[None]:
    """A copy of the state is kept, and told once it has changed.

    For the write alone: a copy takes the place of an earlier one, which a command that is refused must not cost.
    """
    kept = lease.backup() or _document(found, snapshot)
    yield
    if kept is not None:
        found.console.note(f"The state as it was before is in {kept.file}.\nTo go back to it:\n    {kept.way_back}")


def _document(found: Context, snapshot: Snapshot) -> Backup | None:
    """A copy of a state whose store has no place for one; None where there is nothing to lose."""
    from declarative.state.documents import keep

    if not snapshot.records:
        return None
    file = keep(snapshot, found.settings.root / BACKUPS)
    return Backup(file, found.following("state push", "--force", str(file.relative_to(found.settings.root))))


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise StateError(
            Diagnostic("Malformed address", f"{error}.", "write KIND.KEY, as declarative state list does")
        ) from error


def _text(found: Context, file: str) -> str:
    if file == "-":
        return sys.stdin.read()
    path = found.settings.root / file
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        detail = f"{path}: {getattr(error, 'strerror', None) or 'it is no text'}."
        raise StateError(
            Diagnostic("Unreadable file", detail, "write one with declarative state pull > FILE")
        ) from error
