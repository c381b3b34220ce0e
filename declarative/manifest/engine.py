"""Jinja, strict, sandboxed and traceable; what it writes are pieces that know where they come from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import jinja2

from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import ProjectError
from declarative.manifest import failing, filters, syntax_errors, template_errors
from declarative.manifest.assembly import Assembly
from declarative.manifest.document import decode
from declarative.manifest.limits import FILE, BoundedEnvironment, OutOfBounds
from declarative.manifest.pieces import Concealed, Literal, Pasted, Sensitive, Text, Turn, concat, text_of, unwrapped
from declarative.manifest.rendered import Broken, Rendered, notes
from declarative.manifest.source_map import Loop, Origin, Verbatim
from declarative.manifest.template_errors import NotDefined, Source, Undefined
from declarative.manifest.tracing import PieceGenerator, Traces, marked
from declarative.manifest.variables import no_secret
from declarative.manifest.yaml_errors import bad_character
from declarative.model.position import Position
from declarative.model.secret import MASK, Reference, Secret, hides
from declarative.model.value import FrozenMap, Value
from declarative.settings import FOLDER

_PASTE = 10
_BROKEN = 5000
_GLOBALS = ("range", "dict", "namespace", "cycler", "joiner")


class Engine(BoundedEnvironment):
    """Jinja as manifests have it. The arguments are those of `Templates`."""

    code_generator_class = PieceGenerator
    concat = staticmethod(concat)  # type: ignore[assignment]

    def __init__(
        self,
        root: Path,
        variables: FrozenMap,
        environment: str | None,
        secret: Callable[[str], str | None],
        unknown: Collection[str],
    ) -> None:
        self.root = root.resolve()
        self.variables = variables
        self.sources: dict[str, str] = {}
        # What generated code refers to: pieces, origins and loops.
        self.constants: list[Any] = []
        # The lines of generated code by template, once they were asked for.
        self.generated: dict[str, list[str]] = {}
        self._secret_of = secret
        self._unknown = unknown
        super().__init__(
            undefined=Undefined,
            loader=jinja2.FunctionLoader(self._load),
            keep_trailing_newline=True,
            autoescape=False,
        )
        self.globals = {name: self.globals[name] for name in _GLOBALS}
        self.globals |= {"var": _Variables(variables), "environment": environment}
        self.globals |= {"file": self._file, "secret": self._secret}
        for name in filters.FOR_HTML:
            self.filters.pop(name, None)
        own = {"toyaml": filters.to_yaml, "tojson": filters.to_json, "indent": filters.indent, "trim": filters.trim}
        own["string"] = filters.string
        self.filters |= {name: self.bounded_filter(name, function) for name, function in own.items()}

    def render(self, text: str, file: str) -> Rendered:
        """The output of the template `text`, which is the file `file`; raises ProjectError with the place."""
        text = self._known(file, text)
        self.refill()
        assembly = Assembly(Origin(file, 0, fixed=True), self.sources)
        try:
            template = self._compiled(text, file)
            for written in template.root_render_func(template.new_context({})):
                assembly.add(written)
        except ProjectError:
            raise
        except Exception as error:
            told = () if self._is_unknown(error) else (self._diagnostic(error, file, assembly),)
            raise ProjectError(*assembly.broken(), *told) from error
        return assembly.rendered()

    def _compiled(self, text: str, file: str) -> jinja2.Template:
        """A template that knows its file's name, for places and errors."""
        try:
            code = self.compile(text, name=file, filename=file)
        except (SyntaxError, RecursionError) as error:  # of the code that Jinja generates: Python has its limits
            hint = "take a part of it out into a macro or an include"
            raise ProjectError(
                Diagnostic("Malformed template", "It is nested too deep.", hint, Position(file, 1))
            ) from error
        return jinja2.Template.from_code(self, code, self.make_globals(None))

    def _tokenize(self, source: str, name: str | None, filename: str | None = None, state: str | None = None) -> Any:
        return marked(self.lexer, source, name, filename, state)

    def _parse(self, source: str, name: str | None, filename: str | None) -> Any:
        return Traces(name or "").visit(super()._parse(source, name, filename))

    # --- what generated code calls ------------------------------------------------------------------------------------
    def paste(self, origin: Origin, expression: Callable[[], Any]) -> Any:
        """What the expression at `origin` puts into the output. One that fails leaves a gap, and the template goes on."""
        self.spend(_PASTE)
        try:
            return self._piece(origin, expression())
        except (ProjectError, OutOfBounds, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001  (an expression of the author's can fail in any way)
            self.spend(_BROKEN)
            return Pasted("", Broken(self._broken(error, origin)), origin)

    def _piece(self, origin: Origin, value: Any) -> Any:
        if isinstance(value, (Text, Concealed)):
            self.spend(_PASTE * len(value.pieces))
            return self.charged(
                concat(one.at(origin) if isinstance(one, Pasted) and not one.origin else one for one in value.pieces)
            )
        if isinstance(value, Pasted):
            return value.at(origin)
        if isinstance(value, jinja2.Undefined) and not isinstance(value, Undefined):
            return Literal("", origin)  # `x if y` where y is false
        if isinstance(value, str):
            return Pasted(self.charged(value), str(value), origin)
        plain = unwrapped(self.weighed(value))
        return Pasted(self.charged(MASK if hides(plain) else filters.json_text(plain)), plain, origin)

    def turn(self, loop: Loop, values: tuple[Any, ...]) -> Turn:
        """The sign that a turn of a loop begins."""
        return Turn(loop, values)

    def joined(self, parts: Iterable[Any]) -> Any:
        """The operator `~`."""
        parts = [part if isinstance(part, (Text, Concealed)) else text_of(part) for part in parts]
        return concat(parts) if any(isinstance(part, (Text, Concealed)) for part in parts) else "".join(parts)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        pieces, texts = (Text, Concealed), (str, Concealed)
        texts_only = isinstance(left, texts) and isinstance(right, texts)
        if operator == "+" and texts_only and (isinstance(left, pieces) or isinstance(right, pieces)):
            return self.joined((left, right))
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, Concealed):
            raise Sensitive
        if isinstance(obj, (Literal, Pasted, Text, Turn)) and not hasattr(str, attr):
            return False  # templates see the text alone
        return super().is_safe_attribute(obj, attr, value)

    # --- what templates call ------------------------------------------------------------------------------------------
    def _secret(self, name: str) -> Any:
        """A value of the process environment that nobody gets to see."""
        if not isinstance(name, str) or not name:
            raise template_errors.Failing("a secret is named by text", "write secret('NAME')")
        value = self._secret_of(name)
        if not value:
            return Undefined(obj=Secret, name=name)
        return _concealed(Secret((Reference("secret", str(name)),), value, (value,)))

    def _file(self, name: str) -> str:
        """The text of a file of the project."""
        self.spend(FILE)
        path = self._inside(name)
        if not path.is_file():
            raise jinja2.TemplateNotFound(name)
        try:
            return decode(path.read_bytes(), name)
        except ProjectError as error:
            (told,) = error.diagnostics
            raise template_errors.Failing(f"the file {told.where} is no UTF-8 text", told.hint) from error

    def _load(self, name: str) -> tuple[str, str, None] | None:
        path = self._inside(name)
        if not path.is_file():
            return None
        return self._known(name, decode(path.read_bytes(), name)), name, None

    def _inside(self, name: str) -> Path:
        try:
            path = (self.root / str(name)).resolve()
            path.is_file()
        except (OSError, ValueError) as error:
            raise jinja2.TemplateNotFound(str(name)) from error
        if not path.is_relative_to(self.root):
            raise jinja2.TemplateRuntimeError(f"'{name}' is outside of the project")
        if path.is_relative_to(self.root / FOLDER):
            raise jinja2.TemplateRuntimeError(f"'{name}' is one of the tool's own files")
        if path.is_dir():
            raise template_errors.Failing(f"'{name}' is a folder", "name a file in it")
        return path

    def _known(self, file: str, text: str) -> str:
        """The text of a template as Jinja counts its lines, kept for places in it; raises ProjectError."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.sources[file] = text
        self.generated.pop(file, None)
        if bad := bad_character(text, Verbatim(file, text)):
            raise ProjectError(bad)
        return text

    # --- what is said when it fails -----------------------------------------------------------------------------------
    def _broken(self, error: Exception, origin: Origin) -> Diagnostic | None:
        """What to say of the expression at `origin`, which gives no value."""
        if self._is_unknown(error):
            return None
        source = Source(origin.file, self.sources[origin.file])
        place = failing.place_of(error, self) or source.expression(origin.offset, template_errors.word_of(error))
        return self._told(error, place)

    def _is_unknown(self, error: Exception) -> bool:
        """Whether it is about a variable without a usable value, of which the user hears anyway."""
        of_variable = isinstance(error, NotDefined) and isinstance(error.owner, _Variables)
        return of_variable and template_errors.word_of(error) in self._unknown

    def _diagnostic(self, error: Exception, file: str, assembly: Assembly) -> Diagnostic:
        if isinstance(error, jinja2.TemplateSyntaxError):
            name = error.name or file
            return syntax_errors.syntax(error, Source(name, self.sources[name]), self)
        told = self._told(error, failing.place_of(error, self) or Position(file, 1))
        # In which turn a budget runs out says nothing about the mistake.
        turns = () if isinstance(error, OutOfBounds) else assembly.turns
        return Diagnostic(told.summary, told.detail, told.hint, told.where, notes=notes(turns))

    def _told(self, error: Exception, where: Position) -> Diagnostic:
        if isinstance(error, jinja2.TemplateNotFound):
            return self._not_found(str(error.name), where)
        if isinstance(error, RecursionError):
            return Diagnostic("Endless template", "This macro or include calls itself without end.", None, where)
        if isinstance(error, NotDefined) and error.owner is Secret:
            return no_secret(error.name, self._secret_of(error.name), where)
        if isinstance(error, NotDefined):
            is_variable = isinstance(error.owner, _Variables)
            return template_errors.undefined(error, self, is_variable, where)
        return template_errors.failure(error, where)

    def _not_found(self, name: str, where: Position) -> Diagnostic:
        folder = (self.root / name).parent
        near = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        spelling = nearest(Path(name).name, near)
        hint = f"did you mean `{Path(name).parent / spelling}`?" if spelling else "paths begin at the project's folder"
        return Diagnostic("Missing file", f"There is no file {name} in the project.", hint, where)


class _Variables:
    """`var`: its attributes are the variables, and nothing else (a dict would have `items`, too)."""

    __slots__ = ("_values",)

    def __init__(self, values: FrozenMap) -> None:
        self._values = {name: _concealed(value) for name, value in values.items()}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]


def _concealed(value: Value) -> Any:
    """A value as templates see it: secrets are opaque."""
    if isinstance(value, Secret):
        return Concealed((Pasted(MASK, value),))
    if not hides(value):
        return value
    if isinstance(value, FrozenMap):
        return FrozenMap({key: _concealed(item) for key, item in value.items()})
    return tuple(_concealed(item) for item in value)
