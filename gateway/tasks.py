"""What the project itself tidies up by the hour."""

from axes.models import AccessAttempt
from celery import shared_task
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone


@shared_task(name="gateway.tidy")
def tidy() -> None:
    """Delete failed logins that no longer count, and sessions that are over."""
    now = timezone.now()
    AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME).delete()
    Session.objects.filter(expire_date__lt=now).delete()
