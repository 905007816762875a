"""When a delivery will be done, and when the gateway acts by itself: from the platform's speed as it is now."""

from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.template.loader import render_to_string
from django.utils import timezone, translation

from gateway.lanes import make_sweep
from sendouts.models import Batch, Status, Tempo
from sendouts.outlook import forecast
from tests.factories import batch
from tests.gate import Gate
from tests.stages.rows import now_of

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def held(**columns: Any) -> Batch:
    """A batch in review for which the clock acts five minutes before its deadline, if it acts."""
    made = batch(decisions=False, left=HOUR, **{"accepted": 90, "rejected": 10} | columns)
    due_at = made.deadline - timedelta(minutes=5) if made.at_deadline != "leave" else None
    Batch.objects.filter(pk=made.pk).update(due_at=due_at)
    return now_of(made)


def sending(rejected: int) -> Batch:
    return batch(Status.ACCEPTED, accepted=1, rejected=rejected, decisions=False, due_at=timezone.now(), left=HOUR)


def test_a_measurement_counts_half_and_is_forgotten_after_ten_minutes() -> None:
    now = timezone.now()
    known = forecast.lately(now)
    assert (known.rate, known.cautious, known.silent_until) == (50.0, 50.0, None), "assumed to be slow"
    forecast.record_rate(1_000, 1.0, now)
    assert forecast.lately(now).rate == 1_000
    forecast.record_rate(0, 5.0, now + timedelta(seconds=5))
    assert forecast.lately(now + timedelta(seconds=6)).rate == 500
    assert forecast.lately(now + timedelta(minutes=11)).rate == 50
    forecast.record_rate(200, 1.0, now + timedelta(minutes=20))
    assert forecast.lately(now + timedelta(minutes=20)).rate == 200


def test_what_is_planned_ahead_counts_on_the_slowest() -> None:
    now = timezone.now()
    over = {"delivery_seconds": 10, "confirmed": 400, "rejected": 400, "ended_at": now, "decisions": False}
    batch(Status.ABANDONED, **over)
    forecast.record_rate(1_000, 1.0, now)
    known = forecast.lately(now)
    assert (known.rate, known.cautious) == (1_000, 40)


@pytest.mark.parametrize(("contacts", "measured"), [(600, True), (100, False)])
def test_a_pass_of_delivery_measures_if_it_sent_enough(gate: Gate, contacts: int, measured: bool) -> None:
    gate.project()
    gate.fire(contacts=contacts)
    gate.work()
    assert gate.batch().status == "finished"
    tempo = Tempo.objects.filter(rate__gt=0, measured_at__isnull=False, silent_until=None)
    assert tempo.exists() == Tempo.objects.exists() == measured


def test_the_clock_acts_earlier_when_the_platform_gets_slower_and_later_when_it_recovers() -> None:
    made = held(at_deadline="reject")
    forecast.record_rate(60, 600.0, timezone.now())
    make_sweep().round()
    slow = now_of(made)
    assert slow.due_at == made.deadline - timedelta(seconds=2_000), "100 rejections, twice, at 0.1 a second"
    assert slow.revision == made.revision, "what a person sees and decides on has not changed"
    Tempo.objects.all().delete()
    make_sweep().round()
    assert now_of(made).due_at == made.due_at


def test_the_clock_acts_earlier_while_the_platform_takes_no_calls() -> None:
    made = held(at_deadline="accept", rejected=30_000)
    forecast.record_silence(timezone.now() + timedelta(minutes=10))
    forecast.foresee(timezone.now())
    due = now_of(made).due_at
    assert due is not None
    assert timedelta(seconds=1_200 + 595) < made.deadline - due <= timedelta(seconds=1_200 + 600)


def test_a_batch_that_is_left_or_that_somebody_works_on_is_not_touched() -> None:
    left, claimed = held(at_deadline="leave"), held(at_deadline="reject", claimed_until=timezone.now() + HOUR)
    forecast.record_rate(60, 600.0, timezone.now())
    forecast.foresee(timezone.now())
    assert (now_of(left).due_at, now_of(claimed).due_at) == (None, claimed.due_at)


def test_a_delivery_that_will_not_end_in_time_is_told_once() -> None:
    made, other = sending(1_000_000), sending(1_000)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            forecast.foresee(timezone.now())
    (told,) = [line for line in logs if line["event"] == "delivery_will_not_end_in_time"]
    assert (told["log_level"], told["batch"], told["open"]) == ("error", made.pk, 1_000_000)
    assert now_of(other).late_told_at is None


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize(("rejected", "in_time"), [(1_000, True), (1_000_000, False)])
def test_the_headline_says_when_it_will_be_done(rejected: int, silent: bool, in_time: bool) -> None:
    made, now = sending(rejected), timezone.now()
    if silent:
        forecast.record_silence(now + timedelta(seconds=30))
    found = forecast.forecast_of(made, forecast.lately(now), now)
    assert found is not None and (found.in_time, found.silent) == (in_time, silent)
    ends_in = timedelta(seconds=rejected / 50 + 30 * silent)
    assert found.ends_at - now == pytest.approx(ends_in, abs=timedelta(seconds=1))
    for language, silence, late in (
        ("en", "takes no calls", "not be confirmed before the deadline"),
        ("fr", "n’accepte aucun appel", "pas confirmés avant l’échéance"),
    ):
        with translation.override(language):
            sentence = render_to_string("desk/batch/forecast.html", {"forecast": found, "now": now})
        assert (silence in sentence, late in sentence) == (silent, not in_time)


def test_a_batch_that_waits_for_a_person_or_is_done_has_no_forecast() -> None:
    now, waits = timezone.now(), sending(10)
    waits.due_at = None
    for made in (held(), waits, batch(Status.ACCEPTED, accepted=1, due_at=now)):
        assert forecast.forecast_of(made, forecast.lately(now), now) is None


def test_people_answer_before_the_clock_acts_and_while_rejections_can_be_sent() -> None:
    now = timezone.now()
    plain, soon = held(), held(at_deadline="accept")
    assert forecast.answer_before(soon, now) == soon.due_at
    reserve = plain.deadline - forecast.answer_before(plain, now)
    assert timedelta(minutes=2) < reserve < timedelta(minutes=4), "ten rejections and two minutes, to the minute"
    assert forecast.answer_before(sending(10), now) > now + timedelta(minutes=59), "no decision is due"
    late = held(rejected=1_000_000)
    assert forecast.answer_before(late, now) == late.deadline, "it is too late"
