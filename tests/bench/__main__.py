"""`make bench`: whole commands as processes, over a server that is never the limit. Tables in Markdown, medians of the runs.

`cold` is a command without the cache that others have left, `warm` one with it. The first plan is
cold, too. The cost of a resource is the wall time of the whole command by the number of resources: start-up counts, so that
few resources cost more each than many. The last column of that table leaves it out: it is the ratio of
(t(many) - t(few)) / (many - few) to (t(few) - t(1)) / (few - 1).

With `--peer` the same work is given to Terraform as well, by a harness that is no part of this repository; see
tests/bench/peer.py for what it has to be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.bench import commands, peer, report
from tests.bench.commands import Work
from tests.bench.cost import Cost, Foreign, median
from tests.bench.served import Served, served


def medians(found: Iterable[tuple[Work, Cost]]) -> dict[Work, Cost]:
    """Each work with the median of its costs; each is told as soon as it is known."""
    costs: dict[Work, list[Cost]] = {}
    for work, cost in found:
        print(f"{work}: {cost.wall:.2f} s, {cost.peak:.0f} MiB", file=sys.stderr, flush=True)
        costs.setdefault(work, []).append(cost)
    return {work: median(several) for work, several in costs.items()}


def measurements(server: Served, chosen: argparse.Namespace) -> Iterator[tuple[Work, Cost]]:
    """All works, as often as they are to run; large projects once where small ones run three times."""
    for number in range(chosen.runs):
        yield from commands.without_project()
        if not chosen.quick:
            yield from commands.life(server, 1, 0, many=False)
        yield from commands.life(server, chosen.trainings, chosen.latency, many=False)
        yield from commands.in_one_file(server, chosen.trainings)
        if not chosen.quick and number % 3 == 0:
            yield from commands.life(server, chosen.many, 0, many=True)


def own(chosen: argparse.Namespace) -> None:
    """Prints the tables of this tool alone."""
    foreign = Foreign()
    with served() as server:
        rate = server.rate()
        costs = medians(measurements(server, chosen))
        flights = list(commands.in_flight(server, chosen.trainings, chosen.latency))
        huge = medians(of_huge(server, chosen.huge)) if chosen.huge else {}
    told = {work: cost for work, cost in costs.items() if work.count != 1}
    print(
        f"{report.machine()} Parallelism {commands.PARALLELISM}, medians of {chosen.runs} runs; {-(-chosen.runs // 3)} in large projects."
    )
    print(f"The server answers {rate:,.0f} reads a second. {report.others(foreign.share())}\n")
    tables = [report.works(told), report.requests(told), report.flights(flights, chosen.latency)]
    if not chosen.quick:
        tables.append(report.growth(costs, chosen.trainings, chosen.many))
    if huge:
        tables.append(report.huge(huge))
    print("\n\n".join(tables))


def of_huge(server: Served, count: int) -> Iterator[tuple[Work, Cost]]:
    """The plans of a huge project before and after its apply."""
    with commands.project(server, count) as made:
        yield from commands.first(made, many=True)
        yield from commands.again(made, Work("no-op plan", count))


def main() -> None:
    """Prints what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trainings", type=int, default=1000, help="how many there are in small projects")
    parser.add_argument("--many", type=int, default=10_000, help="how many there are in large projects")
    parser.add_argument("--latency", type=float, default=20, help="milliseconds, where something is slow")
    parser.add_argument("--runs", type=int, default=3, help="of each command; in large projects one for three")
    parser.add_argument("--quick", action="store_true", help="small projects alone")
    parser.add_argument(
        "--huge", type=int, nargs="?", const=100_000, help="also the plans of 100,000 trainings, or so many"
    )
    parser.add_argument(
        "--peer", type=Path, help="the harness that gives the same work to Terraform, in place of the rest"
    )
    parser.add_argument("--build", type=Path, help="where the harness builds what it needs")
    parser.add_argument("--large", action="store_true", help="give Terraform large projects, too, which takes long")
    parser.add_argument("--rows", nargs="*", default=[], help="the peer's runs by name, all where none is named")
    chosen = parser.parse_args()
    if not 1 < chosen.trainings < chosen.many:
        parser.error("small projects need two trainings or more, and large ones more than small ones")
    if chosen.peer:
        peer.compare(chosen)
    else:
        own(chosen)


if __name__ == "__main__":
    main()
