"""What the commands do, from outside: plans, plan files, guards, state and sandbox."""

from __future__ import annotations

import json
import re
import shutil
import signal
from pathlib import Path

import httpx

from tests.cli.tool import Tool, documents, template, training, until
from tests.forked import sandbox

HEADERS = {"Authorization": "Bearer sandbox"}
HERE = ("--auto-approve",)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_plan_says_what_would_change_by_its_exit_code_and_leaves_no_state(tool: Tool) -> None:
    before = files(tool.folder)
    done = tool.run("plan", "--detailed-exitcode", code=2)
    assert "Plan: 3 to add, 0 to change, 0 to destroy." in done.out
    assert "Plan:" not in done.err
    made = files(tool.folder) - before
    assert {name.removesuffix("-wal").removesuffix("-shm") for name in made} <= {
        ".declarative/sandbox.sqlite3",
        ".declarative/.gitignore",
    }
    tool.run("apply", *HERE)
    tool.plan_is_empty()
    assert "No changes." in tool.run("apply", *HERE).out


def test_a_plan_sends_only_reads(tool: Tool, url: str) -> None:
    tool.environ.update(DECLARATIVE_ENDPOINT=url, DECLARATIVE_TOKEN="sandbox")  # type: ignore[attr-defined]
    tool.run("plan")
    tool.run("apply", *HERE)
    tool.write(
        {"manifests/all.yaml": documents(template("base", text="x"), training("a", more="desiredPhase: Stopped\n"))}
    )

    def writes() -> dict[str, int]:
        rows = httpx.get(f"{url}/_sandbox/requests").json()["requests"]
        return {f"{row['method']} {row['path']}": row["count"] for row in rows if row["method"] != "GET"}

    before = writes()
    assert sum(before.values()) == 3
    for line in ("plan", "plan --out p", "plan --destroy", "plan --json", "show p", "validate", "state list"):
        tool.run(*line.split())
    assert writes() == before


def test_a_saved_plan_is_applied_as_reviewed_and_only_once(tool: Tool) -> None:
    said = tool.run("plan", "--out", "p").err
    checksum = re.search(r"checksum ([0-9a-f]{12})", said)
    assert checksum
    assert checksum[1] in tool.run("show", "p").err
    assert "Plan: 3 to add" in tool.run("show", "p").out
    shown = json.loads(tool.run("show", "p", "--json").out)
    assert shown["format_version"] == "1.2"
    assert sorted(one["address"] for one in shown["resource_changes"]) == [
        "Training.a",
        "Training.b",
        "WorkloadTemplate.base",
    ]
    # It asks nothing: it was reviewed.
    assert "Resources: 3 added" in tool.run("apply", "p").out
    assert "Saved plan is stale" in tool.run("apply", "p", code=1).err
    tool.plan_is_empty()


def test_a_plan_of_what_has_moved_since_is_stale(tool: Tool) -> None:
    tool.run("apply", *HERE)
    tool.write({"manifests/all.yaml": documents(template("base", text="x"), training("a"), training("b"))})
    tool.run("plan", "--out", "p")
    tool.write({"manifests/all.yaml": documents(template("base", text="y"), training("a"), training("b"))})
    tool.run("apply", *HERE)
    stale = tool.run("apply", "p", code=1)
    assert "Saved plan is stale" in stale.err
    assert "WorkloadTemplate.base" in stale.err


def test_a_change_of_protection_is_said_and_is_applied_by_a_saved_plan_once(tool: Tool) -> None:
    def protected(word: str) -> None:
        tool.write({"manifests/all.yaml": training("a", more=f"lifecycle: {{preventDestroy: {word}}}\n")})

    protected("true")
    tool.run("apply", *HERE)
    protected("false")
    assert "lifecycle.preventDestroy becomes false" in tool.run("plan", "--out", "p").out
    tool.run("apply", "p")
    assert "Saved plan is stale" in tool.run("apply", "p", code=1).err
    assert json.loads(tool.run("state", "show", "Training.a", "--json").out)["prevent_destroy"] is False


def test_a_plan_for_another_control_plane_or_state_or_a_damaged_one_is_refused(tool: Tool, url: str) -> None:
    tool.run("plan", "--out", "p")
    other = {"DECLARATIVE_TOKEN": "sandbox", "DECLARATIVE_ENDPOINT": url}
    assert "another control plane" in tool.run("apply", "p", code=1, **other).err
    text = (tool.folder / "p").read_text()
    tool.write({"damaged": text.replace("nvcr.io", "evil.io"), "short": text[:100]})
    assert "Unusable plan file" in tool.run("apply", "damaged", code=1).err
    tool.run("apply", "short", code=1)
    tool.run("apply", "p")
    tool.run("plan", "--destroy", "--out", "d")
    elsewhere = ("--state", "other.sqlite3")
    tool.run("apply", *HERE, *elsewhere, code=1)  # the names are taken, and the other state knows nothing of them
    assert "another state" in tool.run("apply", "d", *elsewhere, code=1).err


def ten(tool: Tool, count: int = 10, **more: str) -> None:
    tool.write({"manifests/all.yaml": documents(*(template(f"t{n}", **more) for n in range(count)))})


def test_a_mass_change_is_refused_until_it_is_allowed(tool: Tool) -> None:
    ten(tool)
    tool.run("apply", *HERE)
    ten(tool, 6)
    refused = tool.run("apply", *HERE, code=1)
    assert "--allow mass-change" in refused.err
    assert "WorkloadTemplate.t9" in refused.err
    assert "--allow mass-change" in tool.run("plan").err
    assert "4 destroyed" in tool.run("apply", *HERE, "--allow", "mass-change").out
    ten(tool, 5)
    assert "1 destroyed" in tool.run("apply", *HERE).out


def test_an_empty_manifest_set_is_refused_until_it_is_allowed(tool: Tool) -> None:
    tool.write({"manifests/all.yaml": template("base")})
    tool.run("apply", *HERE)
    tool.write({"manifests/all.yaml": "# nothing\n"})
    assert "--allow empty" in tool.run("apply", *HERE, code=1).err
    assert "1 destroyed" in tool.run("apply", *HERE, "--allow", "empty").out


def test_running_work_is_not_stopped_until_it_is_allowed(tool: Tool, url: str) -> None:
    httpx.patch(f"{url}/_sandbox/settings", json={"speed": "instant"})
    tool.environ.update(DECLARATIVE_ENDPOINT=url, DECLARATIVE_TOKEN="sandbox")  # type: ignore[attr-defined]
    tool.run("apply", *HERE)
    tool.write({"manifests/all.yaml": documents(template("base"), training("a", image="other:1"), training("b"))})
    refused = tool.run("apply", *HERE, code=1)
    assert "--allow disruption" in refused.err
    assert "Training.a" in refused.err
    assert "Training.b" not in refused.err
    assert "Resources: 1 added, 0 changed, 1 destroyed." in tool.run("apply", *HERE, "--allow", "disruption").out
    assert "--allow disruption" in tool.run("destroy", *HERE, code=1).err
    # Whoever reads at the prompt what stops, and answers yes, has allowed it.
    assert tool.run("destroy", given="yes\n").code == 0


def test_protected_resources_are_not_destroyed_until_their_manifest_says_so(tool: Tool) -> None:
    protected = template("base") + "lifecycle: {preventDestroy: true}\n"
    tool.write({"manifests/all.yaml": documents(protected, template("other"))})
    tool.run("apply", *HERE)
    allowed = ("--allow", "empty", "--allow", "mass-change", "--allow", "disruption")
    for line in (("destroy", *HERE), ("destroy", *HERE, *allowed[2:])):
        assert "Protected resource" in tool.run(*line, code=1).err
    tool.write({"manifests/all.yaml": template("other")})
    assert "WorkloadTemplate.base" in tool.run("apply", *HERE, *allowed, code=1).err
    tool.write({"manifests/all.yaml": documents(template("base"), template("other"))})
    tool.run("apply", *HERE)
    tool.run("destroy", *HERE)


def test_the_state_can_be_listed_and_shown(tool: Tool) -> None:
    assert tool.run("state", "list").out == ""
    tool.run("apply", *HERE)
    assert tool.run("state", "list").out.split() == ["Training.a", "Training.b", "WorkloadTemplate.base"]
    assert len(json.loads(tool.run("state", "list", "--json").out)) == 3
    shown = json.loads(tool.run("state", "show", "Training.a", "--json").out)
    assert shown["id"] in tool.run("state", "show", "Training.a").out
    assert "Did you mean Training.b?".lower() in tool.run("state", "show", "Training.bb", code=1).err.lower()


def test_every_line_of_an_event_stream_is_one_object(tool: Tool) -> None:
    for line in ("plan --json", "apply --json --auto-approve", "destroy --json --auto-approve --allow disruption"):
        done = tool.run(*line.split())
        messages = [json.loads(text) for text in done.out.splitlines()]
        assert messages[0]["type"] == "version"
        assert any(message["type"] == "change_summary" for message in messages)


def test_validate_tells_every_mistake_with_its_place(tool: Tool) -> None:
    bad = documents(training("a").replace("image:", "imgae:"), training("B"))
    tool.write({"manifests/all.yaml": bad})
    done = tool.run("validate", code=1)
    assert "image" in done.err
    assert "all.yaml:5" in done.err
    found = json.loads(tool.run("validate", "--json", code=1).out)
    assert not found["valid"]
    assert found["error_count"] == len(found["diagnostics"]) >= 2
    assert all(one["range"]["filename"] == "manifests/all.yaml" for one in found["diagnostics"])


def test_the_sandbox_is_served_from_the_projects_own_file_and_can_be_reset(tool: Tool) -> None:
    tool.run("apply", *HERE)
    running = tool.start("sandbox", "serve", "--port", "0")
    until(lambda: "Next:" in running.said())
    url = re.search(r"http://\S+", running.said())
    assert url
    over_http = {"DECLARATIVE_ENDPOINT": url[0], "DECLARATIVE_TOKEN": "sandbox"}
    assert tool.run("plan", "--detailed-exitcode", **over_http).out.startswith("No changes.")
    tool.run("sandbox", "reset")
    assert "belongs to another control plane" in tool.run("plan", **over_http, code=1).err
    again = tool.run("plan")
    assert "Plan: 3 to add" in again.out
    assert "None of the 3 recorded objects exists at sandbox." in again.err
    running.process.send_signal(signal.SIGTERM)
    assert running.ended().code == 0


def scenario(tool: Tool) -> list[str]:
    """What the tool prints through a life of changes, without ids, times and endpoints."""
    texts: list[str] = []

    def step(*manifests: str) -> None:
        tool.write({"manifests/all.yaml": documents(*manifests)})
        texts.append(tool.apply("--parallelism", "1").out)
        texts.append(tool.run("plan").out)

    step(template("base"), training("a"), training("b"))
    step(template("base", text="INFO"), training("a", more="desiredPhase: Stopped\n"), training("b"))
    step(template("base", text="INFO"), training("a"), training("b", image="other:2"))
    step(template("base"), training("b", image="other:2"))
    texts.append(tool.run("destroy", "--auto-approve", "--allow", "disruption").out)
    identity = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\d \d\d:\d\d UTC")
    endpoint = tool.environ.get("DECLARATIVE_ENDPOINT", "sandbox")
    return [identity.sub("ID", text.replace(endpoint, "sandbox")) for text in texts]


def test_over_http_everything_is_said_as_it_is_in_process(tmp_path: Path) -> None:
    inside, outside = Tool(tmp_path / "inside"), Tool(tmp_path / "outside", {"DECLARATIVE_TOKEN": "sandbox"})
    plane = tmp_path / "plane" / "sandbox.sqlite3"
    with sandbox(plane) as url:
        httpx.patch(f"{url}/_sandbox/settings", json={"speed": "instant"})
    (inside.folder / ".declarative").mkdir(parents=True)
    shutil.copy(plane, inside.folder / ".declarative" / "sandbox.sqlite3")
    with sandbox(plane) as url:
        outside.environ.update(DECLARATIVE_ENDPOINT=url)  # type: ignore[attr-defined]
        there = scenario(outside)
    here = scenario(inside)
    assert here == there
