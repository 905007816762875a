"""What the project itself tidies up by the hour."""

from axes.models import AccessAttempt
from celery import shared_task
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from actions.suppression import prune as suppression
from notices.alarms import watch
from notices.messages import outbox
from sendouts.inquiries import export
from sendouts.privacy import retention


@shared_task(name="gateway.tidy")
def tidy() -> None:
    """Delete failed logins that no longer count, and sessions that are over."""
    now = timezone.now()
    AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME).delete()
    Session.objects.filter(expire_date__lt=now).delete()


@shared_task(name="sendouts.retire")
def retire() -> None:
    """Wipe the URIs of what is over, and delete what is older than the retention period."""
    retention.wipe(timezone.now())
    retention.retire(timezone.now())
    outbox.retire(timezone.now())
    export.prune(timezone.now())
    watch.prune(timezone.now())
    suppression.prune(timezone.now())
