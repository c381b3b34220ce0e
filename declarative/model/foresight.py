"""What a control plane tells before anything is sent to it: quotas, policies and the names that others hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct, field

from declarative.diagnostics import Diagnostic
from declarative.model.plan import Change
from declarative.model.value import EMPTY, FrozenMap


class Pool(Struct, frozen=True):
    """What a project may have of one node pool, in GPUs. None is not told; of `limit` also that there is none."""

    name: str
    deserved: float | None = None
    limit: float | None = None
    allocated: float | None = None


class Quota(Struct, frozen=True):
    """One project by its `name`, with its node pools; `preferred` are those of workloads that name none."""

    name: str
    pools: tuple[Pool, ...] = ()
    preferred: tuple[str, ...] = ()

    def pool(self, name: str) -> Pool | None:
        return next((pool for pool in self.pools if pool.name == name), None)


class Policy(Struct, frozen=True):
    """The effective policy of trainings in a project, in the shape of the API: both follow the spec.

    Below a list of items, `instances` are about the list, and `attributes` about each item.
    """

    defaults: FrozenMap = EMPTY
    rules: FrozenMap = EMPTY


class Neighbour(Struct, frozen=True):
    """A workload of another type, which has its name for itself, too. `leaves` says that it is being deleted."""

    type: str
    id: str
    name: str
    leaves: bool = False


class Unanswered(Struct, frozen=True):
    """What the control plane did not tell: the sort of thing, for how many projects, and the first reason."""

    what: str
    projects: int
    reason: str


class Foresight(Struct, frozen=True):
    """What was read, by the id of the project; a project is missing where it was not told."""

    quotas: Mapping[str, Quota] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    neighbours: Mapping[str, tuple[Neighbour, ...]] = field(default_factory=dict)
    unanswered: tuple[Unanswered, ...] = ()


class Finding(NamedTuple):
    """What is foreseen of a change. The field that it is about is in the diagnostic, which has no place yet."""

    change: Change
    diagnostic: Diagnostic
