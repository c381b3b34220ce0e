"""Figures as tables in Markdown, to be pasted into a README."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench.commands import PARALLELISM, Flight, Work
from tests.bench.cost import Cost
from tests.bench.goals import GROWTH, HUGE_PEAK, PAGE

Costs = Mapping[Work, Cost]


def machine() -> str:
    """When, on what and by which command something was measured; of paths only the last part."""
    command = " ".join(("python -m tests.bench", *(Path(one).name for one in sys.argv[1:])))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"Measured {time.strftime('%Y-%m-%d')} on {_processor()}, {cores} cores, "
        f"{platform.system()}, Python {platform.python_version()}, by `{command}`."
    )


def others(share: float) -> str:
    """How much of one processor other programs took meanwhile."""
    return f"Other programs took {share:.0%} of one processor meanwhile."


def _processor() -> str:
    """The model, as Linux tells it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def verdict(is_met: bool) -> str:
    return "met" if is_met else "not met"


def works(costs: Costs) -> str:
    """All figures of all commands."""
    head = ("work", "target against Terraform", "wall s", "CPU s", "peak MiB", "written MB", "requests")
    return table(head, (_work(work, cost) for work, cost in costs.items()))


def _work(work: Work, cost: Cost) -> Sequence[str]:
    goal = str(work.goal or "")
    requests = str(sum(cost.requests.values()))
    return str(work), goal, f"{cost.wall:.2f}", f"{cost.cpu:.2f}", f"{cost.peak:.0f}", f"{cost.written:.1f}", requests


def growth(costs: Costs, few: int, many: int) -> str:
    """What a resource costs among many and among few: wall time by number, then also without that of a lone resource."""
    head = ("command", f"ms each at {few:,}", f"at {many:,}", "ratio", f"at most {GROWTH}", "without start-up")
    return table(head, _growth(costs, few, many))


def _growth(costs: Costs, few: int, many: int) -> Iterator[Sequence[str]]:
    walls = {(work.what, work.count): cost.wall for work, cost in costs.items()}
    for what in dict.fromkeys(what for what, count in walls if count == many):
        alone, small, large = (walls[what, count] for count in (1, few, many))
        grown = (large / many) / (small / few)
        net = ((large - small) / (many - few)) / ((small - alone) / (few - 1))
        yield (
            what,
            f"{small / few * 1e3:.2f}",
            f"{large / many * 1e3:.2f}",
            f"{grown:.2f}",
            verdict(grown <= GROWTH),
            f"{net:.2f}",
        )


def requests(costs: Costs) -> str:
    """Requests of the no-op plan: one a page, and a constant, which is the same however many there are."""
    found = {work.count: sum(cost.requests.values()) for work, cost in costs.items() if work.what == "no-op plan, warm"}
    rows = (
        (f"{count:,}", str(told), f"{-(-count // PAGE)} + {told + -count // PAGE}") for count, told in found.items()
    )
    return table(("trainings", "requests of a no-op plan", f"N/{PAGE} + constant"), rows)


def flights(found: Iterable[Flight], latency: float) -> str:
    """Calls in flight, as the server counted them."""
    head = (f"command at {latency:g} ms", "parallelism", "in flight, mean", "most")
    return table(head, ((one.command, str(PARALLELISM), f"{one.mean:.1f}", f"{one.most:.0f}") for one in found))


def huge(costs: Costs) -> str:
    """The plans of a huge project, and what they need between them."""
    return table(("work", "wall s", "peak MiB", f"at most {HUGE_PEAK:,}"), (_huge(work, costs[work]) for work in costs))


def _huge(work: Work, cost: Cost) -> Sequence[str]:
    judged = verdict(cost.peak <= HUGE_PEAK) if "plan" in work.what else ""
    return str(work), f"{cost.wall:.1f}", f"{cost.peak:,.0f}", judged
