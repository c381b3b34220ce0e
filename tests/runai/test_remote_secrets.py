"""Secrets reach the control plane in requests, and nobody else through what it answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from declarative.errors import (
    Conflict,
    ControlPlaneError,
    DeclarativeError,
    NotFound,
    Refused,
    Unauthorized,
    Unintelligible,
)
from declarative.kinds.kind import Kind
from declarative.kinds.training import TRAINING
from declarative.kinds.workload_template import WORKLOAD_TEMPLATE
from declarative.model.secret import MASK, Sealed, seal
from declarative.model.value import FrozenMap
from declarative.runai.credentials import Credentials
from declarative.runai.remote import Remote
from declarative.runai.transport import Transport
from tests.plan.bodies import template, training
from tests.runai.wire import Answering, Asked, Reply, wired
from tests.secrets import KEY, TEXT, secret

PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----"


def remotely(answer: Answering, call: Callable[[Remote], Awaitable[object]]) -> tuple[list[Asked], list[str]]:
    """Makes one call to a server; what it was asked, and what was traced."""
    traced: list[str] = []

    async def run(url: str) -> None:
        async with Transport(url, Credentials("token"), trace=traced.append) as transport:
            await call(Remote(transport))

    with wired(answer) as wire:
        try:
            asyncio.run(run(wire.url))
        finally:
            traced += [one.target for one in wire.asked]
        return wire.asked, traced


def body_of(kind: Kind, value: Any) -> FrozenMap:
    run = {"environmentVariables": [{"name": "A", "value": value}]}
    return template(**run) if kind is WORKLOAD_TEMPLATE else training(**run)


def test_a_request_has_the_text_and_a_trace_has_not() -> None:
    body = body_of(WORKLOAD_TEMPLATE, secret(before="Bearer "))
    asked, traced = remotely(lambda _: Reply(), lambda remote: remote.update(WORKLOAD_TEMPLATE, "id", body))
    (variable,) = asked[0].json["spec"]["specificEnv"]["environmentVariables"]
    assert variable == {"name": "A", "value": f"Bearer {TEXT}"}
    assert TEXT not in "".join(traced)


def test_what_somebody_else_set_in_place_of_a_secret_is_sent_back() -> None:
    body = body_of(WORKLOAD_TEMPLATE, seal(TEXT, KEY))
    asked, _ = remotely(lambda _: Reply(), lambda remote: remote.update(WORKLOAD_TEMPLATE, "id", body))
    assert TEXT in asked[0].body.decode()


def test_what_is_only_remembered_is_never_sent() -> None:
    asked: list[Asked] = []

    def answer(one: Asked) -> Reply:
        asked.append(one)
        return Reply()

    with pytest.raises(AssertionError):
        remotely(answer, lambda remote: remote.create(TRAINING, body_of(TRAINING, Sealed("ab", KEY))))
    assert asked == []


@pytest.mark.parametrize("value", [TEXT, PEM, 'with "quotes" and \\', "wörter", "(", "a"])
@pytest.mark.parametrize(
    ("status", "kind_of_error"), [(400, Refused), (401, Unauthorized), (404, NotFound), (409, Conflict), (500, Refused)]
)
def test_a_refusal_that_repeats_a_secret_is_masked(
    value: str, status: int, kind_of_error: type[ControlPlaneError]
) -> None:
    """The whole text, the secret within it, its lines, and the way in which JSON or Python quote them."""
    whole = f"prefix-{value}"
    echoes = (value, whole, json.dumps(whole), repr(value), *(line for line in value.splitlines() if len(line) > 1))

    def answer(_: Asked) -> Reply:
        issues = [{"field": "spec.x", "details": echo} for echo in echoes]
        return Reply(
            status,
            {"code": status, "message": f"bad {echoes}", "details": " ".join(echoes), "complianceIssues": issues},
        )

    body = body_of(TRAINING, secret(value, before="prefix-"))
    with pytest.raises(kind_of_error) as refused:
        remotely(answer, lambda remote: remote.create(TRAINING, body))
    error = refused.value
    assert type(error) is kind_of_error
    assert getattr(error, "status", status) == status
    assert error.ambiguous is (status >= 500)
    told = f"{error}{error.args}{error.diagnostics}"
    rest = told.replace(MASK, "").replace("x-y", "")
    assert MASK in told
    if len(value) > 1:
        assert not [echo for echo in echoes if echo in rest]
    else:
        assert value not in "".join(one.detail for one in error.diagnostics).replace(MASK, "")


def test_an_answer_that_is_not_understood_is_masked() -> None:
    """What an accepted create answers may be anything."""
    body = body_of(TRAINING, secret("'workloadId'"))
    with pytest.raises(Unintelligible) as failed:
        remotely(lambda _: Reply(200, {"name": TEXT}), lambda remote: remote.create(TRAINING, body))
    assert "workloadId" not in str(failed.value)
    assert failed.value.ambiguous


def test_an_error_of_a_call_without_secrets_is_told_as_it_is() -> None:
    body = body_of(TRAINING, TEXT)
    with pytest.raises(DeclarativeError, match=TEXT):
        remotely(lambda _: Reply(400, {"message": f"no {TEXT}"}), lambda remote: remote.create(TRAINING, body))
