"""What exists at the control plane, as data: one module a kind."""

from __future__ import annotations

from declarative.kinds.kind import Kind
from declarative.kinds.training import TRAINING
from declarative.kinds.workload_template import WORKLOAD_TEMPLATE

ALL: tuple[Kind, ...] = (TRAINING, WORKLOAD_TEMPLATE)


def kind_named(name: str) -> Kind:
    """The kind of this name; raises KeyError where there is none."""
    for kind in ALL:
        if kind.name == name:
            return kind
    raise KeyError(name)
