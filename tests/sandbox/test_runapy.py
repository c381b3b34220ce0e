"""A client that nobody here wrote: the published Python client, of the release that the sandbox speaks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from runai.api_client import ApiClient
from runai.configuration import Configuration
from runai.runai_client import RunaiClient

from declarative.sandbox import seeds
from tests.sandbox.plane import CODE, IMAGENET, JUPYTER, ONE_GPU, PYTORCH
from tests.sandbox.served import served


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path: Path = tmp_path_factory.mktemp("runapy") / "sandbox.sqlite3"
    with served(path) as url:
        # Fast, but not so fast that a phase could not be seen.
        httpx.patch(f"{url}/_sandbox/settings", json={"speed": 5}, trust_env=False).raise_for_status()
        configuration = Configuration(client_id="sandbox", client_secret="sandbox", runai_base_url=url)
        with RunaiClient(ApiClient(configuration)) as made:
            yield made


def _wait(trainings: Any, training: str, phase: str) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while (found := trainings.get_training(training).data)["actualPhase"] != phase:
        assert time.monotonic() < deadline, found["actualPhase"]
        time.sleep(0.05)
    return dict(found)


def test_it_creates_gets_suspends_resumes_and_deletes_a_training(client: Any) -> None:
    from runai import models
    from runai.exceptions import NotFoundException

    trainings = client.workloads.trainings
    spec = models.TrainingSpecSpec(
        image="nvcr.io/nvidia/pytorch:24.08-py3",
        compute=models.ComputeFields(gpu_devices_request=1, gpu_request_type="portion", gpu_portion_request=0.5),
        environment_variables=[models.EnvironmentVariable2(name="LR", value="0.1")],
    )
    request = models.TrainingCreationRequest(name="resnet", project_id="4501", cluster_id=seeds.A100, spec=spec)
    made = trainings.create_training1(training_creation_request=request).data
    training = made["workloadId"]
    assert _wait(trainings, training, "Running")["spec"]["environmentVariables"][0]["value"] == "0.1"
    trainings.suspend_training(training)
    assert _wait(trainings, training, "Stopped")["desiredPhase"] == "Stopped"
    trainings.resume_training(training)
    _wait(trainings, training, "Running")
    trainings.delete_training(training)
    deadline = time.monotonic() + 10
    with pytest.raises(NotFoundException):
        while time.monotonic() < deadline:
            trainings.get_training(training)
            time.sleep(0.05)


def test_it_creates_lists_gets_updates_and_deletes_a_template(client: Any) -> None:
    from runai import models
    from runai.exceptions import NotFoundException

    templates = client.workload_assets.template
    assets = models.AssetsIds(
        environment=PYTORCH,
        compute=ONE_GPU,
        datasources=[models.AssetIdAndKind(id=IMAGENET, kind="pvc"), models.AssetIdAndKind(id=CODE, kind="git")],
    )
    run = models.SpecificRunParams(environment_variables=[models.EnvironmentVariable2(name="LR", value="0.1")])
    request = models.WorkloadTemplateCreationRequest(
        meta=models.AssetCreationRequest(name="base", scope="project", project_id=4501),
        spec=models.SpecificRunCreationFields(assets=assets, specific_env=run),
    )
    made = templates.create_template(workload_template_creation_request=request).data
    made_id = made["meta"]["id"]
    assert templates.list_templates(name="base").data["entries"] == [made]
    assert templates.get_template_by_id(made_id).data["spec"]["assets"]["compute"]["name"] == "one-gpu"
    update = models.WorkloadTemplateUpdateRequest(
        meta=models.AssetUpdateRequest(name="renamed"),
        spec=models.SpecificRunCreationFields(assets=models.AssetsIds(environment=JUPYTER)),
    )
    changed = templates.update_template(made_id, workload_template_update_request=update).data
    assert (changed["meta"]["name"], changed["spec"]["assets"]["compute"]) == ("renamed", None)
    templates.delete_template_by_id(made_id)
    with pytest.raises(NotFoundException):
        templates.get_template_by_id(made_id)
