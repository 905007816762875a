"""The alarms that one person sees."""

from django.db.models import BigIntegerField, Case, Exists, OuterRef, Q, QuerySet, When
from django.db.models.functions import Cast

from actions.access import Person, sees_all, within
from actions.models import Sendout
from notices.models import Alarm, Code
from sendouts.models import Batch

# Whose subject is a row of one project.
_OF_BATCHES, _OF_SENDOUTS = (Code.ATTENTION,), (Code.SENDOUT_SILENT,)
# Of the gateway itself. What counts the rows of all projects is for who sees them all, and so is what is not named here.
_OF_GATEWAY = (
    Code.DATABASE,
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
    """The alarms that a person sees: those of their projects' rows, and those of the gateway, which are everybody's."""
    found = Alarm.objects.all()
    if sees_all(user):
        return found
    about = Cast("subject", BigIntegerField())
    found = found.annotate(
        # Only subjects of these codes are numbers; the others must not be read as such.
        about_batch=Case(When(code__in=_OF_BATCHES, then=about)),
        about_sendout=Case(When(code__in=_OF_SENDOUTS, then=about)),
    )
    of_batch = Exists(Batch.objects.filter(within(user), pk=OuterRef("about_batch")))
    of_sendout = Exists(Sendout.objects.filter(within(user), pk=OuterRef("about_sendout")))
    return found.filter(Q(code__in=_OF_GATEWAY) | Q(of_batch) | Q(of_sendout))
