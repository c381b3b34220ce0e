"""What travels: strict JSON in, JSON and error envelopes out."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeAlias

from msgspec import Struct, field

from declarative.kinds.check import check
from declarative.kinds.fields.base import UUID, Fields
from declarative.kinds.rules import Violation
from declarative.model.value import FrozenMap, dotted, freeze
from declarative.sandbox.phases import Moment


class Refusal(Exception):
    """An error answer: its status, and the envelope that tells why."""

    def __init__(
        self,
        status: int,
        message: str,
        details: str | None = None,
        *,
        issues: tuple[tuple[str, str], ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body: dict[str, Any] = {"code": status, "message": message}
        if details:
            self.body["details"] = details
        if issues:
            self.body["complianceIssues"] = [{"field": name, "details": text} for name, text in issues]


def duplicate(status: int, what: str, details: str) -> Refusal:
    """The refusal of a name that is taken: releases answer by 409, or by 400 whose details alone tell it."""
    told = f"{what} already exists"
    return Refusal(409, told, details) if status == 409 else Refusal(400, "Bad Request", f"{told}. {details}")


class Answer(Struct, frozen=True):
    """A good answer; `value` is any JSON value."""

    status: int
    value: Any


class Call(Struct, frozen=True):
    """One request within one transaction of `rows`. `user` is the application that asks, empty under /_sandbox."""

    rows: sqlite3.Connection
    moment: Moment
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = b""
    content_type: str = ""
    user: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def id(self, name: str, what: str) -> str:
        """The id in the path, in lower case; what is no UUID is the id of nothing."""
        if not UUID.fullmatch(self.path[name]):
            raise missing(what, self.path[name])
        return self.path[name].lower()


Handler: TypeAlias = Callable[[Call], Answer]


def accepted() -> Answer:
    """The answer to a delete, suspend or resume: it is under way."""
    return Answer(202, {"code": 202, "message": "Accepted."})


def missing(what: str, id: str) -> Refusal:
    return Refusal(404, f"{what} was not found", f"There is no {what.lower()} with the id {id}.")


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


# --- requests ---------------------------------------------------------------------------------------------------------
def strict_object(call: Call) -> FrozenMap:
    """The body as a frozen mapping; JSON as RFC 8259 has it, without duplicate keys."""
    if call.content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refusal(400, "The request is not JSON", "Send the header Content-Type: application/json.")
    return json_object(call.body)


def json_object(body: bytes) -> FrozenMap:
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
        )
        encoded(value)  # half of a surrogate pair passes the parser, but is no text
        frozen = freeze(value)
    except (ValueError, RecursionError) as error:
        # UnicodeError and JSONDecodeError are ValueErrors.
        raise Refusal(400, "The request body is not valid JSON", str(error) or "It is nested too deeply.") from None
    if not isinstance(frozen, FrozenMap):
        raise Refusal(400, "The request body is not a JSON object")
    return frozen


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is given twice")
    return found


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large a number")
    return number


def conforming(model: type[Fields], value: FrozenMap, spec_issues: bool = False) -> FrozenMap:
    """`value` as it is, where it fits the model; with `spec_issues` a refusal lists what is wrong in the spec."""
    try:
        found = check(model, value)
    except RecursionError:
        raise Refusal(400, "The request body is nested too deeply") from None
    if found:
        raise _refused(found, spec_issues)
    return value


def _refused(found: Iterable[Violation], spec_issues: bool) -> Refusal:
    told = [(violation.path, f"{violation.summary}: {violation.detail}") for violation in found]
    issues = tuple((dotted(path[1:]) or "spec", text) for path, text in told if path and path[0] == "spec")
    return Refusal(
        400,
        "The request is not valid",
        " ".join(text for _, text in told),
        issues=issues if spec_issues else (),
    )


# --- queries ----------------------------------------------------------------------------------------------------------
def whole(query: Mapping[str, str], name: str, default: int | None, least: int, most: int) -> int | None:
    """A whole number of the query, within its bounds (both included)."""
    text = query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not least <= int(text) <= most:
        raise Refusal(400, "The query is not valid", f"{name} has to be a whole number from {least} to {most}.")
    return int(text)


def truth(query: Mapping[str, str], name: str) -> bool | None:
    """True or false of the query; None where it is not given."""
    return {"true": True, "false": False}[word] if (word := choice(query, name, ("true", "false"))) else None


def choice(query: Mapping[str, str], name: str, words: tuple[str, ...]) -> str | None:
    word = query.get(name)
    if word is not None and word not in words:
        raise Refusal(400, "The query is not valid", f"{name} has to be one of {', '.join(words)}.")
    return word


def page(query: Mapping[str, str], name: str, items: list[Any], render: Callable[[Any], Any] = lambda x: x) -> Answer:
    """One page of `items`; `next` is the offset of the next page, and absent from the last."""
    offset = whole(query, "offset", 0, 0, 2**31 - 1) or 0
    limit = whole(query, "limit", 50, 1, 500) or 50
    value: dict[str, Any] = {name: [render(item) for item in items[offset : offset + limit]]}
    if offset + limit < len(items):
        value["next"] = offset + limit
    return Answer(200, value)
