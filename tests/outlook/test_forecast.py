"""When a delivery will be done, and when the gateway acts by itself: from the platform's speed as it is now."""

from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.utils import timezone, translation

from desk.batch.parts.headline import outlook
from gateway.lanes import make_sweep
from sendouts.models import Batch, Tempo
from sendouts.outlook import forecast
from tests.gate import Gate

pytestmark = pytest.mark.django_db


def held(gate: Gate, **policy: Any) -> Batch:
    gate.project(review="always", **policy)
    gate.fire(contacts=100)
    gate.work()
    return gate.batch()


def sending(gate: Gate, rejected: int) -> Batch:
    held(gate)
    Batch.objects.update(status="accepted", due_at=timezone.now(), rejected=rejected, accepted=100)
    return gate.batch()


def test_nothing_measured_is_assumed_to_be_slow() -> None:
    known = forecast.lately(timezone.now())
    assert (known.rate, known.cautious, known.silent_until) == (50.0, 50.0, None)


def test_a_measurement_counts_half_and_is_forgotten_after_ten_minutes() -> None:
    now = timezone.now()
    forecast.measured(1_000, 1.0, now)
    assert forecast.lately(now).rate == 1_000
    forecast.measured(0, 5.0, now + timedelta(seconds=5))
    assert forecast.lately(now + timedelta(seconds=6)).rate == 500
    assert forecast.lately(now + timedelta(minutes=11)).rate == 50
    forecast.measured(200, 1.0, now + timedelta(minutes=20))
    assert forecast.lately(now + timedelta(minutes=20)).rate == 200


def test_what_is_planned_ahead_counts_on_the_slowest(gate: Gate) -> None:
    held(gate)
    now = timezone.now()
    Batch.objects.update(
        status="abandoned", due_at=None, delivery_seconds=10, confirmed=400, rejected=400, ended_at=now
    )
    forecast.measured(1_000, 1.0, now)
    known = forecast.lately(now)
    assert (known.rate, known.cautious) == (1_000, 40)


def test_a_pass_of_delivery_measures(gate: Gate) -> None:
    gate.project()
    gate.fire(contacts=2_000, faults={"latency": 0.02})
    gate.work()
    assert gate.batch().status == "finished"
    tempo = Tempo.objects.get()
    assert tempo.rate > 0 and tempo.measured_at is not None and tempo.silent_until is None


def test_few_rejections_measure_nothing(gate: Gate) -> None:
    gate.project()
    gate.fire(contacts=100)
    gate.work()
    assert not Tempo.objects.exists()


def test_the_clock_acts_earlier_when_the_platform_gets_slower_and_later_when_it_recovers(gate: Gate) -> None:
    batch = held(gate, at_deadline="reject")
    assert batch.due_at == batch.deadline - timedelta(minutes=5)
    forecast.measured(60, 600.0, timezone.now())
    make_sweep().round()
    slow = gate.batch()
    assert slow.due_at == batch.deadline - timedelta(seconds=2_000), "100 rejections, twice, at 0.1 a second"
    assert slow.revision == batch.revision, "what a person sees and decides on has not changed"
    Tempo.objects.all().delete()
    make_sweep().round()
    assert gate.batch().due_at == batch.due_at


def test_the_clock_acts_earlier_while_the_platform_takes_no_calls(gate: Gate) -> None:
    batch = held(gate, at_deadline="accept")
    Batch.objects.update(rejected=30_000, accepted=100)
    forecast.silent(timezone.now() + timedelta(minutes=10))
    forecast.foresee(timezone.now())
    due = gate.batch().due_at
    assert due is not None
    needed = batch.deadline - due
    assert timedelta(seconds=1_200 + 595) < needed <= timedelta(seconds=1_200 + 600)


def test_a_batch_that_is_left_or_that_somebody_works_on_is_not_touched(gate: Gate) -> None:
    batch = held(gate, at_deadline="leave")
    forecast.measured(60, 600.0, timezone.now())
    forecast.foresee(timezone.now())
    assert gate.batch().due_at is None
    Batch.objects.update(at_deadline="reject", due_at=batch.deadline, claimed_until=timezone.now() + timedelta(hours=1))
    forecast.foresee(timezone.now())
    assert gate.batch().due_at == batch.deadline


def test_a_delivery_that_will_not_end_in_time_is_told_once(gate: Gate) -> None:
    batch = sending(gate, rejected=1_000_000)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            make_sweep().round()
    told = [line for line in logs if line["event"] == "delivery_will_not_end_in_time"]
    assert len(told) == 1
    assert (told[0]["log_level"], told[0]["batch"], told[0]["open"]) == ("error", batch.pk, 1_000_000)


def test_a_delivery_in_time_is_not_told(gate: Gate) -> None:
    sending(gate, rejected=1_000)
    with structlog.testing.capture_logs() as logs:
        forecast.foresee(timezone.now())
    assert not logs and gate.batch().late_told_at is None


@pytest.mark.parametrize(
    ("rejected", "silent", "in_time"),
    [
        (1_000, False, True),
        (1_000, True, True),
        (1_000_000, False, False),
        (1_000_000, True, False),
    ],
)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_headline_says_when_it_will_be_done(
    gate: Gate, rejected: int, silent: bool, in_time: bool, language: str
) -> None:
    batch = sending(gate, rejected)
    now = timezone.now()
    if silent:
        forecast.silent(now + timedelta(seconds=30))
    found = forecast.forecast_of(batch, forecast.lately(now), now)
    assert found is not None and (found.in_time, found.silent) == (in_time, silent)
    assert found.ends_at - now == pytest.approx(
        timedelta(seconds=rejected / 50 + 30 * silent), abs=timedelta(seconds=1)
    )
    with translation.override(language):
        sentence = outlook(found, now)
    silence = {"en": "takes no calls", "fr": "n’accepte aucun appel"}[language]
    late = {"en": "not be confirmed before the deadline", "fr": "pas confirmés avant l’échéance"}[language]
    assert (silence in sentence, late in sentence) == (silent, not in_time)


def test_a_batch_that_waits_for_a_person_or_is_done_has_no_forecast(gate: Gate) -> None:
    batch = held(gate)
    known = forecast.lately(timezone.now())
    assert forecast.forecast_of(batch, known, timezone.now()) is None
    batch.status, batch.due_at = "accepted", None
    assert forecast.forecast_of(batch, known, timezone.now()) is None
