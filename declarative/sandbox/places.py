"""What the sandbox has to refer to at this moment: the seeds, or what its admin API has put in their place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from msgspec import Struct
from pydantic import Field

from declarative.kinds.fields.assets import ScopeHasId
from declarative.kinds.fields.base import Fields, Int32, Text, Uuid
from declarative.kinds.rules import Rule
from declarative.sandbox import seeds

_DATASOURCES = ("pvc", "git", "s3", "nfs")
Limited = Field(max_length=1000)


class ClusterRow(Fields):
    """A cluster."""

    id: Uuid = Field(description="Id of the cluster.")
    name: Text = Field(description="Name, which other clusters may have, too.")


class DepartmentRow(Fields):
    """A department."""

    id: Text = Field(description="Id of the department.")
    name: Text = Field(description="Name, which other departments may have, too.")
    clusterId: Uuid = Field(description="Id of the cluster that it belongs to.")


class ProjectRow(DepartmentRow):
    """A project."""

    id: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$")] = Field(description="Id of the project, a number as text.")
    departmentId: Text = Field(description="Id of the department that it belongs to.")


class AssetRow(Fields):
    """An asset. One with the id of a seed keeps the spec of it."""

    rules: ClassVar[tuple[Rule, ...]] = (ScopeHasId(),)

    id: Uuid = Field(description="Id of the asset.")
    kind: Literal["environment", "compute", "pvc", "git", "s3", "nfs"] = Field(description="What it is.")
    name: Text = Field(description="Name, which other assets may have, too.")
    scope: Literal["system", "tenant", "cluster", "department", "project"] = Field(description="Where it can be used.")
    clusterId: Uuid | None = Field(None, description="Id of the cluster, for the scope cluster.")
    departmentId: Text | None = Field(None, description="Id of the department, for the scope department.")
    projectId: Int32 | None = Field(None, description="Id of the project, for the scope project.")


class Directory(Fields):
    """What there is to refer to. A list that is not given is that of the start."""

    clusters: Annotated[tuple[ClusterRow, ...], Limited] | None = Field(None, description="All clusters.")
    departments: Annotated[tuple[DepartmentRow, ...], Limited] | None = Field(None, description="All departments.")
    projects: Annotated[tuple[ProjectRow, ...], Limited] | None = Field(None, description="All projects.")
    assets: Annotated[tuple[AssetRow, ...], Limited] | None = Field(None, description="All assets.")


class Project(NamedTuple):
    """A project by its id is in `cluster` and `department`, ids as well."""

    name: str
    cluster: str
    department: str


class Places(Struct, frozen=True):
    """By id: the names of clusters; the names and clusters of departments; projects; and assets as answers tell them."""

    clusters: Mapping[str, str]
    departments: Mapping[str, tuple[str, str]]
    projects: Mapping[str, Project]
    environments: Mapping[str, dict[str, Any]]
    computes: Mapping[str, dict[str, Any]]
    datasources: Mapping[str, dict[str, Any]]

    def project(self, id: str) -> Project:
        """A project; one that was taken away while something of it is still there has its id for a name."""
        return self.projects.get(id) or Project(id, seeds.A100, seeds.DEPARTMENT)


def places(settings: Mapping[str, Any]) -> Places:
    """What there is, by the settings of the sandbox."""
    given = settings["directory"]
    return _built({**_start(), **given}) if given else _seeds()


@cache
def _seeds() -> Places:
    return _built(_start())


def kept(given: Mapping[str, Any]) -> dict[str, Any]:
    """The lists to keep, of those that a request gives."""
    return {name: [dict(row) for row in rows] for name, rows in given.items() if rows is not None}


def told(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All lists, in the form in which they are given."""
    return {**_start(), **settings["directory"]}


def _start() -> dict[str, Any]:
    seeded = [*seeds.ENVIRONMENTS.values(), *seeds.COMPUTES.values(), *seeds.DATASOURCES.values()]
    return {
        "clusters": [{"id": uuid, "name": name} for uuid, name in seeds.CLUSTERS.items()],
        "departments": [{"id": seeds.DEPARTMENT, "name": "default", "clusterId": seeds.A100}],
        "projects": [
            {"id": project, "name": name, "clusterId": cluster, "departmentId": seeds.DEPARTMENT}
            for project, (name, cluster) in seeds.PROJECTS.items()
        ],
        "assets": [{name: asset["meta"][name] for name in ("id", "kind", "name", "scope")} for asset in seeded],
    }


def _built(rows: Mapping[str, Any]) -> Places:
    assets = {row["id"].lower(): _asset(row) for row in rows["assets"]}
    return Places(
        {row["id"].lower(): row["name"] for row in rows["clusters"]},
        {row["id"]: (row["name"], row["clusterId"].lower()) for row in rows["departments"]},
        {
            row["id"]: Project(row["name"], row["clusterId"].lower(), row["departmentId"])
            for row in sorted(rows["projects"], key=lambda row: int(row["id"]))
        },
        *(
            {uuid: asset for uuid, asset in assets.items() if asset["meta"]["kind"] in kinds}
            for kinds in (("environment",), ("compute",), _DATASOURCES)
        ),
    )


def _asset(row: Mapping[str, Any]) -> dict[str, Any]:
    uuid = row["id"].lower()
    seed = {**seeds.ENVIRONMENTS, **seeds.COMPUTES, **seeds.DATASOURCES}.get(uuid)
    same_kind = seed is not None and seed["meta"]["kind"] == row["kind"]
    spec = seed["spec"] if seed is not None and same_kind else seeds.SPECS[row["kind"]]
    description = seed["meta"]["description"] if seed is not None else ""
    owner = {name: row[name] for name in ("clusterId", "departmentId", "projectId") if row.get(name) is not None}
    return seeds.asset(uuid, row["kind"], row["name"], spec, description, row["scope"], **owner)
