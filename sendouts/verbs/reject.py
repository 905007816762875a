"""Reject a whole held batch."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from sendouts.models import Batch, Status
from sendouts.stages.review import reject_all
from sendouts.verbs import base


def refuse(batch_id: int, *, user: User | None, revision: int | None, note: str = "", now: datetime) -> Batch:
    """Reject a whole held batch: every contact one by one, then finish, so that nobody times out. Raises NotDone."""
    with transaction.atomic():
        batch = base.lock(batch_id, user, revision, now=now, statuses=(Status.IN_REVIEW,))
        reject_all(batch, now=now, user=user, note=note)
    return batch
