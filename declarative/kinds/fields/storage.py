"""What a workload mounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from msgspec import Struct
from pydantic import Field

from declarative.kinds.fields.base import Fields, FilledIn, Keyed, Quantity, Text, Uuid
from declarative.kinds.rules import UNKNOWN, Given, SameInAll, Violation

_NAME = "Name of this mount, by which policy rules refer to it."


class Excludable(Fields):
    """An item that the policy may add and the workload may leave out."""

    exclude: bool | None = Field(False, description="True leaves out an item that the policy would add.")


class NamedMount(Excludable):
    name: Text | None = Field(None, description=_NAME)


class DataVolume(Excludable):
    """A data volume of the platform."""

    id: Uuid = Field(description="Id of the data volume.")
    mountPath: str = Field(description="Where the container sees it.")


class AccessModes(Fields):
    """How a new claim may be mounted."""

    readWriteOnce: bool | None = Field(True, description="Read and write, by one node.")
    readOnlyMany: bool | None = Field(False, description="Read only, by many nodes.")
    readWriteMany: bool | None = Field(False, description="Read and write, by many nodes.")


class ClaimInfo(Fields):
    """What a new persistent volume claim asks for."""

    size: Quantity | None = Field(None, description="Size of the claim, such as 100G.")
    storageClass: Text | None = Field(None, description="Storage class; the default class when not given.")
    accessModes: AccessModes | None = Field(None, description="How the claim may be mounted.")
    volumeMode: Annotated[Literal["Filesystem", "Block"] | None, FilledIn("Filesystem")] = Field(
        None, description="Filesystem when not given."
    )


class ClaimInfoFits(Struct, frozen=True):
    """A new claim needs a size; an existing one has its own."""

    def check(self, given: Given) -> Iterator[Violation]:
        info, is_existing = given.get("claimInfo"), given.get("existingPvc")
        has_no_size = info is None or (isinstance(info, Mapping) and info.get("size") is None)
        if is_existing is True:
            if info is not None:
                yield Violation(
                    ("claimInfo",),
                    "Fields that exclude each other",
                    "`claimInfo` describes a new claim, but `existingPvc` is true.",
                    "remove `claimInfo`, or set `existingPvc: false`",
                    on_key=True,
                )
        elif has_no_size and is_existing is not UNKNOWN and not given.get("exclude"):
            yield Violation(
                ("claimInfo",) if info is not None else (),
                "Missing field",
                "`claimInfo.size` is required unless `existingPvc` is true.",
                "add `claimInfo: {size: 10G}`, or set `existingPvc: true`",
            )

    def schema(self) -> dict[str, Any]:
        sized = {
            "required": ["claimInfo"],
            "properties": {
                "claimInfo": {"type": "object", "required": ["size"], "properties": {"size": {"type": "string"}}}
            },
        }
        return {
            "if": {"required": ["existingPvc"], "properties": {"existingPvc": {"const": True}}},
            "then": {"properties": {"claimInfo": {"type": "null"}}},
            "else": {"anyOf": [{"required": ["exclude"], "properties": {"exclude": {"const": True}}}, sized]},
        }


class Pvc(NamedMount):
    """A persistent volume claim."""

    rules = (ClaimInfoFits(),)

    path: Text = Field(description="Where the container sees it.")
    existingPvc: bool | None = Field(False, description="True mounts a claim that exists, false makes a new one.")
    claimName: Annotated[str, Field(min_length=1, max_length=63)] | None = Field(
        None, description="Name of the claim; generated when not given."
    )
    readOnly: bool | None = Field(False, description="Mount for reading only.")
    ephemeral: bool | None = Field(False, description="True deletes the claim when the workload stops.")
    claimInfo: ClaimInfo | None = Field(None, description="What a new claim asks for.")


class HostPath(NamedMount):
    """A path of the node."""

    path: Text = Field(description="Path on the node.")
    readOnly: bool | None = Field(True, description="Mount for reading only.")
    mountPath: Text = Field(description="Where the container sees it.")
    mountPropagation: Literal["None", "HostToContainer"] | None = Field(
        None, description="Whether later mounts of the node are seen; the same for all host paths of a workload."
    )


class Nfs(NamedMount):
    """An export of an NFS server."""

    path: Text = Field(description="Path that the server exports.")
    readOnly: bool | None = Field(True, description="Mount for reading only.")
    server: Text = Field(description="Host name or address of the server.")
    mountPath: Text = Field(description="Where the container sees it.")


class Git(NamedMount):
    """A git repository, cloned into the container."""

    repository: Text = Field(description="URL of the repository.")
    branch: Text | None = Field(None, description="Branch to check out.")
    revision: Text | None = Field(None, description="Revision to check out.")
    path: Text = Field(description="Where the container sees it.")
    passwordSecret: Text | None = Field(None, description="Secret that holds the credentials of a private repository.")
    secretKeyOfUser: Text | None = Field(None, description="Key of the user name in the secret; User when not given.")
    secretKeyOfPassword: Text | None = Field(
        None, description="Key of the password in the secret; Password when not given."
    )


class ConfigMapVolume(NamedMount):
    """A config map, mounted as files."""

    configMap: Text = Field(description="Name of the config map.")
    mountPath: Text = Field(description="Where the container sees it.")
    subPath: Text | None = Field(None, description="Path within the volume to mount.")


class SecretVolume(NamedMount):
    """A Kubernetes secret, mounted as files."""

    mountPath: Text = Field(description="Where the container sees it.")
    secret: Text = Field(description="Name of the secret.")


class S3(NamedMount):
    """A bucket of an S3 service."""

    bucket: Text = Field(description="Name of the bucket.")
    path: Text = Field(description="Where the container sees it.")
    url: Text | None = Field(None, description="URL of the service; Amazon's when not given.")
    accessKeySecret: Text | None = Field(None, description="Secret that holds the access key of a private bucket.")
    secretKeyOfAccessKeyId: Text | None = Field(
        None, description="Key of the access key id in the secret; AccessKeyId when not given."
    )
    secretKeyOfSecretKey: Text | None = Field(
        None, description="Key of the secret key in the secret; SecretKey when not given."
    )


class Storage(Fields):
    """Volumes by type."""

    rules = (SameInAll("hostPath", "mountPropagation"),)

    dataVolume: Annotated[tuple[DataVolume, ...], Keyed(("id",))] | None = Field(
        None, description="Data volumes of the platform."
    )
    pvc: Annotated[tuple[Pvc, ...], Keyed(("name", "path"))] | None = Field(
        None, description="Persistent volume claims."
    )
    hostPath: Annotated[tuple[HostPath, ...], Keyed(("name", "mountPath"))] | None = Field(
        None, description="Paths of the node."
    )
    nfs: Annotated[tuple[Nfs, ...], Keyed(("name", "mountPath"))] | None = Field(None, description="NFS exports.")
    git: Annotated[tuple[Git, ...], Keyed(("name", "path"))] | None = Field(None, description="Git repositories.")
    configMapVolume: Annotated[tuple[ConfigMapVolume, ...], Keyed(("name", "mountPath"))] | None = Field(
        None, description="Config maps mounted as files."
    )
    secretVolume: Annotated[tuple[SecretVolume, ...], Keyed(("name", "mountPath"))] | None = Field(
        None, description="Secrets mounted as files."
    )
    s3: Annotated[tuple[S3, ...], Keyed(("name", "path"))] | None = Field(None, description="S3 buckets.")
