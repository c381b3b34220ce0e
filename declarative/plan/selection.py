"""Which resources a partial plan is about: targets with what they need, without what is excluded and what needs that.

What is to be created or changed needs what it depends on. What is to be deleted is the other way round: whatever depends
on it has to go before, and stays with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from fnmatch import fnmatchcase

from msgspec import Struct

from declarative.diagnostics import Diagnostic, nearest
from declarative.errors import PlanError
from declarative.model.address import Address

Needs = Mapping[Address, tuple[Address, ...]]


class Selection(Struct, frozen=True):
    """Globs over addresses, such as `Training.run-*`. Without targets everything is meant."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.targets or self.excludes)

    def __str__(self) -> str:
        """What it does to a plan, as a predicate of it; "" for nothing."""
        about, out = (", ".join(f"`{one}`" for one in globs) for globs in (self.targets, self.excludes))
        told = [f"is about {about} alone"] if about else []
        return " and ".join([*told, f"leaves out {out}"] if out else told)

    def of(self, staying: Needs, leaving: Needs) -> frozenset[Address]:
        """The selected addresses among those that stay and those that leave, each with what it depends on.

        Raises PlanError for a glob that matches none.
        """
        known = staying.keys() | leaving.keys()
        if not self:
            return frozenset(known)
        self._refuse_unmatched(known)
        first = _edges(staying, leaving)
        chosen = _closure(_matching(self.targets, known), first) if self.targets else known
        return frozenset(chosen - _closure(_matching(self.excludes, known), _reversed(first)))

    def _refuse_unmatched(self, known: Set[Address]) -> None:
        names = sorted(map(str, known))
        unmatched = [
            one for one in (*self.targets, *self.excludes) if not any(fnmatchcase(name, one) for name in names)
        ]
        if unmatched:
            raise PlanError(*(_unmatched(one, names) for one in unmatched))


def _edges(staying: Needs, leaving: Needs) -> dict[Address, set[Address]]:
    """What comes along with each address."""
    edges: dict[Address, set[Address]] = {address: set() for address in (*staying, *leaving)}
    for address, needs in staying.items():
        edges[address].update(one for one in needs if one in edges)
    for address, needs in leaving.items():
        for one in needs:
            if one in leaving:
                edges[one].add(address)
    return edges


def _reversed(edges: Mapping[Address, Iterable[Address]]) -> dict[Address, set[Address]]:
    back: dict[Address, set[Address]] = {address: set() for address in edges}
    for address, others in edges.items():
        for other in others:
            back[other].add(address)
    return back


def _closure(start: Iterable[Address], edges: Mapping[Address, Iterable[Address]]) -> set[Address]:
    found, waiting = set(start), list(start)
    while waiting:
        new = [one for one in edges[waiting.pop()] if one not in found]
        found.update(new)
        waiting += new
    return found


def _matching(globs: tuple[str, ...], known: Iterable[Address]) -> list[Address]:
    return [address for address in known if any(fnmatchcase(str(address), glob) for glob in globs)]


def _unmatched(glob: str, names: list[str]) -> Diagnostic:
    spelling = next((name for name in names if name.endswith(f".{glob}")), None) or nearest(glob, names)
    hint = f"did you mean {spelling}?" if spelling else "addresses are written KIND.KEY; * stands for any text"
    return Diagnostic("Unknown address", f"Neither the manifests nor the state have {glob}.", hint)
