"""The comparison, for any valid bodies of both kinds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from declarative.kinds import ALL
from declarative.kinds.check import check
from declarative.kinds.kind import Kind
from declarative.kinds.shape import ListOf, Object, Shape
from declarative.kinds.workload_template import WORKLOAD_TEMPLATE, WorkloadTemplateUpdateRequest
from declarative.model.value import EMPTY, FrozenMap, Path, Value, dig, dotted, freeze
from declarative.plan.diff import compare
from tests.examples import examples
from tests.strategies import bodies, field_cases, field_paths

BOTH = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
QUICK = settings(max_examples=examples(40))
FIELDS = [(kind, path) for kind in ALL for path in field_paths(kind)]


def shuffled(shape: Shape, value: Value, draw: Any) -> Value:
    """The same value with keys, keyed lists and sets in another order."""
    if isinstance(shape, Object) and isinstance(value, dict):
        names = draw(st.permutations(list(value)))
        return FrozenMap({name: shuffled(shape.fields[name], value[name], draw) for name in names})
    if isinstance(shape, ListOf) and isinstance(value, tuple):
        items = [shuffled(shape.item, item, draw) for item in value]
        return tuple(draw(st.permutations(items)) if shape.keyed or shape.unordered else items)
    return value


def enriched(shape: Shape, value: Value, draw: Any) -> Value:
    """The value as a control plane might answer it: with nulls for some fields that nobody set."""
    if isinstance(shape, Object) and isinstance(value, dict):
        more = dict.fromkeys(name for name in shape.fields if name not in value and draw(st.booleans()))
        given = {name: enriched(shape.fields[name], item, draw) for name, item in value.items()}
        return FrozenMap({**more, **given})
    if isinstance(shape, ListOf) and isinstance(value, tuple):
        return tuple(enriched(shape.item, item, draw) for item in value)
    return value


@BOTH
@QUICK
@given(data=st.data())
def test_a_body_does_not_differ_from_itself(kind: Kind, data: st.DataObject) -> None:
    """Neither by the cheap equality nor by the walk."""
    body = data.draw(bodies(kind, nulls=True))
    for prior in (body, EMPTY):
        found = compare(kind, body, body, prior)
        assert found.fields == ()
        assert compare(kind, body, found.merged, prior).fields == ()


@BOTH
@QUICK
@given(data=st.data())
def test_one_update_is_enough(kind: Kind, data: st.DataObject) -> None:
    """The merged body satisfies the desired one, whatever was live and whatever was applied before."""
    desired, live, prior = (data.draw(bodies(kind, nulls=True)) for _ in range(3))
    merged = compare(kind, desired, live, prior).merged
    assert compare(kind, desired, merged, desired).fields == ()
    assert compare(kind, desired, merged, prior).fields == ()


@BOTH
@QUICK
@given(data=st.data())
def test_what_we_removed_is_gone_after_one_update(kind: Kind, data: st.DataObject) -> None:
    """From what we applied to less of it: the merged body is what is desired and nothing else."""
    prior = data.draw(bodies(kind))
    path = data.draw(st.sampled_from([path for path in field_paths(kind) if dig(prior, path) is not None]))
    case = data.draw(field_cases(kind, path))
    assume(case.without is not None)
    assert case.without is not None
    merged = compare(kind, case.without, case.first, case.first).merged
    assert compare(kind, case.without, merged, case.without).fields == ()
    assert compare(kind, merged, case.without, merged).fields == ()


@BOTH
@QUICK
@given(data=st.data())
def test_what_nobody_of_us_set_survives(kind: Kind, data: st.DataObject) -> None:
    """What the manifest sets is a part of the merged body; and where nothing of it was ours, nothing of live is lost."""
    live = data.draw(bodies(kind))
    desired = FrozenMap({"metadata": live["metadata"], "spec": FrozenMap()})
    assert compare(kind, desired, live, EMPTY).merged == live
    assert compare(kind, desired, live, desired).merged == live


@BOTH
@QUICK
@given(data=st.data())
def test_the_order_of_keys_and_named_items_means_nothing(kind: Kind, data: st.DataObject) -> None:
    body = data.draw(bodies(kind, nulls=True))
    live = shuffled(kind.shape, body, data.draw)
    for prior in (body, live, EMPTY):
        assert compare(kind, body, live, prior).fields == ()


@BOTH
@QUICK
@given(data=st.data())
def test_nulls_in_an_answer_are_no_difference(kind: Kind, data: st.DataObject) -> None:
    body = data.draw(bodies(kind, nulls=True))
    live = enriched(kind.shape, body, data.draw)
    for prior in (body, EMPTY):
        assert compare(kind, body, live, prior).fields == ()


@QUICK
@given(data=st.data())
def test_a_merged_template_is_a_valid_request(data: st.DataObject) -> None:
    """Whatever others set beside us, what the update sends obeys the control plane's own rules."""
    desired, live, prior = (data.draw(bodies(WORKLOAD_TEMPLATE)) for _ in range(3))
    merged = compare(WORKLOAD_TEMPLATE, desired, live, prior).merged
    assert WORKLOAD_TEMPLATE.update_request is not None
    assert check(WorkloadTemplateUpdateRequest, freeze(WORKLOAD_TEMPLATE.update_request(merged))) == ()


def label_of(kind: Kind, body: FrozenMap, path: Path) -> str:
    """The label of a field: the path with names for the places in keyed lists."""
    label = ""
    shape: Any = kind.shape
    value: Any = body
    for step in path:
        if isinstance(shape, ListOf):
            keys = shape.keyed.fields if shape.keyed else ()
            shape, value = shape.item, value[step]
            label += f"[{next(value[key] for key in keys if value.get(key) is not None)}]"
        else:
            shape, value = shape.fields[str(step)], value[step]
            label += f".{step}" if label else str(step)
    return label


def _names_an_item(kind: Kind, path: Path) -> bool:
    """Whether the field at `path` is the name of an item, so that another value makes another item."""
    shape: Any = kind.shape
    for step in path[:-1]:
        keys = shape.keyed.fields if isinstance(shape, ListOf) and shape.keyed else ()
        shape = shape.item if isinstance(shape, ListOf) else shape.fields[step]
    return path[-1] in keys if len(path) > 1 and isinstance(path[-2], int) else False


@pytest.mark.parametrize(("kind", "path"), FIELDS, ids=[f"{kind.name}-{dotted(path)}" for kind, path in FIELDS])
@settings(max_examples=examples(2))
@given(data=st.data())
def test_a_field_is_told_by_its_label_when_it_changes_and_when_it_goes(
    kind: Kind, path: Path, data: st.DataObject
) -> None:
    """A change is told by the label of the field and no other, unless rules made others change with it.

    A removal is told by the label of the field, of the mapping or item that goes with it, or of the parts that go.
    """
    case = data.draw(field_cases(kind, path))
    assume(dig(case.first, path) != dig(case.second, path))
    label = label_of(kind, case.second, path)
    changed = [field.label for field in compare(kind, case.second, case.first, case.first).fields]
    assert changed != []
    # Another name makes another item.
    list_label = label_of(kind, case.second, path[:-2]) if _names_an_item(kind, path) else label
    if not case.siblings:
        assert [one for one in changed if not one.startswith(list_label)] == []
    if case.without is not None and dig(case.first, path) not in (None, (), EMPTY):
        found = compare(kind, case.without, case.first, case.first)
        label = label_of(kind, case.first, path)
        label = list_label if _names_an_item(kind, path) else label
        assert any(label.startswith(field.label) or field.label.startswith(label) for field in found.fields)
        assert compare(kind, case.without, found.merged, case.without).fields == ()
