"""Stop a release: return an accepted or rejected batch to review, except for rejections already sent.

A rejection that may have reached the platform is final; an answer that was not stored counts as lost. Of a rejected
batch, decisions not yet turned keep their verdict: delivery turns them chunk by chunk, just before sending.
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
# Marks decisions that an acceptance settled: a person's change of one contact always carries a text.
_SETTLED = Q(reason__in=SETTLED, text="", action="", answer=Answer.NONE)


class StopRelease(Verb[Batch]):
    """Take back the acceptance or rejection of a batch, as long as finishUri was not called.

    1. A worker on the batch loses its claim; rejections in chunks being sent count as sent.
    2. Rejections that may have been sent are final.
    3. Contacts settled by the acceptance are undecided again.
    4. The batch waits with the current counts of its decisions, and for its earlier hold reasons.
    """

    name = "undo"
    statuses = frozenset({Status.ACCEPTED, Status.REFUSED, Status.DELIVERED})

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        base.require_unreleased(batch)
        old = Status(batch.status)
        _count_as_sent(batch)
        rejected = Decision.objects.filter(rows_of(batch.pk), verdict=DecisionVerdict.REJECTED)
        batch.final = rejected.exclude(answer=Answer.NONE).count()
        # Turned by the rejection of the whole batch, and not sent: their earlier verdict is unknown.
        turned = rejected.filter(reason=DecisionReason.REFUSED, answer=Answer.NONE).count()
        opened = _open_again(batch)
        batch.attention, batch.attention_data = _lifted_attention(batch)
        batch.held_for = [*(code for code in batch.held_for if code != HoldReason.STOPPED), HoldReason.STOPPED]
        columns = recount(batch, act.now) | {
            "final": batch.final,
            "unread_taken_on": 0,
            "enrichments": open_enrichments(batch.pk).count(),
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


def count_sent_rejections(batch: Batch) -> int:
    """Return how many rejections were or may have been sent: those answered, and those in chunks being sent."""
    rejected = Decision.objects.filter(rows_of(batch.pk), verdict=DecisionVerdict.REJECTED)
    under_way = sum(rejected.filter(part, answer=Answer.NONE).count() for part in _marked(batch))
    return rejected.exclude(answer=Answer.NONE).count() + under_way


def _marked(batch: Batch) -> list[Q]:
    chunks = Chunk.objects.filter(batch=batch, sending=True).values_list("number", "rows")
    return [rows_of(batch.pk, number * batch.chunk_rows, rows) for number, rows in chunks]


def _count_as_sent(batch: Batch) -> None:
    """Turn the mark “being sent” on chunks into a lost answer on each of their rejections."""
    for part in _marked(batch):
        waiting = Decision.objects.filter(
            part, verdict=DecisionVerdict.REJECTED, answer__in=(Answer.NONE, Answer.RETRY)
        )
        waiting.update(answer=Answer.LOST)
    Chunk.objects.filter(batch=batch, sending=True).update(sending=False)


def _open_again(batch: Batch) -> int:
    """Make the contacts undecided again that the acceptance settled; return how many."""
    rows = Decision.objects.filter(rows_of(batch.pk))
    back = {"verdict": DecisionVerdict.UNDECIDED, "decided_by": None}
    opened = rows.filter(_SETTLED).update(reason=DecisionReason.STOPPED, **back)
    # Rows without an address were accepted with their own reason kept.
    let_through = rows.filter(unread=True, verdict=DecisionVerdict.ACCEPTED).exclude(reason=DecisionReason.PERSON)
    return opened + let_through.update(**back)


def _lifted_attention(batch: Batch) -> tuple[str, dict[str, Any]]:
    """Return the attention that the decision had lifted."""
    decided = Event.objects.filter(batch=batch, word=EventWord.MOVED, new__in=(Status.ACCEPTED, Status.REFUSED)).last()
    lifted = decided.data.get("lifted", {}) if decided is not None else {}
    return lifted.get("attention", ""), lifted.get("data", {})
