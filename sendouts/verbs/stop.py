"""Stop a release: an accepted or rejected batch waits for its reviewers again, as far as nothing has left.

A rejection that may have reached the platform is final; the answer that nobody stored counts as lost. What a rejection of the
whole batch had not yet turned is as it was: delivery turns decisions chunk by chunk, just before they leave.
"""

from typing import Any

import structlog
from django.db.models import Q

from sendouts import lifecycle
from sendouts.models import Answer, Batch, Chunk, Decision, DecisionVerdict, Event, EventWord, Outcome, Status
from sendouts.models.decision import SETTLED, DecisionReason, rows_of
from sendouts.models.hold_reason import HoldReason
from sendouts.stages.effects import open_enrichments
from sendouts.stages.review import recount
from sendouts.verbs import base
from sendouts.verbs.base import Act, Verb

log = structlog.get_logger(__name__)
# How an acceptance marks what it settled by its own choice: a change of one contact always carries a text.
_SETTLED = Q(reason__in=SETTLED, text="", action="", answer=Answer.NONE)


class StopRelease(Verb[Batch]):
    """Take the acceptance or rejection of a batch back, as long as finishUri was not called.

    1. Whoever is at work loses its claim; what it has not stored counts as sent.
    2. What may have left stays rejected, for good.
    3. What the acceptance itself chose for the undecided is open again.
    4. The batch waits with the numbers that its decisions have now, and for what it waited before.
    """

    name = "undo"
    statuses = frozenset({Status.ACCEPTED, Status.REFUSED, Status.DELIVERED})

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        base.require_unreleased(batch)
        old = Status(batch.status)
        _count_as_sent(batch)
        rejected = Decision.objects.filter(rows_of(batch.pk), verdict=DecisionVerdict.REJECTED)
        batch.final = rejected.exclude(answer=Answer.NONE).count()
        # Turned by the rejection of the whole batch, and not sent: what they were is not known any more.
        turned = rejected.filter(reason=DecisionReason.REFUSED, answer=Answer.NONE).count()
        opened = _open_again(batch)
        batch.attention, batch.attention_data = _lifted(batch)
        batch.held_for = [*(code for code in batch.held_for if code != HoldReason.STOPPED), HoldReason.STOPPED]
        columns = recount(batch, act.now) | {
            "final": batch.final,
            "unread_taken_on": 0,
            "enrichments": open_enrichments(batch.pk),
            "outcome": Outcome.NONE,
            "decided_at": None,
            "attempts": 0,
            "claim_id": None,
            "claimed_until": None,
        }
        data = {"final": batch.final, "undecided": opened, "refused": turned}
        data = {name: count for name, count in data.items() if count}
        lifecycle.move({batch.pk: columns}, old, Status.IN_REVIEW, data={batch.pk: data}, **act.by)
        log.warning("release_stopped", batch=batch.pk, user=act.user.pk, old=old.value, **data)
        return batch


def may_have_left(batch: Batch) -> int:
    """How many rejections were sent, or may have been: those with an answer, and those of chunks that are being sent."""
    rejected = Decision.objects.filter(rows_of(batch.pk), verdict=DecisionVerdict.REJECTED)
    under_way = sum(rejected.filter(part, answer=Answer.NONE).count() for part in _marked(batch))
    return rejected.exclude(answer=Answer.NONE).count() + under_way


def _marked(batch: Batch) -> list[Q]:
    chunks = Chunk.objects.filter(batch=batch, sending=True).values_list("number", "rows")
    return [rows_of(batch.pk, number * batch.chunk_rows, rows) for number, rows in chunks]


def _count_as_sent(batch: Batch) -> None:
    """Turn “may have been sent”, which is a mark on chunks, into an answer that was lost, on each rejection."""
    for part in _marked(batch):
        waiting = Decision.objects.filter(
            part, verdict=DecisionVerdict.REJECTED, answer__in=(Answer.NONE, Answer.RETRY)
        )
        waiting.update(answer=Answer.LOST)
    Chunk.objects.filter(batch=batch, sending=True).update(sending=False)


def _open_again(batch: Batch) -> int:
    """Take back what the acceptance chose for those whom nobody could judge; returns how many they are."""
    rows = Decision.objects.filter(rows_of(batch.pk))
    back = {"verdict": DecisionVerdict.UNDECIDED, "decided_by": None}
    opened = rows.filter(_SETTLED).update(reason=DecisionReason.STOPPED, **back)
    # Rows without an address were let through under their own reason.
    let_through = rows.filter(unread=True, verdict=DecisionVerdict.ACCEPTED).exclude(reason=DecisionReason.PERSON)
    return opened + let_through.update(**back)


def _lifted(batch: Batch) -> tuple[str, dict[str, Any]]:
    """The attention that the decision had lifted."""
    decided = Event.objects.filter(batch=batch, word=EventWord.MOVED, new__in=(Status.ACCEPTED, Status.REFUSED)).last()
    lifted = decided.data.get("lifted", {}) if decided is not None else {}
    return lifted.get("attention", ""), lifted.get("data", {})
