"""Whatever is shown of a secret is `(sensitive)`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from declarative.model.plan import FieldChange
from declarative.model.secret import Sealed, Secret
from declarative.model.value import freeze
from declarative.view.fields import fields_lines
from declarative.view.state import state_show_json, state_show_text
from declarative.view.style import Style
from declarative.view.terraform import sensitive
from declarative.view.values import block, flow, scalar
from tests.plan.bodies import record, template
from tests.secrets import TEXT, kept, secret

STYLE = Style()
OLD, NEW = Sealed("ab"), secret()
LONG = tuple(f"argument-number-{number}" for number in range(8))


@pytest.mark.parametrize("hidden", [OLD, NEW, Secret((), None)], ids=["sealed", "secret", "of a saved plan"])
def test_a_value_is_masked_and_not_quoted(hidden: Any) -> None:
    assert scalar(hidden, STYLE) == "(sensitive)"
    assert flow(freeze([hidden, "a"]), STYLE) == "[(sensitive), a]"
    assert block(freeze({"a": hidden, "b": [hidden]}), STYLE) == ["a: (sensitive)", "b:", "  - (sensitive)"]
    assert (repr(hidden), str(hidden), f"{hidden}") == ("(sensitive)",) * 3


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (OLD, NEW, ["    ~ args: (sensitive)"]),
        (OLD, "plain", ["    ~ args: (sensitive) → plain"]),
        ("plain", NEW, ["    ~ args: plain → (sensitive)"]),
        (None, NEW, ["    + args: (sensitive)"]),
        (OLD, None, ["    - args: (sensitive)"]),
        (("a", OLD), ("a", NEW), ["    ~ args: [a, (sensitive)]"]),
        ((*LONG, OLD), (*LONG, NEW), ["    ~ args:", *(f"        ~ - {one}" for one in LONG), "        ~ - (sensitive)"]),
        ((*LONG, "b", OLD), (*LONG, "c", NEW), ["    ~ args:", "        [8] - b", "        [8] + c"]),
        ("a\nb", NEW, ["    ~ args:", "        - a", "        - b", "        + (sensitive)"]),
    ],
)  # fmt: skip
def test_a_difference_shows_what_is_not_secret_of_it(before: Any, after: Any, lines: list[str]) -> None:
    field = FieldChange(("args",), "args", before, after)
    assert [line.rstrip() for line in fields_lines((field,), STYLE, phases=False)] == lines


def test_the_state_is_shown_masked() -> None:
    env = [{"name": "A", "value": secret(before="x")}, {"name": "B", "value": "b"}]
    shown = replace(record(kept(template(environmentVariables=env))))
    assert "value: (sensitive)" in state_show_text(shown, STYLE)
    told = json.dumps(state_show_json(shown))
    assert '"value": "(sensitive)"' in told
    assert TEXT not in told


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, False),
        (freeze({}), {}),
        (freeze({"a": {"b": "c"}}), {}),
        (freeze({"a": {"b": NEW, "c": 1}, "d": 2}), {"a": {"b": True}}),
        (freeze({"env": [{"name": "A", "value": NEW}, {"name": "B"}], "list": ["a", OLD], "plain": ["a"]}),
         {"env": [{"value": True}, {}], "list": [False, True]}),
    ],
)  # fmt: skip
def test_sensitive_paths_are_told_as_terraform_does(value: Any, expected: Any) -> None:
    """As `terraform show -json` of 1.11 told them, but without the parts in which nothing is hidden."""
    assert sensitive(value) == expected
