"""The state remembers secrets by digests under a key of its own, and leaves no trace of what it held in the open."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from declarative.model.record import Intent, Operation, Record
from declarative.model.secret import Reference, Sealed, Secret, alike, seal
from declarative.model.value import freeze
from declarative.state.format import FORMAT, decode, encode
from declarative.state.sqlite import SqliteStore
from tests.secrets import KEY, TEXT, leaks, secret
from tests.state.files import ME, change, take
from tests.state.strategies import record

BODY = freeze(
    {"metadata": {"name": "a"}, "spec": {"args": secret(before="--token="), "environmentVariables": [secret()]}}
)


def secretive(key: str = "a") -> Record:
    """A record that holds secrets in both of its bodies."""
    intent = Intent(Operation.UPDATE, BODY, "digest", 1.5)
    return replace(record(key), applied=BODY, intent=intent)


def test_a_row_holds_digests_and_no_text() -> None:
    row = encode(secretive(), KEY)
    assert TEXT not in str(row)
    copy = decode(row, KEY)
    assert copy.applied is not None and copy.intent is not None and copy.intent.body is not None
    for body in (copy.applied, copy.intent.body):
        assert isinstance(body["spec"]["args"], Sealed)
        assert alike(body, BODY)
    assert encode(copy, KEY) == row


def test_a_digest_needs_the_key_and_the_text() -> None:
    args = decode(encode(secretive(), KEY), KEY).applied["spec"]["args"]  # type: ignore[index]
    assert args.covers(f"--token={TEXT}")
    assert not args.covers(TEXT)
    assert not args.covers("")
    assert not decode(encode(secretive(), bytes(32)), KEY).applied["spec"]["args"].covers(f"--token={TEXT}")  # type: ignore[index]


def test_a_state_without_a_key_takes_no_secret() -> None:
    with pytest.raises(AssertionError, match="without a key"):
        encode(secretive(), b"")


def test_what_was_live_is_sealed_under_the_key_of_the_state() -> None:
    """Under whatever key it was veiled before."""
    veiled = replace(record("a"), applied=freeze({"spec": {"args": seal(TEXT, b"")}}))
    assert decode(encode(veiled, KEY), KEY).applied["spec"]["args"].covers(TEXT)  # type: ignore[index]


def test_a_saved_reference_without_its_value_cannot_be_recorded() -> None:
    unfilled = freeze({"spec": {"args": Secret((Reference("secret", "A"),), None)}})
    with pytest.raises(AssertionError, match="looked up"):
        encode(replace(record("a"), applied=unfilled), KEY)


def test_every_state_has_its_own_key_for_good(tmp_path: Path) -> None:
    one, other = SqliteStore(tmp_path / "one.sqlite3"), SqliteStore(tmp_path / "other.sqlite3")
    assert one.load().key == b""
    take(one)
    take(other)
    first = one.load().key
    assert len(first) == 32
    assert first != other.load().key
    take(one)
    assert one.load().key == first
    assert repr(first) not in repr(one.load())


def test_a_state_of_format_1_gets_its_key_at_its_first_lock_and_loses_its_traces(path: Path) -> None:
    """What the former release left in unused pages is gone, too."""
    store = SqliteStore(path)
    take(store)
    change(path, "DELETE FROM meta WHERE key = 'key'")
    change(path, "UPDATE meta SET value = 1 WHERE key = 'format'")
    row = encode(record("a", body={"spec": {"args": TEXT * 100}}), KEY)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("PRAGMA secure_delete = OFF")
        old.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)", row)
        old.execute("UPDATE records SET data = ?", (encode(record("a"), KEY).data,))
    assert leaks(path.parent, TEXT) != []
    assert store.load().key == b""
    assert [one.address.key for one in store.load().records] == ["a"]
    take(store)
    assert len(store.load().key) == 32
    assert leaks(path.parent, TEXT) == []
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone() == (FORMAT,)


@pytest.mark.parametrize("size", [1, 10, 1000], ids=["in one page", "in a few", "in many"])
def test_what_was_held_in_the_open_leaves_no_trace_once_it_is_sealed(size: int, path: Path) -> None:
    """Neither in the file nor beside it; whatever was written since."""
    store, plain = SqliteStore(path), TEXT * size
    with store.lock(ME, 0) as lease:
        for number in range(20):
            lease.write(
                record(f"r{number}", body={"metadata": {"name": "a"}, "spec": {"args": plain, "image": "x" * 300}})
            )
    assert sorted(leaks(path.parent, TEXT)) == [path.name, f"{path.name}.backup"]
    with store.lock(ME, 0) as lease:
        for number in range(20):
            lease.write(replace(secretive(f"r{number}"), intent=None))
    assert leaks(path.parent, TEXT) == []


def test_a_kill_does_not_leave_in_the_copy_what_has_been_sealed(path: Path) -> None:
    """The next holder renews it, even when there is nothing left for it to write."""
    store = SqliteStore(path)
    with store.lock(ME, 0) as lease:
        lease.write(record("a", body={"spec": {"args": TEXT}}))
    program = (
        "import os, sys; from pathlib import Path; from declarative.state.opening import open_store;"
        "from tests.state.files import ME; from tests.state.test_state_secrets import secretive;"
        "lock = open_store(sys.argv[1], Path()).lock(ME, 0); lock.__enter__().write(secretive('a')); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 9
    assert f"{path.name}.backup" in leaks(path.parent, TEXT)
    take(store)
    assert leaks(path.parent, TEXT) == []
    assert store.load().records == SqliteStore(path.with_name(f"{path.name}.backup")).load().records


def test_what_is_forgotten_leaves_no_trace(path: Path) -> None:
    store = SqliteStore(path)
    with store.lock(ME, 0) as lease:
        lease.write(record("a", body={"spec": {"args": TEXT * 200}}))
        lease.write(record("b"))
    with store.lock(ME, 0) as lease:
        lease.write(forget=[record("a").address])
    assert leaks(path.parent, TEXT) == []
