"""Batches that call others: how many at a time call one service, and how the others wait, as rows."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache

from django.db import transaction
from django.db.models import Case, Count, DateTimeField, ExpressionWrapper, F, Q, When
from django.db.models.functions import Least, Now
from django.utils import timezone

from outbound.breaker import Breaker, service_breakers
from outbound.fanout import Patience, endless
from sendouts.models import Batch, Status
from sendouts.models.batch import ASKING, REPEATING
from sendouts.outlook import forecast
from sendouts.symplify.client import Attempt
from work import claims

# Workers that call one service at a time, the same for a service that answers, and batches in one set.
CALLERS_OF_ONE = 3
CALLERS_OF_PROMPT = 8
# A service answers if it did so in the last seconds.
PROMPT_SECONDS = 2.0
GROUP = 200
# When to look again for a free caller, or at a service that did not answer; and at the most, when very many wait.
ROUND = timedelta(seconds=2)
LONGEST_ROUND = timedelta(seconds=10)
# Singles whose time ends so soon are asked about apart: a set ends with the first of them.
SOON = timedelta(seconds=15)
# Seconds of silence after which a first attempt gives its calls up, or twice the time of a fresh answer that was slow.
# A repeat has workers of its own, and waits longer.
SILENCE = 2.0
# Sets of repeats, and files, at a time.
REPEATS = 4


class Unanswered(Exception):
    """A service does not answer: ask again in so many seconds, the only argument."""


def split(ids: Sequence[int]) -> Iterator[list[int]]:
    """Yield batches that call services, in sets that share a plan; put off those whose service cannot be called now.

    A service has a few callers at a time, and one while its breaker lets only probes pass. So the batches of one
    service, however many, leave workers to those of others.
    """
    free = Batch.objects.filter(ASKING, claims.free(), claims.due(), pk__in=ids).order_by("due_at", "pk")
    alike: dict[tuple[str, int, int, int], list[int]] = defaultdict(list)
    for pk, source, service, plan, sendout in free.values_list("pk", "source", "service", "plan_id", "sendout_id"):
        alike[service or "", plan, sendout, 0 if source == Batch.Source.SINGLE else pk].append(pk)
    rows = sum(map(len, alike.values()))
    for (service, *_), found in alike.items():
        for start in range(0, len(found), GROUP):
            some = found[start : start + GROUP]
            if pause := _pause_of(service):
                # Each look costs a write of the row, so thousands are looked at less often.
                pause = max(pause, min(ROUND * (rows / GROUP), LONGEST_ROUND))
                _put_off(Q(claims.free(), claims.due(), pk__in=some), pause)
            else:
                yield some


def split_repeats(ids: Sequence[int]) -> Iterator[list[int]]:
    """Yield batches that call the platform again, singles in sets; leave the rest due for a later round."""
    free = Batch.objects.filter(REPEATING, claims.free(), claims.due(), pk__in=ids).order_by("due_at", "pk")
    singles: list[int] = []
    files: list[int] = []
    for pk, source in free.values_list("pk", "source"):
        (singles if source == Batch.Source.SINGLE else files).append(pk)
    sets = [singles[start : start + GROUP] for start in range(0, len(singles), GROUP)]
    for some in [*sets, *([pk] for pk in files)]:
        held = Batch.objects.filter(REPEATING, due_at__lte=Now(), claimed_until__gt=Now())
        if (held.aggregate(sets=Count("claim_id", distinct=True))["sets"] or 0) < REPEATS:
            yield some


def patience_with(batches: Sequence[Batch]) -> Patience:
    """Return how many seconds the platform may answer none of the calls for these batches, asked for in a silence."""
    if all(batch.attempts for batch in batches):
        return endless
    return cache(lambda: max(SILENCE, 2 * forecast.slowest_answer(timezone.now())))


def slowest(attempts: Sequence[Attempt]) -> float:
    """Return the seconds of the longest of these answers; 0 if no attempt was answered."""
    return max((attempt.seconds for attempt in attempts if attempt.status), default=0.0)


def note_slow(seconds: float) -> None:
    """Record that an answer took this long, so that the next first attempts wait for such answers."""
    if seconds > SILENCE / 2:
        forecast.record_slow_answer(seconds, timezone.now())


def patience_with_release(batches: Sequence[Batch]) -> Patience:
    """Return the same for finishUri. To release a file may take long, and a second call would be for nothing."""
    return endless if any(batch.source == Batch.Source.BATCH for batch in batches) else patience_with(batches)


def put_off(batches: Sequence[Batch], seconds: float, claim: claims.Claim) -> None:
    """Have claimed batches wait until their service is to be asked again, and no longer than their time."""
    ids = [batch.pk for batch in batches]
    pause = max(ROUND, timedelta(seconds=seconds), *(_silence_of(batch.service or "") for batch in batches))
    with transaction.atomic():
        claim.extend(ids, progress=True)
        _put_off(Q(pk__in=ids), pause)


def ends_soon(ends: datetime, now: datetime) -> bool:
    return ends - now < SOON


def _put_off(where: Q, pause: timedelta) -> None:
    due_at = ExpressionWrapper(Now() + pause, output_field=DateTimeField())
    # At the end of its time a batch is screened without its service.
    until = Case(When(status=Status.PLANNED, then=Least(due_at, F("asks_until"))), default=due_at)
    Batch.objects.filter(where).update(due_at=until)


def _pause_of(service: str) -> timedelta:
    """Return how long no further batch may call a service; zero if one may now."""
    if silence := _silence_of(service):
        return silence
    breakers = _breakers_of(service)
    most = 1 if any(breaker.is_open for breaker in breakers) else CALLERS_OF_ONE
    if breakers and all(breaker.answered_within(PROMPT_SECONDS) for breaker in breakers):
        most = max(most, CALLERS_OF_PROMPT)
    held = Batch.objects.filter(ASKING, service=service, due_at__lte=Now(), claimed_until__gt=Now())
    callers = held.aggregate(callers=Count("claim_id", distinct=True))["callers"] or 0
    return timedelta() if callers < most else ROUND


def _silence_of(service: str) -> timedelta:
    """Return how long until the next probe of a service that does not answer this process."""
    return timedelta(seconds=max((breaker.wait() for breaker in _breakers_of(service)), default=0.0))


def _breakers_of(service: str) -> list[Breaker]:
    hosts = (name.rpartition(":") for name in service.split())
    return [service_breakers.of(host, int(port)) for host, colon, port in hosts if colon and port.isdigit()]
