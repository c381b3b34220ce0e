"""Secrets in plans: they compare, and are never told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from declarative.errors import PlanError
from declarative.kinds import ALL
from declarative.kinds.kind import Kind
from declarative.model.observed import Observed
from declarative.model.plan import Action, Change, Plan
from declarative.model.record import Operation, Record
from declarative.model.resource import Resource
from declarative.model.secret import Reference, Sealed, Secret, hidden_in, hides
from declarative.model.value import EMPTY, FrozenMap, canonical, dig, digest, freeze, revealed
from declarative.plan import planner, stale
from declarative.plan.diff import compare
from declarative.plan.planfile import (
    PlanFile,
    checksum,
    dump,
    filled,
    load,
    other_secrets,
    references,
    secret_digests,
)
from declarative.plan.planner import Live
from declarative.plan.veil import Veil
from declarative.state.format import encode
from declarative.view.plan import plan_text
from declarative.view.stream import plan_events
from declarative.view.style import Style
from declarative.view.terraform import plan_json
from tests.examples import examples
from tests.plan.bodies import ORIGIN, kind_of, observed, pending, record, resource, template
from tests.secrets import KEY, TEXT, kept, secret, text_leaves, with_texts
from tests.strategies import bodies

KEYED = replace(ORIGIN, key=KEY)
THIRD = "set-by-somebody-by-hand"
BOTH = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
QUICK = settings(max_examples=examples(40))


def env(value: Any, **more: Any) -> FrozenMap:
    """A template with one environment variable."""
    return template(environmentVariables=[{"name": "A", "value": value}], **more)


def planned(wanted: list[Resource], records: list[Record], live: list[Observed]) -> Plan:
    found, conflicts = planner.plan(wanted, records, Live.of(live, records), KEYED)
    assert conflicts == ()
    return found


def change_of(desired: FrozenMap, applied: FrozenMap, live: FrozenMap, **lifecycle: Any) -> Change:
    """The change of a template."""
    (change,) = planned([resource(desired, **lifecycle)], [record(applied)], [observed(live)]).changes
    return change


def told(plan: Plan) -> str:
    """Everything that a plan is ever told as."""
    file = PlanFile(plan, 1, 1)
    again = load(dump(file), "p.plan").plan
    shown = ["".join(plan_text(one, style)) for one in (plan, again) for style in (Style(), Style(width=400))]
    as_json = [json.dumps([plan_json(one), plan_events(one, "now")]) for one in (plan, again)]
    return "\n".join([dump(file), *shown, *as_json, repr(plan), canonical([one.after for one in plan.changes])])


@dataclass(frozen=True)
class Case:
    """One body in four forms; `elsewhere` has other texts in place of the secrets, set by hand."""

    kind: Kind
    texts: tuple[str, ...]
    desired: FrozenMap
    prior: FrozenMap
    live: FrozenMap
    elsewhere: FrozenMap


@st.composite
def cases(draw: st.DrawFn, kind: Kind) -> Case:
    body = draw(bodies(kind))
    leaves = text_leaves(kind, body)
    assume(leaves)
    paths = draw(st.lists(st.sampled_from(leaves), unique=True, min_size=1, max_size=4))
    texts = [f"{TEXT}-{number}" for number in range(len(paths))]
    desired = with_texts(body, paths, [secret(text, f"T{number}") for number, text in enumerate(texts)])
    live = with_texts(body, paths, list(texts))
    elsewhere = with_texts(body, paths, [f"{THIRD}-{number}" for number in range(len(paths))])
    return Case(kind, tuple(texts), desired, kept(desired), live, elsewhere)


@BOTH
@QUICK
@given(data=st.data())
def test_a_secret_that_is_live_is_no_difference_and_any_other_text_is(kind: Kind, data: st.DataObject) -> None:
    """Whether the live body is veiled or not, and whether the state remembers the secret or not."""
    case = data.draw(cases(kind))
    veil = Veil(kind, (case.desired, case.prior), KEY)
    for prior in (case.prior, case.live, EMPTY):
        for live in (case.live, veil.over(case.live), case.prior):
            assert compare(kind, case.desired, live, prior).fields == ()
        assert compare(kind, case.desired, case.elsewhere, prior).fields != ()
        assert compare(kind, case.desired, veil.over(case.elsewhere), prior).fields != ()


@BOTH
@QUICK
@given(data=st.data())
def test_the_merged_body_reveals_what_is_desired_and_nothing_that_is_only_remembered(
    kind: Kind, data: st.DataObject
) -> None:
    case = data.draw(cases(kind))
    veil = Veil(kind, (case.desired, case.prior), KEY)
    for live in (case.live, case.elsewhere):
        merged = compare(kind, case.desired, veil.over(live), case.prior).merged
        assert compare(kind, case.live, revealed(merged), case.live).fields == ()


@BOTH
@QUICK
@given(data=st.data())
def test_no_plan_tells_a_secret_or_what_somebody_set_in_its_place(kind: Kind, data: st.DataObject) -> None:
    """Nor does any row of the state."""
    case = data.draw(cases(kind))
    live = data.draw(st.sampled_from([case.live, case.elsewhere, None]))
    applied = data.draw(st.sampled_from([case.prior, case.live]))
    ours = record(applied, key="it")
    if data.draw(st.booleans()):
        ours = pending(case.prior, data.draw(st.sampled_from(list(Operation))), ours)
    wanted = [resource(case.desired, "it")] if data.draw(st.booleans()) or applied is case.live else []
    there = [observed(live)] if live is not None else []
    plan = planner.plan(wanted, [ours], Live.of(there, [ours]), KEYED)[0]
    text = told(plan)
    assert TEXT not in text
    assert THIRD not in text
    row = encode(replace(ours, applied=case.desired), KEY)
    assert TEXT not in str(row)


@BOTH
@QUICK
@given(data=st.data())
def test_a_saved_plan_holds_the_reference_and_is_filled_with_the_value(kind: Kind, data: st.DataObject) -> None:
    """Its checksum depends on the references alone."""
    case = data.draw(cases(kind))
    file = PlanFile(planned([resource(case.desired, "it")], [], []), 0, 1)
    saved = load(dump(file), "p.plan")
    assert checksum(saved) == checksum(file)
    assert {reference.name for reference in references(saved)} == {f"T{number}" for number in range(len(case.texts))}
    assert filled(saved, lambda reference: case.texts[int(reference.name[1:])]) == file
    other = filled(saved, lambda reference: "rotated")
    assert other != file
    assert checksum(other) == checksum(file)


def test_a_secret_amid_text_is_saved_with_the_text_around_it() -> None:
    file = PlanFile(planned([resource(env(secret(before="Bearer ", after="!")))], [], []), 0, 1)
    (change,) = filled(load(dump(file), "p.plan"), lambda _: "other").plan.changes
    value = dig(change.after, ("spec", "specificEnv", "environmentVariables", 0, "value"))
    assert value.revealed() == "Bearer other!"
    assert value.texts == ("other",)


@pytest.mark.parametrize("broken", ['{"$secret":[3]}', '{"$secret":[{"source":"file","name":"a","path":[]}]}'])
def test_a_damaged_reference_is_no_plan(broken: str) -> None:
    file = PlanFile(planned([resource(env("as-it-is"))], [], []), 0, 1)
    text = dump(file).replace('"as-it-is"', broken)
    with pytest.raises(PlanError, match="cannot be read as a plan"):
        load(text, "p.plan")


def test_a_changed_secret_is_an_update_that_shows_neither() -> None:
    change = change_of(env(secret()), kept(env(secret("old-one"))), env("old-one"))
    assert change.action is Action.UPDATE
    (field,) = change.fields
    assert field.label == "spec.specificEnv.environmentVariables[A].value"
    assert isinstance(field.before, Sealed)
    assert isinstance(field.after, Secret)
    assert change.merged is not None
    assert revealed(change.merged) == env(TEXT)


def test_a_removed_variable_that_was_secret_is_told_masked() -> None:
    """Whether the item goes, or the whole list with it."""
    two = [{"name": "A", "value": secret()}, {"name": "B", "value": "b"}]
    applied, live = template(environmentVariables=two), template(environmentVariables=revealed(freeze(two)))
    for desired in (template(environmentVariables=two[1:]), template(command="x"), template()):
        plan = planned([resource(desired)], [record(kept(applied))], [observed(live)])
        assert plan.changes[0].fields != ()
        assert TEXT not in told(plan)


def test_a_secret_that_becomes_plain_shows_the_new_text_alone() -> None:
    plan = planned([resource(env("public"))], [record(kept(env(secret())))], [observed(env(TEXT))])
    assert TEXT not in told(plan)
    assert "(sensitive) → public" in told(plan)


def test_in_a_set_what_may_be_the_secret_is_veiled_and_what_is_plainly_declared_is_not() -> None:
    def volumes(*names: Any) -> FrozenMap:
        return template(assets={"workloadVolumes": list(names)})

    live = volumes("plain", TEXT, THIRD)
    plan = planned(
        [resource(volumes("plain", secret("new")))], [record(kept(volumes("plain", secret())))], [observed(live)]
    )
    text = told(plan)
    assert TEXT not in text
    assert THIRD not in text
    assert "plain" in text
    assert plan.changes[0].merged is not None
    assert revealed(plan.changes[0].merged) == volumes("plain", THIRD, "new")


def test_an_ignored_secret_stays_as_it_is_live_and_is_told_nowhere() -> None:
    path = "spec.specificEnv.environmentVariables[A].value"
    desired = env(secret(), nodeType="x")
    change = change_of(desired, kept(env(secret())), env(THIRD), ignore_changes=(path,))
    assert [field.label for field in change.fields] == ["spec.specificEnv.nodeType"]
    assert change.merged is not None
    assert revealed(change.merged) == env(THIRD, nodeType="x")
    assert THIRD not in repr(change)


def test_what_a_server_repeats_of_a_secret_in_another_place_is_not_told() -> None:
    """Be it within a longer text or alone, be the secret of now or of before."""
    extra = {"annotations": [{"name": "last", "value": f'{{"value": "{TEXT}"}}'}, {"name": "b", "value": "old-one"}]}
    live = env("old-one", command=f"echo {TEXT}", **extra)
    for wanted in ([resource(env(secret()))], []):
        plan = planned(wanted, [record(kept(env(secret("old-one"))))], [observed(live)])
        text = told(plan)
        assert "old-one" not in text
        assert TEXT not in text or not wanted  # nobody has declared it a secret any more
    (change,) = planned([resource(env(secret()))], [record(kept(env(secret("old-one"))))], [observed(live)]).changes
    assert change.merged is not None
    assert revealed(change.merged) == env(TEXT, command=f"echo {TEXT}", **extra)


class TestExposed:
    """A value that was applied in the open and is a secret by now."""

    def test_it_is_news_for_the_state_although_nothing_differs(self) -> None:
        change = change_of(env(secret()), env(TEXT), env(TEXT))
        assert change.action is Action.NO_OP
        assert change.adopts
        assert change.reason == "what is secret now becomes a digest in the state"

    def test_once_the_state_knows_only_the_digest_there_is_no_news(self) -> None:
        change = change_of(env(secret()), kept(env(secret())), env(TEXT))
        assert change.action is Action.NO_OP
        assert not change.adopts

    def test_a_run_that_has_finished_is_no_exception(self) -> None:
        kind = next(kind for kind in ALL if kind.has_phase)
        open_body = FrozenMap(
            {"metadata": FrozenMap(name="a", projectId="1", clusterId="c"), "spec": FrozenMap(args=TEXT)}
        )
        body = FrozenMap({**open_body, "spec": FrozenMap(args=secret())})
        done = replace(record(open_body), finished=True)
        (change,) = planned([resource(body)], [done], []).changes
        assert kind_of(body) is kind
        assert change.action is Action.NO_OP
        assert change.adopts
        assert TEXT not in repr(change)


class TestInterrupted:
    """The state remembers what was asked for by digests, and what came of it is found all the same."""

    def test_a_create_with_secrets_is_taken_up(self) -> None:
        body = env(secret())
        ours = pending(kept(body), Operation.CREATE)
        (change,) = planned(
            [resource(body)], [ours], [observed(env(TEXT), id="made", created=ours.intent.since)]
        ).changes  # type: ignore[union-attr]
        assert change.action is Action.NO_OP
        assert change.adopts
        assert change.id == "made"

    def test_an_object_with_another_secret_is_not_ours(self) -> None:
        ours = pending(kept(env(secret())), Operation.CREATE)
        there = observed(env(THIRD), id="made", created=ours.intent.since)  # type: ignore[union-attr]
        assert Live.of([there], [ours]).taken_up == {}

    def test_an_update_that_happened_is_nothing_to_do(self) -> None:
        ours = pending(kept(env(secret())), Operation.UPDATE, record(kept(env(secret("old")))))
        (change,) = planned([resource(env(secret()))], [ours], [observed(env(TEXT))]).changes
        assert change.action is Action.NO_OP
        assert change.adopts


class TestSaved:
    """A saved plan proves by digests that nothing moved, and gets the body to send anew."""

    RECORDS = (record(kept(env(secret("old-one")))),)

    def saved(self) -> PlanFile:
        live = env("old-one", command="theirs")
        plan = planned([resource(env(secret()))], [*self.RECORDS], [observed(live)])
        return filled(load(dump(PlanFile(plan, 1, 1)), "p.plan"), lambda _: TEXT)

    def test_what_others_set_is_not_in_the_file_and_is_sent_back_all_the_same(self) -> None:
        saved, live = self.saved().plan, Live.of([observed(env("old-one", command="theirs"))], self.RECORDS)
        assert saved.changes[0].merged is None
        assert stale.moved(saved, self.RECORDS, live, KEY) == ()
        (change,) = stale.completed(saved, self.RECORDS, live, KEY).changes
        assert change.merged is not None
        assert revealed(change.merged) == env(TEXT, command="theirs")

    def test_a_secret_that_somebody_changed_since_makes_it_stale(self) -> None:
        live = Live.of([observed(env(THIRD, command="theirs"))], self.RECORDS)
        assert stale.moved(self.saved().plan, self.RECORDS, live, KEY) == (self.RECORDS[0].address,)

    def test_what_is_ignored_stays_ignored(self) -> None:
        desired = env(secret(), nodeType="x")
        path = "spec.specificEnv.environmentVariables"
        there = observed(env(THIRD))
        plan = planned([resource(desired, ignore_changes=(path,))], [*self.RECORDS], [there])
        saved = filled(load(dump(PlanFile(plan, 1, 1)), "p.plan"), lambda _: TEXT).plan
        (change,) = stale.completed(saved, self.RECORDS, Live.of([there], self.RECORDS), KEY).changes
        assert change.merged == plan.changes[0].merged
        assert revealed(change.merged) == env(THIRD, nodeType="x")


def test_a_digest_tells_nothing_of_the_value() -> None:
    """Two values of one secret have one digest of what they are asked for by."""
    assert digest(env(secret("a"))) == digest(env(secret("b")))


def test_without_a_key_nothing_is_digested() -> None:
    """A short text could be guessed from its digest."""
    change = Veil(kind_of(env("a")), (env(secret()),)).over(env(THIRD))
    assert [hidden.digest for hidden in hidden_in(change) if isinstance(hidden, Sealed)] == [""]
    assert hides(change)


class TestDigests:
    """What a saved plan keeps of the values of its secrets."""

    def saved(self, key: bytes = KEY) -> PlanFile:
        values = [secret(before="Bearer "), secret("other-hidden-text", "OTHER")]
        variables = [{"name": f"A{number}", "value": value} for number, value in enumerate(values)]
        plan = planned([resource(template(environmentVariables=variables))], [], [])
        return load(dump(PlanFile(plan, 0, 1, secrets=secret_digests(plan, key))), "p.plan")

    def test_a_secret_with_another_value_is_told_by_its_reference(self) -> None:
        texts = {"TOKEN": TEXT, "OTHER": "other-hidden-text"}
        assert other_secrets(filled(self.saved(), lambda one: texts[one.name]), KEY) == ()
        texts["OTHER"] = "rotated"
        assert other_secrets(filled(self.saved(), lambda one: texts[one.name]), KEY) == (Reference("secret", "OTHER"),)

    def test_without_the_key_of_a_state_nothing_is_kept_and_nothing_compared(self) -> None:
        """A digest without a key could be guessed from."""
        assert self.saved(b"").secrets == ()
        assert other_secrets(filled(self.saved(b""), lambda _: "rotated"), KEY) == ()

    def test_the_digest_needs_the_key(self) -> None:
        (one, _), (other, _) = self.saved().secrets, self.saved(bytes(32)).secrets
        assert one.reference == other.reference == Reference("secret", "TOKEN")
        assert one.digest != other.digest
        assert TEXT not in dump(self.saved())
        assert checksum(self.saved()) == checksum(self.saved())
