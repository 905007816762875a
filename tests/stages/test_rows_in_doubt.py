"""What rows say while calls to the platform are open, and what a worker may still do that has lost its rows."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import Q
from django.utils import timezone

from actions.models import AtDeadline
from sendouts import lifecycle
from sendouts.models import Batch, Chunk, Event, Outcome, Status
from sendouts.stages import chunks as delivery_chunks
from sendouts.stages import delivery, finishing, review
from sendouts.symplify import client
from sendouts.symplify.client import Ask, Attempt
from tests.factories import batch
from work import claims

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """The process ends while a call is open."""


class Platform:
    """Takes the place of the wire: keeps what is asked, and answers as the test says."""

    def __init__(self, answer: Callable[[Ask], Attempt]) -> None:
        self.asked: list[Ask] = []
        self._answer = answer

    def __call__(self, _platform: Any, asks: Iterable[Ask]) -> Iterator[list[Attempt]]:
        for ask in asks:
            self.asked.append(ask)
            yield [self._answer(ask)]


def dies(ask: Ask) -> Attempt:
    raise Killed


def says(outcome: client.CallOutcome, status: int) -> Callable[[Ask], Attempt]:
    return lambda ask: Attempt(ask.key, outcome, status, None)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Ask], Attempt]], Platform]:
    def put(answer: Callable[[Ask], Attempt]) -> Platform:
        made = Platform(answer)
        monkeypatch.setattr(client, "reject_many", made)
        monkeypatch.setattr(client, "finish_many", made)
        return made

    return put


def claimed(status: Status, **columns: Any) -> tuple[claims.Claim, Batch]:
    """A batch that is due, in the hands of a worker."""
    made = batch(status, due_at=timezone.now(), **columns)
    claim = claims.take(Batch, [made.pk])
    assert claim.ids == (made.pk,)
    return claim, now_of(made)


def now_of(made: Batch) -> Batch:
    return Batch.objects.select_related("project", "sendout", "plan").get(pk=made.pk)


def give_to_another(made: Batch) -> None:
    Batch.objects.filter(pk=made.pk).update(claim_id=uuid4())


def with_chunk(made: Batch) -> Chunk:
    counts = {name: getattr(made, name) for name in ("accepted", "rejected", "undecided", "unread")}
    return Chunk.objects.create(batch=made, number=0, rows=made.total, digest=b"", **counts)


def test_while_the_release_is_called_its_answer_counts_as_lost(wire: Any) -> None:
    claim, made = claimed(Status.DELIVERED, accepted=2, outcome=Outcome.RELEASED)
    platform = wire(dies)
    with pytest.raises(Killed):
        finishing.finish(claim, [made], timezone.now())
    left = now_of(made)
    assert [ask.repeat_of_lost for ask in platform.asked] == [False]
    assert (left.finish_sent_at is not None, left.finish_lost, left.finish_attempts) == (True, True, 1)


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
    wheres = delivery_chunks.wheres

    def read_late(chunks: Any) -> Iterator[Q]:
        give_to_another(made)
        return wheres(chunks)

    monkeypatch.setattr(delivery_chunks, "wheres", read_late)
    with pytest.raises(claims.ClaimLost):
        delivery.deliver(claim, [made], timezone.now())
    assert platform.asked == []


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


def test_the_clock_acts_on_a_batch_that_is_still_due() -> None:
    claim, made = claimed(Status.IN_REVIEW, accepted=1, at_deadline=AtDeadline.REJECT)
    review.at_deadline(claim, [made], timezone.now())
    assert now_of(made).status == Status.REFUSED


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


def test_no_rejection_leaves_after_the_deadline(wire: Any) -> None:
    claim, made = claimed(Status.ACCEPTED, rejected=2, left=timedelta(minutes=-1))
    chunk = with_chunk(made)
    platform = wire(says(client.CallOutcome.CONFIRMED, 200))
    delivery.deliver(claim, [made], timezone.now())
    chunk.refresh_from_db()
    assert (platform.asked, chunk.sending) == ([], False)


def test_no_rejection_leaves_when_the_deadline_passes_while_they_are_read(
    wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, made = claimed(Status.ACCEPTED, rejected=2)
    with_chunk(made)
    platform = wire(says(client.CallOutcome.CONFIRMED, 200))
    wheres = delivery_chunks.wheres

    def read_late(chunks: Any) -> Iterator[Q]:
        monkeypatch.setattr(timezone, "now", lambda: made.deadline)
        return wheres(chunks)

    monkeypatch.setattr(delivery_chunks, "wheres", read_late)
    delivery.deliver(claim, [made], timezone.now())
    assert (platform.asked, now_of(made).confirmed) == ([], 0)


def test_no_release_is_called_after_the_deadline(wire: Any) -> None:
    claim, made = claimed(Status.DELIVERED, accepted=1, outcome=Outcome.RELEASED, left=timedelta(minutes=-1))
    platform = wire(says(client.CallOutcome.CONFIRMED, 200))
    finishing.finish(claim, [made], timezone.now())
    assert (platform.asked, now_of(made).finish_sent_at) == ([], None)
