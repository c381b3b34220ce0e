"""Words and places for what Jinja's parser refuses."""

from __future__ import annotations

import re

import jinja2

from declarative.diagnostics import Diagnostic
from declarative.manifest import habits
from declarative.manifest.template_errors import QUOTED, Source, meant, sentence
from declarative.model.position import Position

_STATEMENT = re.compile(r"\{%[-+]?\s*(\w+)")
_STATEMENTS = (
    "for", "endfor", "if", "elif", "else", "endif", "set", "endset", "include", "macro", "endmacro", "import", "call",
    "endcall", "filter", "endfilter", "block", "endblock", "extends", "with", "endwith", "raw", "endraw",
)  # fmt: skip
_CLOSED_TAG = re.compile(r"\{[{%](.*?)[%}]\}")
_BRANCH = re.compile(r"\{%[-+]?\s*(else|elif)\b")
_TOKEN_AT = re.compile(r" at ([0-9]+)$")
_OPEN = re.compile(r"innermost block that needs to be closed is '(\w+)'")
_TOKENS = {"string": "a text", "integer": "a number", "float": "a number"}


def syntax(error: jinja2.TemplateSyntaxError, source: Source, environment: jinja2.Environment) -> Diagnostic:
    """What Jinja's parser refuses."""
    message = error.message or ""
    quoted = QUOTED.findall(message)
    if "end of comment" in message:
        return _unclosed(source, "{#", "#}", error.lineno)
    if "Unexpected end of template" in message and quoted:
        return _unclosed_statement(source, quoted[-1])
    if told := _unexpected(message, error.lineno, source, environment):
        return told
    if "end of print statement" in message or "unexpected '}'" in message:
        return _unclosed(source, "{{", "}}", error.lineno)
    if "end of statement block" in message or "unexpected end of template" in message:
        return _unclosed(source, "{%", "%}", error.lineno)
    word = quoted[0] if quoted else ""
    where = source.tag(error.lineno, word)
    if message.startswith("Encountered unknown tag") and word.startswith("end"):
        if found := _OPEN.search(message):
            return _wrong_end(source, word, found[1], where)
        hint = f"remove it, or open it with `{{% {word[3:]} %}}`"
        return _malformed(f"`{word}` closes nothing that is open here.", hint, where)
    for start, kind, known in (
        ("Encountered unknown tag", "statement", _STATEMENTS),
        ("No filter named", "filter", environment.filters),
        ("No test named", "test", environment.tests),
    ):
        if message.startswith(start):
            meaning = habits.of_filter(word, known) if kind == "filter" else meant(word, known)
            if kind == "statement" and (ours := habits.of_statement(word)):
                meaning = f"did you mean `{ours}`?"
            return _malformed(f"There is no {kind} `{word}`.", meaning, where)
    return _malformed(sentence(message), None, where)


def _unexpected(message: str, line: int, source: Source, environment: jinja2.Environment) -> Diagnostic | None:
    """What is told of a tag that is closed, but has something in it that cannot stand there."""
    if not re.search("unexpected|expected token", message):
        return None
    tag, quoted = _culprit(source, line, environment), QUOTED.findall(message)
    if tag is None or not quoted:
        return None
    word = quoted[-1]
    begin, end = tag.span(1)
    at = _TOKEN_AT.search(message)
    found = source.text.find(word, begin, end) if word not in _TOKENS else -1
    if at and source.text.startswith(word, int(at[1])):
        found = int(at[1])
    where = source.at(found if found >= 0 else tag.start())
    hint = habits.of_tag(tag[0], environment.filters)
    what = _TOKENS.get(word, f"`{word}`")
    return _malformed(sentence(f"{what} is not expected here"), hint, where)


def _culprit(source: Source, line: int, environment: jinja2.Environment) -> re.Match[str] | None:
    """The closed tag that the parser stumbles over on a line; None where it is not closed."""
    start, end = source.line(line)
    for tag in _CLOSED_TAG.finditer(source.text, start, end):
        opening = "{% if true %}" if _BRANCH.match(tag[0]) else ""
        try:
            environment.parse(opening + tag[0])
        except jinja2.TemplateSyntaxError as error:
            # Alone, a statement fails at the latest where it is not closed; that is not what is looked for.
            if not re.search("Unexpected end of template|unknown tag", str(error.message)):
                return tag
    return None


def _wrong_end(source: Source, word: str, opened: str, where: Position) -> Diagnostic:
    at = _opened(source, opened, where)
    if word not in _STATEMENTS:
        return _malformed(f"There is no statement `{word}`.", f"write `{{% end{opened} %}}`", where)
    detail = f"`{word}` closes nothing here, because the `{opened}` of line {at.line} is still open."
    return _malformed(detail, f"the `{opened}` of line {at.line} is closed by `{{% end{opened} %}}`", where)


def _unclosed(source: Source, opening: str, closing: str, line: int) -> Diagnostic:
    at = source.text.rfind(opening, 0, source.line(line)[1])
    detail = f"The `{opening}` that opens here is not closed by `{closing}`."
    return _malformed(detail, f"write `{opening} ... {closing}`", source.at(max(at, 0)))


def _unclosed_statement(source: Source, name: str) -> Diagnostic:
    detail = f"The `{{% {name} %}}` that opens here is not closed."
    return _malformed(detail, f"add `{{% end{name} %}}`", _opened(source, name))


def _opened(source: Source, name: str, before: Position | None = None) -> Position:
    """Where the innermost statement of this name is that is open at the end of the template, or before a place."""
    end = source.line(before.line)[0] + before.column - 1 if before else len(source.text)
    opened: list[tuple[str, int]] = []
    for found in _STATEMENT.finditer(source.text, 0, end):
        if found[1].startswith("end") and opened and opened[-1][0] == found[1][3:]:
            opened.pop()
        elif found[1] == name or f"end{found[1]}" in source.text:
            opened.append((found[1], found.start()))
    return source.at(next((at for word, at in reversed(opened) if word == name), 0))


def _malformed(detail: str, hint: str | None, where: Position) -> Diagnostic:
    return Diagnostic("Malformed template", detail, hint, where)
