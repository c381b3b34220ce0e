"""What is aimed at, as ratios to Terraform on the same work in the same run."""

from __future__ import annotations

from dataclasses import dataclass

# Cost of one resource among many, as a multiple of its cost among few.
GROWTH = 1.2
# Peak memory of the plan of a huge project, in MiB.
HUGE_PEAK = 2048
# Rows that one request of a listing brings.
PAGE = 500


def ratio(value: float) -> str:
    """A ratio below 1 as a fraction."""
    return f"1/{1 / value:.3g}" if 0 < value < 1 else f"{value:.2g} x"


@dataclass(frozen=True, slots=True)
class Goal:
    """The most that wall time and peak memory may be of Terraform's."""

    wall: float
    peak: float | None = None

    def is_met(self, wall: float, peak: float) -> bool:
        """Whether such ratios are good enough."""
        return wall <= self.wall and (self.peak is None or peak <= self.peak)

    def __str__(self) -> str:
        return f"wall {ratio(self.wall)}" + (f", peak {ratio(self.peak)}" if self.peak else "")


VERSION, HELP = Goal(2), Goal(3)
VALIDATE = Goal(1 / 4)
FIRST_PLAN = Goal(1 / 6)
FIRST_APPLY, FIRST_APPLY_LOCAL = Goal(1 / 3, 1 / 4), Goal(1 / 8)
NO_OP, NO_OP_MANY, NO_OP_SLOW = Goal(1 / 10, 1 / 5), Goal(1 / 15, 1 / 6), Goal(1 / 12)
ONE_CHANGE = Goal(1 / 10)
DESTROY = Goal(1 / 5)
