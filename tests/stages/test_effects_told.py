"""Others are told of the outcome after the release; what they did not take is sent again, for a day or when a person says so."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from actions.contract import Retryable, Word
from actions.effect import DONE
from sendouts.models import Batch, PendingEffect
from sendouts.stages import effects
from sendouts.verbs import SendAgain
from sendouts.verbs.base import NotDone
from tests.gate import Gate, carry_out, reviewer
from tests.stages.acting import Written, told
from tests.stages.effect_cases import fire, follow, only_first, refuse_some, run_of


def refused(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> type[Written]:
    """A released batch of whose 90 accepted contacts a receiver took 80; gives the kind that told it."""
    kind = told(monkeypatch, Word.ACCEPT, answer=refuse_some)
    fire(gate, kind="told")
    gate.work()
    follow()
    return kind


def days_ago() -> None:
    """Have everything ended, and its deadline passed, two days ago."""
    days = timedelta(days=2)
    Batch.objects.update(
        received_at=F("received_at") - days, deadline=F("deadline") - days, ended_at=F("ended_at") - days
    )


def test_others_are_told_after_the_release_and_not_before(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = told(monkeypatch, Word.ACCEPT, Word.REJECT)
    fire(gate, kind="told")
    gate.work()
    assert (gate.batch().status, kind.pages) == ("finished", [])
    follow()
    assert [pending.verdict for page in kind.pages for pending in page].count(Word.REJECT) == 10
    assert len(kind.ids()) == 100
    run = run_of(gate.batch())
    assert run.ended_at is not None and run.due_at is None and not PendingEffect.objects.exists()


def test_a_receiver_that_is_away_is_told_later(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = told(monkeypatch, Word.ACCEPT, answer=only_first([], Retryable("No.", retry_after=60)))
    fire(gate, kind="told")
    gate.work()
    follow()
    run = run_of(gate.batch())
    assert run.due_at is not None and (run.due_at - timezone.now()).total_seconds() > 30
    assert gate.batch().status == "finished", "the release does not wait for it"
    follow()
    assert run_of(gate.batch()).ended_at is not None and len(set(kind.ids())) == 90


def test_what_a_receiver_refuses_waits_for_a_person_who_sends_it_again(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = refused(gate, monkeypatch)
    batch = gate.batch()
    assert effects.stuck_transfers(batch.pk) == ["write"] and run_of(batch).refused == 10
    kind.answer = staticmethod(lambda page: [DONE] * len(page))
    carry_out(SendAgain(), batch, reviewer())
    follow()
    assert (effects.stuck_transfers(batch.pk), run_of(batch).done) == ([], 90)
    with pytest.raises(NotDone):
        carry_out(SendAgain(), batch, reviewer("b"))


def test_what_failed_for_good_is_sent_again_days_after_the_deadline(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = refused(gate, monkeypatch)
    days_ago()
    kind.answer = staticmethod(lambda page: [DONE] * len(page))
    batch = gate.batch()
    carry_out(SendAgain(), batch, reviewer())
    follow()
    assert (effects.stuck_transfers(batch.pk), run_of(batch).done) == ([], 90)


def test_a_receiver_that_is_away_again_is_tried_for_a_day_from_when_a_person_asked(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = refused(gate, monkeypatch)
    days_ago()
    kind.answer = staticmethod(only_first([], Retryable("No.", retry_after=60)))
    batch = gate.batch()
    carry_out(SendAgain(), batch, reviewer())
    follow()
    assert run_of(batch).due_at is not None
    follow()
    assert run_of(batch).ended_at is not None


def test_a_batch_whose_contacts_are_not_kept_any_more_has_nothing_to_send_again(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(gate, monkeypatch)
    assert effects.stuck_transfers(gate.batch().pk) == ["write"]
    Batch.objects.update(retired_at=timezone.now())
    assert effects.stuck_transfers(gate.batch().pk) == []
