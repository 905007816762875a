"""Accept a held batch."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sendouts.models import Batch, Status, Verdict
from sendouts.stages.review import BLOCKS_ACCEPTANCE, release, unread_without_address
from sendouts.verbs import base, second_person
from sendouts.verbs.base import NotDone


def accept(
    batch_id: int,
    *,
    user: User | None,
    revision: int | None,
    note: str = "",
    undecided: str = "reject",
    take_on: bool = False,
    together: int = 0,
    now: datetime,
) -> Batch:
    """Accept a held batch: rejections go out, then the rest is released. Where two people must, the first is recorded.

    undecided: `reject` or `accept`, the person's own decision for the contacts that nobody could judge. take_on: the
    person answers for rows that could not be read and cannot be rejected; needs its permission and a note. together: the
    contacts of all batches that are accepted by the same act. The status of what is returned says which: still in review
    after the first of two. Raises NotDone with a sentence.
    """
    if undecided not in {"reject", "accept"}:
        raise NotDone("bad_choice", _("Choose what becomes of the undecided contacts: “reject” or “accept”."))
    choice = Verdict.ACCEPTED if undecided == "accept" else Verdict.REJECTED
    with transaction.atomic():
        batch = base.lock(batch_id, user, revision, now=now, statuses=(Status.IN_REVIEW,))
        if batch.attention in BLOCKS_ACCEPTANCE or not batch.file_complete:
            sentence = _("The contact file is not complete: whoever is missing from it would get the message unseen.")
            raise NotDone("not_complete", sentence + " " + _("Download it again, or reject the batch."))
        taken_on = unread_without_address(batch)
        if taken_on:
            if not take_on:
                raise NotDone("unread_rows", _unread_sentence(taken_on))
            base.require_note(note)
        if taken_on or (batch.unread and choice is Verdict.ACCEPTED):
            # Nobody could judge these rows, not even in part: who lets them through answers for them.
            base.check_permission(user, base.TAKE_ON)
        persons = second_person.accept(batch, user, undecided, note=note, now=now, together=together)
        if persons is not None:
            release(batch, now=now, user=user, note=note, undecided=choice, taken_on=taken_on, persons=persons)
            batch.status = Status.ACCEPTED
    return batch


def _unread_sentence(rows: int) -> str:
    return ngettext(
        "%(rows)d row could not be read and has no address to reject it: it would get the message unchecked. "
        "Accept with “take on”, and say why.",
        "%(rows)d rows could not be read and have no address to reject them: they would get the message unchecked. "
        "Accept with “take on”, and say why.",
        rows,
    ) % {"rows": rows}
