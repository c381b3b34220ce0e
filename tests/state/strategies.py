"""Random records that keep the rules of `declarative.state.format`."""

from __future__ import annotations

from hypothesis import strategies as st

from declarative.model.address import Address
from declarative.model.record import Intent, Operation, Record
from declarative.model.value import FrozenMap, freeze

# Lone surrogates are left to a test of their own: hypothesis makes them only when asked.
TEXTS = st.text(max_size=8) | st.sampled_from(["é", "\x00", "'; DROP TABLE records", "\\u0041", "null"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
# Names and projects come from manifests and the control plane, which know no NUL; PostgreSQL neither.
NAMES = TEXTS.map(lambda text: text.replace("\x00", "0"))
BODIES = st.dictionaries(TEXTS, VALUES, max_size=4).map(freeze)
KEYS = st.text("abcz-.é", min_size=1, max_size=4)
ADDRESSES = st.builds(Address, st.sampled_from(["Training", "WorkloadTemplate"]), KEYS)
CALLS = st.sampled_from([Operation.UPDATE, Operation.SUSPEND, Operation.RESUME, Operation.DELETE])


def intents(operations: st.SearchStrategy[Operation]) -> st.SearchStrategy[Intent]:
    return st.builds(Intent, operations, BODIES, TEXTS, st.floats(0, 1e10))


def records(addresses: st.SearchStrategy[Address] = ADDRESSES) -> st.SearchStrategy[Record]:
    common = {
        "address": addresses,
        "name": NAMES,
        "project": st.none() | NAMES,
        "depends_on": st.lists(st.builds(Address, st.just("Other"), KEYS), max_size=3).map(tuple),
        "keep_on_destroy": st.booleans(),
        "prevent_destroy": st.booleans(),
        "ignored": st.lists(NAMES, max_size=2).map(tuple),
        "finished": st.booleans(),
    }
    pending = st.builds(Record, id=st.none(), applied=st.none(), intent=intents(st.just(Operation.CREATE)), **common)
    known = st.builds(
        Record,
        id=st.uuids().map(str),
        previous_id=st.none() | st.uuids().map("old-{}".format),
        applied=BODIES,
        intent=st.none() | intents(CALLS | st.just(Operation.CREATE)),
        **common,
    )
    return pending | known


def record(key: str, *, id: str | None = "", body: dict[str, object] | None = None) -> Record:
    """A plain training that was applied; its id is made from the key unless given."""
    applied: FrozenMap = freeze(body or {"metadata": {"name": key}, "spec": {"image": "busybox"}})
    return Record(Address("Training", key), id or f"id-{key}", key, "4501", applied)
