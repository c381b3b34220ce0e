"""The names that ids have in the manifests, told beside the ids: a reviewer knows the one, the API the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from declarative.model.named import NamedId
from declarative.model.value import Value
from declarative.view.style import Style

# A line of YAML with one value: its key, and the value without quotes.
_LINE = re.compile(r"""\s*(?:- )?(\w+): ["']?([\w.-]+)["']?""")


class Known(Struct, frozen=True):
    """`names` by id."""

    names: Mapping[str, NamedId] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Iterable[NamedId]) -> Known:
        return cls({one.id: one for one in names})

    def name(self, key: object, value: Value) -> str | None:
        """`project vision` for the value of `projectId`; None where it is no id whose name is known."""
        found = self.names.get(str(value)) if isinstance(value, (str, int)) else None
        if found is None or key not in (found.collection, f"{found.collection}Id", "id"):
            return None
        return f"{found.collection} {found.name}"

    def told(self, line: str, style: Style) -> str:
        """A line of YAML, with the name as its comment where its value is an id that has one."""
        pair = _LINE.fullmatch(line) if self.names else None
        name = self.name(*pair.groups()) if pair else None
        return f"{line}  # {style.safe(name)}" if name else line


NOTHING_KNOWN = Known()
