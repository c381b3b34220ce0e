"""What a policy gave to a training is the policy's business: a manifest that repeated it would ask for it for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from declarative.kinds.check import check
from declarative.kinds.kind import Kind
from declarative.model.foresight import Policy
from declarative.model.value import FrozenMap, Value


def without_presets(kind: Kind, body: FrozenMap, policy: Policy) -> FrozenMap:
    """A live body without what is as the policy presets it; itself where the rest would be no manifest."""
    spec = FrozenMap(_less(body["spec"], policy.defaults))
    broken = check(kind.spec, spec) and not check(kind.spec, body["spec"])
    return body if broken else FrozenMap({**body, "spec": spec})


def _less(value: Mapping[str, Value], presets: Mapping[str, Any]) -> dict[str, Value]:
    """The fields that differ from their presets."""
    kept: dict[str, Value] = {}
    for name, item in value.items():
        preset = presets.get(name)
        if isinstance(item, Mapping) and isinstance(preset, Mapping):
            rest = _less(item, preset)
            if any(one is not None for one in rest.values()):
                kept[name] = FrozenMap(rest)
        elif isinstance(item, tuple) and isinstance(preset, Mapping):
            rest_items = tuple(one for one in item if not _is_preset(one, preset.get("instances") or ()))
            if rest_items:
                kept[name] = rest_items
        elif preset is None or item != preset:
            kept[name] = item
    return kept


def _is_preset(item: Value, instances: tuple[Any, ...]) -> bool:
    """Whether an item of a list is one of the policy's; what an answer fills in with null or false does not count."""
    if not isinstance(item, Mapping):
        return item in instances
    said = {name: one for name, one in item.items() if one is not None and one is not False}
    return said in [dict(one) for one in instances if isinstance(one, Mapping)]
