"""What was asked for, never came to be, and is no longer wanted."""

from __future__ import annotations

import pytest

from tests.apply.stage import Stage, is_create
from tests.cli.tool import template, training
from tests.runai.wire import Asked, Reply


@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_an_interrupted_create_that_never_happened_is_forgotten_once_it_is_not_wanted(
    stage: Stage, command: str
) -> None:
    def interfere(asked: Asked) -> Reply | None:
        return None if is_create(asked) else stage.passed(asked)

    stage.interfere = interfere
    stage.write(template("base"), training("a"))
    stage.tool.apply("--target", "WorkloadTemplate.base", code=1)
    stage.landed()
    stage.interfere = stage.passed
    stage.write(training("a"))
    only = ("--target", "WorkloadTemplate.base", "--auto-approve")
    assert stage.tool.run(command, *only).out.strip().endswith("destroyed.")
    assert stage.recorded_ids() == set()
    assert not stage.store().load().records
