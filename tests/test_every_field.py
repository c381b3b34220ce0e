"""The life of every field of both kinds: set, changed, removed; and after each apply there is nothing left to do."""

from __future__ import annotations

import itertools
from pathlib import Path as FilePath
from typing import cast

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from declarative.kinds import ALL
from declarative.kinds.kind import Kind
from declarative.kinds.shape import ListOf, Object, Shape, shape_of
from declarative.kinds.workload_template import WORKLOAD_TEMPLATE
from declarative.manifest.envelope import manifest_model
from declarative.model.plan import Action, Change, FieldChange
from declarative.model.value import FrozenMap, Path, dig, freeze, put
from declarative.sandbox import seeds
from tests.examples import examples
from tests.pools import Named, Pools
from tests.project import Project
from tests.strategies import field_cases, field_paths

POOLS = Pools(
    projects=(Named("4501", "vision"), Named("4502", "language")),
    clusters=(Named(seeds.A100, "a100-prod"), Named(seeds.H100, "h100-lab")),
    departments=(),
    environments=tuple(Named(one, seeds.ENVIRONMENTS[one]["meta"]["name"]) for one in list(seeds.ENVIRONMENTS)[:2]),
    computes=tuple(Named(one, seeds.COMPUTES[one]["meta"]["name"]) for one in list(seeds.COMPUTES)[:2]),
    datasources=tuple(Named(one, seeds.DATASOURCES[one]["meta"]["name"]) for one in list(seeds.DATASOURCES)[:2]),
    scopes=("tenant", "cluster", "project"),
)
# A data source has one kind, and the control plane refuses to be told another: it changes with the id alone.
# A scope changes together with the id of its owner: it has a test of its own.
ALONE = {("spec", "assets", "datasources", 0, "kind"), ("metadata", "scope")}
FIELDS = [(kind, path) for kind in ALL for path in field_paths(kind, POOLS) if path not in ALONE]
_numbers = itertools.count()


@pytest.mark.parametrize(
    ("kind", "path"), FIELDS, ids=[f"{kind.name}-{'.'.join(map(str, path))}" for kind, path in FIELDS]
)
# One life takes four applies. FIELD_EXAMPLES=20 tries more values, once in a while.
@settings(max_examples=examples(1, "FIELD_EXAMPLES"), phases=(Phase.generate,))
@given(data=st.data())
def test_a_field_is_set_changed_and_removed(kind: Kind, path: Path, data: st.DataObject, tmp_path: FilePath) -> None:
    case = data.draw(field_cases(kind, path, POOLS))
    project = Project(tmp_path / str(next(_numbers)))
    if case.without is not None:
        _settles(project, kind, case.without)
        assert _usual(path, case.first) or _about(
            kind, _change(project, kind, case.first), path, case.without, case.first
        )
    _settles(project, kind, case.first)
    changed = _change(project, kind, case.second)
    about = _about(kind, changed, path, case.first, case.second)
    assert about
    if not case.siblings:
        assert about == list(changed.fields)
    _settles(project, kind, case.second)
    if case.without is not None:
        removed = _change(project, kind, case.without)
        gone = _about(kind, removed, path, case.second, case.without)
        assert _usual(path, case.second) or any(_less(field.before, field.after) for field in gone)
        _settles(project, kind, case.without)


def _usual(path: Path, body: FrozenMap) -> bool:
    """A training runs unless it is told not to: to ask for that, or to ask no longer, changes nothing."""
    return path == ("desiredPhase",) and body["desiredPhase"] == "Running"


def test_another_scope_is_another_template(tmp_path: FilePath) -> None:
    project = Project(tmp_path / "project")
    spec = {"assets": {"environment": POOLS.environments[0].id}}
    scopes = (
        {"scope": "tenant"},
        {"scope": "project", "projectId": 4501},
        {"scope": "cluster", "clusterId": seeds.A100},
    )
    for before, after in itertools.pairwise(scopes):
        _settles(project, WORKLOAD_TEMPLATE, freeze({"metadata": {"name": "base", **before}, "spec": spec}))
        body = freeze({"metadata": {"name": "base", **after}, "spec": spec})
        changed = _change(project, WORKLOAD_TEMPLATE, body)
        assert changed.action is Action.REPLACE
        assert "metadata.scope" in {field.label for field in changed.fields if field.replaces}
        _settles(project, WORKLOAD_TEMPLATE, body)


def _settles(project: Project, kind: Kind, body: FrozenMap) -> None:
    """The body is applied, and then there is nothing left to do."""
    project.write_body(kind.name, _truthful(body))
    project.apply()
    assert [(change.action, change.fields) for change in project.plan().changes] == [(Action.NO_OP, ())]


def _change(project: Project, kind: Kind, body: FrozenMap) -> Change:
    project.write_body(kind.name, _truthful(body))
    (change,) = project.plan().changes
    return change


def _about(kind: Kind, change: Change, path: Path, before: FrozenMap, after: FrozenMap) -> list[FieldChange]:
    """The changes of the field at `path`: of itself, or of what is below it where it is a branch.

    One above it counts only where what holds the field comes or goes as a whole: because one body lacks it, or because
    the field tells the items of its list apart, so that another value makes another item.
    """

    def comes_or_goes(field: FieldChange) -> bool:
        if None in (dig(before, field.path), dig(after, field.path)):
            return True
        return field.path == path[:-1] and None in (field.before, field.after) and _tells_items_apart(kind, path)

    return [
        field
        for field in change.fields
        if field.path[: len(path)] == path or (path[: len(field.path)] == field.path and comes_or_goes(field))
    ]


def _tells_items_apart(kind: Kind, path: Path) -> bool:
    """Whether the field at `path` is a key of the list whose item it belongs to."""
    shape: Shape = shape_of(manifest_model(kind))
    for step in path[:-2]:
        shape = shape.fields[str(step)] if isinstance(shape, Object) else cast(ListOf, shape).item
    return isinstance(shape, ListOf) and shape.keyed is not None and path[-1] in shape.keyed.fields


def _less(before: object, after: object) -> bool:
    """Whether something went away: the value as a whole, or members of it, or it went back to the phase of old."""
    gone = after is None or (isinstance(before, tuple) and isinstance(after, tuple) and set(before) - set(after))
    return bool(gone) or (before, after) == ("Stopped", "Running")


def _truthful(body: FrozenMap) -> FrozenMap:
    """The body with the kinds that its data sources have."""
    sources = dig(body, ("spec", "assets", "datasources"))
    if not sources:
        return body
    told = tuple(FrozenMap({**one, "kind": seeds.DATASOURCES[one["id"]]["meta"]["kind"]}) for one in sources)
    return put(body, ("spec", "assets", "datasources"), told)
