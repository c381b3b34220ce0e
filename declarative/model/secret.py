"""Values that nobody may read: opaque wherever they pass, revealed only in the request that needs them.

A `Secret` is what a manifest asks for, a `Sealed` what the state remembers of it, or what is live in its place. Both print
as `(sensitive)` and are no text, so that whatever writes values has to decide what to do with them; what forgets to, fails.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from msgspec import Struct

MASK = "(sensitive)"
# The entries by which hidden values are known in JSON. No field of any kind has such a name.
SECRET, SEALED = "$secret", "$sealed"
# Characters from which on a text is taken for a secret, or for a line of one, wherever it turns up.
TELLING = 6


class Reference(Struct, frozen=True):
    """Where a secret comes from: the process environment (`secret`), or a sensitive variable.

    `path` leads to the value within a variable that is a list or a mapping.
    """

    source: Literal["secret", "variable"]
    name: str
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """Text with at least one secret in it: `parts` are plain text and references, in order.

    `value` is the whole text; None where the references were read from a saved plan and not looked up yet. `texts` are
    the secrets within it. Two secrets are equal when their values are.
    """

    parts: tuple[str | Reference, ...] = field(compare=False)
    value: str | None
    texts: tuple[str, ...] = field(default=(), compare=False)

    def __repr__(self) -> str:
        return MASK

    def filled(self, look_up: Callable[[Reference], str]) -> Secret:
        """The secret with its value, every reference looked up."""
        found = [part if isinstance(part, str) else look_up(part) for part in self.parts]
        texts = tuple(text for text, part in zip(found, self.parts, strict=True) if isinstance(part, Reference))
        return replace(self, value="".join(found), texts=texts)

    def revealed(self) -> str:
        """The text itself. Only requests, and comparisons with what is live, have a use for it."""
        assert self.value is not None, "a secret of a saved plan is looked up before it is used"
        return self.value


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """The keyed digest of a secret. `key` is the state's own; empty where only the digest was read.

    `text` is the text itself where it is known, as it is of what is live: for requests and comparisons, never to be written.
    """

    digest: str
    key: bytes = field(default=b"", compare=False)
    text: str | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return MASK

    def covers(self, value: object) -> bool:
        """Whether it is the digest of `value`: a text, or a secret."""
        text = value.revealed() if isinstance(value, Secret) else value
        if not isinstance(text, str):
            return False
        if self.text is not None:
            return self.text == text
        return bool(self.key) and hmac.compare_digest(self.digest, seal(text, self.key).digest)

    def revealed(self) -> str:
        """The text itself, where it is known."""
        assert self.text is not None, "what the state remembers of a secret is no text to send"
        return self.text


Hidden: TypeAlias = Secret | Sealed


def seal(text: str, key: bytes) -> Sealed:
    """The keyed digest of a text (HMAC-SHA256, hexadecimal), which keeps the text in memory.

    Without a key there is no digest: a short text could be guessed from it. Half of a surrogate pair has no UTF-8 form, so it
    is let pass.
    """
    digest = hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest() if key else ""
    return Sealed(digest, key, text)


def sealed(value: Hidden, key: bytes) -> Sealed:
    """What a state with `key` remembers of a hidden value."""
    return value if isinstance(value, Sealed) and value.text is None else seal(value.revealed(), key)


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same, where each of their texts may be hidden or not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(alike(value, other[name]) for name, value in one.items())
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    if not isinstance(one, Hidden) and not isinstance(other, Hidden):
        return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
    first, second = _text(one), _text(other)
    if first is not None and second is not None:
        return first == second
    if isinstance(one, Sealed) and isinstance(other, Sealed) and first is second:
        return one.digest == other.digest
    return any(a.covers(text) for a, text in ((one, second), (other, first)) if isinstance(a, Sealed))


def _text(value: Any) -> str | None:
    """The text of a value that is one, hidden or not, where it is known."""
    if isinstance(value, Secret):
        return value.value
    return value.text if isinstance(value, Sealed) else value if isinstance(value, str) else None


_PLAIN = frozenset({str, int, float, bool, type(None)})


def hides(value: Any) -> bool:
    """Whether anything within a value is hidden."""
    # Every plan looks through every body: this is the quickest way.
    if isinstance(value, dict):
        items: Iterable[Any] = value.values()
    elif isinstance(value, (list, tuple)):
        items = value
    else:
        return isinstance(value, (Secret, Sealed))
    # A generator would take twice as long.
    for item in items:  # noqa: SIM110
        if type(item) not in _PLAIN and hides(item):
            return True
    return False


def hidden_in(value: Any) -> Iterator[Hidden]:
    """Everything within a value that is hidden."""
    waiting = [value]
    for one in waiting:
        if isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, (list, tuple)):
            waiting.extend(one)
        elif isinstance(one, Hidden):
            yield one


def written(value: object) -> dict[str, Any]:
    """The JSON of a hidden value, for `json.dumps(default=...)`: what it refers to, or its digest; never its text."""
    if isinstance(value, Sealed):
        return {SEALED: value.digest}
    if not isinstance(value, Secret):
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    return {SECRET: [part if isinstance(part, str) else _reference_json(part) for part in value.parts]}


def _reference_json(reference: Reference) -> dict[str, Any]:
    return {"source": reference.source, "name": reference.name, "path": list(reference.path)}


def read(entries: Mapping[str, Any]) -> Hidden | None:
    """What `written` wrote, without its value and key; None for any other mapping. Raises ValueError, KeyError, TypeError."""
    if len(entries) == 1 and SEALED in entries:
        return Sealed(str(entries[SEALED]))
    if len(entries) == 1 and SECRET in entries:
        return Secret(tuple(part if isinstance(part, str) else _reference(**part) for part in entries[SECRET]), None)
    return None


def _reference(source: Literal["secret", "variable"], name: str, path: list[str | int]) -> Reference:
    if source not in ("secret", "variable"):
        raise ValueError(f"{source} is no source of secrets")
    return Reference(source, name, tuple(path))


class Revealed(str):
    """The text of a secret for those who have to check it: it compares as what it is, and prints as `(sensitive)`."""

    __slots__ = ()

    def __str__(self) -> str:
        return MASK

    __repr__ = __str__

    def __format__(self, _: str) -> str:
        return MASK


def hidden_paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every secret within a value."""
    if isinstance(value, Secret):
        yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from hidden_paths(item, (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from hidden_paths(item, (*path, index))
