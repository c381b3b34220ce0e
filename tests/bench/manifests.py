"""Manifests of the size that teams write, as many as wanted."""

from __future__ import annotations

from pathlib import Path

_TRAINING = """apiVersion: runai/v1
kind: Training
metadata: {{name: train-{number:05d}, projectId: "450{project}", clusterId: 71f69d83-ba66-4822-adf5-55ce55efd210}}
spec:
  command: python
  args: train.py --epochs {epochs} --lr 0.00{rate} --seed {number} --out /results/run-{number:05d}
  image: registry.example.com/ml/resnet-trainer:v2.{rate}.{revision}
  imagePullPolicy: IfNotPresent
  workingDir: /workspace
  nodePools: [a100, h100]
  environmentVariables:
    - {{name: WANDB_PROJECT, value: vision-{rate}}}
    - {{name: NCCL_DEBUG, value: WARN}}
    - {{name: OMP_NUM_THREADS, value: "8"}}
    - {{name: WANDB_API_KEY, secret: {{name: wandb, key: api-key}}}}
  annotations: [{{name: example.com/owner, value: team-{project}}}]
  labels: [{{name: app, value: resnet}}, {{name: stage, value: research}}, {{name: index, value: "{number}"}}]
  tolerations: [{{name: gpu, operator: Equal, key: nvidia.com/gpu, value: present, effect: NoSchedule}}]
  terminateAfterPreemption: false
  autoDeletionTimeAfterCompletionSeconds: 86400
  backoffLimit: 3
  restartPolicy: OnFailure
  priorityClass: train
  completions: 1
  parallelism: 1
  compute:
    gpuDevicesRequest: 1
    gpuRequestType: portion
    gpuPortionRequest: 0.5
    cpuCoreRequest: 4
    cpuMemoryRequest: 32G
    largeShmRequest: true
    extendedResources: [{{resource: rdma/ib, quantity: "1"}}]
  storage:
    pvc: [{{name: data, path: /data, existingPvc: true, claimName: imagenet, readOnly: true}}]
    git: [{{name: src, repository: "https://git.example.com/ml/trainer.git", branch: main, path: /workspace/src}}]
  security: {{uidGidSource: custom, runAsUid: 1000, runAsGid: 1000, runAsNonRoot: true}}
"""


def text(number: int, revision: int = 0) -> str:
    """The training of this number."""
    facts = {"number": number, "project": 1 + number % 3, "epochs": 10 + number % 90, "rate": 1 + number % 9}
    return _TRAINING.format(revision=revision, **facts)


def write(folder: Path, count: int, one_file: bool = False) -> None:
    """Writes `count` trainings into an empty folder, a file each or all into one."""
    folder.mkdir(parents=True)
    if not one_file:
        for number in range(count):
            _file(folder, number).write_text(text(number), encoding="utf-8")
        return
    with (folder / "all.yaml").open("w", encoding="utf-8") as file:
        # One at a time: what the kernel tells of a command's memory begins with the memory of who starts it.
        file.writelines(f"---\n{text(number)}" for number in range(count))


def change(folder: Path, number: int) -> None:
    """Gives the training of this number, which has a file of its own, another image."""
    _file(folder, number).write_text(text(number, revision=1), encoding="utf-8")


def _file(folder: Path, number: int) -> Path:
    return folder / f"train-{number:05d}.yaml"
