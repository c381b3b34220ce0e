"""Rules between the fields of one mapping, which the control plane's documents state only in prose.

A rule looks at values as the author wrote them, and keeps silent where it hangs on one that is wrong by itself: that is the
field's own error, and such a value is `UNKNOWN` here. `schema` says the same in JSON Schema where that language can say it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from msgspec import Struct

from declarative.kinds.quantity import amount
from declarative.model.value import Path


class Violation(Struct, frozen=True):
    """Something wrong at `path`. With `on_key` the place to point at is the key, not its value."""

    path: Path
    summary: str
    detail: str
    hint: str | None = None
    on_key: bool = False


Given = Mapping[str, Any]
# A value that is there, but is none that the field takes, so that nobody can tell what it was meant to be.
UNKNOWN: Any = object()


class Rule(Protocol):
    def check(self, given: Given) -> Iterator[Violation]: ...

    def schema(self) -> dict[str, Any] | None: ...


def _has(given: Given, name: str) -> bool:
    return given.get(name) is not None


def _quoted(names: tuple[str, ...], last: str) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


def present(name: str) -> dict[str, Any]:
    """The schema of a mapping that gives `name`."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def when(field: str, *values: Any) -> dict[str, Any]:
    """The schema of a mapping in which `field` has one of `values`."""
    return {"required": [field], "properties": {field: {"enum": list(values)}}}


class AtMostOne(Struct, frozen=True):
    """Fields that exclude one another."""

    fields: tuple[str, ...]

    def check(self, given: Given) -> Iterator[Violation]:
        found = tuple([name for name in self.fields if given.get(name) is not None])
        if len(found) > 1:
            yield Violation(
                (found[1],),
                "Fields that exclude each other",
                f"{_quoted(found, 'and')} are both given, but at most one of {_quoted(self.fields, 'and')} may be.",
                f"remove {_quoted(found[:1], 'or')} or {_quoted(found[1:], 'and')}",
                on_key=True,
            )

    def schema(self) -> dict[str, Any]:
        pairs = [(a, b) for i, a in enumerate(self.fields) for b in self.fields[i + 1 :]]
        return {"allOf": [{"not": {"allOf": [present(a), present(b)]}} for a, b in pairs]}


class ExactlyOne(Struct, frozen=True):
    """One of these fields, and only one, has to be given."""

    fields: tuple[str, ...]

    def check(self, given: Given) -> Iterator[Violation]:
        yield from AtMostOne(self.fields).check(given)
        if not any(_has(given, name) for name in self.fields):
            yield Violation(
                (),
                "Missing field",
                f"One of {_quoted(self.fields, 'or')} is required.",
                # The last of the fields is the name of what the first one has the id of.
                f"add `{self.fields[-1]}: NAME`",
            )

    def schema(self) -> dict[str, Any]:
        return {"oneOf": [present(name) for name in self.fields]}


class RequiredWhen(Struct, frozen=True):
    """`field` has to be given when `when` has the value `value`; with `only`, it may be given only then."""

    field: str
    when: str
    value: str
    only: bool = False

    def check(self, given: Given) -> Iterator[Violation]:
        found = given.get(self.when)
        if found == self.value and not _has(given, self.field):
            yield Violation(
                (self.when,),
                "Missing field",
                f"`{self.field}` is required when `{self.when}` is {self.value}.",
                f"add `{self.field}:`",
            )
        if self.only and _has(given, self.field) and found not in (self.value, UNKNOWN):
            yield Violation(
                (self.field,),
                "Field not allowed here",
                f"`{self.field}` may be given only when `{self.when}` is {self.value}, but it is "
                f"{'not set' if found is None else found}.",
                f"set `{self.when}: {self.value}` or remove `{self.field}`",
                on_key=True,
            )

    def schema(self) -> dict[str, Any]:
        needed = {"if": when(self.when, self.value), "then": present(self.field)}
        if not self.only:
            return needed
        forbidden = {"if": present(self.field), "then": when(self.when, self.value)}
        return {"allOf": [needed, forbidden]}


class OnlyWith(Struct, frozen=True):
    """`field` may be given only when `when` has one of `values`."""

    field: str
    when: str
    values: tuple[Any, ...]

    def check(self, given: Given) -> Iterator[Violation]:
        found = given.get(self.when)
        if _has(given, self.field) and found not in (*self.values, UNKNOWN):
            allowed = " or ".join(_word(value) for value in self.values)
            yield Violation(
                (self.field,),
                "Field not allowed here",
                f"`{self.field}` may be given only when `{self.when}` is {allowed}, but it is "
                f"{'not set' if found is None else _word(found)}.",
                f"set `{self.when}: {_word(self.values[0])}` or remove `{self.field}`",
                on_key=True,
            )

    def schema(self) -> dict[str, Any]:
        return {"if": present(self.field), "then": when(self.when, *self.values)}


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class TrueNeeds(Struct, frozen=True):
    """When `field` is true, `needs` has to be true."""

    field: str
    needs: str

    def check(self, given: Given) -> Iterator[Violation]:
        if given.get(self.field) is True and given.get(self.needs) not in (True, UNKNOWN):
            yield Violation(
                (self.field,),
                "Missing field",
                f"`{self.field}: true` needs `{self.needs}: true`.",
                f"add `{self.needs}: true`",
            )

    def schema(self) -> dict[str, Any]:
        return {"if": when(self.field, True), "then": when(self.needs, True)}


class NoLess(Struct, frozen=True):
    """`limit` may not be less than `request`; numbers and quantities alike."""

    limit: str
    request: str

    def check(self, given: Given) -> Iterator[Violation]:
        if not _has(given, self.limit) or not _has(given, self.request):
            return  # as in most manifests: amounts take long to read
        limit, request = amount(given[self.limit]), amount(given[self.request])
        if limit is not None and request is not None and limit < request:
            yield Violation(
                (self.limit,),
                "Limit below the request",
                f"`{self.limit}` is {given[self.limit]}, less than `{self.request}`, which is {given[self.request]}.",
                f"raise `{self.limit}` to at least {given[self.request]}",
            )

    def schema(self) -> None:
        return None


class AtMost(Struct, frozen=True):
    """`field` may not exceed `maximum`."""

    field: str
    maximum: float
    reason: str

    def check(self, given: Given) -> Iterator[Violation]:
        value = amount(given.get(self.field))
        if value is not None and value > self.maximum:
            yield Violation(
                (self.field,),
                "Number out of bounds",
                f"`{self.field}` is {given[self.field]}, but {self.reason}.",
                f"use at most {self.maximum:g}",
            )

    def schema(self) -> dict[str, Any]:
        return {"properties": {self.field: {"anyOf": [{"type": "null"}, {"maximum": self.maximum}]}}}


class SameInAll(Struct, frozen=True):
    """In the list `items`, every item that gives `field` gives the same value."""

    items: str
    field: str

    def check(self, given: Given) -> Iterator[Violation]:
        items = given.get(self.items)
        first: Any = None
        for index, item in enumerate(items if isinstance(items, (list, tuple)) else ()):
            value = item.get(self.field) if isinstance(item, Mapping) else None
            if value is UNKNOWN:
                continue
            if value is not None and first is not None and value != first:
                yield Violation(
                    (self.items, index, self.field),
                    "Values that have to agree",
                    f"`{self.field}` is {value} here and {first} in an earlier item of `{self.items}`.",
                    f"use the same `{self.field}` in all items",
                )
            first = value if first is None else first

    def schema(self) -> None:
        return None
