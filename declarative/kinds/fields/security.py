"""Users, groups and privileges of the container."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from declarative.kinds.fields.base import Fields, FilledIn, Int64, Unordered

Capability = Literal[
    "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER",
    "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD",
    "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "SETGID", "SETFCAP", "SETPCAP", "SETUID", "SYS_ADMIN",
    "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE",
    "SYS_TIME", "SYS_TTY_CONFIG", "SYSLOG", "WAKE_ALARM",
]  # fmt: skip


class UserAndGroup(Fields):
    """As whom the container runs."""

    runAsUid: Int64 | None = Field(None, description="User id of the entry point; the environment's when not given.")
    runAsGid: Int64 | None = Field(None, description="Group id of the entry point; the environment's when not given.")
    supplementalGroups: str | None = Field(
        None, description="Further groups of the user, separated by commas; empty text means those of the image."
    )


class Security(UserAndGroup):
    """As whom the container runs, and what it may do."""

    uidGidSource: Annotated[Literal["fromTheImage", "fromIdpToken", "custom"] | None, FilledIn("fromTheImage")] = Field(
        None, description="Where user and group ids come from; the image when not given."
    )
    capabilities: Annotated[tuple[Capability, ...], Unordered()] | None = Field(
        None, description="POSIX capabilities to add."
    )
    seccompProfileType: Literal["RuntimeDefault", "Unconfined", "Localhost"] | None = Field(
        None, description="Seccomp profile. Localhost is not supported by the control plane yet."
    )
    runAsNonRoot: bool | None = Field(None, description="True refuses to run as root.")
    readOnlyRootFilesystem: bool | None = Field(None, description="True mounts the root file system for reading only.")
    allowPrivilegeEscalation: bool | None = Field(None, description="True lets processes gain privileges.")
    hostIpc: Annotated[bool | None, FilledIn(False)] = Field(
        None, description="Use the node's IPC namespace; false when not given."
    )
    hostNetwork: Annotated[bool | None, FilledIn(False)] = Field(
        None, description="Use the node's network; false when not given."
    )
