"""The sandbox over HTTP: ready when it says so, shared with others, and gone when it is told."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from declarative.errors import DeclarativeError
from declarative.sandbox.serve import serve
from tests.sandbox.plane import TRAININGS, Plane
from tests.sandbox.served import PROGRAM, served


def test_it_answers_once_it_says_its_url_and_shares_its_file(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite3"
    with served(path) as url:
        inside = Plane(path)
        inside.now = time.time()
        training = inside.train()["workloadId"]
        answer = httpx.get(f"{url}{TRAININGS}/{training}", headers={"Authorization": "Bearer sandbox"})
        assert answer.json()["name"] == "resnet"
        httpx.post(f"{url}/_sandbox/reset")
        inside.get(f"{TRAININGS}/{training}", 404)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quickly_and_quietly_though_a_client_keeps_its_connection(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "s.sqlite3")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    with httpx.Client(base_url=process.stdout.readline().strip()) as client:
        client.get("/_sandbox/")
        began = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "")
    assert time.monotonic() - began < 5


def test_a_port_in_use_is_an_expected_failure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(DeclarativeError) as caught:
        serve(tmp_path / "s.sqlite3", "127.0.0.1", taken.getsockname()[1], print)
    assert "--port" in str(caught.value.diagnostics[0].hint)
