"""What people see, compared whole.

Each folder of `cases/` is named after its rule and holds the `expected.txt` of the case of that name below.
After a change that is meant, write them anew and read the difference: `UPDATE_GOLDEN=1 pytest tests/view`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from declarative.view.concise import concise_text
from declarative.view.diagnostics import diagnostics_text
from declarative.view.failure import failure_text, wait_text
from declarative.view.plan import plan_text, stopping_text
from declarative.view.progress import event_text
from declarative.view.state import state_list_json, state_list_text, state_show_json, state_show_text
from declarative.view.stream import event_messages, plan_events, version_event
from declarative.view.style import Style
from declarative.view.terraform import diagnostics_json, plan_json
from tests.view import samples

FOLDER = Path(__file__).parent / "cases"
NOW = "2026-01-02T03:04:05Z"
TERMINAL, ASCII, COLOR = Style(), Style(unicode=False), Style(color=True)


def read(file: str) -> str | None:
    return samples.SOURCE if file == "manifests/vision.yaml" else None


def as_json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def as_lines(values: list[dict[str, object]]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


CASES: dict[str, Callable[[], str]] = {
    "a-create-shows-its-body-as-yaml": lambda: "".join(plan_text(samples.plan(samples.CREATE), TERMINAL)),
    "an-update-shows-only-what-differs": lambda: "".join(
        plan_text(samples.plan(samples.TEMPLATE, samples.SAME), TERMINAL)
    ),
    "suspend-and-resume-are-named": lambda: "".join(plan_text(samples.plan(samples.SUSPEND, samples.RESUME), TERMINAL)),
    "a-replacement-says-what-forces-it": lambda: "".join(
        plan_text(samples.plan(samples.REPLACE, samples.SAFE_REPLACE), TERMINAL)
    ),
    "a-delete-shows-the-essentials": lambda: "".join(plan_text(samples.plan(samples.DELETE, destroy=True), TERMINAL)),
    "a-forget-is-no-delete": lambda: "".join(plan_text(samples.plan(samples.FORGET), TERMINAL)),
    "nothing-to-do-is-said-in-a-sentence": lambda: "".join(
        plan_text(samples.plan(samples.SAME, samples.SAME), TERMINAL)
    ),
    "nothing-recorded-is-nothing-to-destroy": lambda: "".join(plan_text(samples.plan(destroy=True), TERMINAL)),
    "nothing-written-is-nothing-to-do": lambda: "".join(plan_text(samples.plan(), TERMINAL)),
    "a-found-object-is-mentioned-though-nothing-changes": lambda: "".join(
        plan_text(samples.plan(samples.ADOPTED), TERMINAL)
    ),
    "what-leaves-by-itself-is-mentioned": lambda: "".join(plan_text(samples.plan(samples.LEAVING), TERMINAL)),
    "what-a-plan-stops-is-told-in-one-sentence": lambda: stopping_text(samples.LONG_PLAN, TERMINAL) + "\n",
    "a-run-that-ended-is-told-with-the-volumes-that-go": lambda: "".join(
        plan_text(samples.plan(samples.ENDED), TERMINAL)
    ),
    "a-finished-run-is-mentioned-though-nothing-changes": lambda: "".join(
        plan_text(samples.plan(samples.FINISHED), TERMINAL)
    ),
    "a-wait-is-told-as-it-goes-on": lambda: "".join(f"{event_text(event, TERMINAL)}\n" for event in samples.WAITS),
    "a-failed-wait-says-that-the-apply-is-done": lambda: wait_text(samples.WAITS[2:], (2, 1, 0, 0), TERMINAL, read),
    "the-stream-of-a-wait-is-terraforms": lambda: as_lines(
        [message for event in samples.WAITS for message in event_messages(event, NOW)]
    ),
    "a-whole-plan-in-ascii": lambda: "".join(plan_text(samples.FULL_PLAN, ASCII)),
    "a-whole-plan-in-colour": lambda: "".join(plan_text(samples.FULL_PLAN, COLOR)),
    "a-concise-plan-has-a-line-for-each-change": lambda: concise_text(samples.FULL_PLAN, Style(width=120)),
    "a-concise-plan-fits-its-terminal": lambda: concise_text(samples.FULL_PLAN, TERMINAL),
    "hostile-values-are-escaped-in-a-concise-plan": lambda: concise_text(samples.plan(samples.HOSTILE), TERMINAL),
    "ids-have-their-names-beside-them": lambda: "".join(
        plan_text(samples.plan(samples.RENAMED, samples.CREATE), TERMINAL, samples.KNOWN)
    ),
    "hostile-values-are-escaped": lambda: "".join(plan_text(samples.plan(samples.HOSTILE), TERMINAL)),
    "diagnostics-point-into-the-source": lambda: diagnostics_text(samples.DIAGNOSTICS, TERMINAL, read),
    "diagnostics-in-ascii": lambda: diagnostics_text(samples.DIAGNOSTICS, ASCII, read),
    "a-single-diagnostic-is-not-counted": lambda: diagnostics_text(samples.DIAGNOSTICS[1:2], TERMINAL, read),
    "an-apply-is-told-as-it-happens": lambda: "".join(
        f"{line}\n" for event in samples.EVENTS if (line := event_text(event, TERMINAL))
    ),
    "a-failed-apply-says-how-to-go-on": lambda: failure_text(samples.EVENTS, TERMINAL, source=read),
    "state-list-is-one-address-a-line": lambda: state_list_text(samples.RECORDS),
    "state-list-json": lambda: as_json(state_list_json(samples.RECORDS)),
    "state-show": lambda: "".join(state_show_text(record, TERMINAL) for record in samples.RECORDS),
    "state-show-json": lambda: as_json([state_show_json(record) for record in samples.RECORDS]),
    "plan-json-is-terraforms": lambda: as_json(plan_json(samples.FULL_PLAN, NOW)),
    "diagnostics-json-is-terraforms": lambda: as_json(diagnostics_json(samples.DIAGNOSTICS)),
    "the-plan-stream-is-terraforms": lambda: as_lines([version_event(NOW), *plan_events(samples.FULL_PLAN, NOW)]),
    "the-apply-stream-is-terraforms": lambda: as_lines(
        [message for event in samples.EVENTS for message in event_messages(event, NOW)]
    ),
}


@pytest.mark.parametrize("rule", CASES)
def test_output_is_as_expected(rule: str) -> None:
    """Each case's output is its file, to the byte."""
    file = FOLDER / rule / "expected.txt"
    found = CASES[rule]()
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")


def test_no_case_is_forgotten() -> None:
    """Every folder has a case, so that no expectation goes unchecked."""
    assert {folder.name for folder in FOLDER.iterdir()} == set(CASES)


@pytest.mark.parametrize("rule", CASES)
def test_no_line_ends_in_white_space(rule: str) -> None:
    """Output can be pasted and compared without invisible differences."""
    assert [line for line in CASES[rule]().split("\n") if line != line.rstrip()] == []
