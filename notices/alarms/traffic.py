"""Checks of hooks that were refused, slow, unreadable or missing, and of batches that run out of time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import cast

from django.conf import settings
from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import Now
from django.utils.dateparse import parse_datetime

from actions.models import LONGEST_ANSWER, Sendout
from notices.alarms.findings import Finding
from notices.models import Code
from sendouts.models import Batch, DoorWindow, Event, EventWord, Status, Webhook
from sendouts.models.batch import OPEN
from work import pulses
from work.models import Pulse

# Span for judging the door's answers: long enough for a meaningful share, short enough to act upon.
BREAKER_SPAN = timedelta(minutes=5)
# A refused hook is a sendout that reaches no contact, so report it long enough for people to look.
REFUSED_SPAN = timedelta(minutes=15)
TOLD_SPAN = timedelta(hours=1)
JOURNAL_WAITS = timedelta(minutes=1)
# An old row of a stopped door says nothing about its present state.
JOURNAL_FRESH = timedelta(minutes=10)
# Report a hook after this many failed planning attempts: the failure is not transient.
PLANNING_ATTEMPTS = 3
# Time that a person needs to look at a batch and act. At most a quarter of its window, so that short sendouts do not
# alarm at once.
NEAR = timedelta(minutes=15)
# An expected sendout may be a little late.
GRACE = 1.1
AT_MOST = 20


def answers(now: datetime, span: timedelta) -> dict[str, int]:
    """Count the door's answers within a span of time: stored, slow, refused, turned_away."""
    names = ("stored", "slow", "refused", "turned_away")
    found = DoorWindow.objects.filter(at__gte=now - span).aggregate(**{name: Sum(name) for name in names})
    return {name: found[name] or 0 for name in names}


def breaker_near(now: datetime) -> Iterator[Finding]:
    """Report a failure share near our estimate of the platform's breaker, before that breaker opens.

    The real thresholds of the platform are not known.
    """
    seen = answers(now, BREAKER_SPAN)
    hooks, bad = seen["stored"] + seen["refused"], seen["slow"] + seen["refused"]
    if hooks >= settings.DOOR_WATCH_HOOKS and bad >= settings.DOOR_WATCH_SHARE * hooks:
        percent = round(100 * bad / hooks)
        yield Finding(Code.BREAKER_NEAR, data={"hooks": hooks, "bad": bad, "percent": percent})


def hooks_refused(now: datetime) -> Iterator[Finding]:
    refused = answers(now, REFUSED_SPAN)["refused"]
    if refused:
        yield Finding(Code.HOOKS_REFUSED, data={"hooks": refused})


def journal_waiting(now: datetime) -> Iterator[Finding]:
    for pulse in Pulse.objects.filter(pk__startswith=pulses.DOOR, at__gte=Now() - JOURNAL_FRESH):
        oldest = parse_datetime(pulse.data.get("oldest") or "")
        if pulse.data.get("journal") and oldest is not None and now - oldest > JOURNAL_WAITS:
            data = {"hooks": pulse.data["journal"], "since": oldest.isoformat()}
            yield Finding(Code.JOURNAL_WAITING, pulse.name.removeprefix(pulses.DOOR), data)


def hook_not_planned(now: datetime) -> Iterator[Finding]:
    tried = Q(due_at__isnull=False, attempts__gte=PLANNING_ATTEMPTS)
    stuck = Webhook.objects.filter(tried | Q(outcome=Webhook.Outcome.FAILED, received_at__gte=now - TOLD_SPAN))
    found = stuck.aggregate(hooks=Count("pk"), first=Min("pk"))
    if found["hooks"]:
        yield Finding(Code.HOOK_NOT_PLANNED, data=found)


def hook_unreadable(now: datetime) -> Iterator[Finding]:
    bad = Webhook.objects.filter(outcome=Webhook.Outcome.UNREADABLE, received_at__gte=now - TOLD_SPAN)
    found = bad.aggregate(hooks=Count("pk"), first=Min("pk"))
    if found["hooks"]:
        found["why"] = bad.filter(pk=found["first"]).values_list("detail", flat=True).first() or ""
        yield Finding(Code.HOOK_UNREADABLE, data=found)


def deadline_missed(now: datetime) -> Iterator[Finding]:
    """Report batches that expired before review: hooks received or planned too late, and work not done in time."""
    ended = Batch.objects.filter(
        status=Status.EXPIRED, attention="", deadline__gte=now - LONGEST_ANSWER, ended_at__gte=now - TOLD_SPAN
    )
    late = Event.objects.filter(batch__in=list(ended.values_list("pk", flat=True)[:1_000]), word=EventWord.MOVED)
    missed = late.filter(new=Status.EXPIRED).exclude(old=Status.IN_REVIEW)
    found = missed.aggregate(batches=Count("batch_id", distinct=True), first=Min("batch_id"))
    if found["batches"]:
        yield Finding(Code.DEADLINE_MISSED, data=found)


def attention(now: datetime) -> Iterator[Finding]:
    """Report one finding for each batch in attention, most urgent first, up to AT_MOST."""
    near = Batch.objects.filter(status__in=OPEN, deadline__gt=now, deadline__lte=now + NEAR).exclude(attention="")
    for batch in near.order_by("deadline").only("received_at", "deadline", "attention")[:AT_MOST]:
        if batch.deadline - now <= (batch.deadline - batch.received_at) / 4:
            data = {"batch": batch.pk, "attention": batch.attention, "deadline": batch.deadline.isoformat()}
            yield Finding(Code.ATTENTION, str(batch.pk), data)


def sendout_silent(now: datetime) -> Iterator[Finding]:
    expected = Sendout.objects.filter(expect_every__isnull=False, archived=False, project__archived=False)
    for sendout in expected.select_related("project"):
        every = cast(timedelta, sendout.expect_every)
        patience = every * GRACE
        if Batch.objects.filter(sendout=sendout, received_at__gte=now - patience).exists():
            continue
        last = Batch.objects.filter(sendout=sendout).aggregate(last=Max("received_at"))["last"]
        declared = sendout.expected_since()
        since = max(last, declared) if last else declared
        if since < now - patience:
            names = {"project": sendout.project.name, "sendout": str(sendout)}
            data = {**names, "every": round(every.total_seconds()), "last": last.isoformat() if last else None}
            yield Finding(Code.SENDOUT_SILENT, str(sendout.pk), data)
