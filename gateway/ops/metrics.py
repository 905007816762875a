"""Metrics for Prometheus, all computed from rows: several processes count, and their memories do not add up.

Labels are words from the code, never the name of a sendout, contact, host or process.
"""

import hmac
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Sum
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from notices.alarms import traffic
from notices.models import Alarm, Code, Message
from sendouts.models import Batch, Status, Webhook
from sendouts.models.batch import OPEN
from sendouts.privacy import retention
from work import lanes, pulses
from work.models import Pulse

HOUR = timedelta(hours=1)


def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics if the request carries METRICS_TOKEN; without a configured token the page does not exist."""
    if not settings.METRICS_TOKEN:
        raise Http404
    wanted = f"Bearer {settings.METRICS_TOKEN}".encode()
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), wanted):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(timezone.now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Figures(Collector):
    """Metrics from one read of the database; every query uses an index, or reads only open rows."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Describe nothing in advance: registration must not query the database."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._batches()
        yield from self._work()
        yield from self._hooks()
        yield from self._alarms()
        yield from self._messages()

    def _batches(self) -> Iterator[GaugeMetricFamily]:
        open_ones = Batch.objects.filter(status__in=OPEN)
        counted = dict(open_ones.order_by().values_list("status").annotate(rows=Count("pk")))
        yield _make_labelled(
            "batches_open",
            "Batches that are not over, by the last stage that they completed.",
            "status",
            {status.value: counted.get(status, 0) for status in OPEN},
        )
        yield _one(
            "batches_attention", "Open batches that wait for a person to act.", open_ones.exclude(attention="").count()
        )
        nearest = open_ones.aggregate(nearest=Min("deadline"))["nearest"]
        yield _one(
            "deadline_nearest_seconds",
            "Until the nearest deadline of an open batch; absent where none is open.",
            (nearest - self._now).total_seconds() if nearest else None,
        )
        # A batch that ended within the hour had its deadline after that hour's start, so the index on deadlines finds
        # it.
        ended = Batch.objects.filter(deadline__gte=self._now - HOUR, ended_at__gte=self._now - HOUR)
        ends = [status for status in Status if status not in OPEN]
        over = dict(ended.filter(status__in=ends).order_by().values_list("status").annotate(rows=Count("pk")))
        yield _make_labelled(
            "batches_ended_last_hour",
            "Batches that ended within the last hour.",
            "status",
            {status.value: over.get(status, 0) for status in ends},
        )
        sums = ended.filter(status=Status.FINISHED).aggregate(rows=Sum("confirmed"), seconds=Sum("delivery_seconds"))
        yield _one(
            "rejections_last_hour", "Rejections confirmed in batches that ended in the last hour.", sums["rows"] or 0
        )
        yield _one("delivery_seconds_last_hour", "Seconds spent on sending them.", sums["seconds"] or 0)
        yield _make_labelled(
            "retention_behind_seconds",
            "By how long the oldest data has outlived its time: URIs, and contacts with their decisions.",
            "data",
            retention.behind(self._now),
        )

    def _work(self) -> Iterator[GaugeMetricFamily]:
        waits, claimed = {}, {}
        for lane in lanes.registered():
            oldest = lane.oldest_due()
            waits[lane.name] = max(0.0, (self._now - oldest).total_seconds()) if oldest else 0.0
            claimed[lane.name] = lane.claimed().count()
        yield _make_labelled(
            "due_oldest_seconds", "Since when the oldest work that nobody is at has been due.", "lane", waits
        )
        yield _make_labelled("claimed", "Rows that somebody is at work on.", "lane", claimed)
        loops = (pulses.SWEEP, pulses.BEAT, *lanes.workers(), pulses.QUEUE)
        at = dict(Pulse.objects.filter(pk__in=loops).values_list("pk", "at"))
        yield _make_labelled(
            "loop_age_seconds",
            "Since the loop last said that it is at work; a worker without work says nothing.",
            "loop",
            {name: max(0.0, (self._now - at[name]).total_seconds()) for name in loops if name in at},
        )

    def _hooks(self) -> Iterator[GaugeMetricFamily]:
        recent = Webhook.objects.filter(received_at__gte=self._now - HOUR).order_by()
        found = dict(recent.values_list("outcome").annotate(rows=Count("pk")))
        yield _make_labelled(
            "hooks_last_hour",
            "Hooks received within the last hour.",
            "outcome",
            {each.value or "waiting": found.get(each.value, 0) for each in Webhook.Outcome},
        )
        answers = traffic.answers(self._now, traffic.BREAKER_SPAN)
        yield _make_labelled(
            "acknowledgements_last_5_minutes", "Answers of the door. Slow ones are among the stored.", "answer", answers
        )
        doors = Pulse.objects.filter(pk__startswith=pulses.DOOR, at__gte=Now() - traffic.JOURNAL_FRESH)
        yield _one(
            "journal_hooks",
            "Hooks that wait in journals on disk.",
            sum(pulse.data.get("journal", 0) for pulse in doors),
        )

    def _alarms(self) -> Iterator[GaugeMetricFamily]:
        found = dict(Alarm.objects.filter(closed_at=None).order_by().values_list("code").annotate(rows=Count("pk")))
        yield _make_labelled("alarms_open", "Open alarms.", "code", {code.value: found.get(code, 0) for code in Code})

    def _messages(self) -> Iterator[GaugeMetricFamily]:
        marked = Message.objects.filter(at__gte=self._now - HOUR).order_by()
        found = dict(marked.values_list("state").annotate(rows=Count("pk")))
        states = [state for state in Message.State if state != Message.State.DROPPED]
        yield _make_labelled(
            "messages_last_hour",
            "Messages to people and channels that were tried within the last hour.",
            "state",
            {state.value: found.get(state, 0) for state in states},
        )
        due = Message.objects.filter(state=Message.State.WAITING, due_at__lte=self._now)
        yield _one("messages_due", "Messages whose time has come.", due.count())


def _one(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"sendgate_{name}", text)
    if value is not None:
        family.add_metric([], value)
    return family


def _make_labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"sendgate_{name}", text, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family
