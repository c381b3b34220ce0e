"""What an apply looks like on a real terminal: every byte goes through a terminal emulator."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import pyte
import pytest

from tests.cli.tool import COMMAND, Tool, documents, environment, template, training, until

APPLY = ("apply", "--parallelism", "30")
QUESTION = "Only yes is accepted:"
MOVES = re.compile(rb"\x1b\[[0-9;?]*[A-HJKSThl]")


class Terminal:
    """A command on a terminal of its own; what is on its screen, and what has scrolled out of it."""

    def __init__(self, tool: Tool, *arguments: str, size: tuple[int, int] = (80, 24), **environ: str) -> None:
        self.screen = pyte.HistoryScreen(*size, history=5000)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, size[::-1])
        self._before = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=tool.folder,
            env=environment({**tool.environ, "TERM": "xterm-256color", "CI": "", **environ}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        self._theirs = theirs

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def lines(self) -> list[str]:
        """The screen, without the empty lines at its end."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")

    def everything(self) -> str:
        """All that was ever left on it, as it would be scrolled back to."""
        width = self.screen.columns
        top = ["".join(row[column].data for column in range(width)).rstrip() for row in self.screen.history.top]
        return "\n".join([*top, *self.lines()])

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> None:
        """Shows what comes until a condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.everything()
            self._read(0.05)

    def shows(self, *texts: str) -> None:
        """Waits until the screen has all these."""
        self.until(lambda: all(text in "\n".join(self.lines()) for text in texts))

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def write(self, text: str) -> None:
        """What another process writes to the same terminal."""
        os.write(self._theirs, text.encode())

    def resize(self, columns: int, lines: int) -> None:
        """A lower window loses lines at its top, and the cursor goes up with the others; the emulator leaves it behind."""
        lost = max(self.screen.lines - lines, 0)
        termios.tcsetwinsize(self._ours, (lines, columns))
        self.screen.resize(lines, columns)
        self.screen.cursor.y = max(self.screen.cursor.y - lost, 0)

    def ended(self, code: int) -> str:
        """Everything, once the command has ended with `code` and left the terminal as it was."""
        self.until(lambda: self.process.poll() is not None)
        while self._read(0.1):
            pass
        told = self.everything()
        assert self.process.returncode == code, told
        assert "Traceback" not in told
        assert termios.tcgetattr(self._theirs) == self._before
        assert not self.screen.cursor.hidden
        assert self.screen.cursor.x == 0
        assert not [line for line in told.split("\n") if is_live(line)], told
        return told

    def _read(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        piece = os.read(self._ours, 65536)
        self.raw += piece
        self._stream.feed(piece)
        return True


def is_live(line: str) -> bool:
    """Whether a line is one of those that have to go away again."""
    row = re.fullmatch(r"  [-+~.=] \S+ +\S+s  .*", line)
    return bool(row or re.match(r"(  and \d+ more|\d+ of \d+ (done|there), .*|Reading the control plane.*)$", line))


@pytest.fixture
def slow(tmp_path: Path, url: str) -> Iterator[Tool]:
    """A project of a template and thirty trainings, at a control plane that is told to be slow once the plan is there."""
    made = Tool(tmp_path / "project", {"DECLARATIVE_ENDPOINT": url, "DECLARATIVE_TOKEN": "sandbox"})
    names = (f"run-{number:02}" for number in range(30))
    made.write({"manifests/all.yaml": documents(template("base"), *(training(name) for name in names))})
    settings(url, quotas={"4501": {"default": {"deserved": 100}}}, speed=1)
    yield made


def settings(url: str, **given: Any) -> None:
    httpx.patch(f"{url}/_sandbox/settings", json=given, timeout=30).raise_for_status()


def agreed(tool: Tool, milliseconds: float | list[float], *arguments: str, **more: Any) -> Terminal:
    """An apply whose plan was agreed to, and whose calls take so long from now on."""
    terminal = Terminal(tool, *APPLY, *arguments, **more)
    terminal.shows(QUESTION)
    settings(tool.environ["DECLARATIVE_ENDPOINT"], faults={"latencyMilliseconds": milliseconds})
    terminal.type("yes\n")
    return terminal


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
def test_what_runs_has_a_row_and_leaves_a_line_when_it_is_done(slow: Tool, size: tuple[int, int]) -> None:
    with agreed(slow, [800, 1600], "--parallelism", "4", size=size) as terminal:
        terminal.shows("4 running", "waiting  [1s")
        assert sum(is_live(line) for line in terminal.lines()) == 5
        assert re.search(r"(?m)^  \+ Training.run-\d\d +[01]s  creating$", "\n".join(terminal.lines()))
        terminal.shows("Training.run-00: Creation complete after", " done, 4 running")
        settings(slow.environ["DECLARATIVE_ENDPOINT"], faults={"latencyMilliseconds": 0})
        told = terminal.ended(0)
    assert told.count(": Creation complete after") == 31
    assert ("[id=" in told) == (size[0] == 140)
    assert told.endswith("\n\nApply complete! Resources: 31 added, 0 changed, 0 destroyed.")


def test_thirty_at_a_time_leave_half_of_the_screen_to_what_is_done(slow: Tool) -> None:
    with agreed(slow, 1500) as terminal:
        terminal.shows("30 running, 1 waiting", "and 20 more")
        assert sum(is_live(line) for line in terminal.lines()) == 12
        assert QUESTION in "\n".join(terminal.lines())
        terminal.ended(0)


def test_rows_fit_a_window_that_is_resized_in_the_middle(slow: Tool) -> None:
    with agreed(slow, 2000, size=(140, 40)) as terminal:
        terminal.shows("30 running", "and 12 more")
        terminal.resize(60, 24)
        terminal.shows("and 20 more")
        terminal.resize(100, 30)
        terminal.shows("and 17 more")
        assert terminal.ended(0).count(": Creation complete after") == 31


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_is_explained_and_the_rows_go_on_until_what_runs_is_done(
    slow: Tool, number: signal.Signals
) -> None:
    with agreed(slow, 1500, "--parallelism", "3") as terminal:
        terminal.shows("3 running")
        terminal.process.send_signal(number)
        terminal.shows(
            "Interrupted: finishing 3 running steps. Ctrl-C again to stop at once.",
            "0 of 31 done, 3 running, 28 not begun",
            "interrupted]",
        )
        told = terminal.ended(1)
    assert told.count(": Creation complete after") == 3
    assert "3 steps done, 0 failed, 28 skipped." in told


def test_an_interrupted_apply_names_what_is_left_once_and_ends_with_counts_and_the_way_on(slow: Tool) -> None:
    """What is done had its line, nothing failed that could be mended, and the counts are still in sight."""
    with agreed(slow, 1500, "--parallelism", "25") as terminal:
        terminal.shows("25 running")
        terminal.process.send_signal(signal.SIGINT)
        terminal.shows("interrupted]")
        told = terminal.ended(1)
    assert told.endswith(
        "\n\nApply incomplete. 25 steps done, 0 failed, 6 skipped.\n"
        "What is done is recorded. Run apply again: it goes on from here."
    )
    ended = told.partition("Interrupted: finishing")[2]
    named = re.findall(r"(?:Training|WorkloadTemplate)\.[\w-]+", ended)
    assert len(named) == len(set(named)) == 31
    assert ended.count("  skipped  ") == 6


def test_ctrl_c_twice_says_what_was_under_way_and_leaves_the_terminal_as_it_was(slow: Tool) -> None:
    """As typed: the terminal makes the signal of the key."""
    with Terminal(slow, *APPLY, "--parallelism", "3") as terminal:
        terminal.shows(QUESTION)
        settings(slow.environ["DECLARATIVE_ENDPOINT"], faults={"latencyMilliseconds": 5000})
        terminal.type("yes\n")
        terminal.shows("3 running")
        terminal.process.send_signal(signal.SIGINT)
        terminal.shows("Interrupted: finishing 3")
        terminal.process.send_signal(signal.SIGINT)
        told = " ".join(terminal.ended(1).split())
    assert re.search(
        r"Stopped at once, with these under way: Training\.run-00 \(\ds\), .* \(\ds\)\. error: Inter", told
    )


def test_a_failure_stays_on_the_screen_and_is_reported_at_the_end(slow: Tool) -> None:
    with Terminal(slow, *APPLY) as terminal:
        terminal.shows(QUESTION)
        limits = {"compute.gpuDevicesRequest": {"max": 0}}
        url = slow.environ["DECLARATIVE_ENDPOINT"]
        settings(url, policy={"limits": limits}, faults={"latencyMilliseconds": [200, 900]})
        terminal.type("yes\n")
        terminal.shows("failed  [")
        told = terminal.ended(1)
    assert "Training.run-07: Creation failed after" in told
    assert "Apply incomplete. 1 step done, 30 failed, 0 skipped." in told


@pytest.mark.parametrize(
    ("environ", "unlike"),
    [({"NO_COLOR": "1"}, rb"\x1b\[[0-9;]*m"), ({"LANG": "C"}, rb"[^\x00-\x7f]")],
    ids=["no colour", "no Unicode"],
)
def test_rows_need_neither_colour_nor_unicode(slow: Tool, environ: dict[str, str], unlike: bytes) -> None:
    """A long name is shortened by dots where there is no ellipsis."""
    slow.write({"manifests/all.yaml": training("a-long-name-of-an-experiment-with-a-learning-rate")})
    with agreed(slow, 1000, **environ) as terminal:
        terminal.shows("1 running", "  + Training.a-long-name", "creating")
        told = terminal.ended(0)
    assert not re.search(unlike, terminal.raw)
    assert "Apply complete!" in told


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"CI": "true"}, {"DECLARATIVE_IN_AUTOMATION": "1"}])
def test_where_nobody_watches_a_terminal_gets_a_log_without_rows(slow: Tool, environ: dict[str, str]) -> None:
    with agreed(slow, 500, **environ) as terminal:
        told = terminal.ended(0)
    assert "Training.run-00: Creating..." in told
    assert not MOVES.search(terminal.raw)
    assert "running" not in told


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_automation_that_is_denied_is_none(tool: Tool, value: str) -> None:
    saved = tool.run("plan", "--out", "p.plan", DECLARATIVE_IN_AUTOMATION=value)
    assert ". Next: declarative" in saved.err or "). Next: declarative" in saved.err


def test_automation_is_spared_hints_of_commands_to_type(tool: Tool) -> None:
    saved = tool.run("plan", "--out", "p.plan", DECLARATIVE_IN_AUTOMATION="1")
    assert "Saved the plan to p.plan (checksum " in saved.err
    started = tool.run("init", "new", DECLARATIVE_IN_AUTOMATION="yes")
    assert "The project is ready." in started.err
    assert "Next:" not in saved.err + started.err


def test_frames_are_few_and_nothing_is_erased_before_it_is_written_again(slow: Tool) -> None:
    """Ten a second at most, the cursor never hidden, the screen never cleared, no line erased from its beginning."""
    with agreed(slow, [100, 400], "--parallelism", "5") as terminal:
        began = time.monotonic()
        terminal.ended(0)
        seconds = time.monotonic() - began
    frames = terminal.raw.count(b"\x1b[J\r")
    assert 5 < frames < 10 * seconds + 5
    assert not re.search(rb"\x1b\[(\?25|2J|2K|1K|H)|(^|\n|\r)\x1b\[K", terminal.raw)


@pytest.mark.parametrize("shown", ["stderr", "stdout"])
def test_rows_go_to_standard_error_and_only_if_that_is_a_terminal(slow: Tool, shown: str) -> None:
    settings(slow.environ["DECLARATIVE_ENDPOINT"], faults={"latencyMilliseconds": 300})
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, shown: theirs}
    process = subprocess.Popen(
        [*COMMAND, "apply", "--auto-approve"],
        cwd=slow.folder,
        env=environment({**slow.environ, "TERM": "xterm", "CI": ""}),
        stdin=subprocess.DEVNULL,
        **streams,
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:  # the other side is closed
        pass
    out, err = process.communicate(timeout=30)
    os.close(ours)
    assert process.returncode == 0
    assert bool(MOVES.search(seen)) == (shown == "stderr")
    assert not MOVES.search((out or b"") + (err or b""))
    assert (b"Training.run-00: Creating..." in (err or b"")) == (shown == "stdout")
    assert b"Apply complete!" in (out if shown == "stderr" else seen)


def test_a_plan_that_reads_for_long_says_so_and_takes_it_back(slow: Tool) -> None:
    settings(slow.environ["DECLARATIVE_ENDPOINT"], faults={"latencyMilliseconds": 1200})
    with Terminal(slow, "plan") as terminal:
        terminal.shows("Reading the control plane")
        assert "Plan: 31 to add" in terminal.ended(0)


def test_a_plan_that_reads_fast_says_nothing_of_it(slow: Tool) -> None:
    with Terminal(slow, "plan") as terminal:
        assert "Plan: 31 to add" in terminal.ended(0)
    assert b"Reading" not in terminal.raw


def test_importing_says_that_it_reads(slow: Tool) -> None:
    settings(slow.environ["DECLARATIVE_ENDPOINT"], faults={"latencyMilliseconds": 1200})
    with Terminal(slow, "import", "--discover", "--out", "manifests/live") as terminal:
        terminal.shows("Reading the control plane")
        terminal.ended(0)


def test_requests_that_are_told_with_verbose_scroll_above_the_rows(slow: Tool) -> None:
    with agreed(slow, [300, 600], "-v", "--parallelism", "4") as terminal:
        terminal.shows("4 running", "POST /api/v1/workloads/trainings")
        assert terminal.ended(0).count("POST /api/v1/workloads/trainings") == 30


def test_a_log_has_one_line_a_change_of_state_and_a_heartbeat_each_ten_seconds(slow: Tool) -> None:
    slow.write({"manifests/all.yaml": training("a")})
    slow.apply()
    settings(slow.environ["DECLARATIVE_ENDPOINT"], speed=0.02)
    running = slow.start("destroy", "--auto-approve", "--allow", "disruption")
    try:
        until(lambda: "Still 1 at work" in running.said())
    finally:
        settings(slow.environ["DECLARATIVE_ENDPOINT"], speed="instant")
    told = running.ended().err.splitlines()
    began = told.index(next(line for line in told if line.startswith("Training.a: Destroying...")))
    assert re.fullmatch(r"Training\.a: Still destroying\.\.\. \[\ds, Deleting\]", told[began + 1])
    assert re.fullmatch(r"Still 1 at work, 0 of 1 done: Training\.a \(Deleting, (9|10|11)s\)", told[began + 2])
    assert told[began + 3].startswith("Training.a: Destruction complete after")


def test_what_a_shell_writes_while_the_command_is_stopped_is_not_written_over(slow: Tool) -> None:
    with agreed(slow, 2000, "--parallelism", "4") as terminal:
        terminal.shows("4 running")
        terminal.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED)
        terminal.write("\r\n[1]+  Stopped\r\n$ fg\r\n")
        time.sleep(0.3)
        terminal.process.send_signal(signal.SIGCONT)
        settings(slow.environ["DECLARATIVE_ENDPOINT"], faults={"latencyMilliseconds": 0})
        terminal.until(lambda: "Apply complete!" in terminal.everything())
        told = terminal.everything()
    assert "\n[1]+  Stopped\n$ fg\n" in told, told[-4000:]
    assert told.partition("$ fg")[2].count(": Creation complete after") == 31
