"""When deliveries will be done, from how fast the platform took rejections lately and whether it takes any now."""

from collections.abc import Iterable
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
# What was measured longer ago says nothing about now.
FRESH = timedelta(minutes=10)
# Whole deliveries that are remembered: a cautious figure where nothing is being sent.
REMEMBERED = timedelta(days=7)
# A measurement counts half, so that one bad moment does not make a forecast of its own.
SMOOTHING = 0.5
# Below so many confirmed rejections the time says more about one round trip than about the platform.
MEASURABLE = 50
# A held batch's moment is moved only where it differs by more than this.
NOTICEABLE = timedelta(seconds=5)
SENDING = (Status.ACCEPTED, Status.REFUSED)


@dataclass(frozen=True, slots=True)
class Lately:
    """What is known of the platform's speed.

    `rate`: rejections a second, of deliveries under way. `cautious`: the slowest that was seen lately, for what is
    planned ahead. `silent_until`: until when it takes no calls; None when it does.
    """

    rate: float
    cautious: float
    silent_until: datetime | None

    def silence(self, now: datetime) -> timedelta:
        """For how long the platform takes no calls from now on."""
        return max(self.silent_until - now, timedelta()) if self.silent_until else timedelta()


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the last rejection of a batch will be confirmed, if all goes on as it does now."""

    ends_at: datetime
    spare: timedelta
    silent: bool

    @property
    def in_time(self) -> bool:
        return self.spare > timedelta()


def lately(now: datetime) -> Lately:
    """The platform's speed as it is known now: two small queries."""
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


def measured(confirmed: int, seconds: float, now: datetime) -> None:
    """A pass of delivery confirmed so many rejections in so many seconds: the platform takes calls."""
    rate = confirmed / max(seconds, 0.001)
    if Tempo.objects.filter(pk=1, measured_at__gt=now - FRESH).update(
        rate=F("rate") * (1 - SMOOTHING) + rate * SMOOTHING, measured_at=now, silent_until=None
    ):
        return
    Tempo.objects.update_or_create(pk=1, defaults={"rate": rate, "measured_at": now, "silent_until": None})


def silent(until: datetime) -> None:
    """The platform takes no calls until then."""
    Tempo.objects.update_or_create(pk=1, defaults={"silent_until": until})


def acts_at(batch: Batch, known: Lately, now: datetime) -> datetime | None:
    """When the gateway acts on a held batch by itself; None when it leaves it.

    Promise 3: nobody declared acceptance for what nobody could judge, so such a batch is left to a person. So is one whose
    release was stopped when the moment had passed: the clock would only repeat what a person has just taken back. Where two
    people must accept, the clock is neither of them.
    """
    if batch.attention or batch.at_deadline == AtDeadline.LEAVE or not batch.total:
        return None
    if batch.at_deadline == AtDeadline.ACCEPT and (batch.unjudged() or rules.clock_waits(batch)):
        return None
    rejections = batch.total if batch.at_deadline == AtDeadline.REJECT else batch.rejected + batch.undecided
    moment = deadlines.acts_at(batch.received_at, batch.deadline, rejections, known.cautious, known.silence(now))
    return None if HoldReason.STOPPED in batch.held_for and moment <= now else moment


def decide_before(batch: Batch, known: Lately, now: datetime) -> datetime:
    """Until when a person's decision comes in time: their rejections still leave, and the gateway has not acted by itself."""
    rejections = max(0, batch.rejected + batch.undecided + batch.unread - batch.final)
    silence = known.silence(now)
    moment = deadlines.decide_before(batch.received_at, batch.deadline, rejections, known.cautious, silence)
    acts = acts_at(batch, known, now)
    return moment if acts is None else min(moment, acts)


def answer_before(batch: Batch, now: datetime) -> datetime:
    """The moment that people are told to answer before; the deadline where nobody has to decide, or it is too late for more."""
    if batch.status != Status.IN_REVIEW:
        return batch.deadline
    moment = decide_before(batch, lately(now), now)
    return moment if moment > now else batch.deadline


def forecast_of(batch: Batch, known: Lately, now: datetime) -> Forecast | None:
    """The forecast of a batch whose rejections are being sent; None for every other, and where a person must act first."""
    left = batch.rejected - batch.confirmed - batch.taken_on
    if batch.status not in SENDING or left <= 0 or batch.due_at is None:
        return None
    begins = max(now, batch.due_at, known.silent_until or now)
    ends_at = begins + timedelta(seconds=min(left / known.rate, 1e8))
    return Forecast(ends_at, batch.deadline - ends_at, known.silent_until is not None)


def foresee(now: datetime) -> None:
    """Move the moments at which the gateway acts on held batches, and tell of deliveries that will not end in time.

    For the clock, some seconds apart: a few queries, however many batches there are.
    """
    held = Batch.objects.filter(claims.free(), status=Status.IN_REVIEW, attention="", due_at__isnull=False)
    sending = Batch.objects.filter(status__in=SENDING, late_told_at=None, deadline__gt=now, due_at__isnull=False)
    held_batches = list(held.select_related("plan", "project").defer("finish_uri", "download_uri", "reasons")[:1_000])
    sending_batches = list(sending.defer("finish_uri", "download_uri", "reasons")[:1_000])
    if not held_batches and not sending_batches:
        return
    known = lately(now)
    _move_moments(held_batches, known, now)
    _tell_late(sending_batches, known, now)


def _move_moments(batches: Iterable[Batch], known: Lately, now: datetime) -> None:
    for batch in batches:
        moment = acts_at(batch, known, now)
        if moment is None or batch.due_at is None or abs(moment - batch.due_at) < NOTICEABLE:
            continue
        # Compared with what was read: a person's change in between has set a moment of its own.
        same = Batch.objects.filter(claims.free(), pk=batch.pk, status=Status.IN_REVIEW, revision=batch.revision)
        same.update(due_at=moment)


def _tell_late(batches: Iterable[Batch], known: Lately, now: datetime) -> None:
    for batch in batches:
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
