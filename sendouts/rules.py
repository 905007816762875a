"""When a second person must accept a batch: the rule, asked of rows; `verbs.second_person` carries it out."""

from typing import Any

from django.contrib.auth.models import User

from sendouts.models import Batch, Event, EventWord

# What a person did to decisions; whoever did any of it accepts nothing alone where the project says so.
CHANGES = (EventWord.CHANGED, EventWord.CHANGE_BEGUN)
# The columns of a batch that nobody has accepted.
NOBODY: dict[str, Any] = {
    "first_accepted_by": None,
    "first_accepted_at": None,
    "first_undecided": "",
    "first_revision": None,
    "second_accepted_by": None,
}


def by_size(batch: Batch, together: int = 0) -> bool:
    """Whether a batch is so large that two people must accept it.

    together: the contacts of all batches that are accepted by the same act; a set is as large as it is.
    """
    least = batch.project.second_person_from
    return least is not None and max(batch.total, together) >= least


def changed_by(batch: Batch, user: User) -> int:
    """How many decisions of a batch a person changed, where nobody may accept alone what they changed; else 0."""
    if not batch.project.no_own_changes:
        return 0
    events = Event.objects.filter(batch=batch, word__in=CHANGES, user=user).values_list("data", flat=True)
    return sum(max(1, data.get("contacts", len(data.get("rows", [])))) for data in events)


def needed(batch: Batch, user: User, together: int = 0) -> bool:
    """Whether this person's acceptance alone is not enough.

    Where somebody accepted first, also as one of a set, it is the second that is waited for, until they take it back.
    """
    return is_first_accepted(batch) or by_size(batch, together) or changed_by(batch, user) > 0


def changed_by_people(batch: Batch) -> bool:
    """Whether people changed decisions of a batch of a project with such a rule: then a person must accept it, too."""
    project = batch.project
    if project.second_person_from is None and not project.no_own_changes:
        return False
    return Event.objects.filter(batch=batch, word__in=CHANGES, user__isnull=False).exists()


def clock_waits(batch: Batch) -> bool:
    """Whether the gateway may not accept a batch by itself at its deadline: it is no second person, and nobody's first."""
    return by_size(batch) or changed_by_people(batch)


def is_first_accepted(batch: Batch) -> bool:
    """Whether somebody accepted a batch as the first of two, and nothing has changed since."""
    return batch.first_accepted_by_id is not None and batch.first_revision == batch.revision
