"""Fate of one contact in one batch and its reason: the decision and its effect, in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from sendouts.models import Answer, Batch, Decision, DecisionVerdict, Event, Status
from sendouts.wording.batch_sentences import reason, time_of


class Fate(StrEnum):
    """Fate of a contact: got the message, did not, timed out, not final yet, or unknown."""

    GOT = "got"
    NOT = "not"
    LATE = "late"
    OPEN = "open"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """One decision about a contact, with its batch.

    `ruling`: the event that accepted or rejected the batch, unless it was undone; `wrote`: sentences on effects.
    """

    decision: Decision
    batch: Batch
    ruling: Event | None = None
    wrote: tuple[str, ...] = ()

    @property
    def fate(self) -> Fate:
        return fate(self.decision, self.batch)

    @property
    def word(self) -> str:
        """Return the fate as a label."""
        return {
            Fate.GOT: pgettext("fate", "Got it"),
            Fate.NOT: pgettext("fate", "Did not get it"),
            Fate.LATE: _("Timed out"),
            Fate.OPEN: pgettext("fate", "Not final yet"),
            Fate.UNKNOWN: pgettext("fate", "Not known"),
        }[self.fate]

    @property
    def why(self) -> str:
        """Return the reason without its full stop, or a clause that every check passed."""
        if self.decision.verdict == DecisionVerdict.ACCEPTED and not self.decision.reason:
            return _("every check passed")
        return reason(self.decision.reason, self.decision.text).rstrip(".")


def fate(decision: Decision, batch: Batch) -> Fate:
    """Return the contact's fate; a verdict counts only as far as the batch carried it out.

    1. A rejection that the platform confirmed is final, whatever became of the batch.
    2. While the batch is open, no other fate is final.
    3. If a batch ended without release, its other contacts timed out; after a call for release, their fate is unknown.
    4. A rejection that a person took on without confirmation may not have taken effect.
    """
    if decision.answer == Answer.CONFIRMED and decision.verdict == DecisionVerdict.REJECTED:
        return Fate.NOT
    if batch.is_open:
        return Fate.OPEN
    if batch.status == Status.FINISHED:
        unsure = batch.finish_lost or not 200 <= batch.finish_status < 300
        if decision.verdict == DecisionVerdict.REJECTED or unsure:
            return Fate.UNKNOWN
        return Fate.GOT
    return Fate.UNKNOWN if batch.finish_sent_at is not None else Fate.LATE


def sentence(found: Found, now: datetime) -> str:
    """Return fate and grounds: “Did not get it: No consent, evidence of 13:02; Symplify confirmed.”"""
    return _("%(fate)s: %(grounds)s.") % {"fate": found.word, "grounds": grounds(found, now)}


def grounds(found: Found, now: datetime) -> str:
    """Return reason, evidence, decider and the platform's answer, as the end of a sentence."""
    parts = [*_describe_decision(found, now), *_describe_end(found, now)]
    text = parts[0]
    for part in parts[1:]:
        text = _("%(first)s; %(second)s") % {"first": text, "second": part}
    return text


def _describe_decision(found: Found, now: datetime) -> Sequence[str]:
    """Return the decision about the contact and its reasons."""
    decision = found.decision
    if _is_unturned(found):
        return [_("the whole batch was rejected")]
    why = found.why
    if decision.evidence_at is not None:
        time = time_of(decision.evidence_at, now)
        why = _("%(why)s, evidence of %(time)s") % {"why": why, "time": time}
    if decision.decided_by is not None:
        why = _("%(why)s, decided by %(who)s") % {"why": why, "who": decision.decided_by.get_username()}
    if found.fate in {Fate.GOT, Fate.NOT}:
        return [why]
    verdicts = {
        DecisionVerdict.ACCEPTED: pgettext("verdict", "accepted (%(why)s)"),
        DecisionVerdict.REJECTED: pgettext("verdict", "rejected (%(why)s)"),
        DecisionVerdict.UNDECIDED: pgettext("verdict", "undecided (%(why)s)"),
    }
    return [verdicts[DecisionVerdict(decision.verdict)] % {"why": why}]


def _is_unturned(found: Found) -> bool:
    """Return whether the whole batch was rejected, but this decision was never or not yet changed to rejected."""
    return (
        found.ruling is not None
        and found.ruling.new == Status.REFUSED
        and found.decision.verdict != DecisionVerdict.REJECTED
        and not found.decision.unread
    )


def _describe_end(found: Found, now: datetime) -> Sequence[str]:
    """Return how the batch and the platform carried out the decision."""
    batch, decision = found.batch, found.decision
    ended = {"time": time_of(batch.ended_at or batch.deadline, now), "deadline": time_of(batch.deadline, now)}
    match found.fate:
        case Fate.NOT:
            return [_("Symplify confirmed the rejection")]
        case Fate.GOT:
            return [_("released at %(time)s") % ended]
        case Fate.OPEN:
            return [_("the batch is at “%(status)s”") % {"status": batch.get_status_display()}]
        case Fate.LATE if batch.status == Status.ABANDONED:
            return [_("the batch was given up at %(time)s") % ended]
        case Fate.LATE:
            return [_("the batch was not released before %(deadline)s") % ended, *_unanswered(decision)]
    if decision.verdict == DecisionVerdict.REJECTED and decision.answer == Answer.TAKEN_ON:
        return [_("Symplify did not confirm the rejection, and a person took that on")]
    return [_("the release was called, and Symplify did not confirm it")]


def _unanswered(decision: Decision) -> Sequence[str]:
    if decision.verdict != DecisionVerdict.REJECTED:
        return []
    said = {
        Answer.LOST: _("the rejection was sent, and its answer was lost"),
        Answer.REFUSED: _("Symplify did not take the rejection"),
        Answer.RETRY: _("Symplify did not take the rejection in time"),
    }
    return [said[Answer(decision.answer)]] if decision.answer in said else []
