"""WorkloadTemplate: a set of assets and run parameters from which people start workloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from declarative.kinds.endpoint import Endpoint, Listing, seconds
from declarative.kinds.fields.autoscaling import AutoScaling
from declarative.kinds.fields.base import (
    AssetReference,
    DateTime,
    Fields,
    Int32,
    Keyed,
    NumericId,
    Text,
    Unordered,
    Uuid,
    unsaid,
)
from declarative.kinds.fields.connectivity import Connection
from declarative.kinds.fields.container import Command, EnvironmentVariableOfTemplate
from declarative.kinds.fields.scheduling import Placement, Retention
from declarative.kinds.fields.security import UserAndGroup
from declarative.kinds.kind import Kind, Reference
from declarative.kinds.rules import AtMostOne, ExactlyOne, Given, Rule, Violation, present, when
from declarative.kinds.shape import known, shape_of
from declarative.model.observed import Observed, Presence, Progress, Readiness
from declarative.model.value import FrozenMap, freeze

Scope = Literal["system", "tenant", "cluster", "department", "project"]
Framework = Literal["MPI", "PyTorch", "TF", "XGBoost"]
AssetKind = Literal[
    "compute", "environment", "accessKey", "dockerRegistry", "password", "genericSecret", "registry", "s3", "git",
    "nfs", "pvc", "hostPath", "workload-template", "model", "config-map", "secret-volume",
]  # fmt: skip
ToolType = Literal[
    "jupyter-notebook", "pycharm", "visual-studio-code", "tensorboard", "rstudio", "mlflow", "custom", "wandb",
    "matlab", "comet", "chatbot-ui",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScopeHasId:
    """An asset of a scope names the cluster, department or project that it belongs to."""

    def check(self, given: Given) -> Iterator[Violation]:
        scope = given.get("scope")
        if scope in ("cluster", "department", "project") and not any(
            given.get(name) is not None for name in (f"{scope}Id", scope)
        ):
            yield Violation(
                ("scope",),
                "Missing field",
                f"`{scope}Id` is required when `scope` is {scope}.",
                f"add `{scope}Id:`",
            )

    def schema(self) -> dict[str, Any]:
        def needs(scope: str) -> dict[str, Any]:
            return {"if": when("scope", scope), "then": {"anyOf": [present(f"{scope}Id"), present(scope)]}}

        return {"allOf": [needs(scope) for scope in ("cluster", "department", "project")]}


class WorkloadSupportedTypes(Fields):
    """The workloads that may be started from the template."""

    inference: bool | None = Field(None, description="Inference workloads.")
    workspace: bool | None = Field(None, description="Workspaces.")
    training: bool | None = Field(None, description="Trainings.")
    distributed: bool | None = Field(None, description="Distributed trainings.")
    distFramework: Framework | None = Field(None, description="Framework of the distributed trainings.")


class UpdatableMeta(Fields):
    """What can be changed about a template itself."""

    name: Text = Field(description="Name of the template, unique within its scope.")
    description: Annotated[str, Field(min_length=1, max_length=250)] | None = Field(
        None, description="What the template is for."
    )


class _CreationMeta(UpdatableMeta):
    rules: ClassVar[tuple[Rule, ...]] = (ScopeHasId(),)

    scope: Scope = Field(description="Where the template can be used; system is the platform's own.")
    autoDelete: bool | None = Field(False, description="The platform's own: delete the template automatically.")
    workloadSupportedTypes: WorkloadSupportedTypes | None = Field(
        None, description="Workloads that may be started from the template."
    )


class CreationMeta(_CreationMeta):
    """What is fixed when a template is created, and what is not."""

    clusterId: Uuid | None = Field(None, description="Id of the cluster.")
    departmentId: Text | None = Field(None, description="Id of the department; required for the scope department.")
    projectId: Int32 | None = Field(None, description="Id of the project; required for the scope project.")


class WorkloadTemplateMetadata(_CreationMeta):
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


class DataSourceOverrides(Fields):
    """What this template changes of a data source."""

    containerPath: Text | None = Field(None, description="Where the container sees the data source.")


class _Datasource(Fields):
    kind: AssetKind = Field(description="Kind of the data source.")
    overrides: DataSourceOverrides | None = Field(None, description="What this template changes of it.")


class DatasourceId(_Datasource):
    """A data source by id."""

    id: Uuid = Field(description="Id of the data source.")


class Datasource(_Datasource):
    """A data source by id or by name."""

    rules = (ExactlyOne(("id", "name")),)

    id: Uuid | None = Field(None, description="Id of the data source.")
    name: Text | None = Field(None, description="Name of the data source, instead of its id.")


class _AssetIds(Fields):
    workloadVolumes: Annotated[tuple[str, ...], Unordered()] = Field(
        (), description="Volumes of the workload, by name.", json_schema_extra=unsaid
    )


class AssetIds(_AssetIds):
    """The assets of a template, by id."""

    environment: Uuid = Field(description="Id of the environment.")
    compute: Uuid | None = Field(None, description="Id of the compute resource.")
    datasources: Annotated[tuple[DatasourceId, ...], Keyed(("id",))] = Field(
        (), description="Data sources to mount.", json_schema_extra=unsaid
    )


class Assets(_AssetIds):
    """The assets of a template, each by id or by name."""

    environment: AssetReference = Field(description="Environment: its id, or {name: ...}.")
    compute: AssetReference | None = Field(None, description="Compute resource: its id, or {name: ...}.")
    datasources: Annotated[tuple[Datasource, ...], Keyed(("id",))] = Field(
        (), description="Data sources to mount.", json_schema_extra=unsaid
    )


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


class AssetMeta(CreationMeta):
    """What the control plane tells about a template itself."""

    id: Uuid = Field(description="Id of the template.")
    kind: AssetKind = Field(description="Always workload-template.")
    tenantId: Int32 | None = Field(None, description="Id of the tenant.")
    createdBy: Text = Field(description="Who created it.")
    createdAt: Annotated[DateTime, Field(min_length=1)] = Field(description="When it was created.")
    updatedBy: Text = Field(description="Who changed it last.")
    updatedAt: Annotated[DateTime, Field(min_length=1)] = Field(description="When it was changed last.")
    projectName: Text | None = Field(None, description="Name of the project, for the scope project.")


class AssetRef(Fields):
    """An asset, told by id and name."""

    id: Uuid = Field(description="Id of the asset.")
    name: Text = Field(description="Name of the asset.")


class EnvironmentRef(AssetRef):
    """An environment, told by id and name."""

    toolTypes: tuple[ToolType, ...] | None = Field(None, description="Tools that its connections offer.")


class DatasourceRef(AssetRef):
    """A data source, told by id, name and kind."""

    kind: AssetKind = Field(description="Kind of the data source.")
    overrides: DataSourceOverrides | None = Field(None, description="What the template changes of it.")


class AssetRefs(_AssetIds):
    """The assets of a template, as answers carry them: objects instead of ids."""

    environment: EnvironmentRef = Field(description="Environment.")
    compute: AssetRef | None = Field(None, description="Compute resource.")
    datasources: Annotated[tuple[DatasourceRef, ...], Keyed(("id",))] = Field(
        (), description="Data sources.", json_schema_extra=unsaid
    )


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
    return f"{scope} {meta.get(f'{scope}Id') or ''}".strip()


def _read(answer: Mapping[str, Any]) -> Observed:
    meta, spec = answer["meta"], answer["spec"]
    assets = dict(spec.get("assets") or {})
    for name in ("environment", "compute"):
        if isinstance(assets.get(name), Mapping):
            assets[name] = assets[name]["id"]
    body = {
        "metadata": known(shape_of(CreationMeta), meta),
        "spec": known(shape_of(RequestSpec), {**spec, "assets": assets}),
    }
    project = meta.get("projectId")
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
