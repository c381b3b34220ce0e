"""From changes to steps: the calls of an apply, in an order that respects dependencies.

A resource is created and updated after what it depends on, and deleted before it. An old object that is deleted only
after its replacement is there stays until what depends on it has moved on.
"""

from __future__ import annotations

from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from msgspec import Struct, field
from msgspec.structs import replace

from declarative.model.address import Address
from declarative.model.plan import Action, Change, Plan, Step
from declarative.model.record import Operation


def steps(plan: Plan) -> tuple[Step, ...]:
    """The steps of a plan; each one's `index` is its place in the result."""
    builder = _Builder()
    for change in plan.changes:
        builder.add(change)
    return builder.ordered()


class _Builder(Struct):
    made: list[Step] = field(default_factory=list)
    # The steps of a change that settle what an earlier apply left: before its others, and in nobody else's way.
    opening: dict[Address, list[int]] = field(default_factory=lambda: defaultdict(list))
    # The steps of a change that bring its object about, and those that take it away.
    arriving: dict[Address, list[int]] = field(default_factory=lambda: defaultdict(list))
    leaving: dict[Address, list[int]] = field(default_factory=lambda: defaultdict(list))
    changes: dict[Address, Change] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        self.changes[change.address] = change
        if change.adopts or change.imports or change.moved_from:
            self.step(change, Operation.ADOPT, self.opening, change.id)
        if change.deposed:
            self.step(change, Operation.DELETE, self.opening, change.deposed)
        match change.action:
            case Action.CREATE:
                self.create(change)
            case Action.UPDATE:
                self.update(change)
            case Action.REPLACE:
                gone = self.step(change, Operation.DELETE, self.leaving, change.id)
                self.create(change, needs=(gone,))
            case Action.CREATE_THEN_DELETE:
                there = self.create(change)
                self.step(change, Operation.DELETE, self.leaving, change.id, needs=(there,))
            case Action.DELETE:
                self.step(change, Operation.DELETE, self.leaving, change.id)
            case Action.FORGET:
                self.step(change, Operation.FORGET, self.leaving, change.id)
            case Action.NO_OP:
                pass

    def create(self, change: Change, needs: tuple[int, ...] = ()) -> int:
        assert change.after is not None
        made = self.step(change, Operation.CREATE, self.arriving, needs=needs)
        # The control plane starts every training; one that is to be stopped is suspended at once.
        if change.after.get("desiredPhase") == "Stopped":
            made = self.step(change, Operation.SUSPEND, self.arriving, needs=(made,))
        return made

    def update(self, change: Change) -> None:
        phases = [field.after for field in change.fields if field.path == ("desiredPhase",)]
        if len(change.fields) > len(phases):
            self.step(change, Operation.UPDATE, self.arriving, change.id)
        for phase in phases:
            operation = Operation.SUSPEND if phase == "Stopped" else Operation.RESUME
            self.step(change, operation, self.arriving, change.id)

    def step(
        self,
        change: Change,
        operation: Operation,
        side: dict[Address, list[int]],
        id: str | None = None,
        *,
        needs: tuple[int, ...] = (),
    ) -> int:
        index = len(self.made)
        earlier = (self.opening[change.address] + self.arriving[change.address])[-1:]
        self.made.append(
            Step(
                index=index,
                address=change.address,
                operation=operation,
                id=id,
                body=change.before if operation is Operation.DELETE else change.after,
                merged=change.merged if operation is Operation.UPDATE else None,
                awaits=change.awaits if operation in (Operation.CREATE, Operation.UPDATE) else None,
                needs=tuple(dict.fromkeys((*needs, *earlier))),
                change=change,
            )
        )
        side[change.address].append(index)
        return index

    def ordered(self) -> tuple[Step, ...]:
        """Adds the needs that dependencies bring."""
        needs: dict[int, set[int]] = {step.index: set(step.needs) for step in self.made}
        ending = {self.made[index].id: index for indexes in self.leaving.values() for index in indexes}
        for step in self.made:
            if step.awaits is not None and step.awaits in ending:
                needs[step.index].add(ending[step.awaits])
        for change in self.changes.values():
            for dependency in change.depends_on:
                for mine in self.arriving[change.address]:
                    needs[mine].update(self.arriving[dependency])
                for theirs in self.leaving[dependency]:
                    needs[theirs].update(self.before_leaving(dependency, change))
            for former in set(change.depended_on) - set(change.depends_on):
                gone = self.changes.get(former)
                # What takes over the name of a former dependency has to come after it.
                if gone is not None and gone.action is Action.DELETE and gone.id != change.awaits:
                    for theirs in self.leaving[former]:
                        needs[theirs].update(self.arriving[change.address], self.leaving[change.address])
        self.break_circles(needs)
        return tuple(replace(step, needs=tuple(sorted(needs[step.index]))) for step in self.made)

    def break_circles(self, needs: dict[int, set[int]]) -> None:
        """Lets go of what would make steps wait for one another: what is recorded may depend on itself.

        Manifests do not, but an apply that turned a dependency round and was killed leaves one side as it was before.
        """
        while True:
            try:
                TopologicalSorter(needs).prepare()
            except CycleError as error:
                # The steps of one change stay in their order.
                pairs = pairwise(error.args[1])
                first, then = next(pair for pair in pairs if pair[0] not in self.made[pair[1]].needs)
                needs[then].discard(first)
            else:
                return

    def before_leaving(self, dependency: Address, change: Change) -> list[int]:
        """The steps of `change` that come before the old object of what it depends on is deleted."""
        if self.changes[dependency].action is Action.CREATE_THEN_DELETE:
            return [*self.arriving[change.address], *self.leaving[change.address]]
        if change.action is Action.CREATE_THEN_DELETE:
            # It needs the new dependency before it can let go of its old self, so nothing can wait for that.
            return []
        return self.leaving[change.address]
