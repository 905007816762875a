"""Accept or reject a whole held batch."""

from dataclasses import dataclass

from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sendouts.models import Attention, Batch, Decision, DecisionVerdict, Status
from sendouts.models.decision import rows_of
from sendouts.stages.review import BLOCKS_ACCEPTANCE, reject_all, release, unread_without_address
from sendouts.stages.screening import shared_uris
from sendouts.verbs import base, second_person
from sendouts.verbs.base import Act, NotDone, NotDoneCode, Verb


@dataclass(frozen=True)
class Accept(Verb[Batch]):
    """Accept a batch: send the rejections, then release the rest. Record a first acceptance if two people must accept.

    undecided: `reject` or `accept`, the person's own decision for the undecided contacts. take_on: the person answers
    for unreadable rows that cannot be rejected; needs its permission and a note. together: the contacts of all batches
    accepted by the same act. Returns the batch, still in review after the first acceptance of two.
    """

    name = "accept"
    statuses = frozenset({Status.IN_REVIEW})

    undecided: str = "reject"
    take_on: bool = False
    together: int = 0

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        if self.undecided not in {"reject", "accept"}:
            sentence = _("Choose what becomes of the undecided contacts: “reject” or “accept”.")
            raise NotDone(NotDoneCode.BAD_CHOICE, sentence)
        choice = DecisionVerdict.ACCEPTED if self.undecided == "accept" else DecisionVerdict.REJECTED
        if batch.attention in BLOCKS_ACCEPTANCE or not batch.file_complete:
            sentence = _("The contact file is not complete: whoever is missing from it would get the message unseen.")
            raise NotDone(NotDoneCode.NOT_COMPLETE, sentence + " " + _("Download it again, or reject the batch."))
        _require_addresses(batch, choice)
        taken_on = unread_without_address(batch)
        if taken_on:
            if not self.take_on:
                raise NotDone(NotDoneCode.UNREAD_ROWS, _unread_sentence(taken_on))
            base.require_note(act)
        if taken_on or (batch.unread and choice is DecisionVerdict.ACCEPTED):
            # No check judged these rows, not even in part: the person who releases them answers for them.
            base.check_permission(act.user, base.TAKE_ON)
        vouches = bool(taken_on) or (choice is DecisionVerdict.ACCEPTED and batch.undecided + batch.unread > 0)
        persons = second_person.accept(batch, act, self.undecided, together=self.together, vouches=vouches)
        if persons is not None:
            release(batch, **act.by, undecided=choice, taken_on=taken_on, persons=persons)
            batch.status = Status.ACCEPTED
        return batch


def _require_addresses(batch: Batch, undecided: DecisionVerdict) -> None:
    """Raise NotDone if a rejection could not be sent, or would stop the message of a contact that is accepted."""
    mixed = shared_uris.count_mixed(batch.pk, undecided)
    if mixed:
        sentence = ngettext(
            "%(n)s reject address belongs to accepted and to rejected contacts: calling it would stop the messages of "
            "all of them. Accept all of them, or reject all of them.",
            "%(n)s reject addresses belong to accepted and to rejected contacts: calling them would stop the messages "
            "of all of them. Accept all who share an address, or reject all of them.",
            mixed,
        )
        raise NotDone(NotDoneCode.SHARED_URI, sentence % {"n": localize(mixed)})
    if batch.attention != Attention.HOST_NOT_LISTED:
        return
    verdicts = [DecisionVerdict.REJECTED]
    if undecided == DecisionVerdict.REJECTED:
        verdicts.append(DecisionVerdict.UNDECIDED)
    unsendable = Decision.objects.filter(rows_of(batch.pk), uri_mark__isnull=True, verdict__in=verdicts)
    if batch.attention_data.get("finish") or unsendable.exclude(uri=b"").exists():
        sentence = _("The host %(host)s may not be called, so this batch could not be answered.")
        raise NotDone(
            NotDoneCode.HOST_NOT_LISTED,
            sentence % {"host": batch.attention_data.get("host") or "–"}
            + " "
            + _("Allow the host, or reject nobody whose address is there."),
        )


def _unread_sentence(rows: int) -> str:
    return ngettext(
        "%(rows)d row could not be read and has no address to reject it: it would get the message unchecked. "
        "Accept with “take on”, and say why.",
        "%(rows)d rows could not be read and have no address to reject them: they would get the message unchecked. "
        "Accept with “take on”, and say why.",
        rows,
    ) % {"rows": rows}


class Reject(Verb[Batch]):
    """Reject every contact one by one, then finish, so that no contact times out."""

    name = "reject"
    statuses = frozenset({Status.IN_REVIEW})
    needs_note = True

    def carry_out(self, batch: Batch, act: Act) -> Batch:
        reject_all(batch, **act.by)
        batch.status = Status.REFUSED
        return batch
