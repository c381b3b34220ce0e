"""Assets, and what refers to them: scope, metadata and the references of a spec, in requests and in answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Struct
from pydantic import Field

from declarative.kinds.fields.base import (
    AssetReference,
    DateTime,
    Fields,
    Int32,
    Keyed,
    Text,
    Unordered,
    Uuid,
    unsaid,
)
from declarative.kinds.rules import ExactlyOne, Given, Rule, Violation, present, when

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


class ScopeHasId(Struct, frozen=True):
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


class ScopedMeta(UpdatableMeta):
    """What is fixed when an asset is created, but for the ids of its owner."""

    rules: ClassVar[tuple[Rule, ...]] = (ScopeHasId(),)

    scope: Scope = Field(description="Where the template can be used; system is the platform's own.")
    autoDelete: bool | None = Field(False, description="The platform's own: delete the template automatically.")
    workloadSupportedTypes: WorkloadSupportedTypes | None = Field(
        None, description="Workloads that may be started from the template."
    )


class CreationMeta(ScopedMeta):
    """What is fixed when a template is created, and what is not."""

    clusterId: Uuid | None = Field(None, description="Id of the cluster.")
    departmentId: Text | None = Field(None, description="Id of the department; required for the scope department.")
    projectId: Int32 | None = Field(None, description="Id of the project; required for the scope project.")


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
