"""Others are told of the outcome after the release; what they did not take is sent again, for a day or when a person says so."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from actions.contract import Retryable, Word
from actions.effect import DONE
from sendouts.models import Batch, EffectRun, PendingEffect
from sendouts.stages import effects
from sendouts.verbs import SendAgain
from sendouts.verbs.base import NotDone
from tests.gate import Gate, carry_out, reviewer
from tests.stages.acting import Written, told
from tests.stages.effect_cases import Page, ended, fire, follow, only_first, refuse_some

pytestmark = pytest.mark.django_db


def refused(monkeypatch: pytest.MonkeyPatch) -> tuple[type[Written], EffectRun]:
    """A released batch of whose 90 accepted contacts a receiver took 81; gives the kind that told it, and its run."""
    kind = told(monkeypatch, Word.ACCEPT, answer=refuse_some)
    ended("told")
    run = follow()
    assert (run.done, run.refused, run.left_out, run.due_at) == (81, 9, 10, None)
    return kind, run


def test_others_are_told_after_the_release_and_not_before(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = told(monkeypatch, Word.ACCEPT, Word.REJECT)
    fire(gate, kind="told")
    gate.work()
    assert (gate.batch().status, kind.pages) == ("finished", [])
    run = follow()
    assert [pending.verdict for page in kind.pages for pending in page].count(Word.REJECT) == 10
    assert len(kind.ids()) == 100
    assert run.ended_at is not None and run.due_at is None and not PendingEffect.objects.exists()


def test_a_receiver_that_is_away_is_told_later_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(page: Page) -> None:
        raise Retryable("No.", retry_after=60)

    kind = told(monkeypatch, Word.ACCEPT, answer=away)
    ended("told")
    run = follow()
    assert run.due_at is not None and (run.due_at - timezone.now()).total_seconds() > 30 and run.attempts == 1
    Batch.objects.update(ended_at=F("ended_at") - timedelta(days=2))
    assert (follow().due_at, kind.pages != []) == (None, True)


@pytest.mark.parametrize("days", [0, 2])
def test_what_failed_for_good_is_sent_again_even_days_after_the_deadline(
    monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    kind, run = refused(monkeypatch)
    gone = timedelta(days=days)
    moments = ("received_at", "deadline", "ended_at")
    Batch.objects.update(**{name: F(name) - gone for name in moments})
    assert effects.stuck_transfers(run.batch_id) == ["tell"]
    kind.answer = staticmethod(only_first([], Retryable("No.", retry_after=60)))
    carry_out(SendAgain(), run.batch, reviewer())
    assert follow().due_at is not None, "a receiver that is away is tried for a day from when a person asked"
    run = follow()
    assert (effects.stuck_transfers(run.batch_id), run.done) == ([], 90)
    with pytest.raises(NotDone):
        carry_out(SendAgain(), run.batch, reviewer("b"))


def test_a_batch_whose_contacts_are_not_kept_any_more_has_nothing_to_send_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, run = refused(monkeypatch)
    Batch.objects.update(retired_at=timezone.now())
    assert effects.stuck_transfers(run.batch_id) == []


def test_a_run_that_killed_workers_or_that_failed_waits_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError

    told(monkeypatch, Word.ACCEPT, answer=lambda page: [DONE] * len(page))
    killed, failing = ended("told"), ended("told")
    EffectRun.objects.filter(pk=killed.pk).update(deaths=3)
    monkeypatch.setattr("sendouts.stages.transfers.Contexts", broken)
    follow(rounds=3)
    for run, text in ((killed, "worker_died"), (failing, "ValueError")):
        run.refresh_from_db()
        assert run.due_at is None and text in run.error
