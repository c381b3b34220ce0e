"""Mistakes in a value are told once, where they are, with the way to mend them."""

from __future__ import annotations

from typing import Any

import pytest

from declarative.kinds.check import check
from declarative.kinds.rules import Violation
from declarative.kinds.training import TRAINING
from declarative.model.value import dotted, freeze


def told(spec: dict[str, Any]) -> tuple[Violation, ...]:
    return check(TRAINING.spec, freeze(spec))


@pytest.mark.parametrize(
    ("spec", "path", "hint"),
    [
        ({"imge": "x"}, "imge", "did you mean `image`?"),
        ({"image_pull_policy": "Always"}, "image_pull_policy", "did you mean `imagePullPolicy`?"),
        ({"compute": {"gpuDeviceRequest": 1}}, "compute.gpuDeviceRequest", "did you mean `gpuDevicesRequest`?"),
        ({"labels": [{"name": "a", "vlaue": "b"}]}, "labels[0].vlaue", "did you mean `value`?"),
        ({"gpuDevicesRequest": 1}, "gpuDevicesRequest", "`gpuDevicesRequest` belongs under `compute`"),
        ({"hostIpc": True}, "hostIpc", "`hostIpc` belongs under `security`"),
    ],
)
def test_an_unknown_key_comes_with_the_nearest_spelling_or_its_home(spec: dict[str, Any], path: str, hint: str) -> None:
    (violation,) = told(spec)
    assert (violation.summary, dotted(violation.path), violation.hint) == ("Unknown key", path, hint)
    assert violation.on_key


@pytest.mark.parametrize(
    ("spec", "summary", "detail", "hint"),
    [
        (
            {"image": 1.10},
            "Wrong type",
            "`image` is the number 1.1, but text is expected.",
            "put it in quotes, so that it stays as you typed it",
        ),
        (
            {"compute": {"gpuDevicesRequest": "1"}},
            "Wrong type",
            '`compute.gpuDevicesRequest` is the text "1", but a whole number is expected.',
            "write it without quotes",
        ),
        ({"tty": "yes"}, "Wrong type", '`tty` is the text "yes", but true or false is expected.', "write `true`"),
        ({"compute": []}, "Wrong type", "`compute` is a list, but a mapping is expected.", None),
        (
            {"compute": {"gpuDevicesRequest": -1}},
            "Number out of bounds",
            "`compute.gpuDevicesRequest` is -1, but has to be at least 0.",
            None,
        ),
        (
            {"restartPolicy": "never"},
            "Unknown value",
            '`restartPolicy` is "never", but has to be one of Always, Never, OnFailure.',
            "did you mean `Never`?",
        ),
        ({"image": ""}, "Text of the wrong length", "`image` may not be empty.", None),
        (
            {"compute": {"cpuMemoryRequest": "much"}},
            "Malformed value",
            '`compute.cpuMemoryRequest` is "much", but an amount such as 20G or 512Mi is expected.',
            None,
        ),
    ],
)
def test_a_wrong_value_says_what_was_found_and_expected(
    spec: dict[str, Any], summary: str, detail: str, hint: str | None
) -> None:
    (violation,) = told(spec)
    assert (violation.summary, violation.detail, violation.hint) == (summary, detail, hint)


@pytest.mark.parametrize(
    "found", ["99999999999E", "1.0e40", f"{'9' * 9000}k", "1.0e999999", "1.0e-999999", "1.0e-300", 1e-300, "5mi"]
)
def test_a_number_that_nobody_writes_out_gets_no_hint_of_so_many_digits(found: str | float) -> None:
    (violation,) = told({"compute": {"gpuDevicesRequest": found}})
    assert (violation.summary, violation.hint) == ("Wrong type", None)


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        ("9E", "write `9000000000000000000`"),
        ("0k", "write `0`"),
        (1e-9, "for a part of a GPU write 1, `gpuRequestType: portion` and `gpuPortionRequest: 0.000000001`"),
    ],
)
def test_the_largest_and_smallest_numbers_are_written_out(found: str | float, hint: str) -> None:
    (violation,) = told({"compute": {"gpuDevicesRequest": found}})
    assert violation.hint == hint


def test_a_misspelt_key_is_not_missing_as_well() -> None:
    (violation,) = told({"labels": [{"nmae": "a"}]})
    assert violation.hint == "did you mean `name`?"


def test_a_misspelt_key_silences_the_rules_of_its_mapping() -> None:
    (violation,) = told({"compute": {"gpuRequestType": "portion", "gpuPortionReqest": 0.5}})
    assert violation.summary == "Unknown key"


@pytest.mark.parametrize(
    "spec",
    [
        {"compute": {"gpuRequestType": "portions", "gpuPortionRequest": 0.5}},
        {"compute": {"gpuDevicesRequest": "two", "gpuRequestType": "memory", "gpuMemoryRequest": "1G"}},
        {"storage": {"pvc": [{"path": "/data", "existingPvc": "yes"}]}},
        {"storage": {"pvc": [{"path": "/data", "claimInfo": 3}]}},
        {"tty": True, "stdin": "yes"},
    ],
)
def test_a_wrong_value_brings_no_second_mistake_by_a_rule_between_fields(spec: dict[str, Any]) -> None:
    """What it was meant to be nobody knows, so no rule can tell whether the other fields go with it."""
    assert len(told(spec)) == 1


def test_a_wrong_value_does_not_hide_what_is_wrong_whatever_it_was_meant_to_be() -> None:
    """Both are given, however the first one is spelt."""
    found = told({"environmentVariables": [{"name": "a", "value": 3, "secret": {"name": "s", "key": "k"}}]})
    assert [violation.summary for violation in found] == ["Wrong type", "Fields that exclude each other"]


def test_every_mistake_is_told_at_once() -> None:
    found = told({"imge": "x", "tty": 3, "compute": {"gpuRequestType": "portion"}})
    assert sorted(violation.summary for violation in found) == ["Missing field", "Unknown key", "Wrong type"]


def test_the_same_name_twice_is_one_mistake_at_the_second() -> None:
    (violation,) = told({"labels": [{"name": "a"}, {"name": "a"}]})
    assert (violation.summary, violation.path) == ("Duplicate item", ("labels", 1, "name"))
