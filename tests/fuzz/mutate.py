"""Mutations that know lines, tokens and expressions: most of what they make is still read far into the compiler."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from tests.fuzz.oracle import SECOND

ROOT = Path(__file__).parents[2]
_TOKEN = re.compile(r"\{\{-?|-?\}\}|\{%-?|-?%\}|\w+|\n *|[^\S\n]+|[^\w\s]")
_ATOMS = (
    "var.rate", "var.gpus", "var.flag", "var.text", "var.nasty", "var.names", "var.net", "var.net.depth", "var.key",
    "var.keys", "var.keys.a", "var.keys.b", "var", "environment", "secret('TOKEN')", "secret('NONE')", "secret(var.key)",
    "file('b.yaml')", "file('a.yaml')", "file('.')", "loop.index", "loop", "loop.nextitem", "self", "none", "true", "x", "y",
    "nothing", "0", "1", "-1", "3", "7.5", "1e308", "99999999999999999999", "10 ** 9", "2 ** 64", "'a'", "''", "'\\n'",
    "': '", "'%s'", "'{0}'", "'%999999d'", "'{:>9999999}'", "'{0.__class__}'", "'\\ud800'", "'x' * 100000", "'ab\n' * 9999",
    "[0] * 99999", "range(3)", "range(100000)", "range(10 ** 9)", "[]", "{}", "{'a': 1}", "dict(a=1)", "namespace(a=1)",
    "[1, [2, [3]]]", "cycler('a', 'b')", "joiner(',')", "m()", "m", "caller()", "varargs", "kwargs", "super()",
    "''.__class__", "'a'.format", "'a,b'.split(',')", "var.text.upper()", "var.net.items()", "x.append(x)",
)  # fmt: skip
_FILTERS = (
    "abs", "attr", "batch", "capitalize", "center", "count", "default", "dictsort", "filesizeformat", "first", "float",
    "format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min",
    "pprint", "random", "reject", "rejectattr", "replace", "reverse", "round", "select", "selectattr", "slice", "sort",
    "string", "sum", "title", "tojson", "toyaml", "trim", "truncate", "unique", "upper", "urlencode", "wordcount", "wordwrap",
)  # fmt: skip
_OPERATORS = (
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "~",
    "==",
    "<",
    "in",
    "not in",
    "and",
    "or",
    "is",
    "|",
    ".",
    " if ",
    ",",
)
_TESTS = ("defined", "mapping", "string", "number", "iterable", "sameas none", "divisibleby 3", "filter", "in [1]")
_BLOCKS = (
    "{{% for x in {0} %}}{1}{{% endfor %}}", "{{% for x, y in {0} %}}{1}{{% else %}}e{{% endfor %}}",
    "{{% for x in {0} recursive %}}{1}{{{{ loop(x) }}}}{{% endfor %}}", "{{% if {0} %}}{1}{{% else %}}{{% endif %}}",
    "{{% set x %}}{1}{{% endset %}}{{{{ x }}}}", "{{% set x = {0} %}}{1}", "{{% set x %}}{{{{ x }}}}{{{{ x }}}}{{% endset %}}{1}",
    "{{% macro m(a=1) %}}{1}{{% endmacro %}}{{{{ m() }}}}", "{{% macro m(a) %}}{{{{ m(a) }}}}{{% endmacro %}}{1}",
    "{{% filter {0} %}}{1}{{% endfilter %}}", "{{% call m() %}}{1}{{% endcall %}}", "{{% with x = {0} %}}{1}{{% endwith %}}",
    "{{% block b %}}{1}{{% endblock %}}", "{{% raw %}}{1}{{% endraw %}}", "{{% include 'b.yaml' %}}{1}",
    "{{% import 'b.yaml' as x %}}{1}", "{{% from 'b.yaml' import m %}}{1}", "{{% extends 'b.yaml' %}}{1}",
    "{{% include {0} ignore missing %}}{1}", "{{# {1} #}}", "{{%- if {0} -%}}{1}{{%- endif -%}}",
)  # fmt: skip
_PIECES = (
    "{{", "}}", "{%", "%}", "{#", "#}", "-%}", "{%-", "&a ", "*a", "<<: *a", "<<: [*a, *a]", "!!set ", "!!str ", "!!int ", "!x ",
    "? ", "- ", ": ", "[", "]", "{", "}", "'", '"', " |\n", " >-\n", " |+2\n", "#", "\t", "\r", "\r\n", "\n", "\n---\n",
    "\n...\n", "%YAML 1.2\n", "%TAG ! x\n", "\x00", "\ufdd0", "\ufdd00\ufdd1", "\ue000", "\u2028", "\x85", "\ufeff", "é", "😀",
    "1e3", "0x1F", ".nan", "-.inf", "0o9", "~", "null", "true", "9" * 50, "9" * 5000, "[" * 120, "- " * 120, "{a: " * 120,
    "null: ", "- [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n", "a: &a [*a]\n", "apiVersion: runai/v1\n", "kind: ", "Training",
    "WorkloadTemplate", "metadata: ", "spec: ", "lifecycle: {ignoreChanges: [spec.labels], replaceWhen: [Training.a]}\n",
    "dependsOn: [Training.a, x]\n", "desiredPhase: Stopped\n", "\udc80",
)  # fmt: skip


def seeds() -> list[bytes]:
    """The manifests of the examples and the cases; large ones are left out.

    Not those of `corpus/`: what they make of the budget of a template would leave no time for anything else.
    """
    files = [*ROOT.glob("examples/**/*.yaml"), *ROOT.glob("tests/cases/*/**/*.yaml")]
    texts = [file.read_bytes() for file in sorted(files)]
    small = [text for text in texts if len(text) < 4000]
    common = (ROOT / "examples/team/manifests/_common.yaml").read_bytes()
    return [*small, *(text + SECOND + common for text in small if b"_common" in text)]


def expression(random: Random, depth: int = 2) -> str:
    """Something that could stand in `{{ }}`."""
    if not depth or random.random() < 0.2:
        return random.choice(_ATOMS)
    inner = expression(random, depth - 1)
    match random.randrange(6):
        case 0 | 1:
            arguments = ", ".join(expression(random, depth - 1) for _ in range(random.randrange(3)))
            return f"{inner} | {random.choice(_FILTERS)}" + (f"({arguments})" if arguments else "")
        case 2:
            return f"({inner} {random.choice(_OPERATORS)} {expression(random, depth - 1)})"
        case 3:
            return f"({inner})[{expression(random, depth - 1)}]"
        case 4:
            return f"({inner} if {expression(random, depth - 1)} is {random.choice(_TESTS)})"
        case _:
            return f"[{inner}, {expression(random, depth - 1)}]"


def mutated(text: str, random: Random, others: Sequence[str]) -> str:
    """`text` after some changes; `others` lend it lines."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
        change: Callable[..., str] = random.choice(
            (_token, _token, _lines, _lend, _block, _block, _expression, _expression, _indent)
        )
        text = change(text, random, others)
    return text


def _token(text: str, random: Random, _: Sequence[str]) -> str:
    """One token cut out, doubled, or replaced."""
    tokens = _TOKEN.findall(text) or [""]
    at = random.randrange(len(tokens))
    tokens[at] = random.choice(
        ("", tokens[at] * 2, random.choice(_PIECES), random.choice(tokens), tokens[at] + random.choice(_PIECES))
    )
    return "".join(tokens)


def _stretch(lines: Sequence[str], random: Random) -> slice:
    start = random.randrange(len(lines))
    return slice(start, start + random.choice((1, 1, 2, 4, 9)))


def _lines(text: str, random: Random, _: Sequence[str]) -> str:
    """Some lines cut out, doubled or moved."""
    lines = text.splitlines(keepends=True) or [""]
    taken = _stretch(lines, random)
    moved = lines[taken]
    if random.random() < 0.6:
        del lines[taken]
    at = random.randrange(len(lines) + 1)
    lines[at:at] = moved * random.choice((0, 1, 1, 2))
    return "".join(lines)


def _lend(text: str, random: Random, others: Sequence[str]) -> str:
    """Some lines of another text."""
    lines, lent = text.splitlines(keepends=True), random.choice(others).splitlines(keepends=True) or [""]
    at = random.randrange(len(lines) + 1)
    lines[at:at] = lent[_stretch(lent, random)]
    return "".join(lines)


def _block(text: str, random: Random, _: Sequence[str]) -> str:
    """Some lines, or a part of one, within a statement."""
    units = text.splitlines(keepends=True) if random.random() < 0.6 else _TOKEN.findall(text)
    units = units or [""]
    taken = _stretch(units, random)
    units[taken] = [random.choice(_BLOCKS).format(expression(random), "".join(units[taken]))]
    return "".join(units)


def _expression(text: str, random: Random, _: Sequence[str]) -> str:
    """A token becomes an expression, or the inside of an expression another one."""
    inside = list(re.finditer(r"(?<=\{\{).*?(?=\}\})", text))
    if inside and random.random() < 0.6:
        found = random.choice(inside)
        return f"{text[: found.start()]} {expression(random)} {text[found.end() :]}"
    tokens = _TOKEN.findall(text) or [""]
    words = [at for at, token in enumerate(tokens) if token[0:1].isalnum()] or [0]
    tokens[random.choice(words)] = f"{{{{ {expression(random)} }}}}"
    return "".join(tokens)


def _indent(text: str, random: Random, _: Sequence[str]) -> str:
    """One line moved to another column."""
    lines = text.splitlines(keepends=True) or [""]
    at = random.randrange(len(lines))
    lines[at] = " " * random.choice((0, 1, 2, 4, 6, 60)) + lines[at].lstrip(" ")
    return "".join(lines)
