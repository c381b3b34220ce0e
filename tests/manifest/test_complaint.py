"""What a control plane calls a field is found in the manifest, whatever it calls it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative import kinds
from declarative.manifest.complaint import path_of
from declarative.model.value import FrozenMap, dig, dotted, freeze


def frozen(value: dict[str, Any]) -> FrozenMap:
    made = freeze(value)
    assert isinstance(made, FrozenMap)
    return made


BODIES = {
    "Training": frozen(
        {
            "metadata": {"name": "a", "project": "vision", "clusterId": "c"},
            "spec": {
                "image": "x",
                "compute": {"gpuDevicesRequest": 4},
                "environmentVariables": [{"name": "A", "value": "1"}, {"name": "app.b/c", "value": "2"}],
                "security": {"capabilities": ["KILL", "CHOWN"]},
                "ports": [{"container": 80}],
            },
        }
    ),
    "WorkloadTemplate": frozen(
        {
            "metadata": {"name": "a", "scope": "project", "project": "vision"},
            "spec": {
                "assets": {"environment": {"name": "e"}, "datasources": [{"name": "d", "kind": "git"}]},
                "specificEnv": {"nodePools": ["x"]},
            },
        }
    ),
}


@pytest.mark.parametrize(
    ("kind", "field", "path"),
    [
        ("Training", "spec.compute.gpuDevicesRequest", "spec.compute.gpuDevicesRequest"),
        ("Training", "compute.gpuDevicesRequest", "spec.compute.gpuDevicesRequest"),
        ("Training", "gpuDevicesRequest", "spec.compute.gpuDevicesRequest"),
        ("Training", "$.spec.compute.gpuDevicesRequest", "spec.compute.gpuDevicesRequest"),
        ("Training", "/spec/environmentVariables/1/value", "spec.environmentVariables[1].value"),
        ("Training", "environmentVariables[1].value", "spec.environmentVariables[1].value"),
        ("Training", "environmentVariables.1.value", "spec.environmentVariables[1].value"),
        ("Training", "environmentVariables[app.b/c].value", "spec.environmentVariables[1].value"),
        ("Training", 'environmentVariables["app.b/c"]', "spec.environmentVariables[1]"),
        ("Training", "environmentVariables.A", "spec.environmentVariables[0]"),
        ("Training", "environmentVariables[*].value", "spec.environmentVariables"),
        ("Training", "environmentVariables[2].value", "spec.environmentVariables"),
        ("Training", "ports[80].container", "spec.ports[0].container"),
        # The control plane has an order of its own for these.
        ("Training", "security.capabilities[1]", "spec.security.capabilities"),
        # What is not written is a field all the same.
        ("Training", "compute.gpuMemoryRequest", "spec.compute.gpuMemoryRequest"),
        ("Training", "compute.unheardOf.more", "spec.compute"),
        ("Training", "storage.pvc[0].size", "spec.storage.pvc"),
        ("Training", "projectId", "metadata.project"),
        ("Training", "clusterId", "metadata.clusterId"),
        ("Training", "metadata.projectId", "metadata.project"),
        ("Training", "name", "metadata.name"),
        ("Training", "desiredPhase", "desiredPhase"),
        ("Training", "spec", "spec"),
        ("WorkloadTemplate", "meta", "metadata"),
        ("WorkloadTemplate", "meta.projectId", "metadata.project"),
        ("WorkloadTemplate", "spec.assets.environment", "spec.assets.environment"),
        ("WorkloadTemplate", "assets.environment.id", "spec.assets.environment"),
        ("WorkloadTemplate", "assets.datasources[0].id", "spec.assets.datasources[0].name"),
        ("WorkloadTemplate", "specificEnv.nodePools[0]", "spec.specificEnv.nodePools[0]"),
        ("WorkloadTemplate", "nodePools[0]", "spec.specificEnv.nodePools[0]"),
    ],
)
def test_a_field_is_found_by_any_of_its_names(kind: str, field: str, path: str) -> None:
    """Requests, specs and policies name fields each in their own way; the manifest has one place for each."""
    found = path_of(field, kinds.kind_named(kind), BODIES[kind])
    assert found is not None
    assert dotted(found) == path


@pytest.mark.parametrize("field", ["", ".", "...", "[", "[]", "[0]", "$", "/", "nothing.at.all", "0", "spec2.image"])
def test_what_means_nothing_leads_nowhere(field: str) -> None:
    """A text that names no field of the kind has no path."""
    assert path_of(field, kinds.kind_named("Training"), BODIES["Training"]) is None


WORDS = st.sampled_from(["spec", "compute", "environmentVariables", "meta", "name", "0", "9" * 5000, "*", "é", "\n"])


@given(kind=st.sampled_from(sorted(BODIES)), steps=st.lists(WORDS | st.text(max_size=5)), join=st.sampled_from(".[/]"))
def test_no_text_is_too_strange(kind: str, steps: list[str], join: str) -> None:
    """Whatever a server calls a field: where a path is found, its indexes are those of items that exist."""
    found = path_of(join.join(steps), kinds.kind_named(kind), BODIES[kind])
    assert found is None or all(
        isinstance(step, str) or dig(BODIES[kind], found[: at + 1]) for at, step in enumerate(found)
    )
