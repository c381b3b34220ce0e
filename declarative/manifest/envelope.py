"""What every manifest has around its metadata and spec."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Literal

from pydantic import Field, create_model

from declarative.kinds.fields.base import Fields
from declarative.kinds.kind import Kind
from declarative.model.address import Address
from declarative.model.resource import Lifecycle, OnFinished
from declarative.model.value import FrozenMap

API_VERSION = "runai/v1"


class LifecycleSpec(Fields):
    """How the resource may come and go."""

    preventDestroy: bool = Field(
        False, description="True refuses every plan that would destroy or replace the resource."
    )
    keepOnDestroy: bool = Field(False, description="True forgets the resource instead of deleting it; it stays live.")
    ignoreChanges: tuple[str, ...] = Field(
        (), description="Fields whose differences are left alone, such as spec.labels or spec.labels[*].value."
    )
    onFinished: Literal["keep", "rerun"] = Field(
        "keep",
        description="Whether a finished run satisfies its manifest (keep) or is run again when it is gone (rerun).",
    )
    createBeforeDestroy: bool = Field(
        False, description="True creates the replacement first; the names must differ (useGivenNameAsPrefix)."
    )
    replaceWhen: tuple[str, ...] = Field((), description="Addresses whose change replaces this resource, too.")


def lifecycle(given: FrozenMap) -> Lifecycle:
    """The frozen value of a checked `lifecycle` mapping."""
    return Lifecycle(
        prevent_destroy=given.get("preventDestroy", False),
        keep_on_destroy=given.get("keepOnDestroy", False),
        ignore_changes=given.get("ignoreChanges", ()),
        on_finished=OnFinished(given.get("onFinished", "keep")),
        create_before_destroy=given.get("createBeforeDestroy", False),
        replace_when=addresses(given.get("replaceWhen") or ()),
    )


def addresses(texts: Iterable[str]) -> tuple[Address, ...]:
    """The addresses among `texts`; what is none is found when references are checked."""
    return tuple(Address.parse(text) for text in texts if all(text.partition(".")))


@cache
def manifest_model(kind: Kind) -> type[Fields]:
    """The model of a whole manifest of `kind`, from `apiVersion` to `spec`."""
    fields: dict[str, Any] = {
        "apiVersion": (Literal["runai/v1"], Field(description="Version of the manifest's form.")),
        "kind": (Literal[kind.name], Field(description=kind.summary)),
        "metadata": (kind.metadata, Field(description="Name and place.")),
    }
    if kind.has_phase:
        fields["desiredPhase"] = (
            Literal[kind.phases] | None,
            Field(None, description="Running or Stopped: suspending and resuming are desired state."),
        )
    fields |= {
        "lifecycle": (LifecycleSpec | None, Field(None, description="How the resource may come and go.")),
        "dependsOn": (tuple[str, ...] | None, Field(None, description="Addresses that have to be applied before.")),
        "spec": (kind.spec, Field(description="The spec, exactly as the control plane's API has it.")),
    }
    return create_model(f"{kind.name}Manifest", __base__=Fields, __doc__=kind.summary, **fields)
