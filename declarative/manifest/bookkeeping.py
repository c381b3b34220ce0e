"""Documents about the state alone: Import, Moved and Removed. Their fields stand at the top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, create_model
from pydantic_core import PydanticCustomError

from declarative import kinds
from declarative.diagnostics import Diagnostic, nearest
from declarative.kinds.fields.base import Fields, Text, Uuid
from declarative.kinds.rules import ExactlyOne, Rule
from declarative.manifest.document import Document
from declarative.manifest.outline import Addresses
from declarative.model.address import Address
from declarative.model.bookkeeping import Import, Moved, Removed, Statement
from declarative.model.value import FrozenMap

API_VERSION = "declarative/v1"


def _address(value: str) -> str:
    kind, _, key = value.partition(".")
    names = [one.name for one in kinds.ALL]
    if kind not in names or not key:
        expected = f"an address such as {nearest(kind, names) or names[0]}.{key or 'resnet'}"
        raise PydanticCustomError("format", "{expected}", {"expected": expected})
    return value


AddressText = Annotated[str, AfterValidator(_address), Field(json_schema_extra={"pattern": r"^[A-Za-z]+\..+$"})]


def _model(kind: str, summary: str, fields: Mapping[str, Any], rules: tuple[Rule, ...] = ()) -> type[Fields]:
    """The model of a document; `from` can be a field of it, although no class body could say so."""
    own: dict[str, Any] = {
        "apiVersion": (Literal["declarative/v1"], Field(description="Version of the document's form.")),
        "kind": (Literal[kind], Field(description=summary)),
    }
    model: type[Fields] = create_model(f"{kind}Document", __base__=Fields, __doc__=summary, **{**own, **fields})
    model.rules = rules
    return model


_FROM = (AddressText, Field(description="Address that it had."))
MODELS: Mapping[str, type[Fields]] = {
    "Import": _model(
        "Import",
        "Takes an object that exists into the state, as what a manifest describes.",
        {
            "to": (AddressText, Field(description="Address of the manifest that describes the object.")),
            "id": (Uuid | None, Field(None, description="Id of the object.")),
            "name": (
                Text | None,
                Field(None, description="Name of the object in the place of its manifest, instead of its id."),
            ),
        },
        rules=(ExactlyOne(("id", "name")),),
    ),
    "Moved": _model(
        "Moved",
        "Gives what the state remembers another address.",
        {
            "from": _FROM,
            "to": (AddressText, Field(description="Address that it has from now on, which is that of a manifest.")),
        },
    ),
    "Removed": _model(
        "Removed",
        "Lets go of what has no manifest any more.",
        {
            "from": _FROM,
            "destroy": (bool, Field(description="True deletes it; false only forgets it, and it stays live.")),
        },
    ),
}


def model_of(value: Any) -> type[Fields] | None:
    """The model of a document about the state; None for any other document."""
    name = value.get("kind") if isinstance(value, FrozenMap) else None
    return MODELS.get(name) if isinstance(name, str) else None


def statement(document: Document) -> Statement:
    """What a sound document says."""
    value: FrozenMap = document.value
    if value["kind"] == "Removed":
        return Removed(Address.parse(value["from"]), value["destroy"], document.locate(("from",)))
    to, target = Address.parse(value["to"]), document.locate(("to",))
    if value["kind"] == "Moved":
        return Moved(Address.parse(value["from"]), to, document.locate(("from",)), target)
    identity = value.get("id")
    where = document.locate(("name" if identity is None else "id",))
    return Import(to, identity and identity.lower(), value.get("name"), where, target)


def contradictions(statements: Iterable[Statement], known: Addresses) -> Iterator[Diagnostic]:
    """Where documents contradict one another, or the manifests, whose addresses are `known`."""
    statements = tuple(statements)
    yield from _repeated(statements)
    moved_from = {one.source: one for one in statements if isinstance(one, Moved)}
    released = {str(one.source) for one in statements if not isinstance(one, Import)}
    for one in statements:
        if isinstance(one, Import):
            if not known.may_have(str(one.to)):
                yield _no_manifest(one, one.to, known)
            continue
        if str(one.source) in known:
            yield _still_there(one)
        elif isinstance(one, Moved):
            if one.source.kind != one.to.kind:
                detail = f"{one.source} is a {one.source.kind}, and cannot become a {one.to.kind}."
                yield Diagnostic("Different kinds", detail, f"write {one.source.kind}.{one.to.key}", one.target)
            elif _is_circle(one, moved_from):
                detail = f"The documents move {one.source} to itself in the end."
                yield Diagnostic("Moved in a circle", detail, "remove one of them", one.where)
            elif not (str(one.to) in released or known.may_have(str(one.to))):
                yield _no_manifest(one, one.to, known)


def _repeated(statements: Iterable[Statement]) -> Iterator[Diagnostic]:
    first: dict[tuple[str, object], Statement] = {}
    for one in statements:
        said: list[tuple[str, object]] = []
        if isinstance(one, Import):
            said = [("is imported", one.to), *([("becomes a resource", one.id)] if one.id else [])]
        else:
            said = [
                ("leaves its address", one.source),
                *([("gets an object", one.to)] if isinstance(one, Moved) else []),
            ]
        for what, which in said:
            other = first.setdefault((what, which), one)
            if other is not one:
                detail = f"{which} {what} by the document at {other.where} already."
                yield Diagnostic("Two documents about one resource", detail, "remove one of them", one.where)
                break


def _is_circle(one: Moved, moved_from: Mapping[Address, Moved]) -> bool:
    seen, at = {one.source}, one.to
    while at not in seen and at in moved_from:
        seen.add(at)
        at = moved_from[at].to
    return at in seen


def _no_manifest(one: Import | Moved, address: Address, known: Addresses) -> Diagnostic:
    spelling = nearest(str(address), known)
    after = "remove this document" if isinstance(one, Moved) else "write its manifest first"
    hint = f"did you mean `{spelling}`?" if spelling else after
    return Diagnostic("Unknown address", f"There is no resource {address} in the manifests.", hint, one.target)


def _still_there(one: Moved | Removed) -> Diagnostic:
    verb = "has moved" if isinstance(one, Moved) else "was removed"
    detail = f"The document says that {one.source} {verb}, but there is a manifest of that address."
    return Diagnostic("Manifest is still there", detail, "remove the manifest, or this document", one.where)
