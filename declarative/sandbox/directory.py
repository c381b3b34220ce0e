"""Names to ids: the lists of projects, departments, clusters and assets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from declarative.kinds.fields.base import UUID
from declarative.sandbox import seeds
from declarative.sandbox.places import places
from declarative.sandbox.projects import rows
from declarative.sandbox.wire import Answer, Call, Refusal, choice, page, truth, whole

# What projects and departments can be sorted by, of what the documents name.
SORTED_BY = ("name", "clusterId", "createdAt")


def projects(call: Call) -> Answer:
    return page(call.query, "projects", _sorted(call, rows(call)))


def departments(call: Call) -> Answer:
    found = places(call.settings).departments
    return page(call.query, "departments", _sorted(call, [seeds.department(one, *found[one]) for one in found]))


def _sorted(call: Call, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sort_by = choice(call.query, "sortBy", SORTED_BY)
    descending = choice(call.query, "sortOrder", ("asc", "desc")) == "desc"
    return sorted(rows, key=lambda row: str(row[sort_by]), reverse=descending) if sort_by else rows


def clusters(call: Call) -> Answer:
    found = [seeds.cluster(uuid, name) for uuid, name in places(call.settings).clusters.items()]
    return Answer(200, {"clusters": found} if call.settings["wrapClusters"] else found)


def environments(call: Call) -> Answer:
    return _assets(places(call.settings).environments, call)


def computes(call: Call) -> Answer:
    return _assets(places(call.settings).computes, call)


def datasources(call: Call) -> Answer:
    return _assets(places(call.settings).datasources, call)


def _assets(assets: Mapping[str, dict[str, Any]], call: Call) -> Answer:
    return Answer(200, {"entries": chosen(list(assets.values()), call)})


def chosen(entries: list[dict[str, Any]], call: Call) -> list[dict[str, Any]]:
    """The entries that the query asks for. `name` finds substrings, `projectId` also what wider scopes offer."""
    query = call.query
    tests = [test for test in (_by_ids(query), _by_project(call), *_by_types(query)) if test]
    return [entry for entry in entries if all(test(entry["meta"]) for test in tests)]


_Test = Callable[[Mapping[str, Any]], bool]


def _by_ids(query: Mapping[str, str]) -> _Test:
    name, scope = query.get("name", ""), query.get("scope")
    department, cluster = query.get("departmentId"), query.get("clusterId")
    if cluster is not None and not UUID.fullmatch(cluster):
        raise Refusal(400, "The query is not valid", "clusterId has to be a UUID.")
    return lambda meta: (
        name in meta["name"]
        and scope in (None, meta["scope"])
        and department in (None, meta.get("departmentId"))
        and (cluster is None or cluster.lower() == str(meta.get("clusterId")).lower())
    )


def _by_project(call: Call) -> _Test | None:
    query = call.query
    project = whole(query, "projectId", None, -(2**31), 2**31 - 1)
    if project is None:
        return None
    own = {"project": ("projectId", str(project))}
    if query.get("scope") == "project":
        return lambda meta: _belongs(meta, own)
    _, cluster, department = places(call.settings).projects.get(str(project), ("", "", ""))
    wider = {"department": ("departmentId", department), "cluster": ("clusterId", cluster)}
    return lambda meta: meta["scope"] in ("system", "tenant") or _belongs(meta, {**own, **wider})


def _belongs(meta: Mapping[str, Any], owners: Mapping[str, tuple[str, str]]) -> bool:
    field, owner = owners.get(meta["scope"], ("", ""))
    return bool(field) and str(meta.get(field)).lower() == owner


def _by_types(query: Mapping[str, str]) -> list[_Test]:
    named = (("isDistributed", "distributed"), ("isTraining", "training"), ("isWorkspace", "workspace"))
    tests = [_supports(field, wanted) for name, field in named if (wanted := truth(query, name)) is not None]
    framework = query.get("distributedFramework")
    if framework is not None:
        tests += [_supports("distributed", True), lambda meta: _types(meta).get("distFramework") == framework]
    return tests


def _supports(field: str, wanted: bool) -> _Test:
    return lambda meta: bool(_types(meta).get(field)) is wanted


def _types(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    return meta.get("workloadSupportedTypes") or {}
