"""What every sandbox has from the start: projects, clusters and assets to refer to. Their ids never change."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

TENANT = 1001
APPLICATION = "sandbox"
SECRET = "sandbox"  # noqa: S105 - published on purpose: the sandbox guards nothing
TOKEN = "sandbox"  # noqa: S105
_SINCE = "2024-01-01T00:00:00.000Z"
_ADMIN = "admin@sandbox"

A100 = "71f69d83-ba66-4822-adf5-55ce55efd210"
H100 = "0c2f7d8e-5b61-4f0a-9d3e-6a1f8f4b2c77"
DEPARTMENT = "4500"
# id -> (name, cluster); all of them are in the one department.
PROJECTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"4501": ("vision", A100), "4502": ("language", A100), "4503": ("robotics", H100)}
)
CLUSTERS: Mapping[str, str] = MappingProxyType({A100: "a100-prod", H100: "h100-lab"})
# What an asset has that was given by its name alone, by kind.
SPECS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "environment": {"image": "ubuntu:24.04", "connections": []},
        "compute": {"gpuDevicesRequest": 1},
        "pvc": {"pvc": {"existingPvc": True, "claimName": "data", "path": "/data"}},
        "git": {"git": {"repository": "https://git.example.com/code.git", "path": "/code"}},
        "s3": {"s3": {"bucket": "data", "path": "/data", "url": "https://s3.example.com"}},
        "nfs": {"nfs": {"server": "nfs.example.com", "path": "/export", "mountPath": "/data"}},
    }
)


def cluster(uuid: str, name: str) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "tenantId": TENANT,
        "name": name,
        "createdAt": _SINCE,
        "updatedAt": None,
        "deletedAt": None,
        "domain": f"{name}.sandbox.example",
        "version": "2.21.0",
        "status": {"state": "Connected"},
    }


def department(id: str, name: str, cluster_id: str) -> dict[str, Any]:
    return {
        "id": id,
        "name": name,
        "clusterId": cluster_id,
        "description": "",
        "createdAt": _SINCE,
        "updatedAt": _SINCE,
        "createdBy": _ADMIN,
        "updatedBy": _ADMIN,
        "totalResources": {"gpuQuota": 32.0, "cpuQuota": None, "memoryQuota": None},
        "resources": [{"gpu": {"deserved": 32.0}}],
    }


def project(id: str, name: str, cluster_id: str, department_id: str) -> dict[str, Any]:
    return {
        "id": id,
        "name": name,
        "clusterId": cluster_id,
        "parentId": department_id,
        "description": "",
        "createdAt": _SINCE,
        "updatedAt": _SINCE,
        "createdBy": _ADMIN,
        "updatedBy": _ADMIN,
        "enforceRunaiScheduler": True,
        "requestedNamespace": None,
        "status": {"namespace": f"runai-{name}", "phase": "Ready", "phaseMessage": ""},
        "totalResources": {"gpuQuota": 8.0, "cpuQuota": None, "memoryQuota": None},
        "effective": {"defaultNodePools": ["default"]},
        "resources": [{"gpu": {"deserved": 8.0}}],
    }


def asset(
    id: str, kind: str, name: str, spec: Mapping[str, Any], description: str, scope: str = "tenant", **owner: Any
) -> dict[str, Any]:
    meta = {
        "id": id,
        "kind": kind,
        "name": name,
        "description": description,
        "scope": scope,
        **owner,
        "tenantId": TENANT,
        "autoDelete": False,
        "createdBy": _ADMIN,
        "createdAt": _SINCE,
        "updatedBy": _ADMIN,
        "updatedAt": _SINCE,
    }
    return {"meta": meta, "spec": dict(spec)}


def _tool(name: str, tool: str, port: int) -> dict[str, Any]:
    inside = {"toolType": tool, "connectionType": "ExternalUrl", "containerPort": port}
    return {"name": name, "isExternal": False, "internalToolInfo": inside}


def _by_id(*assets: dict[str, Any]) -> Mapping[str, dict[str, Any]]:
    return MappingProxyType({asset["meta"]["id"]: asset for asset in assets})


ENVIRONMENTS = _by_id(
    asset(
        "1d5b7c3a-8e42-4d09-b6f1-2a9c0e7d4f11",
        "environment",
        "pytorch-24",
        {"image": "nvcr.io/nvidia/pytorch:24.08-py3", "connections": [_tool("TensorBoard", "tensorboard", 6006)]},
        "PyTorch 24.08",
    ),
    asset(
        "2e6c8d4b-9f53-4e1a-87a2-3bad1f8e5a22",
        "environment",
        "jupyter-lab",
        {"image": "jupyter/scipy-notebook:latest", "connections": [_tool("Jupyter", "jupyter-notebook", 8888)]},
        "JupyterLab",
    ),
    asset(
        "3f7d9e5c-a064-4f2b-98b3-4cbe2a9f6b33",
        "environment",
        "tensorflow-2",
        {"image": "tensorflow/tensorflow:2.17.0-gpu", "connections": [_tool("TensorBoard", "tensorboard", 6006)]},
        "TensorFlow 2",
    ),
)
COMPUTES = _by_id(
    asset(
        "5f1c2a9e-0d6b-4b7e-9f43-0f9f6f7f1c11",
        "compute",
        "one-gpu",
        {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 1, "cpuCoreRequest": 4},
        "One whole GPU",
    ),
    asset(
        "6a2d3baf-1e7c-4c8f-8a54-1a0a7a8a2d22",
        "compute",
        "half-gpu",
        {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5, "cpuCoreRequest": 2},
        "Half a GPU",
    ),
    asset(
        "7b3e4cb0-2f8d-4d90-9b65-2b1b8b9b3e33",
        "compute",
        "cpu-only",
        {"gpuDevicesRequest": 0, "cpuCoreRequest": 8, "cpuMemoryRequest": "32G"},
        "No GPU",
    ),
    asset(
        "8d4f5ec1-3a9e-4ea1-8c76-3c2c9c8c4f44",
        "compute",
        "four-gpus",
        {"gpuDevicesRequest": 4, "cpuCoreRequest": 16, "cpuMemoryRequest": "64G"},
        "Four whole GPUs",
    ),
)
DATASOURCES = _by_id(
    asset(
        "8c4f5dc1-309e-4ea1-ac76-3c2c9cac4f44",
        "pvc",
        "imagenet",
        {"pvc": {"claimName": "imagenet", "existingPvc": True, "readOnly": True, "path": "/data/imagenet"}},
        "ImageNet, read only",
    ),
    asset(
        "9d506ed2-41af-4fb2-bd87-4d3dadbd5055",
        "git",
        "code",
        {"git": {"repository": "https://git.example.com/team/code.git", "branch": "main", "path": "/code"}},
        "The team's code",
    ),
    asset(
        "ae617fe3-52b0-40c3-8e98-5e4ebece6166",
        "s3",
        "checkpoints",
        {"s3": {"bucket": "checkpoints", "path": "/checkpoints", "url": "https://s3.example.com"}},
        "Checkpoints",
    ),
    asset(
        "bf7280f4-63c1-41d4-9fa9-6f5fcfdf7277",
        "nfs",
        "team-nfs",
        {"nfs": {"server": "nfs.example.com", "path": "/export/team", "mountPath": "/team", "readOnly": False}},
        "The team's share",
    ),
    asset(
        "c08391a5-74d2-42e5-8ab0-7a60d0e08388",
        "git",
        "trainer",
        {
            "git": {
                "repository": "https://git.example.com/vision/trainer.git",
                "branch": "main",
                "path": "/workspace/src",
            }
        },
        "Training code of the project vision",
    ),
)
