"""What beat asks the workers to look for."""

from celery import shared_task
from django.utils import timezone

from notices.alarms import watch as alarm_watch
from work import pulses


@shared_task(name="sendouts.watch")
def watch() -> None:
    """Look for what operators must know; that this runs at all is part of it."""
    pulses.sign(pulses.SMALL)
    alarm_watch.look_by_beat(timezone.now())
