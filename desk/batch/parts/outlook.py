"""What happens next: if the reader accepts, if no person decides, and if something goes wrong meanwhile."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractUser

from actions.models import AtDeadline
from desk.verbs.accept import AcceptPage
from sendouts import rules
from sendouts.models import Batch, Status
from sendouts.models.hold_reason import HoldReason
from sendouts.outlook.forecast import Lately
from sendouts.stages.review import BLOCKS_ACCEPTANCE
from sendouts.verbs import base


@dataclass(frozen=True, slots=True)
class Outlook:
    """The facts of what happens to an open batch next; all but the defaults are of a batch in review.

    `to_send`, `sending`: how many rejections an acceptance sends, and about how long they take, if that is known.
    `untaken`: rows that would get the message unchecked, and that the reader may not take on. `policy`: what the clock
    does without a person. `why_not`: the code of why that is not what is declared; empty if it is.
    """

    is_own: bool = False
    is_complete: bool = True
    untaken: int = 0
    to_send: int = 0
    sending: timedelta | None = None
    policy: str = ""
    why_not: str = ""


def outlook(batch: Batch, user: AbstractUser, now: datetime, known: Lately | None) -> Outlook | None:
    """Return what happens next; None if the batch is over."""
    if not batch.is_open:
        return None
    if batch.status != Status.IN_REVIEW:
        return Outlook()
    accept = AcceptPage(batch, user, now)
    waits = batch.at_deadline == AtDeadline.ACCEPT and rules.clock_waits(batch)
    acts = batch.at_deadline != AtDeadline.LEAVE and batch.due_at is not None and not waits
    return Outlook(
        is_own=rules.is_first_accepted(batch) and batch.first_accepted_by_id == user.pk,
        is_complete=batch.file_complete and batch.attention not in BLOCKS_ACCEPTANCE,
        untaken=accept.taken_on if user.has_perm(base.REVIEW) and not accept.is_permitted else 0,
        to_send=accept.to_send,
        sending=timedelta(seconds=max(1.0, accept.to_send / known.rate)) if known else None,
        policy=batch.at_deadline if acts else AtDeadline.LEAVE,
        why_not="" if acts or batch.at_deadline == AtDeadline.LEAVE else _why_not(batch, waits=waits),
    )


def _why_not(batch: Batch, *, waits: bool) -> str:
    """Return the code of why the declared policy does not act. waits: two people must accept."""
    if batch.running_change is not None:
        return "changing"
    if batch.attention:
        return "attention"
    if batch.unjudged():
        return "unjudged"
    if waits:
        return "two_people"
    return "stopped" if HoldReason.STOPPED in batch.held_for else "empty"
