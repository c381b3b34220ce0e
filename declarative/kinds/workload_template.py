"""WorkloadTemplate: a set of assets and run parameters from which people start workloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from declarative.kinds.endpoint import Endpoint, Listing, seconds
from declarative.kinds.fields.assets import (
    AssetIds,
    AssetMeta,
    AssetRefs,
    Assets,
    CreationMeta,
    Framework,
    ScopedMeta,
    ScopeHasId,
    UpdatableMeta,
)
from declarative.kinds.fields.autoscaling import AutoScaling
from declarative.kinds.fields.base import (
    Fields,
    Keyed,
    NumericId,
    Text,
    Uuid,
)
from declarative.kinds.fields.connectivity import Connection
from declarative.kinds.fields.container import Command, EnvironmentVariableOfTemplate
from declarative.kinds.fields.scheduling import Placement, Retention
from declarative.kinds.fields.security import UserAndGroup
from declarative.kinds.kind import Kind, Reference
from declarative.kinds.rules import AtMostOne, Rule
from declarative.kinds.shape import known, shape_of
from declarative.model.observed import Observed, Presence, Progress, Readiness
from declarative.model.value import FrozenMap, freeze


class WorkloadTemplateMetadata(ScopedMeta):
    """Which template this is, and where it can be used."""

    rules: ClassVar[tuple[Rule, ...]] = (
        ScopeHasId(),
        AtMostOne(("projectId", "project")),
        AtMostOne(("clusterId", "cluster")),
        AtMostOne(("departmentId", "department")),
    )

    key: Text | None = Field(None, description="Key of the address; the name when not given.")
    clusterId: Uuid | None = Field(None, description="Id of the cluster.")
    cluster: Text | None = Field(None, description="Name of the cluster, instead of its id.")
    departmentId: Text | None = Field(None, description="Id of the department.")
    department: Text | None = Field(None, description="Name of the department, instead of its id.")
    projectId: NumericId | None = Field(None, description="Id of the project.")
    project: Text | None = Field(None, description="Name of the project, instead of its id.")


class RunParameters(Command, UserAndGroup, Placement, Retention):
    """Run parameters that complete the assets."""

    environmentVariables: Annotated[tuple[EnvironmentVariableOfTemplate, ...], Keyed(("name",), unique=True)] | None = (
        Field(None, description="Environment variables of the container, by name.")
    )
    connections: Annotated[tuple[Connection, ...], Keyed(("connectionName", "name"))] | None = Field(
        None, description="Connections of the environment, as the template offers them."
    )
    allowOverQuota: bool | None = Field(None, description="Whether the workload may exceed the project's quota.")
    autoScaling: AutoScaling | None = Field(None, description="How many replicas run.")


class WorkloadTemplateSpec(Fields):
    """The assets and run parameters of the template."""

    assets: Assets = Field(description="Environment, compute resource and data sources.")
    specificEnv: RunParameters | None = Field(None, description="Run parameters that complete the assets.")


class RequestSpec(Fields):
    """The spec as requests carry it: assets by id."""

    assets: AssetIds = Field(description="Assets by id.")
    specificEnv: RunParameters | None = Field(None, description="Run parameters that complete the assets.")


class WorkloadTemplateCreateRequest(Fields):
    """Body of the POST that creates a template."""

    meta: CreationMeta = Field(description="Name and scope.")
    spec: RequestSpec = Field(description="Assets and run parameters.")


class WorkloadTemplateUpdateRequest(Fields):
    """Body of the PUT that replaces what can be changed of a template."""

    meta: UpdatableMeta = Field(description="Name and description.")
    spec: RequestSpec = Field(description="Assets and run parameters.")


class Master(Fields):
    """The master of a distributed training."""

    assets: AssetRefs | None = Field(None, description="Its assets.")
    specificEnv: RunParameters | None = Field(None, description="Its run parameters.")


class Distributed(Fields):
    """How a distributed training is made up; told in answers only."""

    numWorkers: int | None = Field(None, description="Number of workers.")
    noMaster: bool | None = Field(None, description="True when there is no master.")
    distFramework: Framework | None = Field(None, description="Framework.")
    master: Master | None = Field(None, description="The master, where it differs from the workers.")


class AnswerSpec(Fields):
    """The spec as answers carry it: assets as objects."""

    assets: AssetRefs = Field(description="Assets.")
    specificEnv: RunParameters | None = Field(None, description="Run parameters.")
    distributed: Distributed | None = Field(None, description="How a distributed training is made up.")


class WorkloadTemplateAnswer(Fields):
    """A template as the control plane tells it."""

    meta: AssetMeta = Field(description="Name, scope and history.")
    spec: AnswerSpec = Field(description="Assets and run parameters.")


def _meta(body: FrozenMap, model: type[Fields]) -> dict[str, Any]:
    given = {name: value for name, value in body["metadata"].items() if name in model.model_fields}
    if given.get("projectId") is not None:
        given["projectId"] = int(given["projectId"])
    return given


def _create_request(body: FrozenMap) -> Mapping[str, Any]:
    return {"meta": _meta(body, CreationMeta), "spec": body["spec"]}


def _update_request(body: FrozenMap) -> Mapping[str, Any]:
    return {"meta": _meta(body, UpdatableMeta), "spec": body["spec"]}


def _namespace(meta: Mapping[str, Any]) -> str:
    scope = meta["scope"]
    return f"{scope} {meta.get(f'{scope}Id') or meta.get(scope) or ''}".strip().lower()


def _asked(assets: Mapping[str, Any]) -> Mapping[str, Any]:
    """The assets of an answer as a request would ask for them: ids instead of objects."""
    asked = dict(assets)
    for name in ("environment", "compute"):
        if isinstance(asked.get(name), Mapping):
            asked[name] = asked[name]["id"]
    sources = [{key: value for key, value in one.items() if key != "name"} for one in asked.get("datasources") or ()]
    return {**asked, "datasources": sources} if "datasources" in asked else asked


def _read(answer: Mapping[str, Any]) -> Observed:
    meta, spec = answer["meta"], answer["spec"]
    project = meta.get("projectId")
    # What this release does not know stays: an update has to send it back, or it is erased.
    kept = {name: value for name, value in spec.items() if name != "distributed"}
    body = {
        "metadata": {
            **known(shape_of(CreationMeta), meta),
            **({"projectId": str(project)} if project is not None else {}),
        },
        "spec": {**kept, "assets": _asked(spec.get("assets") or {})},
    }
    return Observed(
        kind="WorkloadTemplate",
        id=meta["id"],
        name=meta["name"],
        project=None if project is None else str(project),
        readiness=Readiness(Presence.LIVE, Progress.READY),
        namespace=_namespace(meta),
        created=seconds(meta.get("createdAt")),
        body=freeze(body),
    )


WORKLOAD_TEMPLATE = Kind(
    name="WorkloadTemplate",
    summary="A set of assets and run parameters from which people start workloads.",
    metadata=WorkloadTemplateMetadata,
    spec=WorkloadTemplateSpec,
    endpoint=Endpoint(
        path="/api/v1/asset/workload-template",
        listing=Listing(path="/api/v1/asset/workload-template", items="entries"),
        updatable=True,
    ),
    replaced_by=tuple(
        ("metadata", name)
        for name in ("scope", "clusterId", "departmentId", "projectId", "autoDelete", "workloadSupportedTypes")
    ),
    create_request=_create_request,
    update_request=_update_request,
    read=_read,
    read_row=_read,
    namespace=lambda body: _namespace(body["metadata"]),
    references=(
        Reference(("metadata", "project"), "project", "projectId"),
        Reference(("metadata", "cluster"), "cluster", "clusterId"),
        Reference(("metadata", "department"), "department", "departmentId"),
        Reference(("spec", "assets", "environment", "name"), "environment"),
        Reference(("spec", "assets", "compute", "name"), "compute"),
        Reference(("spec", "assets", "datasources", "*", "name"), "datasource", "id"),
    ),
)
