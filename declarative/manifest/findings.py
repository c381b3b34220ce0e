"""What is wrong with one manifest, each finding with its cause: what makes two findings the same mistake of the author."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from msgspec.structs import replace

from declarative import kinds
from declarative.diagnostics import Diagnostic, nearest
from declarative.kinds.check import check, described, shown
from declarative.kinds.kind import Kind
from declarative.kinds.rules import Violation
from declarative.kinds.shape import steps_below, takes_secret
from declarative.manifest import bookkeeping
from declarative.manifest.document import Document
from declarative.manifest.envelope import API_VERSION, manifest_model
from declarative.model.secret import MASK, Revealed, hidden_paths
from declarative.model.value import FrozenMap, Path, Value, dig, dotted, turned

Cause: TypeAlias = tuple[object, ...]
_TOP = frozenset({"apiVersion", "kind", "metadata", "desiredPhase", "lifecycle", "dependsOn", "spec"})
_ADDRESSES = (("dependsOn",), ("lifecycle", "replaceWhen"))


def findings(document: Document) -> Iterator[tuple[Cause, Diagnostic]]:
    """Everything that is wrong with a document by itself."""
    if any(document.is_broken(path) for path in ((), ("apiVersion",), ("kind",))):
        return  # nobody knows what it was meant to be
    about_state = bookkeeping.model_of(document.value)
    kind = None if about_state else _kind_of(document)
    if isinstance(kind, Diagnostic):
        yield (kind.where, kind.summary), kind
        return
    hidden = tuple(hidden_paths(document.value)) if document.is_sensitive else ()
    value = turned(document.value, lambda one: Revealed(one.revealed())) if hidden else document.value
    misplaced = {path for path in hidden if kind is None or not takes_secret(kind.shape, path)}
    model = manifest_model(kind) if kind else about_state
    assert model is not None
    violations = [
        # What an expression failed to give was told where it failed, and a misplaced secret is no other mistake.
        _as_addresses(one, value)
        for one in check(model, value)
        if (one.on_key or one.path not in misplaced) and not document.is_broken(one.path)
    ]
    wrong = {one.path for one in violations}
    violations += [
        _misplaced(path) for path in misplaced if not any(path[:end] in wrong for end in range(len(path) + 1))
    ]
    for violation in violations:
        diagnostic = document.diagnostic(violation)
        names = tuple(step for step in violation.path if isinstance(step, str))
        hint = diagnostic.hint if violation.summary == "Missing field" else None
        yield (diagnostic.where, violation.summary, names, hint), diagnostic
    for violation in _lifecycle_misfits(kind, document.value) if kind else ():
        diagnostic = document.diagnostic(violation)
        yield (diagnostic.where, violation.summary), diagnostic


def _kind_of(document: Document) -> Kind | Diagnostic:
    value = document.value
    if not isinstance(value, FrozenMap):
        detail = f"A manifest is a mapping, but this is {described(value)}."
        return Diagnostic("Not a manifest", detail, f"start with `apiVersion: {API_VERSION}`", document.where)
    names = [kind.name for kind in kinds.ALL]
    name = value.get("kind")
    if name in names:
        return kinds.kind_named(str(name))
    for key in ("kind", "apiVersion"):
        unknown = [other for other in value if other not in _TOP]
        if key not in value and (typed := nearest(key, unknown)):
            detail = f"`{typed}` is not a field of a manifest."
            return Diagnostic("Unknown key", detail, f"did you mean `{key}`?", document.locate((typed,), on_key=True))
    if value.get("apiVersion") == bookkeeping.API_VERSION and "kind" in value:
        names = list(bookkeeping.MODELS)
    elif (version := value.get("apiVersion")) != API_VERSION:
        given = f"is {shown(version)}" if version is not None else "is missing"
        detail = f"`apiVersion` {given}, but {API_VERSION} is expected."
        return Diagnostic(
            "Not a manifest", detail, f"write `apiVersion: {API_VERSION}`", document.locate(("apiVersion",))
        )
    if name is None:
        hint = f"add `kind:` with one of {', '.join(names)}"
        return Diagnostic("Missing field", "`kind` is required.", hint, document.locate(("kind",)))
    spelling = nearest(str(name), names)
    hint = f"did you mean `{spelling}`?" if spelling else f"the kinds are {', '.join(names)}"
    return Diagnostic("Unknown kind", f"There is no kind {shown(name)}.", hint, document.locate(("kind",)))


def _as_addresses(violation: Violation, value: Value) -> Violation:
    """Where a text stands for a list of addresses, the hint has them as addresses are written: kubectl has a slash."""
    found = dig(value, violation.path) if violation.path in _ADDRESSES else None
    if type(found) is not str or not re.fullmatch(r"[\w./, -]+", found):
        return violation
    written = (_address(*text.strip().partition("/")) for text in found.split(","))
    return replace(violation, hint=f"write [{', '.join(written)}]")


def _address(kind: str, slash: str, key: str) -> str:
    return f"{nearest(kind, (known.name for known in kinds.ALL)) or kind}.{key}" if slash else kind


def _misplaced(path: Path) -> Violation:
    """A secret where it would be shown, or could not be understood."""
    detail = f"`{dotted(path)}` is {MASK}, but only free text in `spec` may be secret, such as a value or an argument."
    return Violation(path, "Secret that has to be shown", detail, "give it by a variable that is not sensitive")


def _as_item(kind: Kind, path: str, word: str) -> str | None:
    """A path whose word names an item of a list, as that is written; None where that leads nowhere either."""
    item = path.replace(f".{word}", f"[{word}]", 1)
    return item if item != path and steps_below(kind.shape, item) is None else None


def _lifecycle_misfits(kind: Kind, value: FrozenMap) -> Iterator[Violation]:
    given, metadata = value.get("lifecycle"), value.get("metadata")
    if not isinstance(given, FrozenMap):
        return
    ignored = given.get("ignoreChanges")
    for index, path in enumerate(ignored if isinstance(ignored, tuple) else ()):
        if isinstance(path, str) and (unknown := steps_below(kind.shape, path)):
            word, known = unknown
            spelling = nearest(word, known) or _as_item(kind, path, word)
            hint = (
                f"did you mean `{spelling}`?"
                if spelling
                else f"there are {', '.join(sorted(known))}"
                if known
                else None
            )
            at = ("lifecycle", "ignoreChanges", index)
            detail = f"`{path}` leads nowhere: a {kind.name} has no `{word}` there."
            yield Violation(at, "Unknown field", detail, hint)
    prefixed = isinstance(metadata, FrozenMap) and metadata.get("useGivenNameAsPrefix")
    if given.get("createBeforeDestroy") is True and kind.has_phase and isinstance(metadata, FrozenMap) and not prefixed:
        yield Violation(
            ("lifecycle", "createBeforeDestroy"),
            "Missing field",
            "With `createBeforeDestroy` both trainings exist for a while, and their names collide.",
            "add `useGivenNameAsPrefix: true` to the metadata",
        )
