"""Acceptance by two people: the first acceptance, its end, and the sentences for the second person.

The batch stays in review between the two. Any change raises its revision, which voids the first acceptance.
"""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from sendouts import lifecycle, rules
from sendouts.models import Batch, EventWord, Status
from sendouts.verbs.base import Act, NotDone, NotDoneCode, Verb
from sendouts.wording.batch_sentences import time_of


def accept(
    batch: Batch, act: Act, undecided: str, *, together: int = 0, vouches: bool = False
) -> dict[str, Any] | None:
    """Record one person's acceptance of a batch that the caller has locked.

    undecided: `reject` or `accept`. vouches: it releases contacts that no check accepted. Returns the columns with
    which the batch is accepted, or None after recording the first acceptance of two. Raises NotDone if the same person
    accepts twice, or if the second person chose differently.
    """
    if not rules.needed(batch, act.user, together, vouches=vouches):
        return rules.NOBODY
    if not rules.is_first_accepted(batch):
        _record(batch, act, undecided)
        return None
    if batch.first_accepted_by_id == act.user.pk:
        raise NotDone(NotDoneCode.SECOND_PERSON, first_acceptance_sentence(batch, act.user, act.now))
    if undecided != batch.first_undecided and batch.undecided + batch.unread:
        sentence = _(
            "%(who)s chose otherwise for the undecided: %(choice)s Choose the same, or change them one by one."
        )
        words = {"who": first_name(batch), "choice": choice(batch)}
        raise NotDone(NotDoneCode.OTHER_CHOICE, sentence % words)
    return {"second_accepted_by": act.user}


def _record(batch: Batch, act: Act, undecided: str) -> None:
    columns: dict[str, Any] = {
        "first_accepted_by": act.user,
        "first_accepted_at": act.now,
        "first_undecided": undecided,
        "first_revision": batch.revision + 1,
        "second_accepted_by": None,
    }
    data = {"undecided": undecided} if batch.undecided + batch.unread else {}
    lifecycle.change(batch, EventWord.FIRST_ACCEPTED, data=data, **act.by, **columns)


class TakeBack(Verb[Batch]):
    """Take back one's own first acceptance."""

    name = "take-back"
    statuses = frozenset({Status.IN_REVIEW})

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        if not rules.is_first_accepted(batch) or batch.first_accepted_by_id != act.user.pk:
            sentence = _("There is nothing to take back: you have not accepted this batch as first person.")
            raise NotDone(NotDoneCode.NOTHING, sentence)
        lifecycle.change(batch, EventWord.TAKEN_BACK, **act.by, **rules.NOBODY)
        return batch


def first_name(batch: Batch) -> str:
    """Return the name of the first person; empty if there is none."""
    return batch.first_accepted_by.get_username() if batch.first_accepted_by else ""


def choice(batch: Batch) -> str:
    """Return the first person's choice for the undecided, as a sentence."""
    return _("They get the message.") if batch.first_undecided == "accept" else _("They are rejected.")


def first_acceptance_sentence(batch: Batch, reader: Any, now: datetime) -> str:
    """Return the text on a first acceptance for one reader; empty if there is none."""
    if not rules.is_first_accepted(batch) or batch.first_accepted_at is None:
        return ""
    words = {"who": first_name(batch), "time": time_of(batch.first_accepted_at, now)}
    if reader is not None and batch.first_accepted_by_id == reader.pk:
        return _("You accepted as first person at %(time)s; a second person is needed.") % words
    return _("%(who)s accepted as first person at %(time)s; a second person is needed.") % words
