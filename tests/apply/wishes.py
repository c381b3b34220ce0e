"""Manifests for random runs: what is wanted, and every way to edit it that one apply can carry out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from declarative.model.record import Record

TRAINING, TEMPLATE = "Training", "WorkloadTemplate"
KEYS = tuple(f"k{number}" for number in range(6))
# Few enough that trainings take over names from each other, and strangers take them.
NAMES: Mapping[str, tuple[str, ...]] = {TRAINING: ("a", "b", "c", "d"), TEMPLATE: ("t", "u", "v")}
PHASES = (None, "Running", "Stopped")


class Tags(NamedTuple):
    """Which manifest an object was made of, and which version of it; strangers have none."""

    owner: str
    version: str


def tags_of(spec: Mapping[str, Any]) -> Tags:
    """The tags of a spec as it is asked for or answered."""
    variables = (spec.get("specificEnv") or spec).get("environmentVariables") or ()
    values = {one["name"]: one["value"] for one in variables}
    return Tags(values.get("OWNER", ""), values.get("VERSION", ""))


@dataclass(frozen=True)
class Wanted:
    """A manifest.

    `serial` tells it from all others ever, and `version` grows with all that makes another object or another spec of it.
    One with a `prefix` is created before its old object is deleted; one that `vanishes` deletes itself once it has ended.
    """

    kind: str
    serial: int
    name: str
    version: int = 0
    needs: frozenset[int] = frozenset()
    prefix: bool = False
    phase: str | None = None
    keeps: bool = False
    reruns: bool = False
    vanishes: bool = False

    @property
    def tags(self) -> Tags:
        return Tags(str(self.serial), str(self.version))

    def text(self, key: str, addresses: Mapping[int, str]) -> str:
        """The manifest; `addresses` are those of all that may be needed, by serial."""
        needs = ", ".join(addresses[serial] for serial in sorted(self.needs) if serial in addresses)
        life = f"keepOnDestroy: {str(self.keeps).lower()}, onFinished: {'rerun' if self.reruns else 'keep'}"
        life += ", createBeforeDestroy: true" if self.prefix else ""
        phase = f"desiredPhase: {self.phase}\n" if self.phase else ""
        place = "project: vision, cluster: a100-prod" if self.kind == TRAINING else "project: vision, scope: project"
        prefix = ", useGivenNameAsPrefix: true" if self.prefix else ""
        return f"""apiVersion: runai/v1
kind: {self.kind}
metadata: {{name: {self.name}, key: {key}, {place}{prefix}}}
dependsOn: [{needs}]
lifecycle: {{{life}}}
{phase}spec:
{self._spec()}"""

    def _spec(self) -> str:
        tags = f'[{{name: OWNER, value: "{self.serial}"}}, {{name: VERSION, value: "{self.version}"}}]'
        if self.kind == TEMPLATE:
            return f"  assets: {{environment: {{name: pytorch-24}}}}\n  specificEnv: {{environmentVariables: {tags}}}\n"
        ends = "  autoDeletionTimeAfterCompletionSeconds: 0\n" if self.vanishes else ""
        return f"  image: registry.example/train:1\n  compute: {{gpuDevicesRequest: 1}}\n  environmentVariables: {tags}\n{ends}"


EDITS = (
    *("add a training", "add a template", "remove"),
    *("spec", "name", "phase", "prefix", "keepOnDestroy", "onFinished", "deletes itself", "dependsOn"),
)


@dataclass
class Wishes:
    """The manifests by key. `owners` are the serials that an address has ever had."""

    by_key: dict[str, Wanted] = field(default_factory=dict)
    owners: dict[str, set[int]] = field(default_factory=dict)
    serials: int = 0

    def address(self, key: str) -> str:
        return f"{self.by_key[key].kind}.{key}"

    def by_address(self) -> dict[str, Wanted]:
        return {self.address(key): one for key, one in self.by_key.items()}

    def texts(self) -> list[str]:
        addresses = {want.serial: self.address(key) for key, want in self.by_key.items()}
        for address, want in self.by_address().items():
            self.owners.setdefault(address, set()).add(want.serial)
        return [want.text(key, addresses) for key, want in sorted(self.by_key.items())]

    def claimed(self) -> set[tuple[str, str]]:
        """The kinds and names that manifests want for themselves."""
        return {(one.kind, one.name) for one in self.by_key.values() if not one.prefix}

    def edit(self, what: str, which: int, how: int, records: Iterable[Record]) -> None:
        """One of `EDITS`. `which` and `how` choose among what there is; nothing happens where there is no choice."""
        recorded = tuple(records)
        if what.startswith("add"):
            self._add(TRAINING if what == "add a training" else TEMPLATE, which, how, recorded)
        elif self.by_key:
            key = sorted(self.by_key)[which % len(self.by_key)]
            if what == "remove":
                del self.by_key[key]
            else:
                self.by_key[key] = self._edited(key, what, how, recorded)

    def move(self, old: str, new: str) -> None:
        """The manifest of one key gets another."""
        owners = self.owners[self.address(old)]
        self.by_key[new] = self.by_key.pop(old)
        self.owners.setdefault(self.address(new), set()).update(owners)

    def _add(self, kind: str, which: int, how: int, records: tuple[Record, ...]) -> None:
        key = next((one for one in KEYS if one not in self.by_key), None)
        free = self._free_names(kind, key, records)
        if key is None or not free:
            return
        self.serials += 1
        earlier = sorted(one.serial for one in self.by_key.values())
        made = Wanted(
            kind, self.serials, free[which % len(free)], needs=frozenset(earlier[how : how + 1]), keeps=how == 5
        )
        if kind == TRAINING:
            made = replace(made, phase=PHASES[how % 3], prefix=which % 2 == 1, vanishes=how % 2 == 1)
        self.by_key[key] = made

    def _edited(self, key: str, what: str, how: int, records: tuple[Record, ...]) -> Wanted:
        old = self.by_key[key]
        newer, free = replace(old, version=old.version + 1), self._free_names(old.kind, key, records)
        match what:
            case "spec":
                return newer
            case "name" if free and free[how % len(free)] != old.name:
                return replace(newer, name=free[how % len(free)])
            case "keepOnDestroy":
                return replace(old, keeps=not old.keeps)
            case "onFinished":
                return replace(old, reruns=not old.reruns)
            case "dependsOn":
                earlier = sorted(one.serial for one in self.by_key.values() if one.serial < old.serial)
                return replace(old, needs=frozenset(earlier[how : how + 2]))
            case "phase" if old.kind == TRAINING:
                return replace(old, phase=PHASES[how % 3])
            case "prefix" if old.kind == TRAINING and (old.name in free if old.prefix else self._lets_go(key, records)):
                return replace(newer, prefix=not old.prefix)
            case "deletes itself" if old.kind == TRAINING:
                return replace(newer, vanishes=not old.vanishes)
        return old

    def _free_names(self, kind: str, key: str | None, records: tuple[Record, ...]) -> list[str]:
        """The names that a manifest may take without asking for what one plan cannot do.

        That is to take what another one gives up while its object lives on: only what is deleted first frees a name.
        """
        others = {one: want for one, want in self.by_key.items() if one != key and want.kind == kind}
        taken = {want.name for want in others.values() if not want.prefix}
        for record in records:
            want = others.get(record.address.key)
            if record.address.kind == kind and want is not None and (kind == TEMPLATE or want.prefix):
                asked = record.intent and record.intent.body
                taken |= {record.name, *([str(asked["metadata"]["name"])] if asked else [])}
        return [name for name in NAMES[kind] if name not in taken]

    def _lets_go(self, key: str, records: tuple[Record, ...]) -> bool:
        """Whether nobody else waits for the name of what the manifest has made, which will live on for a while."""
        others = {(one.kind, one.name) for other, one in self.by_key.items() if other != key and not one.prefix}
        mine = (record for record in records if str(record.address) == self.address(key))
        return all((record.address.kind, record.name) not in others for record in mine)
