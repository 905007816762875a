"""Reject a whole held batch."""

from sendouts.models import Batch, Status
from sendouts.stages.review import reject_all
from sendouts.verbs.base import Act, Note, Verb


class Reject(Verb[Batch]):
    """Reject every contact one by one, then finish, so that no contact times out."""

    name = "reject"
    statuses = frozenset({Status.IN_REVIEW})
    note = Note.REQUIRED

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        reject_all(batch, **act.by)
        batch.status = Status.REFUSED
        return batch
