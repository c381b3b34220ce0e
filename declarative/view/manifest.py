"""Shows manifests as they are after rendering."""

from __future__ import annotations

from collections.abc import Iterable

from declarative.model.position import Position
from declarative.model.value import Value
from declarative.view.style import Style
from declarative.view.values import block


def manifests_text(manifests: Iterable[tuple[Position, Value]], style: Style) -> str:
    """Each manifest as a YAML document, below the place that it comes from; "" for none."""
    documents = (
        "\n".join([style.dim(f"# {style.safe(str(where))}"), *block(value, style)]) for where, value in manifests
    )
    return "".join(f"{document}\n" for document in _separated(documents))


def _separated(documents: Iterable[str]) -> Iterable[str]:
    for index, document in enumerate(documents):
        yield f"---\n{document}" if index else document
