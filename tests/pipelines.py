"""The pipelines of examples/ci, run step by step as their hosts would: the same files, order, conditions and variables.

A `Repository` is what a team has that copied the examples. Its host is played by a fake `gh`, or by a server that answers as
the API of GitLab; both keep what they are told. Actions of others (`uses:`) are not run, but for the keeping of artifacts.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cli.tool import COMMAND, REPOSITORY, environment

EXAMPLE = REPOSITORY / "examples" / "ci"
MERGED = "4be1a7e0c0ffee"
NUMBER = "7"
_ACTIONS = {"actions/checkout", "actions/setup-python", "actions/upload-artifact"}
# Says what it was asked to install: the tool itself is there already.
_PIP = '#!/bin/sh\ncat "$4" > /dev/null && echo "pip $*"\n'


@dataclass
class Run:
    """What came of a workflow or job: how each step ended by its name, and all that they said."""

    outcomes: dict[str, str] = field(default_factory=dict)
    log: str = ""

    @property
    def succeeded(self) -> bool:
        return "failure" not in self.outcomes.values()


@dataclass(frozen=True)
class Repository:
    """A checkout with the project in `infra/` and the scripts in `ci/`, and what its host keeps, beside it."""

    folder: Path
    environ: Mapping[str, str]

    @classmethod
    def at(cls, folder: Path, files: Mapping[str, str], **environ: str) -> Repository:
        made = cls(folder / "checkout", environ)
        shutil.copytree(EXAMPLE / "scripts", made.folder / "ci")
        shutil.copy(EXAMPLE / "requirements.txt", made.folder / "ci")
        made.write(files)
        made.kept.mkdir()
        made.program("pip", _PIP)
        made.program("declarative", f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
        made.program("gh", f'#!/bin/sh\nexec {sys.executable} {REPOSITORY / "tests" / "fake_gh.py"} "$@"\n')
        return made

    @property
    def kept(self) -> Path:
        """The folder of what the host keeps."""
        return self.folder.parent / "kept"

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def program(self, name: str, text: str) -> None:
        path = self.folder.parent / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def told(self, what: str) -> list[dict[str, Any]]:
        """The comments or issues that a host keeps."""
        path = self.kept / f"{what}.json"
        found: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
        return found

    def shell(self, script: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Runs a step; what it says on both streams is its log."""
        programs = {"PATH": f"{self.folder.parent / 'bin'}:{environment({})['PATH']}", "KEPT": str(self.kept)}
        return subprocess.run(
            ["sh", "-e", "-c", script],
            cwd=self.folder,
            env=environment({**self.environ, **environ, **programs}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )


@dataclass
class GitHub:
    """Runs a workflow of examples/ci/github. Settings reach it as variables and secrets of the repository alone."""

    repository: Repository
    settings: Mapping[str, str]

    def plan(self) -> Run:
        event = {"github.event.pull_request.number": NUMBER, "github.ref": f"refs/pull/{NUMBER}/merge"}
        return self._run("plan.yml", event)

    def apply(self, checksum: str = "", allow: str = "") -> Run:
        return self._run("apply.yml", {"inputs.checksum": checksum, "inputs.allow": allow})

    def drift(self) -> Run:
        return self._run("drift.yml", {})

    def _run(self, name: str, event: Mapping[str, str]) -> Run:
        workflow = yaml.safe_load((EXAMPLE / "github" / name).read_text())
        (job,) = workflow["jobs"].values()
        known = {f"{where}.{key}": value for key, value in self.settings.items() for where in ("vars", "secrets")}
        known |= {"github.token": "ghs_token", **event}
        run = Run()
        for step in job["steps"]:
            name = step.get("name") or step["uses"]
            run.outcomes[name] = "skipped"
            if _holds(step.get("if", ""), known, run.succeeded):
                run.outcomes[name] = "success" if self._step(step, workflow["env"], known, run) else "failure"
            if "id" in step:
                known[f"steps.{step['id']}.outcome"] = run.outcomes[name]
        return run

    def _step(self, step: dict[str, Any], shared: dict[str, str], known: dict[str, str], run: Run) -> bool:
        if "uses" in step:
            return self._action(step, known)
        outputs, summary = self.repository.folder.parent / "outputs", self.repository.folder.parent / "summary"
        outputs.write_text("")
        given = {key: _filled(value, known) for key, value in {**shared, **step.get("env", {})}.items()}
        done = self.repository.shell(
            step["run"],
            {
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_WORKSPACE": str(self.repository.folder),
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "acme/infra",
                "GITHUB_RUN_ID": "99",
                "GITHUB_SHA": MERGED,
                "GITHUB_OUTPUT": str(outputs),
                "GITHUB_STEP_SUMMARY": str(summary),
                **given,
            },
        )
        run.log += done.stdout
        for line in outputs.read_text().splitlines():
            key, _, value = line.partition("=")
            known[f"steps.{step['id']}.outputs.{key}"] = value
        return done.returncode == 0

    def _action(self, step: dict[str, Any], known: dict[str, str]) -> bool:
        action = step["uses"].partition("@")[0]
        assert action in _ACTIONS, action
        if action == "actions/upload-artifact":
            given = {key: _filled(str(value), known) for key, value in step["with"].items()}
            keep(self.repository.kept, given["name"], self.repository.folder / given["path"])
        return True


def keep(kept: Path, name: str, file: Path) -> None:
    """Keeps a file under the name of an artifact."""
    (kept / name).mkdir(exist_ok=True)
    shutil.copy(file, kept / name)


def _filled(text: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: known[found[1]], text)


def _holds(condition: str, known: Mapping[str, str], succeeded: bool) -> bool:
    """Whether a step runs: status functions, and comparisons with a text, joined by `&&`."""
    statuses = {"success()": succeeded, "failure()": not succeeded, "!cancelled()": True}
    parts = [part for part in condition.removeprefix("${{ ").removesuffix(" }}").split(" && ") if part]
    if not statuses.keys() & set(parts):
        parts.append("success()")

    def holds(part: str) -> bool:
        if part in statuses:
            return statuses[part]
        name, sign, value = part.split(" ")
        return (known.get(name, "") == value.strip("'")) is (sign == "==")

    return all(map(holds, parts))


@dataclass
class GitLab:
    """Runs the jobs of examples/ci/gitlab that the rules choose. `api` is the URL of who plays GitLab."""

    repository: Repository
    settings: Mapping[str, str]
    api: str

    def plan(self) -> Run:
        return self._run({"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": NUMBER})

    def apply(self, checksum: str = "", allow: str = "") -> Run:
        by_hand = {"CHECKSUM": checksum, "ALLOW": allow} if checksum else {}
        source = "web" if checksum else "push"
        return self._run({"CI_PIPELINE_SOURCE": source, "CI_COMMIT_BRANCH": "main", **by_hand})

    def drift(self) -> Run:
        return self._run({"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"})

    def _run(self, pipeline: Mapping[str, str]) -> Run:
        document = yaml.safe_load((EXAMPLE / "gitlab" / ".gitlab-ci.yml").read_text())
        variables = {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.api,
            "CI_PROJECT_DIR": str(self.repository.folder),
            "CI_PROJECT_ID": "12",
            "CI_PROJECT_URL": "https://gitlab.com/acme/infra",
            "CI_JOB_URL": "https://gitlab.com/acme/infra/-/jobs/99",
            "CI_JOB_TOKEN": "job-token",
            "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_SHA": MERGED,
            "GITLAB_TOKEN": "project-token",
            **self.settings,
            **pipeline,
        }
        variables |= document["variables"]
        assert any(_chosen(rule["if"], variables) for rule in document["workflow"]["rules"])
        run = Run()
        for name, job in document.items():
            is_job = isinstance(job, dict) and "script" in job
            if is_job and any(_chosen(rule["if"], variables) for rule in job["rules"]):
                self._job(name, {**document["default"], **job}, variables, run)
        return run

    def _job(self, name: str, job: dict[str, Any], variables: dict[str, str], run: Run) -> None:
        done = self.repository.shell("\n".join([*job["before_script"], *job["script"]]), variables)
        status = "failed" if done.returncode else "success"
        after = self.repository.shell("\n".join(job.get("after_script", [])), {**variables, "CI_JOB_STATUS": status})
        run.log += done.stdout + after.stdout
        run.outcomes[name] = "failure" if done.returncode else "success"
        run.outcomes[f"after {name}"] = "told" if after.returncode == 0 else "untold"


def _chosen(rule: str, variables: Mapping[str, str]) -> bool:
    def value(word: str) -> str:
        return variables.get(word[1:], "") if word.startswith("$") else word.strip('"')

    def holds(part: str) -> bool:
        left, sign, right = part.split(" ")
        return (value(left) == value(right)) is (sign == "==")

    return all(map(holds, rule.split(" && ")))
