"""Names become ids: looked up once, all pages, exactly, among what their resource can see."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from declarative.model.address import Address
from declarative.model.named import NamedId
from declarative.model.position import Position
from declarative.model.resource import Lifecycle, Resource
from declarative.model.value import FrozenMap, dig, freeze
from declarative.runai import lookup
from declarative.runai.credentials import Credentials
from declarative.runai.directory import COLLECTIONS
from declarative.runai.lookup import Resolution, Unresolved
from declarative.runai.transport import Transport
from tests.runai.wire import Asked, Reply, wired

A, B = "0000000a-0000-4000-8000-000000000000", "0000000b-0000-4000-8000-000000000000"
IMAGE = ("spec", "assets", "environment")


def asset(identity: str, name: str, scope: str = "tenant", kind: str = "environment", **owner: Any) -> dict[str, Any]:
    return {"meta": {"id": identity, "name": name, "scope": scope, "kind": kind, **owner}, "spec": {}}


@dataclass
class Tenant:
    """What a control plane has. `clusters` are told bare or wrapped; `refused` are statuses by path."""

    projects: Sequence[Mapping[str, Any]] = ()
    departments: Sequence[Mapping[str, Any]] = ()
    clusters: Sequence[Mapping[str, Any]] = ({"uuid": A, "name": "a"}, {"uuid": B, "name": "b"})
    environment: Sequence[Mapping[str, Any]] = ()
    compute: Sequence[Mapping[str, Any]] = ()
    datasource: Sequence[Mapping[str, Any]] = ()
    wraps: bool = False
    tells_next: bool = True
    refused: Mapping[str, int] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        name = asked.path.rpartition("/")[2]
        rows: Sequence[Mapping[str, Any]] = getattr(self, name)
        if name in self.refused:
            return Reply(self.refused[name], {"code": self.refused[name], "message": "not for you"})
        if name == "clusters":
            return Reply(200, {"clusters": rows} if self.wraps else rows)
        if name not in ("projects", "departments"):
            return Reply(200, {"entries": rows})
        offset, limit = int(asked.query["offset"]), int(asked.query["limit"])
        more = {"next": offset + limit} if self.tells_next and offset + limit < len(rows) else {}
        return Reply(200, {name: rows[offset : offset + limit], **more})

    def resolve(self, *resources: Resource, names: Sequence[NamedId] = ()) -> Resolution:
        """What becomes of the resources, or of saved names within them."""

        async def looked() -> Resolution:
            async with Transport(wire.url, Credentials("t"), read_only=True) as transport:
                if names:
                    return await lookup.again(transport, names, {one.address: one.body for one in resources})
                return await lookup.resolve(transport, resources)

        with wired(self.answer) as wire:
            try:
                return asyncio.run(looked())
            finally:
                self.asked = wire.asked

    def one(self, resource: Resource) -> FrozenMap:
        """The body of a resource whose names all mean something."""
        found = self.resolve(resource)
        assert found.unresolved == ()
        return found.resources[0].body

    def wrong(self, resource: Resource) -> Unresolved:
        """The one name of a resource that means nothing, or too much."""
        (found,) = self.resolve(resource).unresolved
        return found


def training(**metadata: Any) -> Resource:
    return resource("Training", {"name": "it", **metadata}, {})


def template(environment: Any, scope: str = "project", more: Mapping[str, Any] | None = None, **owner: Any) -> Resource:
    assets = {"environment": environment, **(more or {})}
    return resource("WorkloadTemplate", {"name": "it", "scope": scope, **owner}, {"assets": assets})


def resource(kind: str, metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> Resource:
    body = freeze({"metadata": metadata, "spec": spec})
    return Resource(Address(kind, "it"), body, Lifecycle(), (), Position("m.yaml"))


def project(identity: str, name: str, cluster: str = A, department: str = "d1") -> dict[str, Any]:
    return {"id": identity, "name": name, "clusterId": cluster, "parentId": department}


VISION = project("1", "vision")


@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("tells_next", [True, False])
def test_names_become_ids_over_all_pages_and_whatever_the_lists_look_like(wraps: bool, tells_next: bool) -> None:
    many = [project(str(number), f"p{number}") for number in range(1200)]
    tenant = Tenant(projects=many, wraps=wraps, tells_next=tells_next)
    metadata = tenant.one(training(project="p1199", cluster="a"))["metadata"]
    assert metadata == {"name": "it", "projectId": "1199", "clusterId": A}
    sorting = {(one.query["sortBy"], one.query["sortOrder"]) for one in tenant.asked if "offset" in one.query}
    assert sorting == {("createdAt", "asc")}


def test_each_collection_is_read_once_for_however_many_names() -> None:
    tenant = Tenant(projects=[VISION], environment=[asset("e1", "torch")])
    found = tenant.resolve(
        *[training(project="vision", cluster="a")] * 50, *[template({"name": "torch"}, "tenant")] * 50
    )
    assert found.unresolved == ()
    assert sorted(one.path for one in tenant.asked) == sorted(
        COLLECTIONS[name].path for name in ("cluster", "environment", "project")
    )


def test_ids_are_taken_as_they_are_without_any_request() -> None:
    given = training(projectId="999", clusterId="no-such-cluster")
    tenant = Tenant()
    assert tenant.one(given) == given.body
    assert tenant.asked == []


def test_a_name_matches_as_a_whole_and_by_case() -> None:
    """A filter of the server would find substrings, so none is asked for."""
    tenant = Tenant(projects=[project("1", "vision-2"), project("2", "Vision"), project("3", "vision")])
    assert tenant.one(training(project="vision", clusterId=A))["metadata"]["projectId"] == "3"
    assert not any("name" in one.query or "filterBy" in one.query for one in tenant.asked)


def test_an_unknown_name_is_told_with_its_nearest_spelling() -> None:
    found = Tenant(projects=[VISION, project("2", "speech")]).wrong(training(project="vison", clusterId=A))
    assert found.path == ("metadata", "project")
    assert str(found.diagnostic) == "Unknown name: The control plane has no project vison."
    assert found.diagnostic.hint == "did you mean `vision`?"


def test_what_is_deleted_has_no_name() -> None:
    gone = {"uuid": B, "name": "a", "deletedAt": "2024-01-01T00:00:00Z"}
    tenant = Tenant(clusters=[gone, {"uuid": A, "name": "a", "deletedAt": None}])
    assert tenant.one(training(projectId="1", cluster="a"))["metadata"]["clusterId"] == A


# --- projects, departments, clusters ----------------------------------------------------------------------------------
TWICE = [project("1", "vision", A, "d1"), project("2", "vision", B, "d2")]


@pytest.mark.parametrize("cluster", [{"cluster": "b"}, {"clusterId": B}, {"clusterId": B.upper()}])
def test_of_projects_of_one_name_the_one_in_the_named_cluster_is_meant(cluster: Mapping[str, str]) -> None:
    assert Tenant(projects=TWICE).one(training(project="vision", **cluster))["metadata"]["projectId"] == "2"


def test_of_projects_of_one_name_the_one_in_the_named_department_is_meant() -> None:
    departments = [{"id": "d1", "name": "research", "clusterId": A}, {"id": "d2", "name": "product", "clusterId": B}]
    tenant = Tenant(projects=TWICE, departments=departments)
    found = tenant.one(template("e", project="vision", department="product"))
    assert found["metadata"]["projectId"] == "2"


def test_an_ambiguous_project_is_told_with_its_candidates_and_where_they_are() -> None:
    found = Tenant(projects=TWICE).wrong(template("e", project="vision"))
    assert found.diagnostic.summary == "Ambiguous name"
    assert found.diagnostic.detail == (
        f"The project vision exists 2 times: 1 (cluster {A}, department d1), 2 (cluster {B}, department d2)."
    )
    assert found.diagnostic.hint == "write the id instead of the name: `projectId: ID`"


def test_departments_repeat_their_names_on_each_cluster() -> None:
    departments = [{"id": "d1", "name": "default", "clusterId": A}, {"id": "d2", "name": "default", "clusterId": B}]
    tenant = Tenant(departments=departments)
    found = tenant.one(template("e", "department", department="default", cluster="b"))
    assert found["metadata"]["departmentId"] == "d2"
    assert tenant.wrong(template("e", "department", department="default")).diagnostic.summary == "Ambiguous name"


@pytest.mark.parametrize(
    ("cluster", "told"),
    [({"cluster": "b"}, "in the cluster a, not in b."), ({"clusterId": B}, f"in the cluster {A}, not in {B}.")],
)
def test_a_project_of_another_cluster_is_refused(cluster: Mapping[str, str], told: str) -> None:
    found = Tenant(projects=[VISION]).wrong(training(project="vision", **cluster))
    assert found.path == ("metadata", "project")
    assert found.diagnostic.summary == "Not in this cluster"
    assert found.diagnostic.detail == f"The project vision is {told}"


def test_ids_alone_are_taken_as_they_are_whatever_others_ask_for() -> None:
    """What one manifest means does not depend on those beside it; with a name of its own, its ids are checked as well."""
    tenant = Tenant(projects=[VISION, project("2", "speech", B)])
    ids = replaced_key(training(projectId="1", clusterId=B), "ids")
    assert tenant.resolve(ids).unresolved == ()
    beside = training(project="speech", cluster="b")
    assert tenant.resolve(ids, beside).unresolved == ()
    (found,) = tenant.resolve(training(projectId="1", cluster="b"), beside).unresolved
    assert found.path == ("metadata", "projectId")
    assert found.diagnostic.detail == "The project vision is in the cluster a, not in b."


def test_a_department_that_is_not_the_projects_own_is_refused() -> None:
    departments = [{"id": "d1", "name": "research", "clusterId": A}, {"id": "d2", "name": "product", "clusterId": B}]
    tenant = Tenant(projects=[VISION], departments=departments)
    told = [one.diagnostic for one in tenant.resolve(template("e", department="product", projectId=1)).unresolved]
    assert told == []  # nobody has asked for the projects
    asked = template("e", department="product", project="vision")
    (found,) = tenant.resolve(asked).unresolved
    assert found.path == ("metadata", "project")
    assert found.diagnostic.detail == "The project vision is in the department research, not in product."


def replaced_key(one: Resource, key: str) -> Resource:
    return Resource(Address(one.address.kind, key), one.body, one.lifecycle, (), one.where)


def test_a_row_that_does_not_tell_its_cluster_is_ruled_out_by_none() -> None:
    tenant = Tenant(projects=[{"id": 7, "name": "vision"}])
    assert tenant.one(training(project="vision", cluster="b"))["metadata"]["projectId"] == "7"


def test_an_id_that_is_no_number_cannot_be_the_project_of_an_asset() -> None:
    tenant = Tenant(projects=[project("6f1c2a9e", "vision")])
    assert tenant.one(training(project="vision", cluster="a"))["metadata"]["projectId"] == "6f1c2a9e"
    assert tenant.wrong(template("e", project="vision")).diagnostic.summary == "Unusable id"


# --- assets -----------------------------------------------------------------------------------------------------------
PLACES = Tenant(
    projects=[project("1", "vision", A, "d1"), project("2", "speech", B, "d2")],
    departments=[{"id": "d1", "name": "research", "clusterId": A}, {"id": "d2", "name": "product", "clusterId": B}],
)
OF = {
    "system": asset("system", "torch", "system"),
    "tenant": asset("tenant", "torch"),
    "cluster a": asset("cluster a", "torch", "cluster", clusterId=A.upper()),
    "cluster b": asset("cluster b", "torch", "cluster", clusterId=B),
    "research": asset("research", "torch", "department", departmentId="d1"),
    "product": asset("product", "torch", "department", departmentId="d2"),
    "vision": asset("vision", "torch", "project", projectId=1),
    "speech": asset("speech", "torch", "project", projectId=2),
}


@pytest.mark.parametrize(
    ("scope", "owner", "visible"),
    [
        ("tenant", {}, {"system", "tenant"}),
        ("cluster", {"cluster": "a"}, {"system", "tenant", "cluster a"}),
        ("cluster", {"clusterId": B}, {"system", "tenant", "cluster b"}),
        ("department", {"department": "research"}, {"system", "tenant", "cluster a", "research"}),
        ("department", {"departmentId": "d2"}, {"system", "tenant", "cluster b", "product"}),
        ("project", {"project": "vision"}, {"system", "tenant", "cluster a", "research", "vision"}),
        ("project", {"projectId": 2}, {"system", "tenant", "cluster b", "product", "speech"}),
        ("project", {"projectId": "2"}, {"system", "tenant", "cluster b", "product", "speech"}),
    ],
)
def test_a_template_sees_the_assets_of_its_scope_and_of_wider_ones(
    scope: str, owner: Mapping[str, Any], visible: set[str]
) -> None:
    """Each of them alone is found, all that cannot be seen are not, and any two that can be seen are ambiguous."""
    asked = template({"name": "torch"}, scope, **owner)
    hidden = [row for name, row in OF.items() if name not in visible]
    for one in visible:
        PLACES.environment = [*hidden, OF[one]]
        assert dig(PLACES.one(asked), IMAGE) == one
        assert "id" not in PLACES.resolve(asked).resources[0].body["metadata"]
    PLACES.environment = hidden
    unseen = PLACES.wrong(asked)
    assert unseen.path == (*IMAGE, "name")
    assert unseen.diagnostic.summary == "Name of another scope"
    assert all(row["meta"]["id"] in unseen.diagnostic.detail for row in hidden)
    PLACES.environment = list(OF.values())
    told = PLACES.wrong(asked).diagnostic
    assert told.summary == "Ambiguous name"
    assert told.detail.startswith(f"The environment torch exists {len(visible)} times")


def test_an_ambiguous_asset_is_told_with_scope_and_id_of_each_candidate() -> None:
    tenant = Tenant(projects=[VISION], environment=[OF["tenant"], OF["vision"], OF["speech"]])
    told = tenant.wrong(template({"name": "torch"}, project="vision")).diagnostic
    assert told.detail == "The environment torch exists 2 times: tenant (tenant), vision (project vision)."
    assert told.hint == "write the id instead of the name: `environment: ID`"


def test_an_unknown_project_is_one_error_and_not_one_for_each_asset() -> None:
    tenant = Tenant(projects=[VISION], environment=[OF["vision"], OF["speech"]])
    assert tenant.wrong(template({"name": "torch"}, project="vison")).path == ("metadata", "project")


def test_a_project_in_nested_departments_sees_what_all_of_them_have() -> None:
    above = {"id": "d9", "name": "inner", "parent": {"id": "d1", "name": "outer", "parent": None}}
    tenant = Tenant(projects=[{**project("1", "vision", A, "d9"), "parent": above}], environment=[OF["research"]])
    assert dig(tenant.one(template({"name": "torch"}, project="vision")), IMAGE) == "research"


def test_data_sources_are_told_apart_by_their_kinds() -> None:
    sources = [asset("s1", "data", kind="pvc"), asset("s2", "data", kind="git")]
    tenant = Tenant(datasource=sources)

    def asked(kind: str) -> Resource:
        return template("e", "tenant", {"datasources": [{"name": "data", "kind": kind}]})

    assert dig(tenant.one(asked("git")), ("spec", "assets", "datasources")) == (freeze({"id": "s2", "kind": "git"}),)
    told = tenant.wrong(asked("nfs")).diagnostic
    assert told.detail == "The data source data is of the kind git or pvc, not nfs."


# --- refusals ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [403, 404])
def test_a_list_that_is_refused_is_told_at_each_name_that_needs_it(status: int) -> None:
    tenant = Tenant(clusters=[{"uuid": A, "name": "a"}], refused={"projects": status})
    found = tenant.wrong(training(project="vision", cluster="a"))
    assert found.path == ("metadata", "project")
    assert found.diagnostic.summary == "Names cannot be looked up"
    assert found.diagnostic.detail == (
        f"The project vision cannot be looked up: GET /api/v1/org-unit/projects was answered {status}."
    )
    assert found.diagnostic.hint == "write the id instead of the name: `projectId: ID`"
    assert tenant.one(training(projectId="1", cluster="a"))["metadata"]["clusterId"] == A


def test_a_list_of_projects_that_is_refused_rules_out_no_asset() -> None:
    tenant = Tenant(refused={"projects": 403}, environment=[OF["research"]])
    assert dig(tenant.one(template({"name": "torch"}, projectId=1)), IMAGE) == "research"
    tenant.environment = [OF["research"], OF["product"], OF["speech"]]
    assert "exists 2 times" in tenant.wrong(template({"name": "torch"}, projectId=1)).diagnostic.detail


# --- once more --------------------------------------------------------------------------------------------------------
def test_saved_names_are_looked_up_again_in_the_bodies_that_have_their_ids() -> None:
    tenant = Tenant(
        projects=[VISION],
        environment=[OF["tenant"], OF["speech"]],
        datasource=[asset("s1", "data", kind="git")],
    )
    more = {"datasources": [{"kind": "git", "name": "data", "overrides": {"containerPath": "/x"}}]}
    first = tenant.resolve(template({"name": "torch"}, more=more, project="vision"))
    assert [(one.collection, one.name, one.id) for one in first.names] == [
        ("project", "vision", "1"),
        ("environment", "torch", "tenant"),
        ("datasource", "data", "s1"),
    ]
    second = tenant.resolve(*first.resources, names=first.names)
    assert (second.names, second.unresolved) == (first.names, ())
    assert [one.body for one in second.resources] == [one.body for one in first.resources]
    tenant.projects = [project("9", "vision")]
    assert [one.id for one in tenant.resolve(*first.resources, names=first.names).names] == ["9", "tenant", "s1"]
