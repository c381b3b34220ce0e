"""What a shell is answered when somebody presses Tab, by click's protocol and by a real bash."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time

import pytest

from tests.cli.tool import Tool, environment, template, training

PROJECT = """apiVersion: declarative/v1
kind: Project
manifests: [manifests]
variables: {gpus: {type: integer, default: 1}, image: {type: string, default: a}}
environments: {dev: {variables: {gpus: 2}}, prod: {state: prod.sqlite3}}
"""


def asked(tool: Tool, line: str, shell: str = "bash", **environ: str) -> list[str]:
    """What a shell offers for the last word of a line, which is empty after a blank."""
    words = line.split()
    given = {"_DECLARATIVE_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, **environ}
    place = len(words) if line.endswith(" ") else len(words) - 1
    done = tool.launch(code=None, **given, COMP_CWORD=str(place))
    assert done.err == ""
    return done.out.split()


def plain(*values: str) -> list[str]:
    return [f"plain,{value}" for value in values]


def test_commands_and_options_are_offered(tool: Tool) -> None:
    assert asked(tool, "declarative pl") == plain("plan")
    assert asked(tool, "declarative state m") == plain("mv")
    assert asked(tool, "declarative plan --tar") == plain("--target")
    assert asked(tool, "declarative apply --allow m") == plain("mass-change")
    assert asked(tool, "declarative completion ") == plain("bash", "zsh", "fish")
    assert asked(tool, "declarative schema W") == plain("WorkloadTemplate")
    assert asked(tool, "declarative init --template s") == plain("sweep")


def test_addresses_come_from_the_state_and_from_the_manifests(tool: Tool) -> None:
    tool.run("apply", "--auto-approve")
    tool.write({"manifests/all.yaml": training("c")})
    assert asked(tool, "declarative plan --target Training.") == plain("Training.a", "Training.b", "Training.c")
    assert asked(tool, "declarative apply --exclude 'Work") == plain("WorkloadTemplate.base")
    assert asked(tool, "declarative state show Training.") == plain("Training.a", "Training.b")
    assert asked(tool, "declarative state rm Training.a Training.b") == plain("Training.b")
    assert asked(tool, "declarative import ") == plain("Training.c")
    assert asked(tool, "declarative render --address ") == plain(
        "Training.a", "Training.b", "Training.c", "WorkloadTemplate.base"
    )


def test_environments_and_variables_come_from_the_project_file(tool: Tool) -> None:
    tool.write({"declarative.yaml": PROJECT})
    assert asked(tool, "declarative plan -e ") == plain("dev", "prod")
    assert asked(tool, "declarative -e p") == plain("prod")
    assert asked(tool, "declarative plan --var g") == ["part,gpus="]


def test_another_folder_and_another_environment_are_respected(tool: Tool) -> None:
    tool.write({"declarative.yaml": PROJECT})
    tool.run("apply", "-e", "prod", "--auto-approve", "--target", "Training.a")
    away = Tool(tool.folder.parent)
    assert asked(away, f"declarative -C {tool.folder} state show ") == []
    assert asked(away, f"declarative -C {tool.folder} state show -e prod ") == plain("Training.a")


def test_saved_plans_are_offered_where_there_are_any_and_files_otherwise(tool: Tool) -> None:
    assert asked(tool, "declarative show ") == ["file,"]
    tool.run("plan", "--out", "first.plan")
    assert asked(tool, "declarative show ") == plain("first.plan")
    assert asked(tool, "declarative apply fi") == ["file,fi"]


@pytest.mark.parametrize(
    "line",
    [
        "declarative -C nowhere plan --target ",
        "declarative plan -e nowhere --target ",
        "declarative plan --state mysql://x --target Nothing",
        "declarative state show --state postgresql://127.0.0.1:1/x ",
        "declarative plan --nonsense --parallelism x --environment ",
    ],
)
def test_a_mistake_on_the_line_leaves_less_to_choose_from_and_says_nothing(tool: Tool, line: str) -> None:
    assert asked(tool, line) == []


def test_a_broken_manifest_hides_only_its_own_addresses(tool: Tool) -> None:
    tool.write({"manifests/broken.yaml": "a: [", "manifests/wrong.yaml": template("wrong").replace("scope", "scop")})
    assert asked(tool, "declarative plan --target W") == plain("WorkloadTemplate.base", "WorkloadTemplate.wrong")


def test_the_answer_is_quick_whatever_the_manifests_ask_for(tool: Tool) -> None:
    """A template that never ends must not stop somebody from typing."""
    tool.run("apply", "--auto-approve")
    endless = "{% for a in range(9000) %}{% for b in range(9000) %}{% for c in range(9000) %}{% endfor %}{% endfor %}{% endfor %}"
    tool.write({"manifests/endless.yaml": endless})
    began = time.monotonic()
    assert "plain,Training.a" in asked(tool, "declarative plan --target ")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_asks_in_its_name(tool: Tool, shell: str) -> None:
    """And the script of click's own protocol is the same one."""
    done = tool.run("completion", shell)
    assert f"_DECLARATIVE_COMPLETE={shell}_complete" in done.out
    assert done.out.splitlines()[0].startswith("# ")
    assert tool.launch(_DECLARATIVE_COMPLETE=f"{shell}_source").out.strip() in done.out
    given = {"COMP_WORDS": "declarative gra", "COMP_CWORD": "gra" if shell == "fish" else "1"}
    assert "graph" in tool.launch(_DECLARATIVE_COMPLETE=f"{shell}_complete", **given).out


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_a_real_bash_completes_with_the_script(tool: Tool) -> None:
    """The function that bash would call on Tab fills COMPREPLY with an address."""
    tool.write({"bin/declarative": f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m declarative "$@"\n'})
    (tool.folder / "bin" / "declarative").chmod(0o755)
    script = """
    PATH="$PWD/bin:$PATH"
    eval "$(declarative completion bash)"
    complete -p declarative
    COMP_WORDS=(declarative plan --target Work) COMP_CWORD=3
    compopt() { :; }
    _declarative_completion declarative Work --target
    echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", script], cwd=tool.folder, env=environment({}), capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "WorkloadTemplate.base"
