"""Batches that ended at a given time, for the figures of the desk."""

from datetime import datetime, timedelta
from typing import Any

from actions.models import Sendout
from sendouts.models import Batch, Outcome, Status
from tests.factories import batch, sendout


def ended(
    at: datetime,
    *,
    accepted: int = 0,
    rejected: int = 0,
    took: timedelta = timedelta(minutes=5),
    window: timedelta = timedelta(hours=1),
    where: Sendout | None = None,
    **columns: Any,
) -> Batch:
    """A batch that was released at that moment, `took` after its hook."""
    values = {
        "outcome": Outcome.RELEASED,
        "confirmed": rejected,
        "finish_sent_at": at,
        "ended_at": at,
        "received_at": at - took,
        "deadline": at - took + window,
        "decisions": False,
        "sendout": where or sendout(),
    }
    status = columns.pop("status", Status.FINISHED)
    return batch(status, accepted=accepted, rejected=rejected, **(values | columns))


def timed_out(at: datetime, *, total: int = 0, confirmed: int = 0, **columns: Any) -> Batch:
    """A batch whose deadline passed at that moment, with so many rejections confirmed until then."""
    return ended(
        at,
        status=Status.EXPIRED,
        outcome=Outcome.NONE,
        rejected=confirmed,
        accepted=total - confirmed,
        finish_sent_at=None,
        deadline=at,
        **columns,
    )
