"""Rows say all of a record and nothing else, and broken rules are found."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from declarative.model.address import Address
from declarative.model.record import Intent, Operation, Record
from declarative.model.value import EMPTY, FrozenMap, freeze
from declarative.state.database import MIGRATIONS
from declarative.state.format import FORMAT, Malformed, decode, encode, flaws, unsummed, violations
from tests.state.strategies import record, records

KEY = bytes(32)
CREATE = Intent(Operation.CREATE, EMPTY, "digest", 1.5)


def assert_frozen(value: object) -> None:
    assert not isinstance(value, list)
    if isinstance(value, dict):
        assert type(value) is FrozenMap
        for item in value.values():
            assert_frozen(item)
    if isinstance(value, tuple):
        for item in value:
            assert_frozen(item)


@given(records())
def test_a_record_survives_its_row_unchanged_and_frozen(original: Record) -> None:
    copy = decode(encode(original, KEY), KEY)
    assert copy == original
    assert encode(copy, KEY) == encode(original, KEY)
    assert_frozen(copy.applied)
    assert_frozen(copy.intent.body if copy.intent else None)


@given(records())
def test_records_that_keep_the_rules_are_not_accused(original: Record) -> None:
    assert list(violations([original])) == []


def test_half_a_surrogate_pair_is_kept_as_it_was() -> None:
    original = record("a", body={"spec": {"args": "\ud83d"}})
    assert decode(encode(original, KEY), KEY) == original
    assert encode(original, KEY).data.isascii()


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        (1, replace(record("a"), id=None)),
        (1, replace(record("a"), id=None, intent=replace(CREATE, operation=Operation.DELETE))),
        (2, replace(record("a"), applied=None)),
        (4, replace(record("a"), previous_id="id-a")),
        (5, replace(record("a"), id=None, applied=None, intent=replace(CREATE, body=None))),
        (6, replace(record("a"), depends_on=(Address("Training", "a"),))),
    ],
)
def test_each_rule_about_one_record_is_named_when_broken(rule: int, broken: Record) -> None:
    assert [flaw[:6] for flaw in flaws(broken)] == [f"rule {rule}"]


def test_two_records_of_one_address_break_rule_3() -> None:
    assert list(violations([record("a"), record("a", id="other")])) == ["rule 3: Training.a is recorded twice"]


def test_two_owners_of_one_object_break_rule_4() -> None:
    found = list(violations([record("a"), replace(record("b"), previous_id="id-a")]))
    assert found == ["rule 4: Training.a and Training.b both own id-a"]


def test_the_same_id_in_two_kinds_is_two_objects() -> None:
    template = replace(record("b", id="id-a"), address=Address("WorkloadTemplate", "b"))
    assert list(violations([record("a"), template])) == []


@given(st.text(max_size=20) | st.sampled_from(["[]", "1", '{"dependsOn": 3}', '{"dependsOn": ["x"]}', "{"]))
def test_a_row_that_is_not_ours_is_called_malformed_with_its_address(text: str) -> None:
    row = encode(record("a"), KEY)._replace(data=text)
    with pytest.raises(Malformed, match=r"Training\.a"):
        decode(row, KEY)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"operation": "dance", "body": null, "digest": "", "since": 0}'])
def test_an_intent_that_is_not_ours_is_called_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        decode(encode(record("a"), KEY)._replace(intent=text), KEY)


def test_entries_of_a_later_release_are_ignored() -> None:
    row = encode(record("a"), KEY)
    assert decode(row._replace(data=row.data[:-1] + ',"later":[1]}'), KEY) == record("a")


def test_what_is_at_its_default_takes_no_room() -> None:
    assert unsummed(encode(replace(record("a"), applied=freeze({})), KEY)) == {"applied": {}}


def test_one_other_character_anywhere_in_a_row_is_noticed_or_changes_nothing() -> None:
    """An id with another digit would be that of another object. The checksum's own name may suffer unseen."""
    original = replace(record("a"), intent=Intent(Operation.UPDATE, freeze({"spec": {}}), "digest", 1.0))
    row = encode(original, KEY)
    for field, text in row._asdict().items():
        for at in range(len(text or "")):
            torn = row._replace(**{field: f"{text[:at]}{chr(ord(text[at]) ^ 1)}{text[at + 1 :]}"})
            if field == "data" and at >= text.index('"sum"'):
                with suppress(Malformed):
                    assert decode(torn, KEY) == original
            else:
                with pytest.raises(Malformed):
                    decode(torn, KEY)


@pytest.mark.parametrize("value", ["x" * length for length in (13, 14, 15, 16)])
def test_a_row_of_an_earlier_release_has_no_checksum(value: str) -> None:
    """Nothing else is taken for one."""
    before = replace(record("a"), applied=freeze({"spec": {"sum": value}}))
    row = encode(before, KEY)
    assert decode(row._replace(data=json.dumps(unsummed(row), separators=(",", ":"))), KEY) == before


def test_every_format_has_its_migration() -> None:
    assert len(MIGRATIONS) == FORMAT
