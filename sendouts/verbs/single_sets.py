"""Decide on many held singles of one sendout at once: each through the same verb as if it stood alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _

from sendouts.models import Batch, Status
from sendouts.verbs.accept import Accept
from sendouts.verbs.base import Act, NotDone
from sendouts.verbs.reject import Reject

log = structlog.get_logger(__name__)
# So many are decided in one go; whoever has more decides again.
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Together:
    """What became of a set: the ids that were decided, those that wait for a second person, and why the others were left."""

    done: list[int]
    first: list[int]
    left: dict[int, str]


def held_singles(seen: Q, sendout_id: int, now: datetime) -> QuerySet[Batch]:
    """The singles of a sendout that can be decided on together, most urgent first.

    Those that need attention, and rows that could not be read, are looked at one by one.
    """
    rows = Batch.objects.filter(
        seen, sendout=sendout_id, source=Batch.Source.SINGLE, status=Status.IN_REVIEW, deadline__gt=now
    )
    return rows.filter(attention="", unread=0, file_complete=True).order_by("deadline", "id")


def decide(verb: Accept | Reject, revisions: Mapping[int, int], act: Act) -> Together:
    """Carry a verb out on each of a set of held singles. revisions: the revision that the person saw, by id.

    1. Ask of the set as a whole whether a second person is needed.
    2. Decide on each in a transaction of its own: what changed meanwhile is left as it is, and its neighbours are decided.
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
