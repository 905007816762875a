"""On which way the contacts of ended batches left, as sums for queries; Batch.timed_out says the same of one batch."""

from django.db.models import Case, Count, F, IntegerField, Min, Q, Sum, When

from sendouts.models import Outcome, Status

RELEASED = Q(status=Status.FINISHED, outcome=Outcome.RELEASED)
NOT_IN_TIME = Q(status__in=(Status.EXPIRED, Status.ABANDONED))
# Whoever was in it left on the “timed out” way, and nobody knows how many these are: the file was not read to its end.
UNCOUNTED = NOT_IN_TIME & (Q(total=0) | Q(file_complete=False, confirmed=0))

RELEASED_BATCHES = Count("pk", filter=RELEASED)
LATE_BATCHES = Count("pk", filter=NOT_IN_TIME)
UNCOUNTED_BATCHES = Count("pk", filter=UNCOUNTED)
ACCEPTED = Sum("accepted", filter=RELEASED, default=0)
# Where the batch was finished, each rejection was confirmed or taken on.
REJECTED = Sum(
    Case(When(status=Status.FINISHED, then=F("rejected")), default=F("confirmed"), output_field=IntegerField()),
    default=0,
)
TIMED_OUT = Sum(F("total") - F("confirmed"), filter=NOT_IN_TIME, default=0, output_field=IntegerField())
SPARE = Min(F("deadline") - F("ended_at"), filter=RELEASED)
