"""Amounts are equal whatever suffix they are written with."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative.kinds.quantity import amount
from declarative.kinds.shape import Sameness, Scalar

SUFFIXES = {
    "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip
NUMBERS = st.integers(0, 10**6)


@given(number=NUMBERS, suffix=st.sampled_from(sorted(SUFFIXES)))
def test_a_suffix_is_a_factor(number: int, suffix: str) -> None:
    assert amount(f"{number}{suffix}") == amount(number * SUFFIXES[suffix]) == number * SUFFIXES[suffix]


@given(number=NUMBERS)
def test_equal_amounts_are_the_same_across_suffixes(number: int) -> None:
    quantity = Scalar(Sameness.QUANTITY)
    assert quantity.same(f"{number}Gi", f"{number * 1024}Mi")
    assert quantity.same(f"{number}", f"{number * 1000}m")
    assert quantity.same(f"{number}e3", f"{number}k")
    assert not quantity.same(f"{number + 1}Gi", f"{number + 1}G")


@pytest.mark.parametrize("value", ["", "Gi", "1.2.3", "1X", "1 Gi", "--1", True, None, (), "1e3Gi"])
def test_what_is_no_amount_has_none(value: object) -> None:
    assert amount(value) is None


def test_halves_are_exact() -> None:
    assert amount(0.5) == amount("500m") == Decimal("0.5")
