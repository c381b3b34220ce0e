"""Random manifests, edits, changes from elsewhere, bad days, kills and interrupts: every run ends in an empty plan.

After every step the following holds:

    1. The state can be read and keeps its own rules.
    2. Nothing is there twice: of each version of each manifest at most one object is live.
    3. Every live object belongs to a record, by its id or by an interrupted create, or is beyond our reach: a stranger's, or
       left live on purpose.
    4. What is beyond our reach is never touched.
    5. What only reads sends only reads, and leaves the state as it was.
    6. No lock is left that the next command cannot take.
    7. A run that has finished is not run again, unless its manifest says so or has changed.
    8. A record's id never names the object of another manifest.
    9. An apply of everything that ends with 0 leaves nothing to do, and all is as wanted; it ends so where nothing befalls
       it and no name is taken.

A kill falls on an exact request and phases take no time, so that what hypothesis prints repeats a run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from declarative.model.record import Record
from declarative.sandbox.phases import FINISHED
from declarative.state.format import violations
from declarative.state.store import Holder
from tests.apply.blows import Blow, How
from tests.apply.stage import staged
from tests.apply.wishes import EDITS, KEYS, NAMES, TEMPLATE, TRAINING, Tags, Wanted
from tests.apply.world import ALLOWED, Thing, World, asked_for, by_address, covered
from tests.cli.tool import Done
from tests.postgres import PostgresServer
from tests.runai.wire import Asked

pick = st.integers(0, 5)
changes = st.lists(st.tuples(st.sampled_from(EDITS), pick, pick), min_size=1, max_size=4)
# Most of what is sent only reads: those requests come first, and are struck now and then.
blows = st.builds(Blow, st.sampled_from(How), st.integers(1, 4)) | st.builds(
    Blow, st.sampled_from(How), st.integers(1, 12), st.just(True)
)
maybe_blows = st.none() | blows
parallelism = st.sampled_from((1, 4))
WEATHER = (
    {},
    *({name: 0.2, "seed": 1} for name in ("lost", "dropped", "unavailable", "failed")),
    {"lost": 0.1, "failed": 0.1, "dropped": 0.1, "seed": 2},
)
# What to change, of which manifest, and how.
Change = tuple[str, int, int]


class Runs(RuleBasedStateMachine):
    """One project against one sandbox, from nothing to an empty plan."""

    def __init__(self, state: Callable[[], str | None]) -> None:
        super().__init__()
        self.outer = sys.exc_info()[1]
        self.exits = ExitStack()
        folder = Path(self.exits.enter_context(TemporaryDirectory()))
        url = state()
        stage = self.exits.enter_context(staged(folder, **({"DECLARATIVE_STATE": url} if url else {})))
        headers = {"Authorization": "Bearer sandbox"}
        client = self.exits.enter_context(httpx.Client(base_url=stage.url, headers=headers))
        self.world = World(stage, client)
        self.saved: dict[str, Wanted] | None = None

    # Manifests.

    @initialize(phase=pick, given=changes, blow=maybe_blows)
    def begin(self, phase: int, given: list[Change], blow: Blow | None) -> None:
        """The first manifests are applied, and that may be struck."""
        start = (("add a template", 0, 0), ("add a training", 0, phase), ("add a training", 1, phase + 1))
        self.apply([*start, *given], blow, 1)

    @rule(edits=changes)
    def edit(self, edits: Iterable[Change]) -> None:
        """Manifests are added, edited and removed: so that objects are changed in place, replaced, suspended or kept."""
        for what, which, how in edits:
            if what in ("name", "prefix"):
                self.saved = None  # what a saved plan gives up and this takes may be too much for one plan
            self.world.wishes.edit(what, which, how, self.world.records())
        self.world.write()

    # Behind the tool's back.

    @rule(which=pick)
    def delete_elsewhere(self, which: int) -> None:
        """Somebody deletes one of our objects."""
        for thing in self._one(self.world.ours(), which):
            self.world.delete(thing)

    @rule(which=pick)
    def edit_elsewhere(self, which: int) -> None:
        """Somebody edits one of our templates with the API."""
        world = self.world
        owned = {record.id for record in world.records() if record.intent is None}
        for thing in self._one([one for one in world.ours(TEMPLATE) if one.id in owned], which):
            found = world.body(thing)
            variables = [{"name": "OWNER", "value": thing.tags.owner}, {"name": "VERSION", "value": "edited elsewhere"}]
            spec = {"assets": {"environment": found["spec"]["assets"]["environment"]["id"]}}
            spec["specificEnv"] = {"environmentVariables": variables}
            world.ask(
                "PUT", f"/api/v1/asset/workload-template/{thing.id}", {"meta": {"name": thing.name}, "spec": spec}
            )

    @rule(which=pick, verb=st.sampled_from(("suspend", "resume")))
    def steer_elsewhere(self, which: int, verb: str) -> None:
        """Somebody suspends or resumes one of our trainings."""
        going = [one for one in self.world.ours(TRAINING) if one.phase not in FINISHED]
        for thing in self._one(going, which):
            self.world.ask("POST", f"/api/v1/workloads/trainings/{thing.id}/{verb}")

    @rule(which=pick, phase=st.sampled_from(("Completed", "Failed", "Pending")))
    def move(self, which: int, phase: str) -> None:
        """A training completes, fails or is preempted; one that deletes itself is gone as soon as it has ended."""
        for thing in self._one(self.world.ours(TRAINING), which):
            self.world.put_in_phase(thing, phase)

    @rule(kind=st.sampled_from((TRAINING, TEMPLATE)), name=pick)
    def stranger_comes(self, kind: str, name: int) -> None:
        """Somebody else creates an object, with a name that we may want."""
        self.world.stranger(kind, NAMES[kind][name % len(NAMES[kind])])

    @precondition(lambda self: self.world.doubtful())
    @rule(which=pick)
    def rival_comes(self, which: int) -> None:
        """Somebody else takes the name of a create that was interrupted, unless that happened after all."""
        names = self.world.doubtful()
        self.world.stranger(*names[which % len(names)])

    @precondition(lambda self: self.world.untouchable)
    @rule(which=pick)
    def stranger_leaves(self, which: int) -> None:
        """Somebody deletes what is beyond our reach."""
        theirs = sorted(
            (one for one in self.world.things().values() if one.id in self.world.untouchable),
            key=lambda one: (one.kind, one.name),
        )
        for thing in self._one(theirs, which):
            self.world.delete(thing)

    @rule(weather=st.sampled_from(WEATHER))
    def weather(self, weather: dict[str, float]) -> None:
        """From now on requests of commands are lost, dropped, refused or answered with failures, or no longer."""
        self.world.weather = weather

    @staticmethod
    def _one(things: list[Thing], which: int) -> list[Thing]:
        return [things[which % len(things)]] if things else []

    # Commands.

    @rule(edits=changes, at_once=parallelism)
    def edit_and_apply(self, edits: list[Change], at_once: int) -> None:
        """Manifests are edited, and everything is applied."""
        self.apply(edits, None, at_once)

    @rule(edits=changes, blow=blows, at_once=parallelism, arrival=st.integers(1, 4))
    def apply_struck(self, edits: list[Change], blow: Blow, at_once: int, arrival: int) -> None:
        """Manifests are edited, and the apply of everything is killed or interrupted; a create may arrive later."""
        self.apply(edits, blow, at_once)
        self.world.blows.arrival = arrival

    @rule(blow=maybe_blows)
    def apply_again(self, blow: Blow | None) -> None:
        """Everything is applied as the manifests are, and that may be struck."""
        self.apply((), blow, 4)

    def apply(self, edits: Iterable[Change], blow: Blow | None, at_once: int) -> Done:
        """Edits, and applies everything: 7 and 9."""
        world = self.world
        self.edit(edits)
        calm, blocked = not (world.weather or world.blows.late or blow), bool(world.in_the_way())
        wanted = world.wishes.by_address()
        done = self.applied("apply", "--parallelism", str(at_once), *ALLOWED, blow=blow, wanted=wanted)
        assert done.code == 0 or not calm or (blocked and "Name already taken" in done.err), f"9: {done.err}"
        if done.code == 0:
            self.is_as_wanted()
        return done

    @precondition(lambda self: self.world.wishes.by_key)
    @rule(
        which=pick,
        option=st.sampled_from(("--target", "--exclude")),
        blow=maybe_blows,
    )
    def apply_part(self, which: int, option: str, blow: Blow | None) -> None:
        """A part of the manifests is applied, and may be struck; once it has ended well, nothing is left to do for that part."""
        world = self.world
        part = (option, sorted(world.wishes.by_address())[which % len(world.wishes.by_key)])
        done = self.applied("apply", *part, *ALLOWED, blow=blow, wanted=world.wishes.by_address())
        if done.code == 0:
            self.is_empty(*part)

    @rule(which=pick, blow=maybe_blows)
    def destroy_part(self, which: int, blow: Blow | None) -> None:
        """What a state records at an address is destroyed with all that depends on it."""
        recorded = sorted(str(record.address) for record in self.world.records())
        if recorded:
            one = recorded[which % len(recorded)]
            arguments = ("destroy", "--target", one, "--auto-approve", "--allow", "disruption")
            self.applied(*arguments, blow=blow, wanted={})

    @rule(command=st.sampled_from(("plan", "drift")))
    def read_only(self, command: str) -> None:
        """A plan or a drift is made, whatever it says."""
        self.read(command)

    @rule()
    def save_plan(self) -> None:
        """A plan is saved, if one can be made."""
        if self.read("plan", "--out", "saved.plan").code == 0:
            self.saved = self.world.wishes.by_address()

    @precondition(lambda self: self.saved is not None)
    @rule(blow=maybe_blows)
    def apply_saved(self, blow: Blow | None) -> None:
        """The saved plan is carried out, unless it is stale; a second time it changes nothing."""
        assert self.saved is not None
        arguments = ("apply", "saved.plan", *ALLOWED)
        done = self.applied(*arguments, blow=blow, wanted=self.saved)
        if done.code == 0 and blow is None:
            sent = self.changes()
            again = self.applied(*arguments, wanted=self.saved)
            assert self.changes() == sent, again.err

    @precondition(lambda self: self.world.wishes.by_key)
    @rule(which=pick)
    def state_mv(self, which: int) -> None:
        """What is recorded gets another address, and so does its manifest."""
        world, recorded = self.world, by_address(self.world.records())
        wanted = world.wishes.by_key
        key = sorted(wanted)[which % len(wanted)]
        old, kind = world.wishes.address(key), wanted[key].kind
        new = next((one for one in KEYS if one not in wanted and f"{kind}.{one}" not in recorded), None)
        if old not in recorded or new is None:
            return
        assert world.run("state", "mv", old, f"{kind}.{new}").code == 0
        world.wishes.move(key, new)
        world.write()

    @rule(which=pick)
    def state_rm(self, which: int) -> None:
        """A record is forgotten, and somebody deletes what it owned; what was asked for never arrives."""
        world, recorded = self.world, by_address(self.world.records())
        if not recorded:
            return
        address = sorted(recorded)[which % len(recorded)]
        for late in world.blows.late:
            world.stage.passed(late)
        world.blows.late = []
        things = world.things()
        owned = [
            things[one] for one, record in covered(recorded.values(), things).items() if record is recorded[address]
        ]
        assert world.run("state", "rm", address).code == 0
        for thing in owned:
            world.delete(thing)

    def read(self, *arguments: str) -> Done:
        """A command that only reads: 5."""
        before, asked = self.world.stage.store().load(), len(self.world.stage.wire.asked)
        done = self.world.run(*arguments)
        sent = self.world.stage.wire.asked[asked:]
        assert all(one.method == "GET" for one in sent), f"5: {[str(one) for one in sent]}"
        assert self.world.stage.store().load() == before, "5"
        return done

    def is_empty(self, *part: str) -> None:
        """On a good day the plan of a part, or of everything, is empty."""
        weather, self.world.weather = self.world.weather, {}
        done = self.read("plan", *part, "--detailed-exitcode")
        assert done.code == 0, f"9: {done.out}{done.err}"
        self.world.weather = weather

    def changes(self) -> int:
        """How many requests there were that change something."""
        return sum(one.method != "GET" for one in self.world.stage.wire.asked)

    def applied(self, *arguments: str, wanted: dict[str, Wanted], blow: Blow | None = None) -> Done:
        """A command that changes things, with `wanted` for its manifests: 3, 6 and 7."""
        world, asked = self.world, len(self.world.stage.wire.asked)
        world.landed()
        before = world.records()
        done = world.run(*arguments, blow=blow)
        self.reran(world.stage.wire.asked[asked:], before, wanted)
        owners, things = covered(before, world.things()), world.things()
        for one in things.keys() - world.untouchable.keys() - covered(world.records(), things).keys():
            was = owners.get(one)
            assert was is not None and was.keep_on_destroy and str(was.address) not in wanted, (
                f"3: {things[one]}, {was}"
            )
            world.untouchable[one] = world.body(things[one])
        with world.stage.store().lock(Holder.current("test"), 0):
            pass  # 6
        return done

    # What has to hold.

    @invariant()
    def holds(self) -> None:
        """1, 2, 3, 4 and 8."""
        world = self.world
        records, things = world.records(), world.things()
        assert not list(violations(records)), "1"
        ours = {one.id: one for one in things.values() if one.id not in world.untouchable}
        tags = [one.tags for one in ours.values()]
        assert len(tags) == len(set(tags)), f"2: {ours}"
        assert ours.keys() == covered(records, things).keys(), f"3 or 8: {ours}, {records}"
        for one, body in world.untouchable.items():
            assert one in things and world.body(things[one]) == body, f"4: {body}"
        for record in records:
            found = ours.get(record.id or "")
            assert found is None or int(found.tags.owner) in world.wishes.owners[str(record.address)], (
                f"8: {record}, {found}"
            )

    def reran(self, sent: Iterable[Asked], before: Iterable[Record], wanted: Mapping[str, Wanted]) -> None:
        """7, of a command that sent these requests."""
        world, ran = self.world, set[Tags]()
        for record in before:
            want = wanted.get(str(record.address))
            is_known = record.finished or world.ended.get(record.id or "")
            if want is not None and not want.reruns and is_known and record.id not in world.blows.deleted:
                ran.add(world.tags(str(record.id)))
        assert ran.isdisjoint(asked_for(sent)), f"7: {ran}"

    def is_as_wanted(self) -> None:
        """9: each manifest has its object, or had it, nothing else is there, and there is nothing left to do."""
        world, wanted = self.world, self.world.wishes.by_address()
        recorded, things = by_address(world.records()), world.things()
        assert recorded.keys() == wanted.keys(), "9"
        for address, want in wanted.items():
            record, found = recorded[address], things.get(recorded[address].id or "")
            assert record.intent is None, f"9: {record}"
            if found is None:
                assert record.id in world.ended and not want.reruns, f"9: {record}"
                continue
            assert found.tags == want.tags, f"9: {found}, {want}"
            assert found.name.startswith(f"{want.name}-") if want.prefix else found.name == want.name, f"9: {found}"
            assert (
                want.phase is None or found.phase in FINISHED or (found.phase == "Stopped") == (want.phase == "Stopped")
            )
        assert things.keys() - world.untouchable.keys() <= {record.id for record in recorded.values()}, "9"
        self.is_empty()

    def teardown(self) -> None:
        """The weather clears up, names that are wanted become free, and everything is applied until that ends well."""
        with self.exits:
            if sys.exc_info()[1] is self.outer:
                self.ends_well()

    def ends_well(self, most: int = 3) -> None:
        self.world.weather = {}
        for _ in range(most):
            for thing in self.world.in_the_way():
                self.world.delete(thing)
            done = self.apply((), None, 4)
            self.holds()
            if done.code == 0:
                return
        raise AssertionError(done.err)


@pytest.mark.parametrize(
    ("state", "examples", "steps"),
    [
        ("SQLite", 8, 10),
        pytest.param("SQLite", 60, 30, marks=pytest.mark.torture),
        pytest.param("PostgreSQL", 60, 30, marks=pytest.mark.torture),
    ],
)
def test_whatever_happens_the_run_ends_in_an_empty_plan(
    request: pytest.FixtureRequest, state: str, examples: int, steps: int
) -> None:
    def url() -> str | None:
        """The URL of a new state, unless it is the project's own file."""
        if state == "SQLite":
            return None
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.url()

    run_state_machine_as_test(partial(Runs, url), settings=settings(max_examples=examples, stateful_step_count=steps))
