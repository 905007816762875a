"""What is written about the accepted is written and confirmed before the release, or the release waits."""

from dataclasses import replace

import pytest

from actions.contract import Context, Retryable, Word
from actions.effect import DONE, Applied
from actions.plan.merge import PlannedAction
from sendouts.models import Batch, DecisionVerdict, EffectRun, Event, PendingEffect
from sendouts.services.context import Contexts
from sendouts.stages import effects
from sendouts.verbs import (
    Accept,
    ChangeDecisions,
    GiveUp,
    GoWithout,
    Reject,
    StopRelease,
    TryAgain,
)
from tests.gate import Gate, carry_out, person, reviewer
from tests.stages.acting import told, written
from tests.stages.effect_cases import ACTIONS, Page, fire, follow, refuse_some, run_of
from work import claims


def test_every_accepted_contact_is_written_before_the_release(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    released_before = []

    def answer(page: Page) -> list[Applied]:
        released_before.append(gate.platform.sendout(sent["id"])["calls"]["finish"])
        return [DONE] * len(page)

    kind = written(monkeypatch, answer=answer, parallel=1)
    sent = fire(gate)
    gate.work()
    report = gate.platform.sendout(sent["id"])
    assert (gate.batch().status, report["accepted"], report["rejected"], report["violations"]) == (
        "finished",
        90,
        10,
        [],
    )
    assert len(kind.ids()) == len(set(kind.ids())) == 90 and set(released_before) == {0}
    run = run_of(gate.batch())
    assert (run.total, run.done, run.refused, run.left_out) == (90, 90, 0, 0) and run.ended_at is not None
    assert not PendingEffect.objects.exists(), "nothing is kept that no effect needs"


def test_singles_are_written_too(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = written(monkeypatch)
    fire(gate, contacts=1)
    gate.fire("single", actions=ACTIONS, hooks=20, no_consent=0.2)
    gate.work()
    assert set(Batch.objects.values_list("status", flat=True)) == {"finished"}
    assert len(kind.ids()) == Batch.objects.filter(outcome="released").count()


def test_who_is_rejected_by_a_person_is_not_written(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = written(monkeypatch)
    fire(gate, review="always")
    gate.work()
    assert (run_of(gate.batch()).total, kind.pages) == (90, []), "prepared, and shown, before it is written"
    chosen = next(row for row in gate.decisions() if row.verdict == DecisionVerdict.ACCEPTED)
    batch = gate.batch()
    carry_out(ChangeDecisions([chosen.pk], DecisionVerdict.REJECTED), batch, reviewer(), note="No.")
    carry_out(Accept(), batch, reviewer("other"), revision=gate.batch().revision)
    gate.work()
    assert gate.batch().status == "finished"
    assert len(kind.ids()) == 89 and chosen.contact_id not in kind.ids()
    assert (run_of(batch).done, run_of(batch).left_out) == (89, 1)


def test_people_are_told_when_a_service_stays_away(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(page: Page) -> list[Applied]:
        raise Retryable("crm.example.com answered 503.")

    written(monkeypatch, answer=away)
    fire(gate)
    gate.work(rounds=4)
    batch = gate.batch()
    assert (batch.status, batch.attention) == ("accepted", "effect_failed") and batch.due_at is not None
    assert batch.attention_data == {"identifier": "write", "rows": 90, "text": "crm.example.com answered 503."}


def test_who_cannot_be_written_holds_the_batch_for_a_person(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = written(monkeypatch, answer=refuse_some)
    sent = fire(gate)
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.due_at) == ("accepted", "effect_failed", None)
    assert batch.attention_data == {"identifier": "write", "rows": 10, "text": "Nobody has this id."}
    carry_out(TryAgain(), batch, reviewer())
    kind.answer = staticmethod(lambda page: [DONE] * len(page))
    gate.work()
    assert (gate.batch().status, len(kind.ids())) == ("finished", 100)
    assert gate.platform.sendout(sent["id"])["accepted"] == 90


def test_a_person_may_go_on_without(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    written(monkeypatch, answer=refuse_some)
    sent = fire(gate)
    gate.work()
    batch = gate.batch()
    manager = person("manager", "view_batch", "review_batch", "take_on_batch")
    carry_out(GoWithout(), batch, manager, note="They know.")
    gate.work()
    run = run_of(batch)
    assert (gate.batch().status, run.done, run.refused, run.left_out) == ("finished", 80, 0, 10)
    assert gate.platform.sendout(sent["id"])["accepted"] == 90
    assert Event.objects.get(word="taken_on").data == {"effects": 10}


@pytest.mark.parametrize(("on_failure", "ways"), [("reject", (80, 20)), ("accept", (90, 10))])
def test_what_becomes_of_them_may_be_declared(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, on_failure: str, ways: tuple[int, int]
) -> None:
    written(monkeypatch, answer=refuse_some)
    sent = fire(gate, on_failure=on_failure)
    gate.work(rounds=2)
    report, batch = gate.platform.sendout(sent["id"]), gate.batch()
    # The platform does not know of this rejection, so that it counts it as one that nobody asked for.
    assert (batch.status, report["accepted"], report["rejected"]) == ("finished", *ways)
    assert (batch.accepted, batch.rejected) == ways
    assert run_of(batch).left_out == 10 and not PendingEffect.objects.exists()


def test_a_run_whose_time_is_used_up_between_two_pages_is_not_through(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(page: Page) -> list[Applied]:
        spent.append(len(page))
        return [DONE] * len(page)

    spent: list[int] = []
    original = Contexts.of

    def of(self: Contexts, action: PlannedAction) -> Context:
        return replace(original(self, action), time_left=lambda: 0.0 if spent else 30.0)

    monkeypatch.setattr(Contexts, "of", of)
    kind = written(monkeypatch, answer=late, parallel=1)
    fire(gate)
    gate.work()
    assert len(kind.pages) == 1 and run_of(gate.batch()).ended_at is None
    assert (gate.batch().status, gate.batch().enrichments) == ("accepted", 1)


def test_after_a_kill_the_same_effect_comes_again_under_the_same_key(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(page: Page) -> list[Applied]:
        raise SystemExit

    kind = written(monkeypatch, answer=killed, parallel=1)
    sent = fire(gate)
    with pytest.raises(SystemExit):
        gate.work()
    kind.answer = staticmethod(lambda page: [DONE] * len(page))
    claims.drop_all(Batch)
    gate.work(rounds=2)
    assert gate.batch().status == "finished"
    keys = [pending.key for page in kind.pages for pending in page]
    assert len(set(keys)) == 90 and keys[:10] == keys[10:20]
    assert gate.platform.sendout(sent["id"])["violations"] == []


def test_a_release_is_stopped_while_it_is_written(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = written(monkeypatch, answer=refuse_some)
    sent = fire(gate, review="always")
    gate.work()
    someone = reviewer()
    carry_out(Accept(), gate.batch(), someone)
    gate.work()
    batch = gate.batch()
    carry_out(StopRelease(), batch, someone)
    assert gate.batch().enrichments == 1
    kind.answer = staticmethod(lambda page: [DONE] * len(page))
    effects.try_again(batch.pk)
    carry_out(Accept(), batch, someone, revision=gate.batch().revision)
    gate.work(rounds=2)
    assert gate.batch().status == "finished"
    assert len(kind.ids()) == 100, "what was written is not written again"
    assert gate.platform.sendout(sent["id"])["violations"] == []


def test_a_batch_that_is_rejected_whole_writes_nothing_and_tells_of_it(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, other = written(monkeypatch), told(monkeypatch, Word.REJECT)
    project = gate.project(review="always")
    gate.define(project, "write", kind="written", config={}, position=1)
    gate.define(project, "tell", kind="told", config={}, position=2)
    gate.fire(actions=[*ACTIONS, "tell"])
    gate.work()
    carry_out(Reject(), gate.batch(), reviewer())
    gate.work()
    assert gate.batch().status == "finished"
    follow()
    assert (kind.pages, len(other.ids())) == ([], 100)
    assert not PendingEffect.objects.exists() and not EffectRun.objects.filter(ended_at__isnull=True).exists()


def test_what_a_batch_that_times_out_had_prepared_is_cleared_away(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = written(monkeypatch)
    fire(gate, review="always")
    gate.work()
    batch = gate.batch()
    carry_out(GiveUp(), batch, reviewer(), note="Too late.")
    follow()
    run = run_of(batch)
    assert (kind.pages, run.left_out, run.due_at) == ([], 90, None) and run.ended_at is not None
    assert not PendingEffect.objects.exists()
