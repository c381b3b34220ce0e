"""The container of a workload: image, command, probes and environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from declarative.kinds.fields.base import (
    Exclude,
    Fields,
    FilledIn,
    Hostname,
    Keyed,
    NonNegative32,
    PortNumber,
    Positive32,
    Text,
)
from declarative.kinds.rules import AtMostOne, TrueNeeds


class HttpGet(Fields):
    """The HTTP request whose answer tells the container's health."""

    path: Annotated[str, Field(pattern=r"^(\x2F[a-zA-Z0-9\-_.\x2F]*)?$")] | None = Field(
        None, description="Path to ask for; / when not given."
    )
    port: PortNumber | None = Field(None, description="Container port to ask.")
    host: Hostname | None = Field(None, description="Host to ask; the pod's own address when not given.")
    scheme: Annotated[Literal["HTTP", "HTTPS"] | None, FilledIn("HTTP")] = Field(
        None, description="Scheme of the request; HTTP when not given."
    )


class ProbeHandler(Fields):
    """What a probe does."""

    httpGet: HttpGet = Field(default_factory=HttpGet, description="Probe by an HTTP GET request.")


class Probe(Fields):
    """One health check of the container."""

    initialDelaySeconds: NonNegative32 | None = Field(
        None, description="Seconds from the container's start to the first check."
    )
    periodSeconds: Positive32 | None = Field(None, description="Seconds between two checks.")
    timeoutSeconds: Positive32 | None = Field(None, description="Seconds after which a check counts as failed.")
    successThreshold: Positive32 | None = Field(None, description="Successes in a row that end a failure.")
    failureThreshold: Positive32 | None = Field(None, description="Failures in a row before giving up.")
    handler: ProbeHandler = Field(description="What the check does.")


class Probes(Fields):
    """Health checks by purpose."""

    readiness: Probe | None = Field(None, description="Tells when the container can take traffic.")


class KeyInSecret(Fields):
    """One key of a Kubernetes secret."""

    name: Text = Field(description="Name of the secret.")
    key: Text = Field(description="Key within the secret.")


class KeyInConfigMap(Fields):
    """One key of a Kubernetes config map."""

    name: Text = Field(description="Name of the config map.")
    key: Text = Field(description="Key within the config map.")


class PodField(Fields):
    """A field of the pod itself."""

    path: Text = Field(description="Path of the field, such as metadata.name.")


class EnvironmentVariableOfTemplate(Fields):
    """An environment variable, given by value or from a secret."""

    rules = (AtMostOne(("value", "secret")),)

    name: Text = Field(description="Name of the variable.")
    value: str | None = Field(None, description="Its value, as text.")
    secret: KeyInSecret | None = Field(None, description="Take the value from a Kubernetes secret.")
    exclude: Exclude = Field(None, description="True leaves out a variable that the policy would add.")


class EnvironmentVariable(EnvironmentVariableOfTemplate):
    """An environment variable, given by value, from a secret, a config map or a field of the pod."""

    rules = (AtMostOne(("value", "secret", "configMap", "podFieldRef")),)

    configMap: KeyInConfigMap | None = Field(None, description="Take the value from a config map.")
    podFieldRef: PodField | None = Field(None, description="Take the value from a field of the pod.")
    description: str | None = Field(None, description="What the variable is for.")


class Command(Fields):
    """What the container runs."""

    command: Text | None = Field(None, description="Entry point of the container.")
    args: Text | None = Field(None, description="Arguments of the command, as one text.")


def pull_policy(given: Mapping[str, Any]) -> str | None:
    """When an image is pulled where nobody says so.

    Kubernetes' own rule: https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting
    """
    image = given.get("image")
    if not isinstance(image, str) or not image:
        return None
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if "@" not in image and tag in ("", "latest") else "IfNotPresent"


class Container(Command):
    """The container itself."""

    rules = (TrueNeeds("tty", "stdin"),)

    image: Text | None = Field(None, description="Container image, with its tag.")
    imagePullPolicy: Annotated[Literal["Always", "Never", "IfNotPresent"] | None, FilledIn(pull_policy)] = Field(
        None, description="When to pull the image. For the tag latest the default is Always, otherwise IfNotPresent."
    )
    workingDir: Text | None = Field(None, description="Working directory; the image's own when not given.")
    createHomeDir: bool | None = Field(None, description="True makes a home directory in the container.")
    probes: Probes | None = Field(None, description="Health checks of the container.")
    tty: bool | None = Field(None, description="Allocate a terminal; needs stdin.")
    stdin: bool | None = Field(None, description="Keep standard input open.")
    environmentVariables: Annotated[tuple[EnvironmentVariable, ...], Keyed(("name",), unique=True)] | None = Field(
        None, description="Environment variables of the container, by name."
    )
