"""Where and how a workload runs: nodes, tolerations, labels, priority, retries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from declarative.kinds.fields.base import Exclude, Fields, FilledIn, Int32, Int64, Keyed, Text
from declarative.kinds.rules import OnlyWith, RequiredWhen

MetadataName = Annotated[str, Field(min_length=1, max_length=63)]


class PodAffinity(Fields):
    """Keeps the pods of workloads together."""

    type: Literal["Required", "Preferred"] = Field(description="Whether the rule must hold or should hold.")
    key: str = Field(description="Label key by which pods belong together.")


class Annotation(Fields):
    """A Kubernetes annotation."""

    name: MetadataName = Field(description="Name of the annotation.")
    value: str | None = Field(None, description="Its value.")
    exclude: bool | None = Field(False, description="True leaves out an annotation that the policy would add.")


class Label(Fields):
    """A Kubernetes label."""

    name: MetadataName = Field(description="Name of the label.")
    value: str | None = Field(None, description="Its value.")
    exclude: Exclude = Field(None, description="True leaves out a label that the policy would add.")


class Toleration(Fields):
    """Lets the workload run on tainted nodes."""

    # The documents have the operators of the value rule the wrong way round; Kubernetes' own rule is meant:
    # https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
    rules = (
        RequiredWhen("value", "operator", "Equal", only=True),
        OnlyWith("seconds", "effect", ("NoExecute",)),
    )

    name: Text | None = Field(None, description="Name of the toleration.")
    operator: Literal["Equal", "Exists"] = Field(
        description="Equal compares key and value of the taint, Exists the key alone."
    )
    key: str = Field(description="Key of the taint.")
    value: str | None = Field(None, description="Value of the taint; for the operator Equal.")
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule", "Any"] = Field(description="Effect of the taint.")
    seconds: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Seconds for which the taint is tolerated; for the effect NoExecute."
    )
    exclude: Exclude = Field(None, description="True leaves out a toleration that the policy would add.")


class Placement(Fields):
    """Which nodes a workload may run on, and what its pods are marked with."""

    nodeType: Text | None = Field(None, description="Node group to run on.")
    nodePools: tuple[str, ...] | None = Field(None, description="Node pools to try, first choice first.")
    podAffinity: PodAffinity | None = Field(None, description="Which pods to run next to.")
    annotations: Annotated[tuple[Annotation, ...], Keyed(("name",), unique=True)] | None = Field(
        None, description="Annotations of the pods, by name."
    )
    labels: Annotated[tuple[Label, ...], Keyed(("name",), unique=True)] | None = Field(
        None, description="Labels of the pods, by name."
    )
    tolerations: Annotated[tuple[Toleration, ...], Keyed(("name", "key"))] | None = Field(
        None, description="Taints that the pods tolerate."
    )


class Retention(Fields):
    """What happens on preemption, failure and completion."""

    terminateAfterPreemption: bool | None = Field(None, description="True ends the workload once it was preempted.")
    autoDeletionTimeAfterCompletionSeconds: Annotated[Int64 | None, FilledIn(30 * 24 * 60 * 60)] = Field(
        None, description="Seconds after which a finished workload deletes itself; 30 days when not given."
    )
    backoffLimit: Annotated[Int64 | None, FilledIn(6)] = Field(
        None, description="Retries before the workload counts as failed; 6 when not given."
    )


class Execution(Retention):
    """How a training runs to its end."""

    terminationGracePeriodSeconds: Annotated[Int64, Field(ge=0)] | None = Field(
        None, description="Seconds that a pod has to end by itself; 0 ends it at once."
    )
    restartPolicy: Literal["Always", "Never", "OnFailure"] | None = Field(
        None, description="When to restart a pod; the framework's choice when not given."
    )
    priorityClass: Annotated[Literal["build", "train", "interactive-preemptible"] | None, FilledIn("train")] = Field(
        None, description="Priority in the queue; train when not given, build is not preemptible within quota."
    )
    completions: Int32 | None = Field(None, description="Pods that have to succeed before the training is complete.")
    parallelism: Int32 | None = Field(None, description="Pods that may run at the same time.")
