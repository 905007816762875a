"""What rows say while calls to the platform are open, and what a worker may still do that has lost its rows."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone, translation

from actions.models import AtDeadline
from actions.secrets.keys import CannotOpen, keyring
from sendouts import lifecycle
from sendouts.models import Answer, Batch, Chunk, Decision, Event, Outcome, Status
from sendouts.outlook import forecast
from sendouts.stages import chunks as delivery_chunks
from sendouts.stages import delivery, finishing, review
from sendouts.symplify import client
from sendouts.symplify.client import Ask, Attempt
from sendouts.wording import batch_sentences
from tests.factories import batch
from tests.stages.rows import Killed, claimed, dies, now_of, says, with_chunk
from work import claims

pytestmark = pytest.mark.django_db


def give_to_another(made: Batch) -> None:
    Batch.objects.filter(pk=made.pk).update(claim_id=uuid4())


def while_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen between the mark of a chunk and the read of its rows."""
    conditions_of = delivery_chunks.conditions_of

    def read_late(chunks: Any) -> Iterator[Q]:
        act()
        return conditions_of(chunks)

    monkeypatch.setattr(delivery_chunks, "conditions_of", read_late)


def test_while_the_release_is_called_its_answer_counts_as_lost(wire: Any) -> None:
    claim, made = claimed(Status.DELIVERED, accepted=2, outcome=Outcome.RELEASED)
    platform = wire(dies)
    with pytest.raises(Killed):
        finishing.finish(claim, [made], timezone.now())
    left = now_of(made)
    assert [ask.repeat_of_lost for ask in platform.asked] == [False]
    assert (left.finish_sent_at is not None, left.finish_lost, left.finish_attempts) == (True, True, 1)


def test_a_worker_that_stood_still_after_its_intent_calls_nobody_if_another_has_the_batch(
    wire: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    claim, made = claimed(Status.DELIVERED, accepted=2, outcome=Outcome.RELEASED)
    platform = wire(says(client.CallOutcome.CONFIRMED, 200))
    intend = finishing._intend

    def stand_still(*given: Any) -> None:
        intend(*given)
        give_to_another(made)

    monkeypatch.setattr(finishing, "_intend", stand_still)
    # Whatever it took counts as long.
    settings.CLAIM_SECONDS = 0
    with pytest.raises(claims.ClaimLost):
        finishing.finish(claim, [made], timezone.now())
    assert platform.asked == []


@pytest.mark.parametrize("lost", [True, False])
def test_a_definite_answer_undoes_the_doubt_of_its_own_call_and_of_no_earlier_one(wire: Any, lost: bool) -> None:
    called = {"finish_sent_at": timezone.now(), "finish_lost": True} if lost else {}
    claim, made = claimed(Status.DELIVERED, accepted=2, outcome=Outcome.RELEASED, **called)
    platform = wire(says(client.CallOutcome.REFUSED, 404))
    finishing.finish(claim, [made], timezone.now())
    left = now_of(made)
    assert [ask.repeat_of_lost for ask in platform.asked] == [lost]
    assert (left.attention, left.finish_status, left.finish_lost) == ("finish_unconfirmed", 404, lost)


def test_a_chunk_is_marked_before_its_first_rejection_leaves(wire: Any) -> None:
    claim, made = claimed(Status.ACCEPTED, accepted=1, rejected=2)
    chunk = with_chunk(made)
    wire(dies)
    with pytest.raises(Killed):
        delivery.deliver(claim, [made], timezone.now())
    chunk.refresh_from_db()
    assert chunk.sending


def test_nothing_leaves_for_a_batch_that_was_taken_away_while_its_rejections_were_read(
    wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, made = claimed(Status.ACCEPTED, accepted=1, rejected=2)
    with_chunk(made)
    platform = wire(says(client.CallOutcome.CONFIRMED, 200))
    while_read(monkeypatch, lambda: give_to_another(made))
    with pytest.raises(claims.ClaimLost):
        delivery.deliver(claim, [made], timezone.now())
    assert platform.asked == []


def test_answers_that_a_stale_worker_brings_are_not_stored(wire: Any) -> None:
    claim, made = claimed(Status.ACCEPTED, accepted=1, rejected=2)
    with_chunk(made)

    def taken_over(ask: Ask) -> Attempt:
        give_to_another(made)
        return says(client.CallOutcome.CONFIRMED, 200)(ask)

    wire(taken_over)
    with pytest.raises(claims.ClaimLost):
        delivery.deliver(claim, [made], timezone.now())
    assert (Decision.objects.exclude(answer=Answer.NONE).exists(), now_of(made).confirmed) == (False, 0)


@pytest.mark.parametrize(
    ("columns", "setting"),
    [
        ({"unread": 1, "addresses": False}, None),
        ({"file_complete": False}, None),
        ({}, "REFUSAL_REJECTS"),
        ({}, "REFUSAL_FINISHES"),
    ],
)
def test_a_rejection_of_the_whole_batch_that_cannot_be_completed_waits(
    wire: Any, settings: Any, columns: dict[str, Any], setting: str | None
) -> None:
    if setting:
        setattr(settings, setting, False)
    claim, made = claimed(Status.REFUSED, rejected=2, **columns)
    with_chunk(made)
    platform = wire(says(client.CallOutcome.CONFIRMED, 200))
    delivery.deliver(claim, [made], timezone.now())
    left = now_of(made)
    assert (left.status, left.attention, left.due_at) == (Status.REFUSED, "refusal_stops", None)
    assert len(platform.asked) == left.confirmed == (0 if setting == "REFUSAL_REJECTS" else 2)


def test_calls_that_were_held_back_are_not_stored_and_told_after_the_quiet_passes(wire: Any) -> None:
    claim, made = claimed(Status.ACCEPTED, accepted=1, rejected=2)
    chunk = with_chunk(made)
    # In doubt since a worker died.
    Chunk.objects.update(sending=True)
    wire(lambda ask: Attempt(ask.key, client.CallOutcome.HELD, 0, 600.0))
    now = timezone.now()
    for attempts in range(1, lifecycle.QUIET_ATTEMPTS + 1):
        delivery.deliver(claim, [now_of(made)], now)
        left = now_of(made)
        assert left.attempts == attempts
        assert left.attention == ("unconfirmed" if attempts == lifecycle.QUIET_ATTEMPTS else "")
    assert left.attention_data == {"rows": 2, "held": True}
    assert left.due_at is not None and 110 < (left.due_at - now).total_seconds() < 130, "never later than this"
    assert not Decision.objects.exclude(answer=Answer.NONE).exists()
    silent_until = forecast.lately(now).silent_until
    assert silent_until is not None and 590 < (silent_until - now).total_seconds() < 610
    chunk.refresh_from_db()
    assert chunk.sending, "the doubt of the kill stays"


def test_the_release_waits_without_an_intent_while_calls_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    claim, made = claimed(Status.DELIVERED, accepted=2, outcome=Outcome.RELEASED, attempts=3)
    monkeypatch.setattr(client, "wait_before", lambda platform, uri: 600.0)
    finishing.finish(claim, [made], timezone.now())
    left = now_of(made)
    assert (left.finish_sent_at, left.finish_attempts, left.attention) == (None, 0, "finish_unconfirmed")
    with translation.override("en"):
        sentence = batch_sentences.attention(left)
    assert sentence == "The release was not called yet; Symplify takes no calls at the moment."


def test_without_its_key_nothing_of_a_batch_leaves(wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot_open(*_: Any) -> bytes:
        raise CannotOpen

    platform = wire(says(client.CallOutcome.CONFIRMED, 200))
    rejects, finishes = claimed(Status.ACCEPTED, rejected=2), claimed(Status.DELIVERED, accepted=2, outcome="released")
    with_chunk(rejects[1])
    monkeypatch.setattr(type(keyring()), "open", cannot_open)
    delivery.deliver(rejects[0], [rejects[1]], timezone.now())
    finishing.finish(finishes[0], [finishes[1]], timezone.now())
    for _, made in (rejects, finishes):
        assert (now_of(made).attention, now_of(made).due_at is None) == ("key_missing", False)
    assert platform.asked == []


def test_a_release_confirmed_after_the_deadline_counts(wire: Any) -> None:
    claim, made = claimed(Status.DELIVERED, accepted=2, outcome=Outcome.RELEASED)

    def expires_meanwhile(ask: Ask) -> Attempt:
        now = timezone.now()
        lifecycle.move({made.pk: {"due_at": None, "ended_at": now}}, Status.DELIVERED, Status.EXPIRED, now=now)
        return says(client.CallOutcome.CONFIRMED, 200)(ask)

    wire(expires_meanwhile)
    finishing.finish(claim, [made], timezone.now())
    assert (now_of(made).status, now_of(made).outcome) == (Status.FINISHED, Outcome.RELEASED)


def test_the_database_refuses_a_release_in_doubt() -> None:
    batch(Status.IN_REVIEW, accepted=90, rejected=10)
    for columns in (
        {"undecided": 1, "confirmed": 10},
        {"unread": 1, "confirmed": 10},
        {"enrichments": 1, "confirmed": 10},
        {"confirmed": 9},
        {"file_complete": False, "confirmed": 10},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Batch.objects.update(finish_sent_at=timezone.now(), **columns)
    Batch.objects.update(finish_sent_at=timezone.now(), confirmed=9, taken_on=1)


def test_a_worker_that_lost_its_claim_moves_nothing() -> None:
    claim, made = claimed(Status.SCREENED, accepted=1)
    give_to_another(made)
    columns = {made.pk: {"due_at": timezone.now()}}
    moved = lifecycle.move(columns, Status.SCREENED, Status.ACCEPTED, now=timezone.now(), claim=claim)
    assert (moved, now_of(made).status) == ([], Status.SCREENED)


@pytest.mark.parametrize("later", [timedelta(minutes=10), None])
def test_the_clock_leaves_a_batch_that_is_not_due_any_more(later: timedelta | None) -> None:
    claim, made = claimed(Status.IN_REVIEW, accepted=1, at_deadline=AtDeadline.REJECT)
    due_at = timezone.now() + later if later else None
    Batch.objects.filter(pk=made.pk).update(due_at=due_at)
    review.at_deadline(claim, [made], timezone.now())
    assert (now_of(made).status, now_of(made).due_at) == (Status.IN_REVIEW, due_at)


def test_a_batch_that_has_another_status_by_now_is_not_moved() -> None:
    made = batch(Status.IN_REVIEW, accepted=1)
    moved = lifecycle.move({made.pk: {}}, Status.SCREENED, Status.ACCEPTED, now=timezone.now())
    assert (moved, now_of(made).status) == ([], Status.IN_REVIEW)


def test_a_move_is_a_new_revision_with_its_event() -> None:
    made = batch(Status.IN_REVIEW, accepted=1)
    assert lifecycle.move({made.pk: {}}, Status.IN_REVIEW, Status.ACCEPTED, now=timezone.now()) == [made.pk]
    event = Event.objects.filter(batch=made).latest("pk")
    assert now_of(made).revision == made.revision + 1 == event.revision
    assert (event.old, event.new) == (Status.IN_REVIEW, Status.ACCEPTED)


def test_a_batch_does_not_expire_while_somebody_is_at_work_on_it() -> None:
    claim, made = claimed(Status.ACCEPTED, accepted=1, left=timedelta(minutes=-1))
    assert lifecycle.expire(timezone.now()) == []
    claim.release()
    assert lifecycle.expire(timezone.now()) == [made.pk]


def test_no_rejection_leaves_after_the_deadline_and_neighbours_go_on(wire: Any) -> None:
    late, other = (batch(Status.ACCEPTED, rejected=2, source="single") for _ in range(2))
    Batch.objects.update(due_at=timezone.now())
    Batch.objects.filter(pk=late.pk).update(deadline=timezone.now())
    claim = claims.take(Batch, [late.pk, other.pk])
    chunks = {made.pk: with_chunk(made) for made in (late, other)}
    platform = wire(says(client.CallOutcome.CONFIRMED, 200))
    delivery.deliver(claim, [now_of(late), now_of(other)], timezone.now())
    assert {ask.key >> 32 for ask in platform.asked} == {other.pk}
    chunks[late.pk].refresh_from_db()
    assert (chunks[late.pk].sending, now_of(late).status, now_of(other).status) == (False, "accepted", "delivered")


def test_no_rejection_leaves_when_the_deadline_passes_while_they_are_read(
    wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, made = claimed(Status.ACCEPTED, rejected=2)
    with_chunk(made)
    platform = wire(says(client.CallOutcome.CONFIRMED, 200))
    while_read(monkeypatch, lambda: monkeypatch.setattr(timezone, "now", lambda: made.deadline))
    delivery.deliver(claim, [made], timezone.now())
    assert (platform.asked, now_of(made).confirmed) == ([], 0)


def test_no_release_is_called_after_the_deadline(wire: Any) -> None:
    claim, made = claimed(Status.DELIVERED, accepted=1, outcome=Outcome.RELEASED, left=timedelta(minutes=-1))
    platform = wire(says(client.CallOutcome.CONFIRMED, 200))
    finishing.finish(claim, [made], timezone.now())
    assert (platform.asked, now_of(made).finish_sent_at) == ([], None)
