"""Celery tasks: one for each lane, and the periodic ones of beat."""

from typing import Any

from axes.models import AccessAttempt
from celery import shared_task
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from actions.suppression import prune as suppression
from gateway.lanes import LANES
from notices.alarms import watch as alarm_watch
from notices.messages import due
from sendouts.inquiries import export
from work import pulses
from work.lanes import Lane
from work.nudges import nudge
from work.run import run


def make_task(lane: Lane) -> Any:
    """Make the Celery task of a lane. It takes ids, checks the rows, may run twice, and decides nothing."""

    def work_on(ids: list[int]) -> None:
        along = lane.due(lane.along) if lane.along else []
        wanted = list(dict.fromkeys([*ids, *along]))
        for group in [wanted] if lane.together else [[pk] for pk in wanted]:
            pulses.sign(lane.worker)
            run(lane, group, pass_on=lambda onward, found: nudge(onward.name, found))

    return shared_task(name=lane.task)(work_on)


TASKS = {lane.name: make_task(lane) for lane in LANES}


@shared_task(name="sendouts.watch")
def watch() -> None:
    """Sign the heartbeat of this queue, and check for conditions that operators must know."""
    pulses.sign(pulses.SMALL)
    alarm_watch.look_by_beat(timezone.now())


@shared_task(name="gateway.tidy")
def tidy() -> None:
    """Delete expired failed logins and expired sessions."""
    now = timezone.now()
    AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME).delete()
    Session.objects.filter(expire_date__lt=now).delete()


@shared_task(name="sendouts.retire")
def retire() -> None:
    """Delete messages, exports, alarms and list entries that are too old. Contacts: sendouts.privacy.retention."""
    due.retire(timezone.now())
    export.prune(timezone.now())
    alarm_watch.prune(timezone.now())
    suppression.prune(timezone.now())
