"""The objects that drawn bodies may refer to."""

from __future__ import annotations

from dataclasses import dataclass

from declarative.kinds import ALL
from declarative.kinds.fields.assets import Assets, Datasource
from declarative.kinds.fields.base import Fields
from declarative.model.value import FrozenMap, Value

_OWNERS = {"project": "projects", "cluster": "clusters", "department": "departments"}
_ASSETS = {"environment": "environments", "compute": "computes"}


@dataclass(frozen=True, slots=True)
class Named:
    """An object that the control plane has."""

    id: str
    name: str


def _two(first: str, second: str, prefix: str = "") -> tuple[Named, ...]:
    return tuple(Named(f"{prefix}{number}", name) for number, name in ((1, first), (2, second)))


_UUID = "6f1c2a9e-0d6b-4b7e-9f43-0f9f6f7f1c1"


@dataclass(frozen=True, slots=True)
class Pools:
    """What bodies may refer to. Two of each are needed to change a reference; an empty pool leaves its fields out."""

    projects: tuple[Named, ...] = _two("vision", "speech", "450")
    clusters: tuple[Named, ...] = _two("a100-prod", "h100-lab", _UUID)
    departments: tuple[Named, ...] = _two("research", "product", "7")
    environments: tuple[Named, ...] = _two("pytorch-24", "jupyter", _UUID)
    computes: tuple[Named, ...] = _two("one-gpu", "half-gpu", _UUID)
    datasources: tuple[Named, ...] = _two("datasets", "checkpoints", _UUID)
    scopes: tuple[str, ...] = ("system", "tenant", "cluster", "department", "project")
    # Whether references may be made by name, too.
    by_name: bool = False


POOLS = Pools()


def pool_of(model: type[Fields], name: str, pools: Pools) -> tuple[Value, ...] | None:
    """The values that a reference or a scope may have; None for other fields."""
    if model in (kind.metadata for kind in ALL):
        if name in _OWNERS:
            return tuple(owner.name for owner in getattr(pools, _OWNERS[name])) if pools.by_name else ()
        if name.removesuffix("Id") in _OWNERS:
            ids = tuple(owner.id for owner in getattr(pools, _OWNERS[name.removesuffix("Id")]))
            return ids + tuple(int(text) for text in ids if name == "projectId" and text.isdigit())
        if name == "scope":
            return tuple(scope for scope in pools.scopes if getattr(pools, _OWNERS.get(scope, ""), True))
    if model is Assets and name in _ASSETS:
        named: tuple[Named, ...] = getattr(pools, _ASSETS[name])
        ids = tuple(asset.id for asset in named)
        return ids + tuple(FrozenMap(name=asset.name) for asset in named if pools.by_name)
    if model is Assets and name == "datasources" and not pools.datasources:
        return ()
    if model is Datasource and name in ("id", "name"):
        if name == "id":
            return tuple(source.id for source in pools.datasources)
        return tuple(source.name for source in pools.datasources) if pools.by_name else ()
    return None
