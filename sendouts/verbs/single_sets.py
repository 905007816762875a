"""Decide on many held singles of one sendout at once, each through the same verb as a batch alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _

from sendouts.models import Batch, Status
from sendouts.verbs.accept import Accept, Reject
from sendouts.verbs.base import Act, NotDone

log = structlog.get_logger(__name__)
# Decide on at most this many per call; for more, the person decides again.
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Together:
    """The result for a set: the decided ids, the ids that need a second person, and why the others were left."""

    done: list[int]
    first: list[int]
    left: dict[int, str]


def held_singles(seen: Q, sendout_id: int, now: datetime) -> QuerySet[Batch]:
    """Return the singles of a sendout that can be decided on together, most urgent first.

    Singles that need attention or have unreadable rows must be decided one by one.
    """
    rows = Batch.objects.filter(
        seen, sendout=sendout_id, source=Batch.Source.SINGLE, status=Status.IN_REVIEW, deadline__gt=now
    )
    return rows.filter(attention="", unread=0, file_complete=True).order_by("deadline", "id")


def decide(verb: Accept | Reject, revisions: Mapping[int, int], act: Act) -> Together:
    """Carry out a verb on each of a set of held singles. revisions: the revision that the person saw, by id.

    1. Ask for the set as a whole whether a second person is needed.
    2. Decide on each in its own transaction: a single that changed meanwhile is left, the others are decided.
    """
    chosen = dict(list(revisions.items())[:AT_ONCE])
    if isinstance(verb, Accept):
        contacts = Batch.objects.filter(pk__in=chosen).aggregate(contacts=Sum("total"))["contacts"] or 0
        verb = replace(verb, together=contacts)
    done: list[int] = []
    first: list[int] = []
    left: dict[int, str] = {}
    for pk, revision in chosen.items():
        try:
            decided = verb.run(pk, replace(act, revision=revision))
        except NotDone as refusal:
            left[pk] = str(refusal)
        except Batch.DoesNotExist:
            left[pk] = _("You do not see this batch any more. Nothing was changed.")
        else:
            # Only an acceptance can be the first of two.
            (first if decided.status == Status.IN_REVIEW else done).append(pk)
    log.info("decided_together", verb=verb.name, done=len(done), first=len(first), left=len(left))
    return Together(done, first, left)
