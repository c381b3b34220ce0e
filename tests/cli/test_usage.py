"""What a command line may look like, and what comes back: exit codes, streams, help, global options."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading

import pytest

from declarative import __version__
from declarative.cli.main import run
from tests.cli.tool import COMMAND, Tool, environment, training
from tests.cli.tree import TREE


class Interrupting:
    """Standard input at which the user presses Ctrl-C."""

    def read(self) -> str:
        raise KeyboardInterrupt


def test_an_interrupted_command_leaves_the_signals_of_whoever_called_it_alone(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next Ctrl-C counts again; and outside of the main thread, which has no say in signals, it is told as well."""
    monkeypatch.setattr("sys.stdin", Interrupting())
    command = ["-C", str(tool.folder), "state", "push", "-"]
    before = signal.getsignal(signal.SIGINT)
    codes = [run(command)]
    assert signal.getsignal(signal.SIGINT) is before
    thread = threading.Thread(target=lambda: codes.append(run(command)))
    thread.start()
    thread.join()
    assert codes == [1, 1]
    assert capsys.readouterr().err.count("error: Interrupted") == 2


@pytest.mark.parametrize("words", list(TREE), ids=lambda words: " ".join(words) or "declarative")
def test_every_command_has_help_with_an_example(tool: Tool, words: tuple[str, ...]) -> None:
    short = tool.run(*words, "-h")
    assert short.err == ""
    assert "Usage: declarative" in short.out
    assert "Example" in short.out or "Start here" in short.out
    assert f"  declarative {' '.join(words)}".rstrip() in short.out


def test_the_version_is_told_on_stdout(tool: Tool) -> None:
    assert tool.launch("--version") == (0, f"declarative {__version__}\n", "")
    assert tool.run("--no-color", "--version") == (0, f"declarative {__version__}\n", "")


@pytest.mark.parametrize(
    "line",
    [
        "plann", "plan --nonsense", "plan --parallelism x", "plan --parallelism 0", "plan --out", "apply --allow nothing",
        "apply --lock-timeout soon", "state show", "state lst", "sandbox serve --port 99999", "-C nowhere plan",
        "plan nowhere", "plan -e nowhere", "plan --var x", "plan --var x=1", "plan --var-file nowhere", "show nowhere",
        "schema Nothing", "plan --state mysql://x", "plan --endpoint ftp://x", "plan --endpoint http://[",
        "plan --endpoint http://a:99999", "state show Training.nothing", "apply nowhere.plan",
    ],
)  # fmt: skip
def test_every_mistake_ends_with_1_and_is_told_on_stderr_alone(tool: Tool, line: str) -> None:
    done = tool.run(*line.split(), code=1)
    assert done.err.startswith("error: ") or "Control plane:" in done.err.splitlines()[0]
    assert "error: " in done.err
    assert done.out == ""


def test_what_is_no_saved_plan_is_told_so_by_its_name(tool: Tool) -> None:
    said = " ".join(tool.run("show", "manifests/all.yaml", code=1).err.split())
    assert "manifests/all.yaml cannot be read as a plan: it is no saved plan, or it is damaged." in said


def test_the_state_of_a_sandbox_is_described_once(tool: Tool) -> None:
    for words in (("serve",), ("reset",)):
        text = " ".join(tool.run("sandbox", *words, "--help").out.split())
        assert "--state URL File of the sandbox" in text
        assert "postgresql" not in text


@pytest.mark.parametrize(
    ("line", "told", "hint"),
    [
        ("plan -var gpus=2", "-var", "did you mean --var?"),
        ("plan -exclude=Training.a", "-exclude", "did you mean --exclude?"),
        ("plan -refresh=false", "-refresh", "did you mean --no-refresh?"),
        ("-chdir=infra plan", "-chdir", "did you mean --chdir?"),
        ("-version", "-version", "did you mean --version?"),
        ("apply --json-into -x -auto-aprove", "-auto-aprove", "did you mean --auto-approve?"),
        ("--hepl", "--hepl", "did you mean --help?"),
        ("plan --hepl", "--hepl", "did you mean --help?"),
        ("apply --auto-aprove", "--auto-aprove", "did you mean --auto-approve?"),
        ("plan -lock=false", "-lock", "leave it out: a plan takes no lock"),
        ("apply --lock=false", "--lock", "leave it out: a plan takes no lock"),
        ("init -input=false", "-input", "leave it out: without a terminal nothing is asked"),
        ("apply -f manifests", "-f", "leave it out: files and folders need no option"),
        ("plan -vx", "-vx", "see `declarative plan --help`"),
    ],
)
def test_an_unknown_option_is_named_as_it_was_typed_with_its_spelling_here(
    tool: Tool, line: str, told: str, hint: str
) -> None:
    said = " ".join(tool.run(*line.split(), code=1).err.split())
    assert said.startswith(f"error: Wrong usage There is no option {told}. hint: {hint}"), said


def test_letters_with_one_dash_are_options_of_one_letter_and_values_are_no_options(tool: Tool) -> None:
    """So is what follows `--`."""
    away = Tool(tool.folder.parent)
    assert "Plan: 3 to add" in away.run("plan", f"-vC{tool.folder}").out
    assert "Plan: 3 to add" in tool.run("plan", "--out", "-target").out
    assert (tool.folder / "-target").is_file()
    assert "-nowhere does not exist" in tool.run("plan", "--", "-nowhere", code=1).err


@pytest.mark.parametrize("line", ["completion", "completion ksh"])
def test_what_a_missing_choice_may_be_is_told_in_a_sentence(tool: Tool, line: str) -> None:
    said = tool.run(*line.split(), code=1).err
    assert "\\t" not in said
    assert "hint: see `declarative completion --help`" in said
    assert "Choose from: bash, zsh, fish" in said or "is not one of 'bash', 'zsh', 'fish'" in said


def test_an_option_without_its_value_is_told_of_its_command(tool: Tool) -> None:
    assert "hint: see `declarative init --help`" in tool.run("init", "--template", code=1).err


@pytest.mark.parametrize(("typed", "meant"), [("plna", "plan"), ("aply", "apply"), ("sandbx", "sandbox")])
def test_an_unknown_command_is_told_its_nearest_spelling(tool: Tool, typed: str, meant: str) -> None:
    assert f"Did you mean `declarative {meant}`?" in tool.run(typed, code=1).err


def test_a_command_of_another_tool_is_told_how_it_is_done_here(tool: Tool) -> None:
    assert "Here that is `declarative state show ADDR`." in tool.run("describe", "Training.a", code=1).err


def test_global_options_are_taken_before_and_after_the_command(tool: Tool) -> None:
    folder = str(tool.folder)
    away = Tool(tool.folder.parent)
    texts = {
        away.run("-C", folder, "plan").out,
        away.run("plan", "-C", folder).out,
        away.run("plan", f"--chdir={folder}").out,
        away.run("--no-color", "-v", "plan", "-C", folder, "--endpoint", "sandbox", "--state", "s.sqlite3").out,
        away.run("-C", "/nowhere", "plan", "-C", folder).out,  # the nearer one counts
    }
    assert len(texts) == 1


@pytest.mark.parametrize("form", [("-C", "sub"), ("-Csub",), ("--chdir", "sub"), ("--chdir=sub",)])
def test_a_mistake_in_another_folder_is_shown_with_its_line(tool: Tool, form: tuple[str, ...]) -> None:
    tool.write({"sub/manifests/bad.yaml": training("a").replace("image", "imag")})
    assert "imag: nvcr.io" in tool.run("validate", *form, code=1).err


def test_environments_endpoint_and_state_come_from_options_then_the_environment_then_the_file(tool: Tool) -> None:
    tool.write(
        {
            "declarative.yaml": "apiVersion: declarative/v1\nkind: Project\nmanifests: [manifests]\n"
            "endpoint: http://127.0.0.1:1\nenvironments: {dev: {endpoint: http://127.0.0.1:2}, prod: {}}\n"
        }
    )
    given = {"DECLARATIVE_TOKEN": "t"}
    assert "http://127.0.0.1:1" in tool.run("plan", code=1, **given).err
    assert "http://127.0.0.1:2" in tool.run("plan", "-e", "dev", code=1, **given).err
    given["DECLARATIVE_ENVIRONMENT"] = "dev"
    assert "environment dev" in tool.run("plan", code=1, **given).err
    assert "http://127.0.0.1:1" in tool.run("plan", "-e", "prod", code=1, **given).err
    given["DECLARATIVE_ENDPOINT"] = "http://127.0.0.1:3"
    assert "http://127.0.0.1:3" in tool.run("plan", code=1, **given).err
    given["DECLARATIVE_STATE"] = "other.sqlite3"
    tool.run("apply", "--auto-approve", "--endpoint", "sandbox", **given)
    assert (tool.folder / "other.sqlite3").is_file()
    assert not (tool.folder / ".declarative" / "state.sqlite3").exists()
    assert tool.run("state", "list", **given).out.split() == ["Training.a", "Training.b", "WorkloadTemplate.base"]


def test_parallelism_comes_from_the_environment_and_is_checked_there_too(tool: Tool) -> None:
    assert tool.run("plan", DECLARATIVE_PARALLELISM="").code == 0
    assert "--parallelism" in tool.run("plan", DECLARATIVE_PARALLELISM="many", code=1).err


def test_in_the_c_locale_all_output_is_ascii_and_json_stays_json(tool: Tool) -> None:
    tool.run("apply", "--auto-approve")
    tool.write({"manifests/all.yaml": training("a") + "  annotations: [{name: größe, value: …→}]\n"})
    tool.run("plan", "--out", "p")
    for locale, line in (
        ({"LC_ALL": "C"}, "plan"),
        ({"LANG": "C"}, "show p"),
        ({"LC_ALL": "POSIX", "LANG": "C.UTF-8"}, "validate nowhere"),
        ({"PYTHONIOENCODING": "ascii"}, "plan --json"),
        ({"LANG": "C"}, "show p --json"),
    ):
        done = tool.launch(*line.split(), code=None, **locale)
        assert (done.out + done.err).isascii(), (locale, line)
    assert "größe" in json.dumps(json.loads(done.out), ensure_ascii=False)
    assert "größe" in tool.run("plan").out


def test_a_reader_that_goes_away_does_no_harm(tool: Tool) -> None:
    for line in ("plan", "apply --auto-approve --json", "state list", "schema"):
        script = f"set -o pipefail; {' '.join(COMMAND)} {line} 2>err | head -c 1 >/dev/null"
        done = subprocess.run(
            ["bash", "-c", script], cwd=tool.folder, env=environment({}), capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b""), line
        said = (tool.folder / "err").read_text()
        assert "rror" not in said
        assert "Broken" not in said
    tool.plan_is_empty()


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_streams_that_are_closed_do_no_harm(tool: Tool, streams: str) -> None:
    script = f"{' '.join(COMMAND)} apply --auto-approve {streams}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tool.folder, env=environment({}), capture_output=True, check=False
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    tool.plan_is_empty()


def test_a_full_disk_behind_stdout_is_an_error_in_words(tool: Tool) -> None:
    script = f"{' '.join(COMMAND)} plan > /dev/full"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tool.folder, env=environment({}), capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"Output cannot be written" in done.stderr
    assert b"Traceback" not in done.stderr


def test_secrets_are_never_printed(tool: Tool, url: str) -> None:
    """Neither good nor bad ones, with any error that they cause."""
    for given in (
        {"DECLARATIVE_TOKEN": "hush-1234"},
        {"DECLARATIVE_TOKEN": "hush-1234\nhush-1234"},
        {"DECLARATIVE_TOKEN": "hush-1234-é"},
        {"DECLARATIVE_CLIENT_ID": "sandbox", "DECLARATIVE_CLIENT_SECRET": "hush-1234"},
    ):
        done = tool.run("-v", "plan", "--endpoint", url, code=1, **given)
        assert "hush" not in done.out + done.err
    assert "hush" not in tool.run("plan", "--endpoint", "https://me:hush-1234@acme.run.ai", code=1).err


def test_a_client_that_is_signed_in_by_its_application_works(tool: Tool, url: str) -> None:
    given = {"DECLARATIVE_CLIENT_ID": "sandbox", "DECLARATIVE_CLIENT_SECRET": "sandbox"}
    tool.run("apply", "--auto-approve", "--endpoint", url, **given)
    tool.run("plan", "--detailed-exitcode", "--endpoint", url, **given)


def test_a_port_in_use_is_an_error_in_words(tool: Tool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = tool.run("sandbox", "serve", "--port", str(taken.getsockname()[1]), code=1)
    assert "cannot be listened on" in done.err


def test_no_connection_is_one_clear_error(tool: Tool) -> None:
    done = tool.run("plan", "--endpoint", "http://127.0.0.1:1", code=1, DECLARATIVE_TOKEN="t")
    assert done.err.count("error: ") == 1
    assert "Control plane unreachable" in done.err
    missing = tool.run(
        "plan", "--endpoint", "https://127.0.0.1:1", code=1, DECLARATIVE_TOKEN="t", DECLARATIVE_CA_BUNDLE="no.pem"
    )
    assert "Unusable CA bundle" in missing.err
    assert "no.pem" in missing.err
    assert "Not signed in" in tool.run("plan", "--endpoint", "http://127.0.0.1:1", code=1).err
