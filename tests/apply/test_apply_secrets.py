"""Secrets go from the environment to the control plane, and are left nowhere on the way: no file, no output."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.apply.stage import TEMPLATES, TRAININGS, Hold, Stage, is_create
from tests.cli.tool import Done, until
from tests.runai.wire import Asked, Reply
from tests.secrets import leaks

SECRET, VARIABLE, THIRD = "hunter2-correct-horse", "battery-staple-9", "set-by-somebody-by-hand"
ALLOW = ("--auto-approve", "--allow", "disruption", "--allow", "mass-change")
PROJECT = """apiVersion: declarative/v1
kind: Project
variables:
  password: {type: string, sensitive: true}
"""


def template(value: str, *, more: str = "") -> str:
    return f"""apiVersion: runai/v1
kind: WorkloadTemplate
metadata: {{name: base, scope: project, project: vision}}
spec:
  assets: {{environment: {{name: pytorch-24}}}}
  specificEnv: {{environmentVariables: [{{name: TOKEN, value: {value}}}{more}]}}
"""


def training(value: str) -> str:
    return f"""apiVersion: runai/v1
kind: Training
metadata: {{name: run, project: vision, cluster: a100-prod}}
spec:
  image: busybox
  args: {value}
"""


OF_ENVIRONMENT = "\"{{ secret('TOKEN') }}\""
OF_VARIABLE = '"--password={{ var.password }}"'


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """A stage whose tool knows the secrets, and whose manifests use both kinds of them."""
    secrets = {"TOKEN": SECRET, "DECLARATIVE_VAR_password": VARIABLE}
    stage.tool = replace(stage.tool, environ={**stage.tool.environ, **secrets})
    stage.tool.write({"declarative.yaml": PROJECT})
    stage.write(template(OF_ENVIRONMENT), training(OF_VARIABLE))
    return stage


def with_token(stage: Stage, token: str) -> None:
    stage.tool = replace(stage.tool, environ={**stage.tool.environ, "TOKEN": token})


def silent(folder: Path, *done: Done, texts: tuple[str, ...] = (SECRET, VARIABLE, THIRD)) -> None:
    """Neither the files nor the output of commands hold a secret."""
    assert leaks(folder, *texts) == []
    assert not [text for one in done for text in texts if text in one.out + one.err]


def live_value(stage: Stage) -> str:
    (entry,) = stage.get(TEMPLATES)["entries"]
    return str(entry["spec"]["specificEnv"]["environmentVariables"][0]["value"])


def set_by_hand(stage: Stage, **run: Any) -> None:
    """What another person does to the template."""
    (entry,) = stage.get(TEMPLATES)["entries"]
    assets = {**entry["spec"]["assets"], "environment": entry["spec"]["assets"]["environment"]["id"]}
    spec = {"assets": {"environment": assets["environment"]}, "specificEnv": {**entry["spec"]["specificEnv"], **run}}
    body = {"meta": {"name": entry["meta"]["name"]}, "spec": spec}
    headers = {"Authorization": "Bearer sandbox"}
    httpx.put(f"{stage.url}{TEMPLATES}/{entry['meta']['id']}", json=body, headers=headers).raise_for_status()


def test_a_reviewed_plan_and_its_apply_leave_no_secret_behind(stage: Stage) -> None:
    tool = stage.tool
    said = [
        tool.run("plan", "--out", "p.plan"),
        tool.run("plan", "--json", "-v"),
        tool.run("show", "p.plan", TOKEN="", DECLARATIVE_VAR_password=""),
        tool.run("show", "p.plan", "--json", TOKEN="", DECLARATIVE_VAR_password=""),
    ]
    silent(tool.folder, *said)
    assert sorted(said[0].out.splitlines()) == sorted(said[2].out.splitlines())
    changes = {one["type"]: one["change"] for one in json.loads(said[3].out)["resource_changes"]}
    assert changes["Training"]["after_sensitive"] == {"spec": {"args": True}}
    variables = [{"value": True}]
    assert changes["WorkloadTemplate"]["after_sensitive"] == {
        "spec": {"specificEnv": {"environmentVariables": variables}}
    }
    said = [tool.run("apply", "p.plan", "-v"), tool.run("show"), tool.run("state", "show", "Training.run", "--json")]
    silent(tool.folder, *said)
    assert "args: (sensitive)" in said[1].out
    assert live_value(stage) == SECRET
    (row,) = stage.get("/api/v1/workloads")["workloads"]
    assert stage.get(f"{TRAININGS}/{row['id']}")["spec"]["args"] == f"--password={VARIABLE}"
    tool.plan_is_empty()
    tool.plan_is_empty("--var", f"password={VARIABLE}")


def test_a_changed_secret_is_a_change_that_shows_neither(stage: Stage) -> None:
    """A template gets the new one in place; a training, whose spec nobody can read, is replaced."""
    stage.tool.apply()
    with_token(stage, "another-one")
    done = [
        stage.tool.run("plan", "--out", "p.plan", "--var", "password=a-new-password"),
        stage.tool.run("show", "p.plan", "--json"),
        stage.tool.run("apply", "p.plan", "--var", "password=a-new-password", *ALLOW[1:]),
    ]
    assert "environmentVariables[TOKEN].value: (sensitive)\n" in done[0].out
    assert "args: (sensitive)  # forces replacement" in done[0].out
    silent(stage.tool.folder, *done, texts=(SECRET, VARIABLE, "another-one", "a-new-password"))
    assert live_value(stage) == "another-one"
    stage.tool.plan_is_empty("--var", "password=a-new-password")


def test_what_somebody_set_in_place_of_a_secret_is_not_told_either(stage: Stage) -> None:
    stage.tool.apply()
    set_by_hand(stage, environmentVariables=[{"name": "TOKEN", "value": THIRD}], command="theirs")
    done = [stage.tool.run("plan", "--out", "p.plan"), stage.tool.run("show", "p.plan", "--json")]
    assert "1 to change" in done[0].out
    silent(stage.tool.folder, *done)
    silent(stage.tool.folder, stage.tool.run("apply", "p.plan"))
    assert live_value(stage) == SECRET
    (entry,) = stage.get(TEMPLATES)["entries"]
    assert entry["spec"]["specificEnv"]["command"] == "theirs"


def test_a_secret_that_leaves_the_manifest_is_not_told(stage: Stage) -> None:
    stage.write(template(OF_ENVIRONMENT, more=", {name: B, value: b}"))
    stage.tool.apply()
    stage.write(template("plain"))
    done = [stage.tool.run("plan", "--out", "p.plan"), stage.tool.apply()]
    assert "(sensitive) → plain" in done[0].out
    silent(stage.tool.folder, *done)
    silent(stage.tool.folder, stage.tool.run("destroy", *ALLOW[:3]))


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_a_refusal_that_repeats_the_request_is_masked(stage: Stage, as_json: tuple[str, ...]) -> None:
    def interfere(asked: Asked) -> Reply | None:
        if is_create(asked):
            issues = [{"field": "spec.args", "details": f"{asked.json}"}]
            return Reply(400, {"code": 400, "message": asked.body.decode(), "complianceIssues": issues})
        return stage.passed(asked)

    stage.interfere = interfere
    done = stage.tool.apply(*as_json, code=1)
    silent(stage.tool.folder, done)
    assert "(sensitive)" in done.out + done.err


def test_killed_before_the_answer_it_finds_what_it_made_and_has_written_no_secret(stage: Stage) -> None:
    """The secrets of an interrupted create are compared by what the state remembers of them."""
    hold = Hold()

    def interfere(asked: Asked) -> Reply | None:
        reply = stage.passed(asked)
        if is_create(asked):
            hold()
        return reply

    stage.interfere = interfere
    running = stage.tool.start("apply", *ALLOW, "--parallelism", "1")
    until(hold.reached.is_set)
    running.process.kill()
    running.ended()
    hold.released.set()
    stage.idle()
    silent(stage.tool.folder)
    created = stage.creates()
    stage.interfere = stage.passed
    done = [stage.tool.run("plan", "--out", "p.plan"), stage.tool.apply()]
    assert "an interrupted create is taken up" in done[0].out
    silent(stage.tool.folder, *done)
    assert (created, stage.creates()) == (1, 2)
    stage.is_whole("base", "run")


def test_what_was_applied_in_the_open_leaves_the_state_once_it_is_secret(stage: Stage) -> None:
    """Nothing is called, and nothing is asked; a plan says so before."""
    stage.write(template(SECRET), training(f"--password={VARIABLE}"))
    stage.tool.apply()
    state = stage.tool.folder / ".declarative"
    assert set(leaks(state, SECRET, VARIABLE)) == {"state.sqlite3", "state.sqlite3.backup"}
    stage.write(template(OF_ENVIRONMENT), training(OF_VARIABLE))
    calls = stage.wire.count("POST") + stage.wire.count("PUT")
    done = [stage.tool.run("plan", "--out", "p.plan", "--detailed-exitcode"), stage.tool.run("apply")]
    assert "what is secret now becomes a digest in the state" in done[0].out
    silent(stage.tool.folder, *done)
    assert stage.wire.count("POST") + stage.wire.count("PUT") == calls
    assert "what is secret" not in stage.tool.run("plan").out


def test_a_saved_plan_asks_for_its_secrets_again(stage: Stage) -> None:
    """What is missing is told before anything is locked or sent; what is not needed is refused."""
    stage.tool.run("plan", "--out", "p.plan", "--var", f"password={VARIABLE}")
    assert "TOKEN" in stage.tool.run("apply", "p.plan", TOKEN="", code=1).err
    without = {name: value for name, value in stage.tool.environ.items() if name != "DECLARATIVE_VAR_password"}
    assert "password" in replace(stage.tool, environ=without).run("apply", "p.plan", code=1).err
    assert stage.creates() == 0
    stage.tool.run("apply", "p.plan", "--var", f"password={VARIABLE}")
    stage.write(template(OF_ENVIRONMENT))
    stage.tool.run("plan", "--out", "q.plan")
    assert "was planned with its own variables" in stage.tool.run("apply", "q.plan", "--var", "password=x", code=1).err


def test_two_saved_plans_of_one_reference_have_one_checksum(stage: Stage) -> None:
    """Whoever sees the checksum learns nothing of the value."""
    first = stage.tool.run("plan", "--out", "p.plan")
    with_token(stage, "another-one")
    second = stage.tool.run("plan", "--out", "q.plan")
    sums = [re.findall(r"checksum (\w+)", done.err) for done in (first, second)]
    assert sums[0]
    assert sums[0] == sums[1]
    assert first.out == second.out


def test_the_embedded_control_plane_takes_secrets_too(stage: Stage) -> None:
    """It runs nothing, so not even its own file has them."""
    tool = replace(stage.tool, environ={**stage.tool.environ, "DECLARATIVE_ENDPOINT": "sandbox"})
    tool.apply()
    tool.plan_is_empty()
    assert leaks(tool.folder, SECRET, VARIABLE, but=()) == []
