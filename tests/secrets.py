"""Bodies with secrets in them, and a way to see whether a text leaked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

from declarative.kinds.kind import Kind
from declarative.kinds.shape import ListOf, Object, Sameness, Scalar, Shape
from declarative.model.secret import Hidden, Reference, Sealed, Secret, seal
from declarative.model.value import FrozenMap, Value, put_in, turned
from declarative.model.value import Path as ValuePath

KEY = bytes(range(32))
# No test writes these words anywhere else.
TEXT = "hunter2-correct-horse"


def secret(text: str = TEXT, name: str = "TOKEN", before: str = "", after: str = "") -> Secret:
    """What `before{{ secret('name') }}after` becomes."""
    parts = tuple(part for part in (before, Reference("secret", name), after) if part != "")
    return Secret(parts, f"{before}{text}{after}", (text,))


def kept(value: Value, key: bytes = KEY) -> Value:
    """The value as a state remembers it."""

    def remembered(hidden: Hidden) -> Sealed:
        return Sealed(seal(hidden.revealed(), key).digest, key)

    return turned(value, remembered)


def text_leaves(kind: Kind, body: FrozenMap) -> list[ValuePath]:
    """Where a body has free text below its spec: no choice of words, no name by which a list knows its items."""
    return list(_leaves(kind.shape.fields["spec"], body["spec"], ("spec",), ()))


def _leaves(shape: Shape, value: Value, path: ValuePath, names: tuple[str, ...]) -> Iterator[ValuePath]:
    if isinstance(shape, Object) and isinstance(value, dict):
        assert shape.model is not None
        for name, item in value.items():
            if name not in names and not _is_choice(shape.model.model_fields[name].annotation):
                yield from _leaves(shape.fields[name], item, (*path, name), ())
    elif isinstance(shape, ListOf) and isinstance(value, tuple):
        names = shape.keyed.fields if shape.keyed else ()
        for index, item in enumerate(value):
            yield from _leaves(shape.item, item, (*path, index), names)
    elif isinstance(shape, Scalar) and shape.sameness is Sameness.EXACT and isinstance(value, str):
        yield path


def _is_choice(annotation: object) -> bool:
    return get_origin(annotation) is Literal or any(map(_is_choice, get_args(annotation)))


def with_texts(body: FrozenMap, paths: list[ValuePath], texts: list[Value]) -> FrozenMap:
    """The body with `texts` at `paths`."""
    for path, text in zip(paths, texts, strict=True):
        body = put_in(body, path, text)
    return body


def leaks(folder: Path, *texts: str, but: tuple[str, ...] = ("sandbox.sqlite3",)) -> list[str]:
    """The files below a folder, whatever they are, that hold one of the texts."""
    files = (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(but))
    return [file.name for file in files if any(text.encode() in file.read_bytes() for text in texts)]
