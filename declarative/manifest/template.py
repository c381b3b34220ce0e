"""Manifests are Jinja templates. Most have no template in them, and Jinja takes long to import: it is left to `engine`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from declarative.manifest.rendered import Rendered
from declarative.model.value import FrozenMap

if TYPE_CHECKING:
    from declarative.manifest.engine import Engine


class Templates:
    """Renders the templates of one project. `root` is the folder that no template can leave.

    `variables` may hold secrets. `secret` answers the value of a name of the process environment, or None.
    `unknown` are variables without a usable value, for which templates are not to blame.
    """

    def __init__(
        self,
        root: Path,
        variables: FrozenMap,
        environment: str | None,
        secret: Callable[[str], str | None] = lambda _: None,
        unknown: Collection[str] = (),
    ) -> None:
        self._given = root, variables, environment, secret, unknown

    def render(self, text: str, file: str) -> Rendered:
        """The output of the template `text`, which is the file `file`; raises ProjectError with the place."""
        if "{{" in text or "{%" in text or "{#" in text:
            return self.engine.render(text, file)
        return Rendered.verbatim(text, file)

    @cached_property
    def engine(self) -> Engine:
        """What renders the texts that have anything to render."""
        from declarative.manifest.engine import Engine

        return Engine(*self._given)
