"""Manifests are Jinja templates: strict, sandboxed, and traceable.

Tracing works by marks. Before every stretch of literal text and around every expression the lexer's token stream gets a
mark, two private characters around a number; rendering carries the marks along through loops, conditions and
includes; taking them out of the output yields the `SourceMap`. Text that a template captures (macros, call and filter
blocks, block assignments) carries no marks, because templates may measure or compare it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.sandbox import ImmutableSandboxedEnvironment

from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import ProjectError
from declarative.manifest.document import decode
from declarative.manifest.source_map import Origin, Places, SourceMap, Verbatim
from declarative.model.position import Position
from declarative.model.value import FrozenMap, Value

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_CAPTURING = {"macro", "call", "filter"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """The output of a template, and the way back."""

    text: str
    source_map: Places


class _Marks(Extension):
    """Puts the marks into the token stream."""

    def filter_stream(self, stream: TokenStream) -> Iterable[Token]:
        environment: Any = self.environment
        name = stream.name or ""
        source = environment.sources[name]
        offsets = _offsets(environment, source)
        capturing: list[str] = []
        tokens = list(stream)
        for index, token in enumerate(tokens):
            if token.type == "block_begin":
                _track(capturing, tokens, index)
            marked = not capturing and token.type in ("data", "variable_begin")
            offset = next(offsets) if token.type in ("data", "variable_begin") else 0
            if marked:
                yield Token(token.lineno, "data", environment.mark(Origin(name, offset, token.type != "data")))
            yield token


def _track(capturing: list[str], tokens: list[Token], index: int) -> None:
    """Keeps the stack of open blocks whose output is captured."""
    word = str(tokens[index + 1].value)
    if word in _CAPTURING or (word == "set" and _is_block_set(tokens, index)):
        capturing.append(word)
    elif capturing and word == f"end{capturing[-1]}":
        capturing.pop()


def _is_block_set(tokens: list[Token], index: int) -> bool:
    for token in tokens[index:]:
        if token.type == "block_end":
            return True
        if token.type == "assign":
            return False
    return False


def _offsets(environment: jinja2.Environment, source: str) -> Iterator[int]:
    """Where each data and variable_begin token starts in `source`."""
    at = 0
    for _, kind, text in environment.lexer.tokeniter(source, None):
        # White space that `-` strips is in no token, so the text is looked for rather than assumed to follow.
        found = source.find(text, at) if text else at
        if kind in ("data", "variable_begin"):
            yield found
        at = found + len(text)


class Templates(ImmutableSandboxedEnvironment):
    """Renders the templates of one project. `root` is the folder that no template can leave."""

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self, root: Path, variables: FrozenMap, environment: str | None) -> None:
        self.root = root.resolve()
        self.variables = variables
        self.sources: dict[str, str] = {}
        self._marks: list[Origin] = []
        super().__init__(
            undefined=jinja2.StrictUndefined,
            loader=jinja2.FunctionLoader(self._load),
            extensions=[_Marks],
            finalize=_written,
            keep_trailing_newline=True,
            autoescape=False,
        )
        self.globals = {
            name: value
            for name, value in self.globals.items()
            if name in ("range", "dict", "namespace", "cycler", "joiner")
        }
        self.globals |= {"var": _Variables(variables), "environment": environment, "file": self._file}
        self.filters |= {"toyaml": _to_yaml, "tojson": _to_json}
        self.filters.pop("xmlattr", None)

    def mark(self, origin: Origin) -> str:
        """The mark for an origin."""
        self._marks.append(origin)
        return f"{_OPEN}{len(self._marks) - 1}{_CLOSE}"

    def render(self, text: str, file: str) -> Rendered:
        """The output of the template `text`, which is the file `file`; raises ProjectError with the place."""
        # The characters of marks would make a forged place; nobody types them.
        if _OPEN in text or _CLOSE in text:
            raise ProjectError(
                Diagnostic(
                    "Unusable character", "The characters U+E000 and U+E001 cannot be used.", None, Position(file)
                )
            )
        if not ("{{" in text or "{%" in text or "{#" in text):
            return Rendered(text, Verbatim(file))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.sources[file] = text
        try:
            return self._unmarked(self.from_string_named(text, file).render(), file)
        except jinja2.TemplateSyntaxError as error:
            where = Position(error.name or file, error.lineno)
            raise ProjectError(Diagnostic("Malformed template", f"{error.message}", None, where)) from error
        except jinja2.TemplateNotFound as error:
            where = self._place(error, file)
            raise ProjectError(
                Diagnostic("Missing template", f"There is no {error.name} in the project.", None, where)
            ) from error
        except jinja2.UndefinedError as error:
            raise ProjectError(self._undefined(error, file)) from error
        except ProjectError:
            raise
        except RecursionError as error:
            raise ProjectError(
                Diagnostic("Endless template", "Its macros or includes call themselves.", None, Position(file))
            ) from error
        except Exception as error:
            raise ProjectError(
                Diagnostic("Failing template", f"{type(error).__name__}: {error}.", None, self._place(error, file))
            ) from error

    def from_string_named(self, text: str, file: str) -> jinja2.Template:
        """A template that knows its file's name, for marks and errors."""
        code = self.compile(text, name=file, filename=file)
        return jinja2.Template.from_code(self, code, self.make_globals(None))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Keeps an expression from building a value that fills the memory."""
        sizes = [
            len(one) * other
            for one, other in ((left, right), (right, left))
            if isinstance(one, (str, tuple, list)) and isinstance(other, int)
        ]
        if max(sizes, default=0) > 1_000_000 or (
            operator == "**" and isinstance(right, (int, float)) and abs(right) > 1000
        ):
            raise OverflowError(f"the result of `{operator}` is too large")
        return super().call_binop(context, operator, left, right)

    def _unmarked(self, output: str, file: str) -> Rendered:
        parts = _MARK.split(output)
        text: list[str] = [parts[0]]
        stretches: list[tuple[int, Origin]] = [(0, Origin(file, 0, fixed=True))]
        length = len(parts[0])
        for number, part in zip(parts[1::2], parts[2::2], strict=True):
            stretches.append((length, self._marks[int(number)]))
            text.append(part)
            length += len(part)
        joined = "".join(text)
        return Rendered(joined, SourceMap(joined, tuple(stretches), self.sources))

    def _load(self, name: str) -> tuple[str, str, None] | None:
        path = self._inside(name)
        if not path.is_file():
            return None
        text = decode(path.read_bytes(), name).replace("\r\n", "\n")
        self.sources[name] = text
        return text, name, None

    def _file(self, name: str) -> str:
        """The text of a file of the project."""
        path = self._inside(name)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise jinja2.TemplateRuntimeError(f"file({name!r}) cannot be read: {error}") from error

    def _inside(self, name: str) -> Path:
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root):
            raise jinja2.TemplateRuntimeError(f"{name} is outside the project")
        return path

    def _place(self, error: BaseException, file: str) -> Position:
        """The line of the innermost template on the error's way up."""
        place = Position(file)
        trace = error.__traceback__
        while trace is not None:
            name = trace.tb_frame.f_code.co_filename
            if name in self.sources:
                place = Position(name, trace.tb_lineno)
            trace = trace.tb_next
        return place

    def _undefined(self, error: jinja2.UndefinedError, file: str) -> Diagnostic:
        found = re.search(r"has no attribute '(\w+)'", str(error)) or re.search(r"'(\w+)' is undefined", str(error))
        name = found.group(1) if found else ""
        where = self._place(error, file)
        if "has no attribute" in str(error):
            spelling = nearest(name, self.variables)
            declare = "declare it under `variables:` in declarative.yaml"
            return Diagnostic(
                "Undefined variable",
                f"`{name}` is not defined.",
                f"did you mean `var.{spelling}`?" if spelling else declare,
                where,
            )
        hint = f"did you mean `var.{name}`?" if name in self.variables else None
        return Diagnostic("Undefined variable", f"{str(error).rstrip('.')}.", hint, where)


class _Variables:
    """`var`: its attributes are the variables, and nothing else (a dict would have `items`, too)."""

    __slots__ = ("_values",)

    def __init__(self, values: FrozenMap) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Value:
        return self._values[name]


def _written(value: Any) -> Any:
    """What an expression puts into the text: YAML's spelling of null, booleans, lists and mappings, not Python's."""
    if value is None or isinstance(value, (bool, tuple, list, dict)):
        return _to_json(value)
    return value


def _to_json(value: Any) -> str:
    """JSON, which is also YAML: the safe way to paste any value."""
    return json.dumps(value, ensure_ascii=False)


def _to_yaml(value: Any) -> str:
    """YAML in flow style on one line, so that it fits wherever a value may stand."""
    plain = json.loads(json.dumps(value))
    text: str = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
