"""GPUs that a run holds are those that are live: whoever gave them, and whatever its manifest says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.apply.stage import TRAININGS, Stage, direct, staged
from tests.runai.wire import Asked, Reply

BARE = """apiVersion: runai/v1
kind: Training
metadata: {name: a, project: vision, cluster: a100-prod}
spec:
  image: acme/train:1
"""
CHANGED = BARE.replace("train:1", "train:2")
REPLACING = ("apply", "--auto-approve")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with direct(tmp_path) as made:
        yield made


def given_by_policy(stage: Stage, gpus: int) -> None:
    stage.settings(policy={"defaults": {"compute.gpuDevicesRequest": gpus}})


@pytest.mark.parametrize("lists", [True, False], ids=["told by the list", "told by the training alone"])
def test_gpus_that_the_policy_gave_are_guarded(stage: Stage, lists: bool) -> None:
    given_by_policy(stage, 4)
    stage.settings(refuseLists=not lists)
    stage.write(BARE)
    stage.tool.run(*REPLACING)
    stage.write(CHANGED)
    done = stage.tool.run(*REPLACING, code=1)
    assert "stops a Running training that holds 4 GPUs" in done.out
    assert "error: Running work would stop" in done.err
    assert "allow it with --allow disruption" in done.err
    assert "1 added, 0 changed, 1 destroyed" in stage.tool.run(*REPLACING, "--allow", "disruption").out


def test_gpus_of_an_imported_training_are_guarded_though_its_manifest_has_none(stage: Stage) -> None:
    stage.write(BARE + "  compute: {gpuDevicesRequest: 8}\n")
    stage.tool.run(*REPLACING)
    stage.tool.run("state", "rm", "Training.a")
    stage.write(BARE)
    stage.tool.run("import", "Training.a", "a")
    done = stage.tool.run("destroy", "--auto-approve", code=1)
    assert "8 GPUs" in done.err
    assert "--allow disruption" in done.err
    assert len(stage.live_ids()) == 1


def test_each_pod_of_a_training_counts(stage: Stage) -> None:
    stage.write(BARE + "  parallelism: 4\n  compute: {gpuDevicesRequest: 1}\n")
    stage.tool.run(*REPLACING)
    assert "4 GPUs" in stage.tool.run("destroy", "--auto-approve", code=1).err


def test_a_run_without_gpus_stops_unasked(stage: Stage) -> None:
    stage.write(BARE)
    stage.tool.run(*REPLACING)
    stage.write(CHANGED)
    assert "1 added, 0 changed, 1 destroyed" in stage.tool.run(*REPLACING).out


def test_what_a_policy_gave_is_freed_by_the_plan(stage: Stage) -> None:
    """The replacement asks for no more than the old run has: nothing crosses the quota."""
    given_by_policy(stage, 4)
    stage.settings(quotas={"4501": {"default": {"deserved": 4, "limit": 8}}})
    stage.write(BARE)
    stage.tool.run(*REPLACING)
    stage.write(CHANGED)
    assert "quota" not in stage.tool.run("plan").err


def test_a_run_whose_gpus_nobody_tells_is_guarded(tmp_path: Path) -> None:
    """Its row has no figure, and it does not answer itself."""
    with staged(tmp_path) as stage:
        given_by_policy(stage, 4)
        stage.write(BARE)
        stage.tool.run(*REPLACING)

        def interfere(asked: Asked) -> Reply | None:
            reply = stage.passed(asked)
            if asked.method == "GET" and asked.path.startswith(f"{TRAININGS}/"):
                return Reply(403, {"code": 403, "message": "not for you"})
            if asked.path == "/api/v1/workloads":
                row = httpx.get(f"{stage.url}{asked.target}", headers={"Authorization": "Bearer sandbox"}).json()
                return Reply(200, {"workloads": [dict(one, allocatedResources=None) for one in row["workloads"]]})
            return reply

        stage.interfere = interfere
        stage.write(CHANGED)
        done = stage.tool.run(*REPLACING, code=1)
        assert "an unknown number of GPUs" in done.err
        assert len(stage.live_ids()) == 1


@pytest.mark.parametrize("tells", [True, False], ids=["policy told", "policy refused"])
def test_what_a_policy_gave_is_not_written_into_discovered_manifests(stage: Stage, tells: bool) -> None:
    """Where the policy cannot be read, that is said."""
    stage.settings(
        refusePolicies=not tells,
        policy={"defaults": {"compute.gpuDevicesRequest": 4}, "environmentVariables": {"HTTPS_PROXY": "http://proxy"}},
    )
    stage.write(BARE + "  environmentVariables: [{name: OWN, value: one}]\n")
    stage.tool.run(*REPLACING)
    stage.tool.run("state", "rm", "Training.a")
    (stage.tool.folder / "manifests" / "all.yaml").unlink()
    done = stage.tool.run("import", "--discover", "--out", "manifests")
    (written,) = (path.read_text(encoding="utf-8") for path in stage.tool.folder.glob("manifests/**/*.yaml"))
    assert "OWN" in written
    assert ("HTTPS_PROXY" in written, "gpuDevicesRequest" in written) == (not tells, not tells)
    assert ("The policies of 1 project were not told" in done.err) == (not tells)
    stage.tool.plan_is_empty()
