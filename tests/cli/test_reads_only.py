"""Commands that promise only to read send nothing but reads, and the request for a token, over real HTTP."""

from __future__ import annotations

from pathlib import Path

from tests.apply.stage import staged
from tests.cli.tool import template, training

APPLICATION = {"DECLARATIVE_TOKEN": "", "DECLARATIVE_CLIENT_ID": "sandbox", "DECLARATIVE_CLIENT_SECRET": "sandbox"}
# Commands that ask the control plane, and how they end where there is something to do.
ASKING = {
    ("plan",): 0,
    ("plan", "--refresh-only"): 0,
    ("plan", "--destroy"): 0,
    ("plan", "--replace", "Training.a"): 0,
    ("plan", "--out", "saved"): 0,
    ("drift",): 0,
    ("doctor",): 0,
    ("import", "Training.theirs", "theirs"): 0,
    ("import", "--discover", "--no-state", "--out", "manifests/found"): 0,
}
LOCAL = (("validate",), ("show",), ("show", "saved"), ("graph",))


def test_commands_that_read_send_only_reads_and_the_request_for_a_token(tmp_path: Path) -> None:
    """Whatever there is to do: to create, update, replace, delete, import and make anew."""
    manifests = (template("base", text="INFO"), training("a", image="other"), training("c"), training("theirs"))
    with staged(tmp_path, **APPLICATION) as stage:
        stage.write(training("theirs"))
        stage.tool.apply()
        stage.tool.run("state", "rm", "Training.theirs")
        stage.write(template("base"), training("a"), training("b"))
        stage.tool.apply("--allow", "mass-change")
        stage.write(*manifests[:3])
        before = stage.live_ids()
        for command, code in ASKING.items():
            if "Training.theirs" in command:
                stage.write(*manifests)
            stage.wire.asked.clear()
            stage.tool.run(*command, code=code)
            assert [one for one in stage.wire.asked if one.method == "GET"], command
            others = {str(one) for one in stage.wire.asked if one.method != "GET"}
            assert others == {"POST /api/v2/token"}, command
        for command in LOCAL:
            stage.wire.asked.clear()
            stage.tool.run(*command)
            assert stage.wire.asked == [], command
        assert stage.live_ids() == before
