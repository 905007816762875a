"""What tests of verbs ask of rows, and do to them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from sendouts.models import Batch, Decision, Event
from sendouts.models.decision import rows_of
from sendouts.stages import review
from sendouts.verbs.base import NotDone, Verb
from tests.gate import carry_out
from tests.stages.invariants import counts_are_those_of_the_decisions, revisions_rise
from work import claims


def now_of(made: Batch) -> Batch:
    return Batch.objects.select_related("project", "sendout", "plan", "first_accepted_by").get(pk=made.pk)


def do(verb: Verb[Any], made: Batch, user: User, **given: Any) -> Batch:
    """Carry out a verb for a person who sees the batch as it is; returns it as it is then."""
    carry_out(verb, now_of(made), user, **given)
    return now_of(made)


def refusal(verb: Verb[Any], made: Batch, user: User, **given: Any) -> NotDone:
    """Why an act is refused; the batch is as it was."""
    before = now_of(made)
    with pytest.raises(NotDone) as refused:
        carry_out(verb, before, user, **given)
    now = now_of(made)
    assert (now.status, now.revision) == (before.status, before.revision)
    return refused.value


def decision(made: Batch, row: int) -> Decision:
    return Decision.objects.get(rows_of(made.pk, row, 1))


def words(made: Batch) -> list[str]:
    """What happened since the batch was made."""
    return [event.new or event.word for event in Event.objects.filter(batch=made).order_by("pk")][2:]


def near_the_deadline(made: Batch) -> None:
    """Three of sixty minutes are left: the margin of five has begun."""
    now = timezone.now()
    Batch.objects.filter(pk=made.pk).update(
        received_at=now - timedelta(minutes=57), deadline=now + timedelta(minutes=3)
    )


def let_the_clock_act(made: Batch) -> Batch:
    """What a worker does with a held batch whose moment may have come."""
    claim = claims.take(Batch, [made.pk])
    review.at_deadline(claim, [now_of(made)] if claim.ids else [], timezone.now())
    claim.release()
    return now_of(made)


def adds_up(made: Batch) -> None:
    """Counts, reasons and revision of a held batch are those of its decisions and events."""
    found = now_of(made)
    counts_are_those_of_the_decisions(found)
    revisions_rise(found, list(Event.objects.filter(batch=found).order_by("pk")))
    assert sorted(found.reasons) == sorted(review.count_reasons(found.pk))
