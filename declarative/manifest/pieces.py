"""What a template writes: the author's own text, and values pasted into it, each knowing where it comes from.

A template does not write one long text. It writes pieces, and YAML is read with a placeholder where a value was pasted; the
value takes its place when the structure is known. So no value can change the structure, whatever is in it.

Pieces are texts, too, so that a template may compare, measure and filter what a macro or a block wrote. What becomes of that
is a plain text again, and as such one value; only `Text` keeps its structure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

import jinja2

from declarative.manifest.source_map import Loop, Origin
from declarative.manifest.template_errors import Unwritable
from declarative.model.secret import Reference, Secret, hides
from declarative.model.value import FrozenMap, Value


class Literal(str):
    """Text as the author typed it."""

    __slots__ = ("origin",)
    origin: Origin

    def __new__(cls, text: str, origin: Origin) -> Literal:
        made = super().__new__(cls, text)
        made.origin = origin
        return made

    def part(self, start: int, end: int) -> Literal:
        """A part of it, at its place."""
        return Literal(self[start:end], Origin(self.origin.file, self.origin.offset + start, fixed=False))


class Pasted(str):
    """A value that an expression gave. As text it is what stands in the middle of other text.

    `value` is frozen, a secret, or `rendered.Broken`. `indent` are the columns by which the filter of this name moved its lines,
    if it did. `origin` is None until it is written.
    """

    __slots__ = ("indent", "origin", "value")
    value: Value
    origin: Origin | None
    indent: int | None

    def __new__(cls, text: str, value: Value, origin: Origin | None = None, indent: int | None = None) -> Pasted:
        made = super().__new__(cls, text)
        made.value, made.origin, made.indent = value, origin, indent
        return made

    def at(self, origin: Origin) -> Pasted:
        """The same value, at its place."""
        return Pasted(str(self), self.value, origin, self.indent)


class Turn(str):
    """A turn of a loop begins, with these values; without values, the loop has ended."""

    __slots__ = ("loop", "values")
    loop: Loop
    values: tuple[Value, ...] | None

    def __new__(cls, loop: Loop, values: tuple[Value, ...] | None) -> Turn:
        made = super().__new__(cls, "")
        made.loop, made.values = loop, values
        return made


class Text(str):
    """What a macro or a block wrote: its text, and the pieces that it consists of."""

    __slots__ = ("pieces",)
    pieces: tuple[str, ...]

    def __new__(cls, pieces: tuple[str, ...]) -> Text:
        made = super().__new__(cls, "".join(pieces))
        made.pieces = pieces
        return made


class Sensitive(jinja2.TemplateRuntimeError):
    """A template tried to look into a secret."""

    hint = "write it out as it is, alone or joined to other text with `~`"

    def __init__(self) -> None:
        super().__init__("a secret can be written into a value, but not read, compared or computed with")


class Concealed:
    """What is written with a secret in it. A template can pass it on and write it out, and nothing else."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: tuple[str, ...]) -> None:
        self.pieces = pieces

    def _refuse(self, *_: object) -> NoReturn:
        raise Sensitive

    # Not even its mask: a text that says `(sensitive)` would be sent as a value.
    __str__ = __repr__ = __format__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __int__ = __float__ = __index__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _refuse
    __neg__ = __pos__ = __call__ = _refuse


def concat(written: Iterable[Any]) -> Text | Concealed:
    """What a macro or a block wrote, as one value."""
    pieces = tuple(flat(written))
    if any(isinstance(piece, Pasted) and is_secret(piece) for piece in pieces):
        return Concealed(pieces)
    return Text(pieces)


def flat(written: Iterable[Any]) -> Iterator[str]:
    """The pieces of what was written. Plain text is the work of a filter or an operator, and so a value."""
    for item in written:
        if isinstance(item, (Text, Concealed)):
            yield from item.pieces
        elif isinstance(item, (Literal, Pasted, Turn)):
            yield item
        else:
            yield Pasted(str(item), str(item))


def is_secret(piece: Pasted) -> bool:
    """Whether a template may not look into it."""
    return hides(piece.value)


def unwrapped(value: Any) -> Value:
    """A template's value as a frozen one, with secrets as what they are; raises NotDefined or Unwritable."""
    if isinstance(value, Concealed):
        return joined(value.pieces)
    if isinstance(value, Mapping):
        return FrozenMap({str(key): unwrapped(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(unwrapped(item) for item in value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, jinja2.Undefined):
        str(value)  # raises, unless it is `x if y` where y is false
        return None
    if value is None or isinstance(value, (bool, int, float)) or hides(value):
        return value
    raise Unwritable(value)


def text_of(value: Any) -> str:
    """A value in the middle of a computed text, spelled as a pasted one; raises Sensitive, NotDefined or Unwritable."""
    if isinstance(value, (str, jinja2.Undefined, Concealed)):
        return str(value)
    plain = unwrapped(value)
    if hides(plain):
        raise Sensitive
    return json.dumps(plain, ensure_ascii=False)


def joined(pieces: Iterable[str]) -> str | Secret:
    """Pieces as one text, which is secret where one of them is."""
    parts: list[str | Reference] = []
    value: list[str] = []
    texts: list[str] = []
    for piece in pieces:
        found = piece.value if isinstance(piece, Pasted) else None
        if isinstance(found, Secret):
            parts += found.parts
            value.append(found.revealed())
            texts += found.texts
        else:
            parts.append(str(piece))
            value.append(str(piece))
    text = "".join(value)
    return Secret(tuple(part for part in parts if part != ""), text, tuple(texts)) if texts else text
