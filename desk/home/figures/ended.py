"""Sums for queries: contacts of ended batches by the way on which they left; Batch.timed_out does one batch."""

from django.db.models import Case, Count, F, IntegerField, Min, Q, Sum, When

from sendouts.models import Outcome, Status

RELEASED = Q(status=Status.FINISHED, outcome=Outcome.RELEASED)
NOT_IN_TIME = Q(status__in=(Status.EXPIRED, Status.ABANDONED))
# Their contacts left on the “timed out” way in unknown number: the file was not read to its end.
UNCOUNTED = NOT_IN_TIME & (Q(total=0) | Q(file_complete=False, confirmed=0))

RELEASED_BATCHES = Count("pk", filter=RELEASED)
LATE_BATCHES = Count("pk", filter=NOT_IN_TIME)
UNCOUNTED_BATCHES = Count("pk", filter=UNCOUNTED)
ACCEPTED = Sum("accepted", filter=RELEASED, default=0)
# In a finished batch each rejection was confirmed or taken on.
REJECTED = Sum(
    Case(When(status=Status.FINISHED, then=F("rejected")), default=F("confirmed"), output_field=IntegerField()),
    default=0,
)
TIMED_OUT = Sum(F("total") - F("confirmed"), filter=NOT_IN_TIME, default=0, output_field=IntegerField())
SPARE = Min(F("deadline") - F("ended_at"), filter=RELEASED)
