"""A saved plan: JSON that says everything that an apply needs, and a checksum over it.

The file holds the plan, and which project it was made for. What it was planned against is held as fingerprints, which an
apply compares with the present. Of a secret it holds where the value comes from: `filled` gets it from there. Which value that
was when the plan was made, a digest tells to those who have the key of the state.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Any, get_args, get_type_hints

from msgspec import NODEFAULT, Struct
from msgspec.structs import replace

from declarative.diagnostics import Diagnostic
from declarative.errors import PlanError
from declarative.model.named import NamedId
from declarative.model.plan import Action, Change, FieldChange, Plan
from declarative.model.secret import SEALED, SECRET, Reference, Secret, hidden_in, hides, read, seal, written
from declarative.model.value import FrozenMap, Value, digest, freeze, from_json, turned

FORMAT = "declarative-plan/1"
_START = '{"checksum":"'


class SecretDigest(Struct, frozen=True):
    """Which text a secret had: its digest under the key of the state that the plan was made from."""

    reference: Reference
    digest: str


class PlanFile(Struct, frozen=True):
    """A plan, with the counts that guards need: records in the state, and resources in the manifests.

    `environment` is that of the project file that it was made with. `state` names the state where that did not exist yet:
    then it has no lineage to be known by, and no key for `secrets`. `names` are those that the manifests had in place of the
    ids in what is to be changed. `drift` are the changes that others have made since the last apply. `created` is when the plan was
    made (RFC 3339), which its checksum leaves out. `doubts` are for whoever makes the plan, and are not saved.
    """

    plan: Plan
    recorded: int
    desired: int
    environment: str | None = None
    state: str | None = None
    secrets: tuple[SecretDigest, ...] = ()
    names: tuple[NamedId, ...] = ()
    drift: tuple[Change, ...] = ()
    created: str | None = None
    doubts: tuple[Diagnostic, ...] = ()


# What others have set at the control plane, and what is no part of a plan's content.
_UNSAVED: Mapping[type[Struct], tuple[str, ...]] = {Change: ("merged",), PlanFile: ("created", "doubts")}


def checksum(file: PlanFile) -> str:
    """Twelve hexadecimal digits that name the content; equal for equal plans."""
    return digest(_plain(file))[:12]


def dump(file: PlanFile) -> str:
    """The text of a plan file: the fields of manifests in the order in which their author wrote them."""
    content = _plain(file)
    envelope = {"checksum": digest(content)[:12], "content": content, "created": file.created, "format": FORMAT}
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False, default=written) + "\n"


def load(text: str, name: str) -> PlanFile:
    """Reads what `dump` wrote, secrets without their values; raises PlanError where the text is something else."""
    try:
        envelope = _decoded(text)
        if envelope["format"] != FORMAT:
            raise _unreadable(name, f"its format is {envelope['format']}, and this release reads {FORMAT}")
        if digest(envelope["content"])[:12] != envelope["checksum"]:
            raise _unreadable(name, "its content does not match its checksum")
        file: PlanFile = _built(PlanFile, envelope["content"])
        return replace(file, created=envelope.get("created"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable(name, "it is no saved plan, or it is damaged") from error


def _decoded(text: str) -> Any:
    """The JSON of a plan file. To ask every mapping whether it is a hidden value takes long, and most files have none."""
    if SECRET in text or SEALED in text:
        return json.loads(text, object_hook=lambda entries: read(entries) or entries)
    return from_json(text)


def used(names: Iterable[NamedId], plan: Plan) -> tuple[NamedId, ...]:
    """The names that a plan depends on, of all those of the manifests: those of what it makes or changes."""
    changing = {
        change.address for change in plan.changes if change.action is not Action.NO_OP and change.after is not None
    }
    return tuple(
        sorted((one for one in names if one.address in changing), key=lambda one: (one.address, str(one.path)))
    )


def references(file: PlanFile) -> Iterator[Reference]:
    """Where the secrets of a plan come from."""
    for secret in _secrets(file.plan):
        yield from _references(secret)


def secret_digests(plan: Plan, key: bytes) -> tuple[SecretDigest, ...]:
    """What tells the secrets of a plan, which have their values, from others; none without the key of a state."""
    if not key:
        return ()
    texts = {
        reference: text
        for secret in _secrets(plan)
        for reference, text in zip(_references(secret), secret.texts, strict=True)
    }
    return tuple(SecretDigest(reference, seal(text, key).digest) for reference, text in texts.items())


def other_secrets(file: PlanFile, key: bytes) -> tuple[Reference, ...]:
    """The secrets of a plan that was `filled` whose values are not those that it was made with, as far as it knows them."""
    now = set(secret_digests(file.plan, key)) if file.secrets else ()
    return tuple(one.reference for one in file.secrets if one not in now)


def _secrets(plan: Plan) -> Iterator[Secret]:
    for change in plan.changes:
        wanted = (change.after, *(one.after for one in change.fields))
        # Most hide nothing, which is quicker to see than what they hide.
        yield from (one for one in hidden_in(wanted) if isinstance(one, Secret)) if hides(wanted) else ()


def _references(secret: Secret) -> Iterator[Reference]:
    return (part for part in secret.parts if isinstance(part, Reference))


def filled(file: PlanFile, look_up: Callable[[Reference], str]) -> PlanFile:
    """The plan with the values of its secrets; raises what `look_up` raises."""

    def fill(value: Value) -> Value:
        return turned(value, lambda hidden: hidden.filled(look_up) if isinstance(hidden, Secret) else hidden)

    def of_field(one: FieldChange) -> FieldChange:
        return replace(one, before=fill(one.before), after=fill(one.after))

    def of_change(change: Change) -> Change:
        return replace(change, after=fill(change.after), fields=tuple(map(of_field, change.fields)))

    return replace(file, plan=replace(file.plan, changes=tuple(map(of_change, file.plan.changes))))


def is_planfile(text: str) -> bool:
    """Whether a text looks like a saved plan, whole or damaged; cheap."""
    return text.startswith(_START)


def borne(text: str) -> str:
    """The checksum that the text of a plan file bears; to work it out anew takes as long as the text did."""
    return text[len(_START) :][:12]


def _unreadable(name: str, why: str) -> PlanError:
    return PlanError(
        Diagnostic("Unusable plan file", f"{name} cannot be read as a plan: {why}.", "make a new one with plan --out")
    )


def _plain(value: Any) -> Any:
    """A frozen value as JSON; fields that have their default, or are not to be saved, are left out."""
    if isinstance(value, Struct):
        saved = _saved(type(value))
        return {name: _plain(got) for name, default in saved if (got := getattr(value, name)) != default}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value  # a body is JSON already, but for what is hidden in it


@cache
def _saved(model: type[Struct]) -> tuple[tuple[str, Any], ...]:
    """The fields of a model that a file has, each with its default, if it has one."""
    names, defaults = model.__struct_fields__, model.__struct_defaults__
    padded = (*[NODEFAULT] * (len(names) - len(defaults)), *defaults)
    return tuple(pair for pair in zip(names, padded, strict=True) if pair[0] not in _UNSAVED.get(model, ()))


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _built(annotation: Any, value: Any) -> Any:
    """The inverse of `_plain`, led by the type annotations of the model."""
    if value is None:
        return None
    options = [option for option in get_args(annotation) if option is not type(None)]
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        hints = _hints(annotation)
        return annotation(**{name: _built(hints[name], item) for name, item in value.items()})
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return annotation(value)
    if len(options) == 2 and options[1] is Ellipsis and isinstance(options[0], type):
        return tuple(_built(options[0], item) for item in value)
    if len(options) == 1:
        return _built(options[0], value)
    return value if isinstance(value, FrozenMap) else freeze(value)
