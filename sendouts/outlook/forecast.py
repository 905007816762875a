"""Forecast of when deliveries finish, from the platform's recent speed and whether it is blocked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import F

from actions.models import AtDeadline
from sendouts import deadlines, rules
from sendouts.deadlines import ASSUMED_RATE
from sendouts.models import Batch, Status, Tempo
from sendouts.models.hold_reason import HoldReason
from work import claims

log = structlog.get_logger(__name__)
# Maximum age of a measurement for a statement about now.
FRESH = timedelta(minutes=10)
# Age limit of the completed deliveries that give a cautious rate while nothing is being sent.
REMEMBERED = timedelta(days=7)
# Weight of a new measurement: half, so that one bad moment does not set the forecast.
SMOOTHING = 0.5
# Minimum number of confirmed rejections; below it the time reflects one round trip, not the platform.
MEASURABLE = 50
# Smallest difference that moves the scheduled moment of a batch in review.
NOTICEABLE = timedelta(seconds=5)
SENDING = (Status.ACCEPTED, Status.REFUSED)


@dataclass(frozen=True, slots=True)
class Lately:
    """Known speed of the platform.

    `rate`: rejections per second of current deliveries. `cautious`: the slowest recent rate, for planning ahead.
    `silent_until`: end of the block on calls; None if calls are allowed.
    """

    rate: float
    cautious: float
    silent_until: datetime | None

    def silence(self, now: datetime) -> timedelta:
        """Return how long calls to the platform remain blocked."""
        return max(self.silent_until - now, timedelta()) if self.silent_until else timedelta()


@dataclass(frozen=True, slots=True)
class Forecast:
    """Predicted time of a batch's last confirmed rejection at the current rate."""

    ends_at: datetime
    spare: timedelta
    silent: bool

    @property
    def in_time(self) -> bool:
        return self.spare > timedelta()


def lately(now: datetime) -> Lately:
    """Return the platform's speed as currently known, with two small queries."""
    tempo = Tempo.objects.filter(pk=1).first()
    fresh = tempo.rate if tempo and tempo.measured_at and tempo.measured_at > now - FRESH else 0.0
    silent_until = tempo.silent_until if tempo and tempo.silent_until and tempo.silent_until > now else None
    whole = (
        Batch.objects.filter(
            delivery_seconds__gt=0, confirmed__gte=MEASURABLE, ended_at__isnull=False, ended_at__gte=now - REMEMBERED
        )
        .order_by("-ended_at")
        .values_list("confirmed", "delivery_seconds")[:5]
    )
    slowest = min((count / seconds for count, seconds in whole), default=0.0)
    known = [rate for rate in (fresh, slowest) if rate]
    return Lately(fresh or slowest or ASSUMED_RATE, min(known, default=ASSUMED_RATE), silent_until)


def record_rate(confirmed: int, seconds: float, now: datetime) -> None:
    """Record the rejections that a pass of delivery confirmed, and their seconds; this also ends a block."""
    rate = confirmed / max(seconds, 0.001)
    if Tempo.objects.filter(pk=1, measured_at__gt=now - FRESH).update(
        rate=F("rate") * (1 - SMOOTHING) + rate * SMOOTHING, measured_at=now, silent_until=None
    ):
        return
    Tempo.objects.update_or_create(pk=1, defaults={"rate": rate, "measured_at": now, "silent_until": None})


def record_silence(until: datetime) -> None:
    """Record that calls to the platform are blocked until this time."""
    Tempo.objects.update_or_create(pk=1, defaults={"silent_until": until})


def look_again(now: datetime) -> None:
    """Let nothing be measured later than now: a wrong clock has written that. Forget until when calls are blocked."""
    Tempo.objects.filter(silent_until__gt=now).update(silent_until=None)
    Tempo.objects.filter(measured_at__gt=now).update(measured_at=now)
    Tempo.objects.filter(slow_at__gt=now).update(slow_at=now)


def record_slow_answer(seconds: float, now: datetime) -> None:
    """Record how long an answer of the platform took, unless a longer one is fresh."""
    if seconds > slowest_answer(now):
        Tempo.objects.update_or_create(pk=1, defaults={"slow_seconds": seconds, "slow_at": now})


def slowest_answer(now: datetime) -> float:
    """Return the seconds of the longest fresh answer that was recorded; 0 if there is none."""
    fresh = Tempo.objects.filter(pk=1, slow_at__gt=now - FRESH)
    return fresh.values_list("slow_seconds", flat=True).first() or 0.0


def acts_at(batch: Batch, known: Lately, now: datetime) -> datetime | None:
    """Return when the gateway acts automatically on a batch in review; None if it does not.

    Promise 3: automatic acceptance was never declared for contacts that could not be judged, so such a batch is left to
    a person. The same holds if a release was stopped after its moment: the clock would only repeat what a person has
    just undone. Where two people must accept, the clock is neither of them.
    """
    if batch.attention or batch.at_deadline == AtDeadline.LEAVE or not batch.total:
        return None
    if batch.at_deadline == AtDeadline.ACCEPT and (batch.unjudged() or rules.clock_waits(batch)):
        return None
    rejections = batch.total if batch.at_deadline == AtDeadline.REJECT else batch.rejected + batch.undecided
    moment = deadlines.acts_at(batch.received_at, batch.deadline, rejections, known.cautious, known.silence(now))
    return None if HoldReason.STOPPED in batch.held_for and moment <= now else moment


def decide_before(batch: Batch, known: Lately, now: datetime) -> datetime:
    """Return the latest time for a decision: rejections can still be sent, and the gateway has not acted yet."""
    rejections = max(0, batch.rejected + batch.undecided + batch.unread - batch.final)
    silence = known.silence(now)
    moment = deadlines.decide_before(batch.received_at, batch.deadline, rejections, known.cautious, silence)
    acts = acts_at(batch, known, now)
    return moment if acts is None else min(moment, acts)


def answer_before(batch: Batch, now: datetime) -> datetime:
    """Return the time before which people should answer; the deadline if no decision is due or it is too late."""
    if batch.status != Status.IN_REVIEW:
        return batch.deadline
    moment = decide_before(batch, lately(now), now)
    return moment if moment > now else batch.deadline


def forecast_of(batch: Batch, known: Lately, now: datetime) -> Forecast | None:
    """Return the forecast of a batch that sends rejections; None for others, and if a person must act first."""
    left = batch.rejected - batch.confirmed - batch.taken_on
    if batch.status not in SENDING or left <= 0 or batch.due_at is None:
        return None
    begins = max(now, batch.due_at, known.silent_until or now)
    ends_at = begins + timedelta(seconds=min(left / known.rate, 1e8))
    return Forecast(ends_at, batch.deadline - ends_at, known.silent_until is not None)


def foresee(now: datetime) -> None:
    """Move the moments at which the gateway acts on batches in review, and report deliveries that will be late.

    Called by the clock every few seconds; takes a few queries, however many batches there are.
    """
    held = Batch.objects.filter(claims.free(), status=Status.IN_REVIEW, attention="", due_at__isnull=False)
    sending = Batch.objects.filter(status__in=SENDING, late_told_at=None, deadline__gt=now, due_at__isnull=False)
    held_batches = list(held.select_related("plan", "project").defer("finish_uri", "download_uri", "reasons")[:1_000])
    sending_batches = list(sending.defer("finish_uri", "download_uri", "reasons")[:1_000])
    if not held_batches and not sending_batches:
        return
    known = lately(now)
    for batch in held_batches:
        moment = acts_at(batch, known, now)
        if moment is None or batch.due_at is None or abs(moment - batch.due_at) < NOTICEABLE:
            continue
        # Compare with the values read: a person's change in between has set its own moment.
        same = Batch.objects.filter(claims.free(), pk=batch.pk, status=Status.IN_REVIEW, revision=batch.revision)
        same.update(due_at=moment)
    for batch in sending_batches:
        forecast = forecast_of(batch, known, now)
        if forecast is None or forecast.in_time:
            continue
        if Batch.objects.filter(pk=batch.pk, late_told_at=None, status__in=SENDING).update(late_told_at=now):
            log.error(
                "delivery_will_not_end_in_time",
                batch=batch.pk,
                open=batch.rejected - batch.confirmed - batch.taken_on,
                rate=round(known.rate, 1),
                late_seconds=round(-forecast.spare.total_seconds()),
                silent=forecast.silent,
            )
