"""Deciding on many held singles of one sendout at once: each through the same stage as if it stood alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _

from sendouts.models import Batch, Status
from sendouts.verbs import accept as accept_verb
from sendouts.verbs import reject
from sendouts.verbs.base import NotDone

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


def accept(
    revisions: Mapping[int, int], *, user: User, note: str = "", undecided: str = "reject", now: datetime
) -> Together:
    """Accept each of a set of held singles. revisions: the revision that the person saw, by id; `undecided` as in review.

    Whether a second person is needed is asked of the set as a whole.
    """
    chosen = dict(list(revisions.items())[:AT_ONCE])
    contacts = Batch.objects.filter(pk__in=chosen).aggregate(contacts=Sum("total"))["contacts"] or 0
    decide = partial(accept_verb.accept, user=user, note=note, undecided=undecided, together=contacts, now=now)
    return _each(chosen, decide, "accept")


def refuse(revisions: Mapping[int, int], *, user: User, note: str = "", now: datetime) -> Together:
    """Reject each of a set of held singles. revisions: as for `accept`."""
    return _each(revisions, partial(reject.refuse, user=user, note=note, now=now), "refuse")


def _each(revisions: Mapping[int, int], decide: Callable[..., Batch], word: str) -> Together:
    """One transaction for each: what changed meanwhile is left as it is, and its neighbours are decided."""
    done: list[int] = []
    first: list[int] = []
    left: dict[int, str] = {}
    for pk, revision in list(revisions.items())[:AT_ONCE]:
        try:
            decided = decide(pk, revision=revision)
        except NotDone as refusal:
            left[pk] = str(refusal)
        except Batch.DoesNotExist:
            left[pk] = _("You do not see this batch any more. Nothing was changed.")
        else:
            # Only an acceptance can be the first of two.
            (first if word == "accept" and decided.status == Status.IN_REVIEW else done).append(pk)
    log.info("decided_together", verb=word, done=len(done), first=len(first), left=len(left))
    return Together(done, first, left)
