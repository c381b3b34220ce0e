"""Names to ids: projects, departments, clusters and assets, all of them seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from declarative.kinds.fields.base import UUID
from declarative.sandbox import seeds
from declarative.sandbox.wire import Answer, Call, Refusal, page, truth, whole


def projects(call: Call) -> Answer:
    return page(call.query, "projects", sorted(seeds.PROJECTS), seeds.project)


def departments(call: Call) -> Answer:
    return page(call.query, "departments", [seeds.department()])


def clusters(_: Call) -> Answer:
    return Answer(200, [seeds.cluster(uuid) for uuid in seeds.CLUSTERS])


def environments(call: Call) -> Answer:
    return _assets(seeds.ENVIRONMENTS, call)


def computes(call: Call) -> Answer:
    return _assets(seeds.COMPUTES, call)


def datasources(call: Call) -> Answer:
    return _assets(seeds.DATASOURCES, call)


def _assets(assets: Mapping[str, dict[str, Any]], call: Call) -> Answer:
    return Answer(200, {"entries": chosen(list(assets.values()), call.query)})


def chosen(entries: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """The entries that the query asks for. `name` finds substrings, `projectId` also what wider scopes offer."""
    tests = [test for test in (_by_ids(query), _by_project(query), *_by_types(query)) if test]
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


def _by_project(query: Mapping[str, str]) -> _Test | None:
    project = whole(query, "projectId", None, -(2**31), 2**31 - 1)
    if project is None:
        return None
    own = {"project": ("projectId", str(project))}
    if query.get("scope") == "project":
        return lambda meta: _belongs(meta, own)
    cluster = seeds.PROJECTS.get(str(project), ("", ""))[1]
    wider = {"department": ("departmentId", seeds.DEPARTMENT), "cluster": ("clusterId", cluster)}
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
