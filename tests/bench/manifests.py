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
  labels: [{{name: app, value: resnet}}, {{name: stage, value: research}}, {{name: index, value: "{number}"}}]
  tolerations: [{{name: gpu, operator: Equal, key: nvidia.com/gpu, value: present, effect: NoSchedule}}]
  backoffLimit: 3
  restartPolicy: OnFailure
  compute: {{gpuDevicesRequest: 1, gpuRequestType: portion, gpuPortionRequest: 0.5, cpuCoreRequest: 4, cpuMemoryRequest: 32G}}
  storage:
    pvc: [{{name: data, path: /data, existingPvc: true, claimName: imagenet, readOnly: true}}]
    git: [{{name: src, repository: "https://git.example.com/ml/trainer.git", branch: main, path: /workspace/src}}]
  security: {{uidGidSource: custom, runAsUid: 1000, runAsGid: 1000, runAsNonRoot: true}}
"""


def text(number: int, revision: int = 0) -> str:
    """The training of this number."""
    facts = {"number": number, "project": 1 + number % 3, "epochs": 10 + number % 90, "rate": 1 + number % 9}
    return _TRAINING.format(revision=revision, **facts)


def write(folder: Path, count: int, revision: int = 0) -> None:
    """Writes `count` trainings, a file each; another revision changes them all."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"train-{number:05d}.yaml").write_text(text(number, revision), encoding="utf-8")
