"""The prompt takes only `yes`, on a real terminal."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import termios
import time

import pytest

from tests.cli.tool import COMMAND, Tool, environment

QUESTION = "Only yes is accepted: "


def typed(tool: Tool, answer: bytes | None, *arguments: str, **environ: str) -> tuple[int, str]:
    """Runs a command on a terminal, answers its prompt (None: Ctrl-C), and returns how it ended and what was seen."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=tool.folder,
        env=environment({"TERM": "xterm", **environ}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen, answered, end = b"", False, time.monotonic() + 30
    try:
        while time.monotonic() < end:
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            seen += piece
            if not answered and QUESTION.encode() in seen:
                answered = True
                if answer is None:
                    time.sleep(0.2)  # until it reads
                    process.send_signal(signal.SIGINT)
                else:
                    os.write(ours, answer)
        return process.wait(10), seen.decode()
    finally:
        process.kill()
        os.close(ours)


@pytest.mark.parametrize("answer", [b"y\n", b"YES\n", b"\n", b"no\n", b"yes please\n", b"\x04"])
def test_any_answer_but_yes_cancels_and_changes_nothing(tool: Tool, answer: bytes) -> None:
    code, seen = typed(tool, answer, "apply")
    assert code == 1
    assert "Apply cancelled" in seen
    assert "Plan: 3 to add" in tool.run("plan").out


def test_yes_applies_and_ctrl_c_at_the_prompt_ends_at_once(tool: Tool) -> None:
    code, seen = typed(tool, None, "apply")
    assert code == 1
    assert "Apply cancelled" in seen
    assert "Plan: 3 to add" in tool.run("plan").out
    code, seen = typed(tool, b"yes\n", "apply")
    assert code == 0
    assert "Apply complete! Resources: 3 added, 0 changed, 0 destroyed." in seen
    code, _ = typed(tool, b"yes\n", "destroy")
    assert code == 0
    assert tool.run("state", "list").out == ""


@pytest.mark.parametrize("number", [None, signal.SIGTERM, signal.SIGHUP])
def test_a_terminal_that_goes_away_and_a_signal_mean_no(tool: Tool, number: signal.Signals | None) -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*COMMAND, "apply"],
        cwd=tool.folder,
        env=environment({}),
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        # The tests may run under nohup.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509
    )
    os.close(theirs)
    assert process.stderr
    said = b""
    while QUESTION.encode() not in said:
        said += os.read(process.stderr.fileno(), 65536)
    time.sleep(0.2)  # until it reads
    if number is None:
        os.close(ours)
    else:
        process.send_signal(number)
    _, rest = process.communicate(timeout=10)
    assert process.returncode == 1
    assert b"Apply cancelled" in rest
    assert "Plan: 3 to add" in tool.run("plan").out
    if number is not None:
        os.close(ours)


def test_the_end_of_input_is_no_yes_and_says_what_to_do_without_a_terminal(tool: Tool) -> None:
    done = tool.run("apply", code=1)
    assert "--auto-approve" in done.err
    assert "Plan: 3 to add" in done.out
    assert tool.run("apply", given="yes\n").out.endswith(
        "Apply complete! Resources: 3 added, 0 changed, 0 destroyed.\n"
    )


def test_colour_is_for_terminals_only_and_never_against_the_users_will(tool: Tool) -> None:
    assert "\x1b[" in typed(tool, b"no\n", "apply")[1]
    assert "\x1b[" not in typed(tool, b"no\n", "apply", NO_COLOR="1")[1]
    assert "\x1b[" not in typed(tool, b"no\n", "apply", "--no-color")[1]
    assert "\x1b[" not in typed(tool, b"no\n", "apply", TERM="dumb")[1]
    piped = tool.run("plan")
    assert "\x1b[" not in piped.out + piped.err


def test_each_stream_is_as_wide_as_its_own_terminal(tool: Tool) -> None:
    """Errors fit a narrow terminal although the output goes into a pipe."""
    (tool.folder / "empty").mkdir()
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 50))
    process = subprocess.Popen(
        [*COMMAND, "-C", "empty", "plan"],
        cwd=tool.folder,
        env=environment({"TERM": "dumb"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    process.communicate(timeout=30)
    seen = os.read(ours, 65536).decode()
    os.close(ours)
    assert "  There is neither a project file nor a folder\r\n  manifests here," in seen
