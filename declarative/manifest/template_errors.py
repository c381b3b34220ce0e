"""Words and places for what goes wrong in a template. Jinja tells the line; the column is found here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

import jinja2
from msgspec import Struct

from declarative.diagnostics import Diagnostic, nearest
from declarative.manifest import habits
from declarative.model.position import Position

_TAG = re.compile(r"\{[{%]")
_STATEMENT_TAG = re.compile(r"\{%")
QUOTED = re.compile(r"'([^']*)'")
_UNSAFE = re.compile(r"access to attribute '(\w+)' of '\w+' object is unsafe\.")
# Methods that could grow without bounds, in place of which there is a filter.
_FILTERS_INSTEAD = ("replace", "join", "center")
_TYPES = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "NoneType": "null",
    "list": "a list", "tuple": "a list", "dict": "a mapping", "FrozenMap": "a mapping", "Text": "text",
    "Pasted": "text", "Concealed": "a secret", "generator": "a sequence", "Undefined": "nothing",
}  # fmt: skip
_OWN_CALL = re.compile(r"Engine\._(\w+)\(\) (.*)")
_TYPE = re.compile(rf"(?<!-)[\"']?\b({'|'.join(_TYPES)})\b[\"']?(?: objects?\b)?")


class NotDefined(jinja2.UndefinedError):
    """A name that is not there: `name` of `owner`, or a bare name where `owner` is None."""

    def __init__(self, message: str | None, owner: Any, name: str) -> None:
        super().__init__(message)
        self.owner = owner
        self.name = name


class Undefined(jinja2.StrictUndefined):
    """Jinja's strict undefined value, whose error remembers what was asked for."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = jinja2.utils.missing,
        name: str | None = None,
        exc: Any = jinja2.UndefinedError,
    ) -> None:
        owner = None if obj is jinja2.utils.missing else obj

        def error(message: str | None = None) -> Exception:
            if exc is jinja2.UndefinedError:
                return NotDefined(message, owner, str(name))
            return cast(Exception, exc(message))

        super().__init__(hint, obj, name, error)  # type: ignore[arg-type]


class Failing(jinja2.TemplateRuntimeError):
    """An expression cannot be computed, and we know how to mend it."""

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.hint = hint


class Unwritable(Failing):
    """An expression gave something that is no value of YAML."""

    def __init__(self, value: Any) -> None:
        if isinstance(value, Iterable):
            message, hint = "the expression gives a sequence that is no list yet", "end the expression with `| list`"
        elif callable(value):
            message, hint = (
                "the expression gives a function, not what it makes",
                "call it, with its arguments in brackets",
            )
        else:
            message, hint = "the expression gives something that is no value of YAML", "write out one of its values"
        super().__init__(message, hint)


class Source(Struct, frozen=True):
    """The text of a template, for places in it."""

    file: str
    text: str

    def at(self, offset: int) -> Position:
        """The place at an offset."""
        return Position(self.file, self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset))

    def statement(self, line: int, word: str) -> Position:
        """The place of `word` in a statement on this line, else of the line's first statement."""
        return self.tag(line, word, _STATEMENT_TAG)

    def tag(self, line: int, word: str = "", opening: re.Pattern[str] = _TAG) -> Position:
        """The place of `word` in a tag on this line, else of the line's first tag, else of its first character."""
        start, end = self.line(line)
        text = self.text[start:end]
        first = opening.search(text)
        begin = first.start() if first else 0
        found = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)").search(text, begin) if word else first
        indent = len(text) - len(text.lstrip())
        return self.at(start + (found.start() if found else begin if first else indent))

    def expression(self, offset: int, word: str) -> Position:
        """The place of `word` in the expression at an offset, else of the expression."""
        end = self.text.find("}}", offset)
        found = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)").search(self.text, offset, end) if word else None
        return self.at(found.start() if found else offset)

    def line(self, number: int) -> tuple[int, int]:
        """Where a line begins and ends."""
        start = 0
        for _ in range(number - 1):
            start = self.text.find("\n", start) + 1
        end = self.text.find("\n", start)
        return start, len(self.text) if end < 0 else end


def failure(error: Exception, where: Position) -> Diagnostic:
    """An expression that cannot be computed."""
    message = str(error) or type(error).__name__
    hint = getattr(error, "hint", None)
    if isinstance(error, LookupError):
        message = f"there is no {error}"
    elif isinstance(error, TypeError) and (found := _OWN_CALL.fullmatch(message)) and found[1] == "secret":
        message, hint = "`secret` takes one name", "a default is written `{{ secret('NAME') | default('none') }}`"
    elif isinstance(error, TypeError):
        message = _plain_words(message)
    elif isinstance(error, NameError):  # Python has no word for infinity
        message = "a number is too large"
    elif found := _UNSAFE.fullmatch(message):
        message = f"`.{found[1]}` is not allowed in templates"
        hint = f"use the filter `| {found[1]}`" if found[1] in _FILTERS_INSTEAD else None
    if "special caller argument" in message:
        name = QUOTED.findall(message)[0]
        message, hint = f"the macro `{name}` has no place for this block", "write `{{ caller() }}` in the macro"
    if message.startswith("can't multiply sequence"):
        message = "text and lists can be repeated by whole numbers only"
    if isinstance(error, TypeError) and ("concatenate" in message or "unsupported operand" in message):
        hint = "numbers are computed with numbers; `~` joins text with anything"
    return Diagnostic("Failing template", sentence(message), hint, where)


def undefined(error: NotDefined, environment: Any, is_variable: bool, where: Position) -> Diagnostic:
    """A name that is not defined; `is_variable` where it was asked of `var`. `environment` is the `Engine`."""
    name, variables = error.name, environment.variables
    source = Source(where.file, environment.sources[where.file])
    begin, end = source.line(where.line)
    behind, before = source.text[begin + where.column - 1 : end], source.text[begin : begin + where.column - 1]
    if is_variable:
        hint: str | None = meant(name, variables, "var.") or "declare it under `variables:` in declarative.yaml"
        return Diagnostic("Undefined variable", f"There is no variable `{name}`.", hint, where)
    if keyword := habits.of_keyword(name, error.owner):
        return Diagnostic("Undefined name", f"`{name}` is not defined.", keyword, where)
    if "was not provided" in str(error):
        hint = "give it where the macro is called, or give the parameter a default"
        return Diagnostic("Undefined name", f"The parameter `{name}` of this macro was not given.", hint, where)
    if "does not export" in str(error):
        return Diagnostic("Undefined name", f"There is no `{name}` in what is imported.", None, where)
    if error.owner is None:
        hint = f"did you mean `var.{name}`?" if name in variables else None
        hint = hint or habits.of_name(name, before, behind, environment.filters) or meant(name, variables, "var.")
        if name == "loop":
            hint = "`loop` is known in a `{% for %}` only, and not in a macro or an include that it calls"
        hint = hint or "variables are written var.NAME, and declared in declarative.yaml"
        return Diagnostic("Undefined name", f"`{name}` is not defined.", hint, where)
    keys = tuple(map(str, error.owner)) if isinstance(error.owner, Mapping) else ()
    detail = f"The value has no `{name}`" + (f"; it has {', '.join(keys[:10])}." if keys else ".")
    return Diagnostic("Undefined name", detail, meant(name, keys), where)


def _plain_words(message: str) -> str:
    """An error of Python's types in the words of templates."""
    if found := _OWN_CALL.fullmatch(message):
        return f"`{found[1]}` {found[2].replace('missing', 'lacks')}"
    return _TYPE.sub(lambda found: _TYPES[found[1]], message)


def word_of(error: Exception) -> str:
    """The word of the template that an error is about, if it says so."""
    if isinstance(error, NotDefined):
        return error.name
    if isinstance(error, TypeError) and not str(error).startswith("macro "):
        return ""  # what it quotes are Python's names of types
    found = QUOTED.search(str(error))
    return found[1] if found else ""


def meant(word: str, known: Collection[str], prefix: str = "") -> str | None:
    """The hint for a word that is spelt wrong."""
    spelling = nearest(word, known)
    return f"did you mean `{prefix}{spelling}`?" if spelling else None


def sentence(message: str) -> str:
    """A message as a sentence."""
    return f"{message[:1].upper()}{message[1:].rstrip('. ')}."
