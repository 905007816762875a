"""What all verbs share: who asks, what is checked before anything is done, and why something was not done."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
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
# Who the contacts are: their ids and the fields that a project keeps.
VIEW_CONTACTS = "sendouts.view_contacts"
# Somebody who is later than this is not told by how many seconds.
LATE_SECONDS = 600


Result = TypeVar("Result", covariant=True)


class NotDoneCode(StrEnum):
    """Why something was not done, for programs: the API sends these words."""

    NOT_ALLOWED = "not_allowed"
    # The batch is not as the person saw it.
    MOVED_ON = "moved_on"
    CHANGING = "changing"
    CHANGED = "changed"
    RELEASED = "released"
    BUSY = "busy"
    RETIRED = "retired"
    # What the person gave does not suffice.
    NOTE_NEEDED = "note_needed"
    BAD_CHOICE = "bad_choice"
    UNREAD_ROWS = "unread_rows"
    SECOND_PERSON = "second_person"
    OTHER_CHOICE = "other_choice"
    # The batch, or a contact of it, does not allow it.
    NOTHING = "nothing"
    NOT_COMPLETE = "not_complete"
    NO_ADDRESS = "no_address"
    FINAL = "final"
    SENT = "sent"
    KEY_MISSING = "key_missing"


class NotDone(Exception):
    """What a person asked for was not carried out; the text is a sentence for them. `code` is for programs."""

    def __init__(self, code: NotDoneCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Note(Enum):
    """Whether a person says why in a note."""

    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something, having seen which revision (None: any), with which note, and when."""

    user: User
    revision: int | None
    note: str
    now: datetime

    @property
    def by(self) -> dict[str, Any]:
        """What an event records of it."""
        return {"user": self.user, "note": self.note, "now": self.now}


class Verb(ABC, Generic[Result]):
    """Something that a person can do to a batch. A subclass declares when and for whom; its fields are options.

    while_changing: possible also while many decisions of the batch are being changed.
    """

    name: ClassVar[str]
    statuses: ClassVar[frozenset[Status]]
    permission: ClassVar[str] = REVIEW
    note: ClassVar[Note] = Note.OPTIONAL
    while_changing: ClassVar[bool] = False

    def run(self, batch_id: int, act: Act) -> Result:
        """Check what the class declares, and carry it out, in one transaction that locks the batch.

        1. The person may.
        2. The batch has one of the statuses; while it is open, its deadline is still to come.
        3. Nobody changes many of its decisions at the moment.
        4. Its revision is the one that the person saw.
        5. The note is there, where one is required.
        Raises NotDone with the sentence to show, and Batch.DoesNotExist also for a batch that the person does not see.
        """
        check_permission(act.user, self.permission)
        with transaction.atomic():
            batch = self._lock(batch_id, act)
            if self.note is Note.REQUIRED:
                require_note(act)
            return self.carry_out(batch, act)

    @abstractmethod
    def carry_out(self, batch: Batch, act: Act) -> Result:
        """Do it to a batch that is locked and checked; raises NotDone where it forbids it for a reason of its own."""

    @classmethod
    def is_over(cls, batch: Batch, now: datetime) -> bool:
        """Return whether the batch has gone on without this verb, or its deadline has passed."""
        return batch.status not in cls.statuses or (batch.is_open and now >= batch.deadline)

    def _lock(self, batch_id: int, act: Act) -> Batch:
        rows = Batch.objects.select_for_update(of=("self",)).select_related("project", "sendout")
        batch = rows.get(access.within(act.user), pk=batch_id)
        if self.is_over(batch, act.now):
            raise NotDone(NotDoneCode.MOVED_ON, moved_on(batch, act.now))
        if batch.status == Status.IN_REVIEW and not self.while_changing and (running := changing(batch)) is not None:
            raise NotDone(NotDoneCode.CHANGING, is_changing(running))
        if act.revision is not None and act.revision != batch.revision:
            raise NotDone(NotDoneCode.CHANGED, changed(batch, act.revision))
        return batch


def check_permission(user: User, permission: str) -> None:
    """Raise NotDone unless the user may."""
    if user.has_perm(permission):
        return
    if permission == TAKE_ON and user.has_perm(REVIEW):
        sentence = _("You may decide on this batch, but not take this on. Ask somebody who may.")
    else:
        sentence = _("You may look at this batch, but not decide. Ask a reviewer.")
    raise NotDone(NotDoneCode.NOT_ALLOWED, sentence)


def require_note(act: Act) -> None:
    """Raise NotDone where the note is empty."""
    if not act.note.strip():
        raise NotDone(NotDoneCode.NOTE_NEEDED, _("Say why in a note: it stays with the batch."))


def require_unreleased(batch: Batch) -> None:
    """Raise NotDone once finishUri was called."""
    if batch.finish_sent_at is not None:
        raise NotDone(NotDoneCode.RELEASED, _("The release was already called: it cannot be taken back."))


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
    event = Event.objects.filter(batch=batch, word=EventWord.MOVED, new=batch.status).select_related("user").last()
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
