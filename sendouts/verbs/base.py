"""What all verbs share: the acting person, the checks before the act, and the reasons of a refusal."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions import access
from sendouts.models import Batch, BulkChange, Event, Status
from sendouts.models.event import EventWord
from sendouts.wording.events import clock, since

REVIEW = "sendouts.review_batch"
TAKE_ON = "sendouts.take_on_batch"
# Permission to see the contacts' ids and the fields that a project keeps.
VIEW_CONTACTS = "sendouts.view_contacts"
# Beyond this lateness, the sentence names no number of seconds.
LATE_SECONDS = 600


Result = TypeVar("Result", covariant=True)


class NotDoneCode(StrEnum):
    """Codes of why something was not done; the API sends them to programs."""

    NOT_ALLOWED = "not_allowed"
    # The batch has changed since the person saw it.
    MOVED_ON = "moved_on"
    CHANGING = "changing"
    CHANGED = "changed"
    RELEASED = "released"
    BUSY = "busy"
    RETIRED = "retired"
    # The person's input is missing or insufficient.
    NOTE_NEEDED = "note_needed"
    BAD_CHOICE = "bad_choice"
    UNREAD_ROWS = "unread_rows"
    SECOND_PERSON = "second_person"
    OTHER_CHOICE = "other_choice"
    # The state of the batch, or of one of its contacts, forbids it.
    NOTHING = "nothing"
    NOT_COMPLETE = "not_complete"
    NO_ADDRESS = "no_address"
    FINAL = "final"
    SENT = "sent"
    KEY_MISSING = "key_missing"
    SHARED_URI = "shared_uri"
    HOST_NOT_LISTED = "host_not_listed"


class NotDone(Exception):
    """A person's request was refused; the text is a sentence for the person, `code` is for programs."""

    def __init__(self, code: NotDoneCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Act:
    """One act: its user, the revision that they saw (None: any), their note, and the time."""

    user: User
    revision: int | None
    note: str
    now: datetime

    @property
    def by(self) -> dict[str, Any]:
        """Return the user, note and time in the form that events record."""
        return {"user": self.user, "note": self.note, "now": self.now}


class Verb(ABC, Generic[Result]):
    """An act on a batch. A subclass declares its statuses and its permission; its fields are options.

    needs_note: the act requires a note with a reason.
    while_changing: allowed also while many decisions of the batch are being changed.
    """

    name: ClassVar[str]
    statuses: ClassVar[frozenset[Status]]
    permission: ClassVar[str] = REVIEW
    needs_note: ClassVar[bool] = False
    while_changing: ClassVar[bool] = False

    def run(self, batch_id: int, act: Act) -> Result:
        """Check what the class declares, and carry out the verb, in one transaction that locks the batch.

        1. The user has the permission.
        2. The batch has one of the statuses; if it is open, its deadline has not passed.
        3. No change of many of its decisions is running.
        4. Its revision is the one that the person saw.
        5. The note is given, if one is required.
        Raises NotDone with the sentence to show. Raises Batch.DoesNotExist also for a batch that the user may not see.
        """
        check_permission(act.user, self.permission)
        with transaction.atomic():
            batch = self._lock(batch_id, act)
            if self.needs_note:
                require_note(act)
            return self.carry_out(batch, act)

    @abstractmethod
    def carry_out(self, batch: Batch, act: Act) -> Result:
        """Carry out the verb on a locked and checked batch; raise NotDone for a reason of the verb's own."""

    @classmethod
    def is_over(cls, batch: Batch, now: datetime) -> bool:
        """Return whether the batch's status no longer allows this verb, or its deadline has passed."""
        return batch.status not in cls.statuses or (batch.is_open and now >= batch.deadline)

    def _lock(self, batch_id: int, act: Act) -> Batch:
        rows = Batch.objects.select_for_update(of=("self",)).select_related("project", "sendout")
        batch = rows.get(access.within(act.user), pk=batch_id)
        if self.is_over(batch, act.now):
            raise NotDone(NotDoneCode.MOVED_ON, moved_on(batch, act.now))
        if not self.while_changing and batch.running_change is not None:
            raise NotDone(NotDoneCode.CHANGING, is_changing(batch.running_change))
        if act.revision is not None and act.revision != batch.revision:
            raise NotDone(NotDoneCode.CHANGED, changed(batch, act.revision))
        return batch


def check_permission(user: User, permission: str) -> None:
    """Raise NotDone unless the user has the permission."""
    if user.has_perm(permission):
        return
    if permission == TAKE_ON and user.has_perm(REVIEW):
        sentence = _("You may decide on this batch, but not take this on. Ask somebody who may.")
    elif user.has_perm(REVIEW):
        sentence = _("You may look at this batch, but not do this. Ask somebody who may.")
    else:
        sentence = _("You may look at this batch, but not decide. Ask a reviewer.")
    raise NotDone(NotDoneCode.NOT_ALLOWED, sentence)


def require_note(act: Act) -> None:
    """Raise NotDone if the note is empty."""
    if not act.note.strip():
        raise NotDone(NotDoneCode.NOTE_NEEDED, _("Say why in a note: it stays with the batch."))


def require_unreleased(batch: Batch) -> None:
    """Raise NotDone if finishUri was called."""
    if batch.finish_sent_at is not None:
        raise NotDone(NotDoneCode.RELEASED, _("The release was already called: it cannot be taken back."))


def is_changing(running: BulkChange) -> str:
    """Return the sentence that a change of many decisions is running, and what the person can do."""
    now = ngettext(
        "%(who)s is changing %(n)s decision of this batch at the moment.",
        "%(who)s is changing %(n)s decisions of this batch at the moment.",
        running.expected,
    ) % {"who": running.user.get_username(), "n": localize(running.expected)}
    return now + " " + _("Decide when that is done, or stop the change. Nothing was changed by you.")


def moved_on(batch: Batch, now: datetime, act: str = "") -> str:
    """Return the sentence that a person came too late, and what happened instead.

    act: the name of the person's act, for their own screen.
    """
    if (batch.is_open and now >= batch.deadline) or batch.status == Status.EXPIRED:
        return _too_late(batch, now, act)
    event = Event.objects.filter(batch=batch, word=EventWord.MOVED, new=batch.status).select_related("user").last()
    who = event.author if event is not None else ""
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


def changed(batch: Batch, revision: int) -> str:
    """Return the sentence that the numbers a person saw are outdated, with the current ones and the changes since."""
    numbers = _(
        "The numbers changed while you read: %(accepted)s now get it, %(rejected)s do not. Look again, then decide."
    ) % {"accepted": localize(batch.accepted), "rejected": localize(batch.rejected + batch.undecided)}
    happened = since(batch, revision)
    return numbers + " " + _("What happened: %(events)s.") % {"events": happened} if happened else numbers
