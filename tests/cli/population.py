"""A control plane that people have used for a while: trainings and templates of all sorts, made by nobody's manifests."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, settings

from declarative.kinds.kind import Kind
from declarative.kinds.training import TRAINING
from declarative.kinds.workload_template import WORKLOAD_TEMPLATE
from declarative.model.value import FrozenMap, dig, freeze, put
from declarative.sandbox import seeds
from tests.strategies import bodies
from tests.test_every_field import POOLS

_ENVIRONMENTS, _COMPUTES, _SOURCES = (list(one) for one in (seeds.ENVIRONMENTS, seeds.COMPUTES, seeds.DATASOURCES))
_SCRIPT = """#!/bin/bash
set -euo pipefail

# The template of the run's name: {{ model }}-{% raw %}
for seed in 1 2 3; do
  python train.py --seed "$seed" --out /checkpoints/{#seed#}
done
"""


def populate(url: str, each: int) -> None:
    """Makes `each` trainings and as many templates over HTTP: half like those of people, half of any valid form."""
    with httpx.Client(base_url=url, headers={"Authorization": "Bearer sandbox"}, timeout=30) as client:
        client.patch("/_sandbox/settings", json={"speed": "instant"}).raise_for_status()
        for kind, written in ((TRAINING, _training), (WORKLOAD_TEMPLATE, _template)):
            drawn = _drawn(kind, each - each // 2)
            for body in (*(written(number) for number in range(each // 2)), *drawn):
                request = kind.create_request(freeze(body))
                answer = client.post(kind.endpoint.path, json=request)
                assert answer.is_success, (request, answer.text)
                if body.get("desiredPhase") == "Stopped":
                    client.post(kind.endpoint.of(answer.json()["workloadId"], "suspend")).raise_for_status()


def _drawn(kind: Kind, number: int) -> Iterator[FrozenMap]:
    """Bodies of any form, each with a name of its own."""
    found: list[FrozenMap] = []

    @settings(
        max_examples=number + 50,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
        deadline=None,
    )
    @given(bodies(kind, POOLS))
    def take(body: FrozenMap) -> None:
        found.append(body)

    take()
    assert len(found) >= number
    for index, body in enumerate(islice(found, number)):
        yield _sound(put(body, ("metadata", "name"), f"any-{index}"))


def _sound(body: FrozenMap) -> FrozenMap:
    """The body with what belongs together: projects and their clusters, data sources and their kinds."""
    metadata, sources = body["metadata"], dig(body, ("spec", "assets", "datasources"))
    if metadata.get("projectId") is not None and "clusterId" in metadata:
        body = put(body, ("metadata", "clusterId"), seeds.PROJECTS[str(metadata["projectId"])][1])
    if sources:
        typed = (put(one, ("kind",), seeds.DATASOURCES[one["id"]]["meta"]["kind"]) for one in sources)
        body = put(body, ("spec", "assets", "datasources"), tuple(typed))
    return body


def _training(number: int) -> Mapping[str, Any]:
    chosen = random.Random(number)
    project, (name, cluster) = list(seeds.PROJECTS.items())[number % 3]
    spec: dict[str, Any] = {
        "image": chosen.choice(("nvcr.io/nvidia/pytorch:24.08-py3", "ubuntu", "registry.acme.dev/vision/train:1.10")),
        "command": chosen.choice(("python train.py", 'bash -c "python train.py"', _SCRIPT)),
        "args": chosen.choice(("--epochs 90 --lr 0.1", "", "--name={{ .Name }} # keep", "yes")) or None,
        "environmentVariables": [
            {"name": "LR", "value": chosen.choice(("0.1", "1e-3", "no"))},
            {"name": "WANDB_API_KEY", "secret": {"name": "wandb", "key": "api-key"}},
            *([{"name": "HF_TOKEN", "value": "hf_123"}] if number % 50 == 0 else []),
        ],
        "compute": {
            "gpuDevicesRequest": 1,
            "gpuRequestType": "portion",
            "gpuPortionRequest": 0.5,
            "cpuMemoryRequest": "8G",
        },
        "storage": {
            "pvc": [
                {"path": "/data", "existingPvc": True, "claimName": "imagenet", "readOnly": True},
                {
                    "path": "/scratch",
                    "ephemeral": True,
                    "claimInfo": {"size": "10G", "accessModes": {"readWriteOnce": True}},
                },
            ]
        },
        "labels": [{"name": "team", "value": name}],
        "nodePools": ["default"],
    }
    metadata: dict[str, Any] = {
        "name": f"train-{number // 3}-{name}" if number % 2 else f"run-{number}",
        "projectId": project,
        "clusterId": cluster,
    }
    if number % 10 == 0:
        metadata |= {"name": "sweep", "useGivenNameAsPrefix": True}
    return {"metadata": metadata, "desiredPhase": "Stopped" if number % 7 == 0 else "Running", "spec": spec}


def _template(number: int) -> Mapping[str, Any]:
    chosen = random.Random(number)
    project = list(seeds.PROJECTS)[number % 3]
    scope = {"scope": "project", "projectId": project} if number % 4 else {"scope": "tenant"}
    names = ("base", "Team default (GPU)", "jupyter", "no", "2024-01-01")
    name = names[number // 3] if number // 3 < len(names) and number % 4 else f"template {number}"
    source = seeds.DATASOURCES[chosen.choice(_SOURCES)]["meta"]
    return {
        "metadata": {
            "name": name,
            "description": chosen.choice(("Team default: one GPU", 'For "quick" runs', "multi\nline")),
            "workloadSupportedTypes": {"training": True, "workspace": bool(number % 2)},
            **scope,
        },
        "spec": {
            "assets": {
                "environment": chosen.choice(_ENVIRONMENTS),
                "compute": chosen.choice(_COMPUTES),
                "datasources": [{"id": source["id"], "kind": source["kind"]}],
            },
            "specificEnv": {
                "command": "python",
                "args": "-m train",
                "nodePools": ["a100", "default"],
                "runAsUid": 1000,
            },
        },
    }
