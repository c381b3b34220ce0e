"""Amounts in Kubernetes' notation: `1Gi`, `500m`, `2e3`.

Suffixes: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation, Overflow
from typing import Any

_PARTS = re.compile(r"([+-]?[0-9.]+)(?:([eE][-+]?[0-9]+)|([numkKMGTPE]i?)?)")
_FACTORS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
    "K": Decimal(1000),
    "ki": Decimal(1024),
}


def amount(value: Any) -> Decimal | None:
    """The number that `value` stands for; None where it stands for none (bools, other types, other text)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    found = _PARTS.fullmatch(str(value))
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    try:
        return Decimal(number + (exponent or "")) * _FACTORS.get(suffix or "", Decimal("NaN"))
    except (InvalidOperation, Overflow):
        return None
