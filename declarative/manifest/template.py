"""Manifests are Jinja templates: strict, sandboxed, and traceable.

Tracing works by marks. Before every stretch of literal text and every expression the lexer's token stream gets a mark, a
number between two private characters; rendering carries the marks along through loops, conditions and includes; taking them out of the output yields the `SourceMap`. Text that a template captures (macros, call and filter
blocks, block assignments) carries no marks, because templates may measure or compare it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import ProjectError
from declarative.manifest import template_errors
from declarative.manifest.document import decode
from declarative.manifest.limits import BoundedEnvironment, refuse_above, weight
from declarative.manifest.source_map import Origin, Places, SourceMap, Verbatim
from declarative.manifest.template_errors import NotDefined, Source, Undefined
from declarative.model.position import Position
from declarative.model.value import FrozenMap, Value

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


class Templates(BoundedEnvironment):
    """Renders the templates of one project. `root` is the folder that no template can leave."""

    def __init__(self, root: Path, variables: FrozenMap, environment: str | None) -> None:
        self.root = root.resolve()
        self.variables = variables
        self.sources: dict[str, str] = {}
        self._marks: list[Origin] = []
        # Unforeseeable, so that no value of a variable can forge a mark.
        self._seal = secrets.randbelow(10**9)
        self._sealed = re.compile(f"\ue000{self._seal}-([0-9]+)\ue001")
        super().__init__(
            undefined=Undefined,
            loader=jinja2.FunctionLoader(self._load),
            extensions=[_Marks],
            finalize=self._written,
            keep_trailing_newline=True,
            autoescape=False,
        )
        self.globals = {
            name: value
            for name, value in self.globals.items()
            if name in ("range", "dict", "namespace", "cycler", "joiner")
        }
        self.globals |= {"var": _Variables(variables), "environment": environment, "file": self._file}
        own = {"toyaml": _to_yaml, "tojson": _to_json}
        self.filters |= {name: self.bounded_filter(name, function) for name, function in own.items()}
        self.filters.pop("xmlattr", None)

    def mark(self, origin: Origin) -> str:
        """The mark for an origin."""
        self._marks.append(origin)
        return f"\ue000{self._seal}-{len(self._marks) - 1}\ue001"

    def render(self, text: str, file: str) -> Rendered:
        """The output of the template `text`, which is the file `file`; raises ProjectError with the place."""
        if not ("{{" in text or "{%" in text or "{#" in text):
            return Rendered(text, Verbatim(file, text))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.sources[file] = text
        self.refill()
        try:
            return self._unmarked(self.from_string_named(text, file).render(), file)
        except ProjectError:
            raise
        except Exception as error:
            raise ProjectError(self._diagnostic(error, file)) from error

    def from_string_named(self, text: str, file: str) -> jinja2.Template:
        """A template that knows its file's name, for marks and errors."""
        code = self.compile(text, name=file, filename=file)
        return jinja2.Template.from_code(self, code, self.make_globals(None))

    def _unmarked(self, output: str, file: str) -> Rendered:
        parts = self._sealed.split(output)
        text: list[str] = [parts[0]]
        stretches: list[tuple[int, Origin]] = [(0, Origin(file, 0, fixed=True))]
        length = len(parts[0])
        for number, part in zip(parts[1::2], parts[2::2], strict=True):
            stretches.append((length, self._marks[int(number)]))
            text.append(part)
            length += len(part)
        return Rendered("".join(text), SourceMap(tuple(stretches), self.sources))

    def _load(self, name: str) -> tuple[str, str, None] | None:
        path = self._inside(name)
        if not path.is_file():
            return None
        text = decode(path.read_bytes(), name).replace("\r\n", "\n").replace("\r", "\n")
        self.sources[name] = text
        return text, name, None

    def _file(self, name: str) -> str:
        """The text of a file of the project."""
        path = self._inside(name)
        if not path.is_file():
            raise jinja2.TemplateNotFound(name)
        return decode(path.read_bytes(), name)

    def _inside(self, name: str) -> Path:
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root):
            raise jinja2.TemplateRuntimeError(f"'{name}' is outside of the project")
        return path

    def _diagnostic(self, error: Exception, file: str) -> Diagnostic:
        if isinstance(error, jinja2.TemplateSyntaxError):
            name = error.name or file
            return template_errors.syntax(error, Source(name, self.sources[name]), self)
        where = self._place(error, file)
        if isinstance(error, jinja2.TemplateNotFound):
            return self._not_found(str(error.name), where)
        if isinstance(error, RecursionError):
            return Diagnostic("Endless template", "This macro or include calls itself without end.", None, where)
        if isinstance(error, NotDefined):
            is_variable = isinstance(error.owner, _Variables)
            return template_errors.undefined(error, self.variables, is_variable, where)
        return template_errors.failure(error, where)

    def _not_found(self, name: str, where: Position) -> Diagnostic:
        folder = (self.root / name).parent
        near = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        spelling = nearest(Path(name).name, near)
        hint = f"did you mean `{Path(name).parent / spelling}`?" if spelling else "paths begin at the project's folder"
        return Diagnostic("Missing file", f"There is no file {name} in the project.", hint, where)

    def _place(self, error: Exception, file: str) -> Position:
        """The place in the innermost template on the error's way up."""
        name, line = file, 1
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename in self.sources:
                name, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            trace = trace.tb_next
        return Source(name, self.sources[name]).tag(line, template_errors.word_of(error))

    def _written(self, value: Any) -> Any:
        """What an expression puts into the text: YAML's spelling of null, booleans, lists and mappings, not Python's."""
        if value is None or isinstance(value, (bool, tuple, list, dict)):
            refuse_above(weight(value))
            value = _to_json(value)
        return self.charged(value)


class _Variables:
    """`var`: its attributes are the variables, and nothing else (a dict would have `items`, too)."""

    __slots__ = ("_values",)

    def __init__(self, values: FrozenMap) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Value:
        return self._values[name]


def _to_json(value: Any) -> str:
    """JSON, which is also YAML: the safe way to paste any value."""
    return json.dumps(value, ensure_ascii=False)


def _to_yaml(value: Any) -> str:
    """YAML in flow style on one line, so that it fits wherever a value may stand."""
    plain = json.loads(json.dumps(value))
    text: str = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
