"""Where in which template an expression failed.

Jinja knows the line. The code that it generated knows more: the line that failed pastes the expression, whose offset it names.
"""

from __future__ import annotations

import re
from types import TracebackType
from typing import Any

from declarative.manifest.template_errors import Source, word_of
from declarative.model.position import Position

_PASTES = re.compile(r"environment\.paste\(environment\.constants\[([0-9]+)\]")


def place_of(error: Exception, environment: Any) -> Position | None:
    """The place in the innermost template on the error's way up; None where it reached none.

    `environment` is the `Engine` that rendered it.
    """
    innermost: TracebackType | None = None
    trace = error.__traceback__
    while trace is not None:
        if "__jinja_template__" in trace.tb_frame.f_globals:
            innermost = trace
        trace = trace.tb_next
    if innermost is None:
        return None
    template = innermost.tb_frame.f_globals["__jinja_template__"]
    source = Source(template.name, environment.sources[template.name])
    offset = _expression(environment, source, innermost.tb_lineno)
    if offset is not None:
        return source.expression(offset, word_of(error))
    return source.statement(template.get_corresponding_lineno(innermost.tb_lineno), word_of(error))


def _expression(environment: Any, source: Source, line: int) -> int | None:
    """The offset of the expression that a line of generated code pastes, the code made once more: errors are rare."""
    if source.file not in environment.generated:
        tree = environment._parse(source.text, source.file, source.file)
        environment.generated[source.file] = environment._generate(tree, source.file, source.file).split("\n")
    found = _PASTES.search(environment.generated[source.file][line - 1])
    return environment.constants[int(found[1])].offset if found else None
