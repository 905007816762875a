"""The alarms that one person may see."""

from django.db.models import BigIntegerField, Case, Exists, OuterRef, Q, QuerySet, When
from django.db.models.functions import Cast

from actions.access import Person, sees_all, within
from actions.models import Sendout
from notices.models import Alarm, Code
from sendouts.models import Batch

# The subject is a row of one project.
_BATCH_CODES, _SENDOUT_CODES = (Code.ATTENTION,), (Code.SENDOUT_SILENT,)
# Alarms of the gateway itself. People who see all projects see every other code too, such as counts over all projects.
_GATEWAY_CODES = (
    Code.DATABASE,
    Code.MIGRATIONS_PENDING,
    Code.WORK_WAITS,
    Code.SWEEP_SILENT,
    Code.WORKERS_SILENT,
    Code.BROKER_AWAY,
    Code.BEAT_SILENT,
    Code.QUEUE_SILENT,
    Code.BREAKER_NEAR,
    Code.JOURNAL_WAITING,
    Code.CLOCK_JUMPED,
    Code.DISK_FULL,
    Code.DATABASE_SLOW,
)


def alarms(user: Person) -> QuerySet[Alarm]:
    """Return the alarms that a person may see: those about rows of their projects, and those about the gateway."""
    found = Alarm.objects.all()
    if sees_all(user):
        return found
    about = Cast("subject", BigIntegerField())
    found = found.annotate(
        # Only subjects of these codes are numbers, so cast no others.
        about_batch=Case(When(code__in=_BATCH_CODES, then=about)),
        about_sendout=Case(When(code__in=_SENDOUT_CODES, then=about)),
    )
    of_batch = Exists(Batch.objects.filter(within(user), pk=OuterRef("about_batch")))
    of_sendout = Exists(Sendout.objects.filter(within(user), pk=OuterRef("about_sendout")))
    return found.filter(Q(code__in=_GATEWAY_CODES) | Q(of_batch) | Q(of_sendout))
