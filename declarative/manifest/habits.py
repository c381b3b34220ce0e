"""How people write templates who come from Helm, Ansible or Terraform, and what is written here instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from declarative.diagnostics import nearest

_BRACKETS = "arguments stand in brackets, such as `| indent(4)`"
_NOT_NEEDED = 'no filter is needed: a pasted value stays one value; for text from a number write "{{ x }}"'
_NO_BASE64 = "there is none for Base64: give the value itself, or encode it before it becomes a variable"

# What stands behind `{{` or `{%`, and the hint. The first that fits counts.
_EXPRESSIONS = (
    (r"/\*", "comments are written `{# ... #}`"),
    (r"if\b[ .]*(?P<of>var\.[\w.]+(?=\s*-?\Z))?", "write `{% if {of} %} ... {% endif %}`"),
    (r"else\s+if\b", "write `{% elif {of} %}`"),
    (r"else\b", "write `{% else %}`, in an `{% if {of} %} ... {% endif %}`"),
    (r"end\b", "write `{% endif %}` or `{% endfor %}`"),
    (r"(range|foreach)\b(?!\s*\()[ ]*(?P<of>var\.[\w.]+(?=\s*-?\Z))?", "write `{% for item in {of} %} ... {% endfor %}`"),
    (r"with\b", "write `{% with x = {of} %} ... {% endwith %}`"),
    (r"define\b", "write `{% macro name() %} ... {% endmacro %}`"),
    (r"(include|template)\s*\(?\s*['\"]", '`include` is a statement with a path: `{% include "manifests/_x.yaml" %}`'),
    (r"\.", "there is no leading dot; variables are written `var.NAME`"),
    (r"\$", "there is no `$`; variables are written `var.NAME`"),
    (r".*&&|.*\|\||!", "write `and`, `or` and `not`"),
    (r".*\s\?", "write `{{ A if CONDITION else B }}`"),
)  # fmt: skip
_CALL = re.compile(r"(?P<name>[A-Za-z]\w*)\s+(?:(?P<value>(?!(?:if|is|in|and|or|not)\b)[A-Za-z_][\w.]*)|['\"0-9])")
_BARE_ARGUMENT = re.compile(r".*\|\s*\w+\s+[\w'\"]")
_KEYWORDS = ("if", "else", "end")
_OF_HELM = ("Values", "Release", "Chart")

# Filters by the names that others have for them, without `_`, in lower case: ours, or what to do instead.
_FILTERS = {
    "toint": "int", "integer": "int", "tonumber": "float", "float64": "float", "tostring": "string", "str": "string",
    "tojson": "tojson", "toprettyjson": "tojson", "jsonencode": "tojson", "toyaml": "toyaml",
    "toniceyaml": "toyaml", "yamlencode": "toyaml", "nindent": "indent", "uniq": "unique",
    "trimspace": "trim", "strip": "trim", "len": "length", "size": "length",
}  # fmt: skip
_FILTER_HINTS = {
    "quote": _NOT_NEEDED, "squote": _NOT_NEEDED, "b64enc": _NO_BASE64, "b64encode": _NO_BASE64,
    "base64encode": _NO_BASE64, "b64dec": _NO_BASE64, "b64decode": _NO_BASE64, "base64decode": _NO_BASE64,
    "nindent": "a pasted list or mapping needs none; lines of text go on a line of their own with `| indent(4)`",
    "ternary": "write `{{ A if CONDITION else B }}`",
    "regexreplace": "there are no patterns; `| replace('a', 'b')` replaces a text",
    "required": "none is needed: a variable without a default has to be given",
}  # fmt: skip
_STATEMENTS = {
    "elseif": "elif", "elsif": "elif", "foreach": "for", "range": "for", "define": "macro", "template": "include",
}  # fmt: skip
_VARIABLES = ("vars", "variable", "variables", "values", "local", "locals")
_ENVIRONMENT = ("env", "getenv", "environ", "lookup", "os", "process")


def of_tag(tag: str, filters: Collection[str]) -> str | None:
    """What to write in place of what stands in a tag, `tag` with its braces, if it reads like another tool's."""
    text = tag[2:-2].strip("-+ \t\r\n")
    if tag.startswith("{%") and not text.startswith("else"):
        text = text.partition(" ")[2].lstrip()
    for pattern, hint in _EXPRESSIONS:
        if found := re.match(pattern, text):
            return hint.replace("{of}", found.groupdict().get("of") or "var.NAME")
    return _of_call(text, filters) or (_BRACKETS if _BARE_ARGUMENT.match(text) else None)


def _of_call(text: str, filters: Collection[str]) -> str | None:
    found = _CALL.match(text)
    if not found:
        return None
    name = filter_named(found["name"], filters)
    if not name:
        return _FILTER_HINTS.get(_plain(found["name"]))
    arguments = "" if found["value"] else "(...)"
    return f"filters come behind the value: `{{{{ {found['value'] or 'var.NAME'} | {name}{arguments} }}}}`"


def of_keyword(word: str, owner: object) -> str | None:
    """What to write in place of a name that is a part of a statement elsewhere."""
    if owner is None and word in _KEYWORDS:
        return of_tag(f"{{{{ {word} }}}}", ())
    return of_tag("{{ range }}", ()) if callable(owner) and word in _OF_HELM else None


def of_filter(word: str, filters: Collection[str]) -> str | None:
    """What to write in place of a filter that does not exist."""
    hint = _FILTER_HINTS.get(_plain(word))
    name = None if hint else filter_named(word, filters) or _close(word, filters)
    return f"did you mean `{name}`?" if name else hint


def of_statement(word: str) -> str | None:
    """Our word for a statement of others."""
    return _STATEMENTS.get(word.lower())


def of_name(word: str, before: str, text: str, filters: Collection[str]) -> str | None:
    """What to write in place of a name that is not defined, on a line `before` it and of `text` from it on."""
    path = re.search(r"\bfile\(([\w./-]*)\Z", before)
    if path and (rest := re.match(r"[\w./-]+", text)):
        return f"put the path in quotes: `file('{path[1]}{rest[0]}')`"
    if word.lower() in _VARIABLES:
        found = re.match(r"\w+\.(\w+)", text)
        return f"did you mean `var.{found[1] if found else 'NAME'}`?"
    if word in ("secrets", "Secret"):
        return "did you mean `secret`? It is written secret('NAME')"
    if word.lower() in _ENVIRONMENT:
        return "secret('NAME') reads the environment of this command"
    if (found := re.match(r"\w+\(([^(),]*)[,)]", text)) and (name := filter_named(word, filters)):
        return f"`{name}` is a filter: `{{{{ {found[1].strip() or 'x'} | {name} }}}}`"
    return None


def filter_named(word: str, filters: Collection[str]) -> str | None:
    """The filter that is known elsewhere as `word`, if we have it."""
    name = word if word in filters else _FILTERS.get(_plain(word))
    return name if name in filters else None


def _close(word: str, filters: Collection[str]) -> str | None:
    """A filter spelt much like `word`. A wrong guess is worse than none."""
    name = nearest(word, filters)
    return name if name and difflib.SequenceMatcher(None, word.lower(), name).ratio() >= 0.75 else None


def _plain(word: str) -> str:
    return word.replace("_", "").lower()
