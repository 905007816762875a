"""The rules of when a second person must accept a batch; `verbs.second_person` applies them.

A batch keeps the rules of its project as they were when it came. The stricter of these and the present rules hold, so
that nobody lifts a rule for a batch that is held already.
"""

from typing import Any

from django.contrib.auth.models import User

from sendouts.models import Batch, Event, EventWord

# What a person decided in a batch. If the project says so, they must not accept it alone.
CHANGES = (EventWord.CHANGED, EventWord.CHANGE_BEGUN, EventWord.TAKEN_ON, EventWord.FILE_USED)
# The columns of a batch without an acceptance.
NOBODY: dict[str, Any] = {
    "first_accepted_by": None,
    "first_accepted_at": None,
    "first_undecided": "",
    "first_revision": None,
    "second_accepted_by": None,
}


def least_for_two(batch: Batch) -> int | None:
    """Return the number of contacts from which on two people must accept a batch; None if there is no such number."""
    known = (batch.second_person_from, batch.project.second_person_from)
    return min((least for least in known if least is not None), default=None)


def bars_own_changes(batch: Batch) -> bool:
    """Return whether a person must not accept alone what they decided in this batch."""
    return batch.no_own_changes or batch.project.no_own_changes


def by_size(batch: Batch, together: int = 0) -> bool:
    """Return whether a batch is so large that two people must accept it.

    together: the contacts of all batches accepted by the same act; a set counts with its total size.
    """
    least = least_for_two(batch)
    return least is not None and max(batch.total, together) >= least


def changed_by(batch: Batch, user: User) -> int:
    """Return how many decisions of a batch the person changed; 0 if one may accept one's own changes."""
    if not bars_own_changes(batch):
        return 0
    events = Event.objects.filter(batch=batch, word__in=CHANGES, user=user).values_list("data", flat=True)
    return sum(max(1, data.get("contacts", len(data.get("rows", [])))) for data in events)


def needed(batch: Batch, user: User, together: int = 0, *, vouches: bool = False) -> bool:
    """Return whether this person's acceptance alone is not enough.

    vouches: the acceptance releases contacts that no check accepted, which is a change by the person like any other.
    After a first acceptance, also as part of a set, the second one is required until the first is taken back.
    """
    if is_first_accepted(batch) or by_size(batch, together):
        return True
    return (vouches and bars_own_changes(batch)) or changed_by(batch, user) > 0


def changed_by_people(batch: Batch) -> bool:
    """Return whether people changed decisions of a batch for which a rule of two exists: a person must accept, too."""
    if least_for_two(batch) is None and not bars_own_changes(batch):
        return False
    return Event.objects.filter(batch=batch, word__in=CHANGES, user__isnull=False).exists()


def clock_waits(batch: Batch) -> bool:
    """Return whether the gateway must not accept a batch at its deadline: it cannot replace one of two people."""
    return by_size(batch) or changed_by_people(batch)


def is_first_accepted(batch: Batch) -> bool:
    """Return whether a first acceptance of two is valid: nothing has changed since."""
    return batch.first_accepted_by_id is not None and batch.first_revision == batch.revision
