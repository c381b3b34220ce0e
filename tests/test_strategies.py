"""What the strategies of `tests/strategies.py` promise to the tests that use them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from declarative.kinds import ALL
from declarative.kinds.check import check
from declarative.kinds.fields.base import Fields
from declarative.kinds.kind import Kind
from declarative.kinds.rules import Violation
from declarative.kinds.shape import ListOf, Object, Shape
from declarative.manifest.envelope import manifest_model
from declarative.manifest.schema import manifest_schema
from declarative.model.value import FrozenMap, Path, dig, dotted, freeze
from tests.examples import examples
from tests.pools import Named, Pools
from tests.repairs import REPAIRS
from tests.strategies import bodies, field_cases, field_paths

BY_NAME = Pools(by_name=True)
FIELDS = [(kind, path) for kind in ALL for path in field_paths(kind, BY_NAME)]
VALIDATORS = {kind.name: Draft202012Validator(manifest_schema(kind)) for kind in ALL}
# The name, the place and the environment are in every body; every other field has a body without it.
ALWAYS = {
    "Training": {"metadata.name"},
    "WorkloadTemplate": {"metadata.name", "metadata.scope", "spec.assets", "spec.assets.environment"},
}
QUICK = settings(max_examples=examples(30))


def violations(kind: Kind, body: FrozenMap) -> tuple[Violation, ...]:
    return check(manifest_model(kind), freeze({"apiVersion": "runai/v1", "kind": kind.name, **body}))


@pytest.mark.parametrize("nulls", [False, True], ids=["plain", "nulls"])
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
@QUICK
@given(data=st.data())
def test_every_body_is_valid(kind: Kind, nulls: bool, data: st.DataObject) -> None:
    """Bodies pass the checks of models and of the JSON Schema alike."""
    body = data.draw(bodies(kind, BY_NAME, nulls))
    assert violations(kind, body) == ()


@pytest.mark.parametrize(
    ("kind", "path"), FIELDS, ids=[f"{kind.name}-{'.'.join(map(str, path))}" for kind, path in FIELDS]
)
@settings(max_examples=examples(2))
@given(data=st.data())
def test_a_field_is_set_changed_and_removed_by_valid_bodies(kind: Kind, path: Path, data: st.DataObject) -> None:
    case = data.draw(field_cases(kind, path, BY_NAME))
    for body in (case.without, case.first, case.second):
        assert body is None or violations(kind, body) == ()
    first, second = dig(case.first, path), dig(case.second, path)
    assert first is not None
    assert second is not None
    assert first != second or isinstance(first, bool) != isinstance(second, bool)
    assert (case.without is None) == (dotted(path) in ALWAYS[kind.name])
    assert case.without is None or dig(case.without, path) is None


def test_every_rule_knows_how_to_be_obeyed() -> None:
    """A new rule needs a repair, or bodies that break it would be drawn."""

    def models(shape: Shape) -> Iterator[type[Fields]]:
        if isinstance(shape, Object):
            if shape.model:
                yield shape.model
            for inner in shape.fields.values():
                yield from models(inner)
        elif isinstance(shape, ListOf):
            yield from models(shape.item)

    rules = {type(rule) for kind in ALL for model in models(kind.shape) for rule in model.rules}
    assert rules - REPAIRS.keys() == set()


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
@QUICK
@given(data=st.data())
def test_bodies_refer_only_to_what_the_pools_have(kind: Kind, data: st.DataObject) -> None:
    """Without departments and data sources, and with one project, that is all a body can name."""
    pools = Pools(
        projects=(Named("9", "only"),), departments=(), datasources=(), scopes=("tenant", "project", "department")
    )
    body = data.draw(bodies(kind, pools))
    assert body["metadata"].get("projectId") in (None, "9", 9)
    assert "departmentId" not in body["metadata"]
    assert body["metadata"].get("scope") in (None, "tenant", "project")
    assert "datasources" not in body["spec"].get("assets", {})
