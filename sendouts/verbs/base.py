"""What a person asks for, checked before it is done: may they, is it still possible, did they see what is there now."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions import access
from sendouts.models import Batch, BulkChange, Event, Status
from sendouts.models.event import Word
from sendouts.wording.events import clock, since

REVIEW = "sendouts.review_batch"
TAKE_ON = "sendouts.take_on_batch"
# Who the contacts are: their ids and the fields that a project keeps.
VIEW_CONTACTS = "sendouts.view_contacts"
# Somebody who is later than this is not told by how many seconds.
LATE_SECONDS = 600


class NotDone(Exception):
    """What a person asked for was not carried out; the text is a sentence for them. `code` is for programs."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def check_permission(user: User | None, permission: str) -> None:
    """Raise NotDone unless the user may; nobody (None) is the gateway itself, acting on a declared policy."""
    if user is None or user.has_perm(permission):
        return
    if permission == TAKE_ON and user.has_perm(REVIEW):
        raise NotDone("not_allowed", _("You may decide on this batch, but not take this on. Ask somebody who may."))
    raise NotDone("not_allowed", _("You may look at this batch, but not decide. Ask a reviewer."))


def lock(
    batch_id: int,
    user: User | None,
    revision: int | None,
    *,
    now: datetime,
    statuses: Collection[Status],
    permission: str = REVIEW,
    while_changing: bool = False,
) -> Batch:
    """Lock a batch for what a person wants to do with it, in the caller's transaction.

    1. The person may.
    2. The batch has one of the statuses; while it is open, its deadline is still to come.
    3. Nobody changes many of its decisions at the moment, unless the verb does no harm meanwhile.
    4. It is as the person saw it: `revision` is the number that their page carried (None: whatever it is).
    Raises NotDone with the sentence to show; for a batch of a project that they do not see, as for one that is not there,
    Batch.DoesNotExist.
    """
    check_permission(user, permission)
    rows = Batch.objects.select_for_update(of=("self",)).select_related("project", "sendout")
    batch = rows.get(Q() if user is None else access.within(user), pk=batch_id)
    if batch.status not in statuses or (batch.is_open and now >= batch.deadline):
        raise NotDone("moved_on", moved_on(batch, now))
    if batch.status == Status.IN_REVIEW and not while_changing and (running := changing(batch)) is not None:
        raise NotDone("changing", is_changing(running))
    if revision is not None and revision != batch.revision:
        raise NotDone("changed", changed(batch, revision))
    return batch


def changing(batch: Batch) -> BulkChange | None:
    """The change of many decisions that is under way in a batch."""
    running = BulkChange.objects.filter(batch=batch, state=BulkChange.State.RUNNING)
    return running.select_related("user").first()


def is_changing(running: BulkChange) -> str:
    """Tell somebody that a change of many decisions is under way, and what they can do."""
    now = ngettext(
        "%(who)s is changing %(n)s decision of this batch at the moment.",
        "%(who)s is changing %(n)s decisions of this batch at the moment.",
        running.expected,
    ) % {"who": running.user.get_username(), "n": localize(running.expected)}
    return now + " " + _("Decide when that is done, or stop the change. Nothing was changed by you.")


def moved_on(batch: Batch, now: datetime, act: str = "") -> str:
    """Tell somebody who came too late what happened instead. act: the name of what they wanted, for their own screen."""
    if (batch.is_open and now >= batch.deadline) or batch.status == Status.EXPIRED:
        return _too_late(batch, now, act)
    event = Event.objects.filter(batch=batch, word=Word.MOVED, new=batch.status).select_related("user").last()
    who = event.user.get_username() if event is not None and event.user is not None else ""
    words: dict[str, Any] = {"who": who, "status": batch.get_status_display()}
    nothing = _("Your “%(act)s” was not carried out.") % {"act": act} if act else _("Nothing was changed by you.")
    if batch.status == Status.ACCEPTED and who:
        return _("%(who)s has just accepted this batch.") % words + " " + nothing
    if batch.status == Status.REFUSED and who:
        return _("%(who)s has just rejected this batch.") % words + " " + nothing
    if batch.status == Status.IN_REVIEW and who:
        return _("%(who)s has just stopped the release of this batch.") % words + " " + nothing
    gone = _("This batch has gone on: it is now “%(status)s”.") % words
    return gone + " " + (nothing if act else _("Nothing was changed."))


def _too_late(batch: Batch, now: datetime, act: str) -> str:
    passed = _("The deadline passed at %(time)s.") % {"time": clock(batch.deadline)}
    seconds = int((now - batch.deadline).total_seconds())
    if not act or seconds < 0:
        return passed + " " + _("Nothing was changed.")
    if seconds > LATE_SECONDS:
        return passed + " " + _("Your “%(act)s” came too late and was not carried out.") % {"act": act}
    late = ngettext(
        "Your “%(act)s” came %(n)s second too late and was not carried out.",
        "Your “%(act)s” came %(n)s seconds too late and was not carried out.",
        seconds,
    )
    return passed + " " + late % {"act": act, "n": localize(seconds)}


def changed(batch: Batch, revision: int, *, seen: int | None = None, again: str = "") -> str:
    """Tell somebody that the page they looked at is old, what is true now, and who did what since.

    seen: how many would have got the message on their page; again: what to do after another look, where they see both.
    """
    words = {"accepted": localize(batch.accepted), "rejected": localize(batch.rejected + batch.undecided)}
    if seen is None:
        now = _(
            "The numbers changed while you read: %(accepted)s now get it, %(rejected)s do not. Look again, then decide."
        )
    elif seen == batch.accepted:
        now = ngettext(
            "The batch changed while you read: %(accepted)s still gets it. %(again)s",
            "The batch changed while you read: %(accepted)s still get it. %(again)s",
            batch.accepted,
        )
    else:
        now = ngettext(
            "The numbers changed while you read: %(accepted)s now gets it (was %(seen)s). %(again)s",
            "The numbers changed while you read: %(accepted)s now get it (was %(seen)s). %(again)s",
            batch.accepted,
        )
    told = now % {**words, "seen": localize(seen or 0), "again": again or _("Look again, then decide.")}
    happened = since(batch, revision)
    return f"{told} {_('What happened: %(events)s.') % {'events': happened}}" if happened else told


def require_note(note: str) -> str:
    """The note of an act that needs one; raises NotDone when it is empty."""
    if not note.strip():
        raise NotDone("note_needed", _("Say why in a note: it stays with the batch."))
    return note.strip()
