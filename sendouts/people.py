"""What a person asks for, checked before it is done: may they, is it still possible, did they see what is there now."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.formats import localize
from django.utils.translation import gettext as _

from sendouts import reach
from sendouts.models import Batch, Event, Status
from sendouts.models.event import Word
from sendouts.telling import clock, since

REVIEW = "sendouts.review_batch"
TAKE_ON = "sendouts.take_on_batch"
# Who the contacts are: their ids and the fields that a project keeps.
VIEW_CONTACTS = "sendouts.view_contacts"


class NotDone(Exception):
    """What a person asked for was not carried out; the text is a sentence for them. `code` is for programs."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def check_permission(user: User | None, permission: str) -> None:
    """Raise NotDone unless the user may; nobody (None) is the gateway itself, acting on a declared policy."""
    if user is not None and not user.has_perm(permission):
        raise NotDone("not_allowed", _("You may look at this batch, but not decide. Ask a reviewer."))


def lock(
    batch_id: int,
    user: User | None,
    revision: int | None,
    *,
    now: datetime,
    statuses: Collection[Status],
    permission: str = REVIEW,
) -> Batch:
    """Lock a batch for what a person wants to do with it, in the caller's transaction.

    1. The person may.
    2. The batch has one of the statuses, and its deadline is still to come.
    3. It is as the person saw it: `revision` is the number that their page carried (None: whatever it is).
    Raises NotDone with the sentence to show; for a batch of a project that they do not see, as for one that is not there,
    Batch.DoesNotExist.
    """
    check_permission(user, permission)
    rows = Batch.objects.select_for_update(of=("self",)).select_related("project", "sendout")
    batch = rows.get(Q() if user is None else reach.within(user), pk=batch_id)
    if batch.status not in statuses or now >= batch.deadline:
        raise NotDone("moved_on", moved_on(batch, now))
    if revision is not None and revision != batch.revision:
        raise NotDone("changed", changed(batch, revision))
    return batch


def moved_on(batch: Batch, now: datetime) -> str:
    """Tell somebody who came too late what happened instead."""
    event = Event.objects.filter(batch=batch, word=Word.MOVED, new=batch.status).select_related("user").last()
    who = event.user.get_username() if event is not None and event.user is not None else ""
    if (batch.is_open and now >= batch.deadline) or batch.status == Status.EXPIRED:
        return _("The deadline passed at %(time)s. Nothing was changed.") % {"time": clock(batch.deadline)}
    words: dict[str, Any] = {"who": who}
    if batch.status == Status.ACCEPTED and who:
        return _("%(who)s has just accepted this batch. Nothing was changed by you.") % words
    if batch.status == Status.REFUSED and who:
        return _("%(who)s has just rejected this batch. Nothing was changed by you.") % words
    if batch.status == Status.IN_REVIEW and who:
        return _("%(who)s has just stopped the release of this batch. Nothing was changed by you.") % words
    words["status"] = batch.get_status_display()
    return _("This batch has gone on: it is now “%(status)s”. Nothing was changed.") % words


def changed(batch: Batch, revision: int) -> str:
    """Tell somebody that the page they looked at is old, what is true now, and who did what since."""
    now = _(
        "The numbers changed while you read: %(accepted)s now get it, %(rejected)s do not. Look again, then decide."
    ) % {"accepted": localize(batch.accepted), "rejected": localize(batch.rejected + batch.undecided)}
    happened = since(batch, revision)
    return f"{now} {_('What happened: %(events)s.') % {'events': happened}}" if happened else now


def require_note(note: str) -> str:
    """The note of an act that needs one; raises NotDone when it is empty."""
    if not note.strip():
        raise NotDone("note_needed", _("Say why in a note: it stays with the batch."))
    return note.strip()
