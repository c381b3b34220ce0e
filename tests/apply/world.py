"""A world for random runs: what is wanted, what is there, who made it, and what happened behind the tool's back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
from msgspec.structs import replace

from declarative.model.record import Operation, Record
from declarative.model.value import FrozenMap
from declarative.plan.settle import LANDING
from declarative.sandbox.phases import FINISHED
from declarative.sandbox.seeds import A100
from declarative.state.store import Holder
from tests.apply.blows import Blow, Blows
from tests.apply.stage import NO_FAULTS, TEMPLATES, TRAININGS, WORKLOADS, Stage, created_name, is_create
from tests.apply.wishes import TEMPLATE, TRAINING, Tags, Wishes, tags_of
from tests.cli.tool import Done, documents
from tests.runai.wire import Asked

ALLOWED = ("--auto-approve", "--allow", "disruption", "--allow", "mass-change", "--allow", "empty")


class Thing(NamedTuple):
    """What is live."""

    kind: str
    id: str
    name: str
    phase: str | None
    tags: Tags


@dataclass
class World:
    """`untouchable` are the bodies of all objects that the tool has nothing to do with, by id: strangers, and what was kept.

    `ended` are the runs that completed or failed, by id, and whether they deleted themselves; `weather` are the faults that
    befall commands.
    """

    stage: Stage
    client: httpx.Client
    blows: Blows = field(init=False)
    wishes: Wishes = field(default_factory=Wishes)
    untouchable: dict[str, Any] = field(default_factory=dict)
    ended: dict[str, bool] = field(default_factory=dict)
    weather: Mapping[str, Any] = field(default_factory=dict)
    _tags: dict[str, Tags] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.blows = self.stage.interfere = Blows(self.stage)

    def write(self) -> None:
        """Puts down the manifests as they are wanted now."""
        self.stage.tool.write({"manifests/all.yaml": documents(*self.wishes.texts())})

    # What is there.

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Asks the sandbox itself, past all that befalls commands."""
        answer = self.client.request(method, path, json=body).raise_for_status()
        return answer.json() if answer.content else None

    def records(self) -> tuple[Record, ...]:
        return self.stage.store().load().records

    def things(self) -> dict[str, Thing]:
        """All that is live, by id."""
        rows = self.ask("GET", f"{WORKLOADS}?limit=500")["workloads"]
        found = [Thing(TRAINING, row["id"], row["name"], row["phase"], self.tags(row["id"])) for row in rows]
        for entry in self.ask("GET", TEMPLATES)["entries"]:
            about = entry["meta"]
            found.append(Thing(TEMPLATE, about["id"], about["name"], None, tags_of(entry["spec"])))
        return {one.id: one for one in found}

    def tags(self, training: str) -> Tags:
        """The tags of a training that was seen at least once while it was live."""
        if training not in self._tags:
            self._tags[training] = tags_of(self.ask("GET", f"{TRAININGS}/{training}")["spec"])
        return self._tags[training]

    def body(self, thing: Thing) -> Any:
        return self.ask("GET", f"{TRAININGS if thing.kind == TRAINING else TEMPLATES}/{thing.id}")

    def ours(self, kind: str | None = None) -> list[Thing]:
        """All that is live and not beyond our reach, in a lasting order."""
        mine = (one for one in self.things().values() if one.id not in self.untouchable)
        return sorted((one for one in mine if kind in (None, one.kind)), key=lambda one: (one.tags, one.name))

    def in_the_way(self) -> list[Thing]:
        """What has a wanted name and will not go by itself: strangers, what was kept, and what is about to be."""
        wanted, claimed = self.wishes.by_address(), self.wishes.claimed()
        staying = {one.id for one in self.records() if one.keep_on_destroy and str(one.address) not in wanted}
        staying |= self.untouchable.keys()
        return [one for one in self.things().values() if one.id in staying and (one.kind, one.name) in claimed]

    # What happens behind the tool's back.

    def delete(self, thing: Thing) -> None:
        self.ask("DELETE", f"{TRAININGS if thing.kind == TRAINING else TEMPLATES}/{thing.id}")
        self.untouchable.pop(thing.id, None)

    def put_in_phase(self, thing: Thing, phase: str) -> None:
        self.ask("POST", f"/_sandbox/workloads/{thing.id}/phase", {"phase": phase})
        self.ended.pop(thing.id, None)
        if phase in FINISHED:
            self.ended[thing.id] = thing.id not in self.things()

    def doubtful(self) -> list[tuple[str, str]]:
        """The kinds and names of interrupted creates."""
        asked = ((record.address.kind, body) for record in self.records() if (body := _body(record)))
        return sorted((kind, str(body["metadata"]["name"])) for kind, body in asked)

    def stranger(self, kind: str, name: str) -> None:
        """Somebody else makes an object, if the name is free."""
        if any((one.kind, one.name) == (kind, name) for one in self.things().values()):
            return
        if kind == TRAINING:
            spec: Any = {"image": "registry.example/stranger"}
            made = self.ask("POST", TRAININGS, {"name": name, "projectId": "4501", "clusterId": A100, "spec": spec})
            identity = made["workloadId"]
        else:
            environment = self.ask("GET", "/api/v1/asset/environment")["entries"][0]["meta"]["id"]
            about = {"name": name, "scope": "project", "projectId": 4501}
            made = self.ask("POST", TEMPLATES, {"meta": about, "spec": {"assets": {"environment": environment}}})
            identity = made["meta"]["id"]
        self.untouchable[identity] = self.body(self.things()[identity])

    # What the tool does.

    def run(self, *arguments: str, blow: Blow | None = None) -> Done:
        """Runs one command in this weather. A killed one ends with the code -9."""
        self.blows.arm(blow)
        self._faults({**NO_FAULTS, **self.weather})
        try:
            running = self.stage.tool.start(*arguments)
            self.blows.befall(running.process)
            return running.ended(120)
        finally:
            self._faults(NO_FAULTS)
            self.blows.disarm()

    def _faults(self, faults: Mapping[str, Any]) -> None:
        self.ask("PATCH", "/_sandbox/settings", {"faults": faults})

    def landed(self) -> None:
        """Lets the time pass in which lost creates may arrive: all have arrived by now but for those that are late."""
        store, late = self.stage.store(), {created_name(one) for one in self.blows.late}
        doubtful = [
            one for one in store.load().records if (body := _body(one)) and body["metadata"]["name"] not in late
        ]
        before = time.time() - LANDING
        with store.lock(Holder.current("test"), 0) as lease:
            for record in doubtful:
                if record.intent is not None and record.intent.since > before:
                    lease.write(replace(record, intent=replace(record.intent, since=before)))


def _body(record: Record) -> FrozenMap | None:
    """What an interrupted create of a record asked for."""
    intent = record.intent
    return intent.body if intent is not None and intent.operation is Operation.CREATE else None


def covered(records: Iterable[Record], things: Mapping[str, Thing]) -> dict[str, Record]:
    """By id, the record that owns each live object: by its id, or by an interrupted create that made it; each one once."""
    found: dict[str, Record] = {}
    records = tuple(records)
    for record in records:
        found |= {one: record for one in (record.id, record.previous_id) if one is not None and one in things}
    for record in records:
        body = _body(record)
        made = body and next(
            (one for one in things.values() if one.id not in found and _made_of(one, record, body)), None
        )
        if made:
            found[made.id] = record
    return found


def _made_of(thing: Thing, record: Record, body: FrozenMap) -> bool:
    name = str(body["metadata"]["name"])
    named = thing.name.startswith(f"{name}-") if body["metadata"].get("useGivenNameAsPrefix") else thing.name == name
    return thing.kind == record.address.kind and named and thing.tags == tags_of(body["spec"])


def asked_for(requests: Iterable[Asked]) -> Iterator[Tags]:
    """The tags of all creates among requests."""
    return (tags_of(one.json["spec"]) for one in requests if is_create(one))


def by_address(records: Iterable[Record]) -> dict[str, Record]:
    return {str(one.address): one for one in records}
