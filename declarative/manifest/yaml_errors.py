"""Words and places for what the YAML parser refuses.

libyaml tells where it gave up, which is often far behind the mistake; the place to mend is the one where the value in
question begins. What is not listed here keeps libyaml's own words.
"""

from __future__ import annotations

import re

import yaml
from msgspec import Struct

from declarative.diagnostics import Diagnostic
from declarative.manifest.rendered import OPENING, PLACEHOLDER, notes
from declarative.manifest.source_map import Places

# Beside what YAML forbids (https://yaml.org/spec/1.2.2/#51-character-set), the code points that Unicode keeps for programs:
# placeholders are made of them.
_NOT_ALLOWED = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")
_KEY_WITHOUT_SPACE = re.compile(r"[\s-]*[\w.-]+:[^\s:/]")


class _Failure(Struct, frozen=True):
    """Where the parser gave up (`at`), where what it was reading began (`opened`), and its words."""

    text: str
    problem: str
    at: int
    opened: int

    @property
    def line_start(self) -> int:
        return self.text.rfind("\n", 0, self.at) + 1

    @property
    def before(self) -> str:
        """The line up to the place."""
        return self.text[self.line_start : self.at]

    @property
    def character(self) -> str:
        return self.text[self.at : self.at + 1]

    @property
    def first(self) -> int:
        """The first character of the line that is no white space."""
        line = self.text[self.line_start :].split("\n", 1)[0]
        return self.line_start + len(line) - len(line.lstrip())

    @property
    def line_above(self) -> str:
        lines = self.text[: self.line_start].rstrip().rsplit("\n", 1)
        return lines[-1]


# Where to point at, what to say, and how to mend it.
_Told = tuple[int, str, str | None]


def explain(error: yaml.YAMLError, text: str, places: Places) -> Diagnostic:
    """The diagnostic for an error of the parser."""
    problem = str(getattr(error, "problem", None) or error)
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    at = mark.index if mark else 0
    failure = _Failure(text, problem, at, context.index if context else at)
    where, detail, hint = _told(failure)
    detail = PLACEHOLDER.sub("{{ ... }}", detail)
    return Diagnostic("Malformed YAML", detail, hint, places.position(where), notes=notes(places.turns(where)))


def bad_character(text: str, places: Places) -> Diagnostic | None:
    """What to say about a character that YAML does not allow, if there is one."""
    found = _NOT_ALLOWED.search(text)
    if found is None:
        return None
    detail = f"The character U+{ord(found[0]):04X} cannot be seen and is not allowed in YAML."
    return Diagnostic(
        "Malformed YAML", detail, "remove it, or write it escaped in double quotes", places.position(found.start())
    )


def _told(failure: _Failure) -> _Told:
    for words, tell in _TABLE.items():
        if words in failure.problem:
            return tell(failure)
    return failure.at, f"{failure.problem[:1].upper()}{failure.problem[1:]}.", None


def _no_mapping_here(failure: _Failure) -> _Told:
    if OPENING in failure.before and ": " in failure.before:
        detail = "A second `: ` on one line, behind what an expression gives, which is a value and never YAML."
        return failure.at, detail, "write brackets, keys and anchors around the expression, not in it"
    if ": " in failure.before:
        detail = "A second `: ` on one line: text that contains it has to be quoted."
        return failure.at, detail, "put the value in quotes"
    if _KEY_WITHOUT_SPACE.match(failure.line_above) and ": " not in failure.line_above:
        detail = "No key can stand here, because the line above is text, not a key with a value."
        return failure.first, detail, "put a space behind the colon of the line above"
    detail = "No key can stand here, because the value of the line above is still going on."
    return failure.first, detail, "indent the line like its neighbours"


def _no_key(failure: _Failure) -> _Told:
    if failure.before.strip():
        detail = "The value has ended before this, and something follows it."
        return failure.at, detail, "inside single quotes write a quote twice ('don''t'), or use double quotes"
    detail = "The line is indented like none of the mappings that are open here."
    return failure.at, detail, "indent the line like its neighbours"


def _no_item(failure: _Failure) -> _Told:
    detail = "The line is inside a list, but does not start with `- `."
    return failure.at, detail, "start it with `- `, or indent it like the key that it belongs to"


def _unclosed_bracket(failure: _Failure) -> _Told:
    opening = failure.text[failure.opened : failure.opened + 1]
    closing = {"[": "]", "{": "}"}.get(opening, opening)
    detail = f"The `{opening}` that opens here is not closed, or a comma is missing behind one of its items."
    return failure.opened, detail, f"close it with `{closing}`"


def _unclosed_quote(failure: _Failure) -> _Told:
    quote = failure.text[failure.opened : failure.opened + 1]
    return failure.opened, "The quote that opens here is not closed.", f"close it with {quote}"


def _no_colon(failure: _Failure) -> _Told:
    return failure.opened, "This is no `key: value`: there is no `: ` on the line.", "put `: ` behind the key"


def _no_start(failure: _Failure) -> _Told:
    if failure.character == "\t" or "\t" in failure.before:
        return _tab(failure)
    detail = f"A value cannot start with `{failure.character}`."
    return failure.at, detail, "put the value in quotes"


def _tab(failure: _Failure) -> _Told:
    where = failure.line_start + max(failure.text[failure.line_start : failure.at + 1].find("\t"), 0)
    return where, "A tab stands where the line is indented; YAML allows only spaces.", "replace the tab by spaces"


def _bad_escape(failure: _Failure) -> _Told:
    escape = failure.text[failure.at : failure.at + 2]
    detail = f"`{escape}` means nothing inside double quotes, where a backslash starts an escape."
    return failure.at, detail, "use single quotes, or write the backslash twice"


def _bad_alias(failure: _Failure) -> _Told:
    detail = "`*` starts an alias and `&` an anchor, which need a name."
    return failure.opened, detail, "put the value in quotes"


def _unknown_alias(failure: _Failure) -> _Told:
    found = re.match(r"\*[^\s,\[\]{}]*", failure.text[failure.at : failure.at + 80])
    name = found[0] if found else "*"
    detail = f"`{name}` repeats the value that `&{name[1:]}` marks, but there is none above."
    return failure.at, detail, f"mark a value with `&{name[1:]}`, or put the text in quotes"


def _list_here(failure: _Failure) -> _Told:
    detail = "A list of lines cannot start on the line of its key."
    return failure.at, detail, "start the list on the next line, or write [a, b]"


def _no_value(failure: _Failure) -> _Told:
    return failure.at, "A value is missing here.", None


def _no_document(failure: _Failure) -> _Told:
    detail = "The document has ended before this line, and something follows it."
    return failure.at, detail, "separate documents by a line `---`, or indent the line"


_TABLE = {
    "mapping values are not allowed": _no_mapping_here,
    "did not find expected key": _no_key,
    "did not find expected '-'": _no_item,
    "did not find expected ',' or": _unclosed_bracket,
    "unexpected end of stream": _unclosed_quote,
    "unexpected document indicator": _unclosed_quote,
    "could not find expected ':'": _no_colon,
    "cannot start any token": _no_start,
    "a tab character": _tab,
    "unknown escape": _bad_escape,
    "expected alphabetic or numeric": _bad_alias,
    "found undefined alias": _unknown_alias,
    "sequence entries are not allowed": _list_here,
    "expected node content": _no_value,
    "expected <document start>": _no_document,
}
