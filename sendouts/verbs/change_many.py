"""Change many decisions of a held batch at once: all with one verdict, or all with one reason.

A small change runs at once. A worker carries out a large one in pieces: the row of the change carries the work, so that
after a kill another worker continues it. Meanwhile other verbs are refused, unless they declare `while_changing`. The
deadline action waits, too: the batch's `due_at` is empty until the change has ended.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from sendouts import lifecycle
from sendouts.models import Answer, Batch, BulkChange, Decision, DecisionVerdict, EventWord, Status
from sendouts.models.counts import sum_reasons
from sendouts.models.decision import DecisionReason, rows_of
from sendouts.stages.review import recount, standing
from sendouts.verbs.base import Act, NotDone, NotDoneCode, Verb
from work import claims

log = structlog.get_logger(__name__)
# Change up to this many while the person waits, if few rows must be read to find them.
AT_ONCE = 500
FEW_ROWS = 20_000
# Rows read in one transaction.
PIECE = 5_000
# Seconds after which the change yields to other work: its workers are those of the contact files, which have deadlines.
TURN_SECONDS = 10.0
State = BulkChange.State
_LEFT = ("sent", "no_address", "unread")


@dataclass(frozen=True, slots=True)
class Which:
    """The decisions to change: those with the verdict `before` and, if given, with this reason (code and action)."""

    before: DecisionVerdict
    reason: tuple[str, str] | None = None

    def count(self, batch: Batch) -> int:
        """Return how many there are by the batch's own counts, without a query."""
        if self.reason is None:
            counts = {DecisionVerdict.ACCEPTED: batch.accepted, DecisionVerdict.REJECTED: batch.rejected}
            return counts.get(self.before, batch.undecided)
        wanted = (self.before, *self.reason)
        return sum(count for verdict, code, _text, action, count in batch.reasons if (verdict, code, action) == wanted)


@dataclass(frozen=True)
class ChangeAlike(Verb[BulkChange]):
    """Change all these decisions to accepted or rejected: few at once, many by a worker.

    Decisions that cannot change stay, and are counted: rejections already sent, rows without an address to reject, and
    unreadable rows, which would be accepted without a check.
    """

    name = "change-many"
    statuses = frozenset({Status.IN_REVIEW})
    needs_note = True

    which: Which
    verdict: DecisionVerdict

    def __post_init__(self) -> None:
        if (
            self.verdict not in {DecisionVerdict.ACCEPTED, DecisionVerdict.REJECTED}
            or self.verdict == self.which.before
        ):
            raise ValueError("a person accepts or rejects what is not that already")

    def carry_out(self, batch: Batch, act: Act) -> BulkChange:
        expected = self.which.count(batch)
        if not expected:
            raise NotDone(NotDoneCode.NOTHING, _("There is nothing to change: no contact is like that any more."))
        code, action = self.which.reason or ("", "")
        bulk = BulkChange(
            batch=batch,
            user=act.user,
            note=act.note,
            verdict=self.verdict,
            before=self.which.before,
            by_reason=self.which.reason is not None,
            reason=code,
            action=action,
            expected=expected,
            begun_at=act.now,
        )
        if takes_time(batch, self.which):
            bulk.due_at = claims.database_now()
            bulk.save()
            lifecycle.change(batch, EventWord.CHANGE_BEGUN, data=_data(bulk), due_at=None, **act.by)
        else:
            _change_at_once(batch, bulk, act.now)
        at_once = not bulk.is_running
        log.info("decisions_changed", batch=batch.pk, user=act.user.pk, expected=expected, at_once=at_once)
        return bulk


class CancelChange(Verb[BulkChange]):
    """Stop the running change of many decisions; the decisions changed so far stay changed."""

    name = "cancel-change"
    statuses = frozenset({Status.IN_REVIEW})
    while_changing = True

    def carry_out(self, batch: Batch, act: Act) -> BulkChange:
        bulk: BulkChange | None = batch.running_change
        if bulk is None:
            raise NotDone(NotDoneCode.NOTHING, _("There is nothing to stop: the change has ended."))
        _end(batch, bulk, State.CANCELLED, act.now, user=act.user, note=act.note)
        return bulk


def takes_time(batch: Batch, which: Which) -> bool:
    """Return whether a worker carries out the change in pieces, so that the person need not wait.

    An index finds few rejected or undecided rows among many. Accepted rows have no index, so all rows would be read.
    """
    return which.count(batch) > AT_ONCE or (which.before == DecisionVerdict.ACCEPTED and batch.total > FEW_ROWS)


def _change_at_once(batch: Batch, bulk: BulkChange, now: datetime) -> None:
    columns = _change(batch, bulk, rows_of(batch.pk))
    if not bulk.changed:
        raise NotDone(NotDoneCode.NOTHING, _nothing_sentence(bulk))
    bulk.state, bulk.ended_at, bulk.next_row = State.DONE, now, batch.total
    bulk.save()
    for name, value in columns.items():
        setattr(batch, name, value)
    columns |= standing(batch, now)
    lifecycle.change(batch, EventWord.CHANGED, now=now, user=bulk.user, note=bulk.note, data=_data(bulk), **columns)


def _nothing_sentence(bulk: BulkChange) -> str:
    if bulk.sent:
        return _("These rejections were sent before the release was stopped: they cannot be taken back.")
    if bulk.no_address:
        return _("These rows have no address through which they could be rejected.")
    return _("These rows could not be read: each needs a person who lets it through.")


def _data(bulk: BulkChange) -> dict[str, Any]:
    """Return the numbers of a change for its event."""
    data: dict[str, Any] = {
        "verdict": DecisionVerdict(bulk.verdict).name.lower(),
        "before": DecisionVerdict(bulk.before).name.lower(),
    }
    if bulk.by_reason:
        data["reason"] = [bulk.reason, bulk.action]
    if bulk.is_running and not bulk.changed:
        return data | {"contacts": bulk.expected}
    left = {name: getattr(bulk, name) for name in _LEFT if getattr(bulk, name)}
    return data | {"contacts": bulk.changed} | left


def run(claim: claims.Claim, bulk_ids: Sequence[int]) -> None:
    """Continue each of the claimed changes, for one turn at most."""
    for pk in bulk_ids:
        until = time.monotonic() + TURN_SECONDS
        while _piece(claim, pk, timezone.now()) and time.monotonic() < until:
            pass


def escalate(claim: claims.Claim, bulk_id: int, error: Exception | None) -> None:
    """Give up a change that has killed several workers, or that fails without progress."""
    with transaction.atomic():
        batch, bulk = _locked(claim, bulk_id)
        _end(batch, bulk, State.FAILED, timezone.now())


def cancel_all(now: datetime) -> list[int]:
    """Cancel every running change, of a restored backup; return their ids. Its person starts it again if need be."""
    running = list(BulkChange.objects.filter(state=State.RUNNING).order_by("pk").values_list("pk", "batch_id"))
    for pk, batch_id in running:
        with transaction.atomic():
            batch = Batch.objects.select_for_update(of=("self",)).select_related("plan", "project").get(pk=batch_id)
            _end(batch, BulkChange.objects.select_related("user").get(pk=pk), State.CANCELLED, now)
    return [pk for pk, _ in running]


def _piece(claim: claims.Claim, pk: int, now: datetime) -> bool:
    """Change the matching decisions among the next rows, in one transaction; return whether rows remain."""
    with transaction.atomic():
        batch, bulk = _locked(claim, pk, progress=True)
        if batch.status != Status.IN_REVIEW or now >= batch.deadline:
            _end(batch, bulk, State.OVERTAKEN, now)
            return False
        columns = _change(batch, bulk, rows_of(batch.pk, bulk.next_row, PIECE))
        Batch.objects.filter(pk=batch.pk).update(**columns)
        for name, value in columns.items():
            setattr(batch, name, value)
        bulk.next_row += PIECE
        if bulk.next_row >= batch.total:
            _end(batch, bulk, State.DONE, now)
            return False
        done = {name: getattr(bulk, name) for name in ("next_row", "changed", *_LEFT)}
        # Due now, hence behind all other work that is due.
        BulkChange.objects.filter(pk=pk).update(attempts=0, due_at=claims.due_in(), **done)
    return True


def _locked(claim: claims.Claim, pk: int, *, progress: bool = False) -> tuple[Batch, BulkChange]:
    """Lock the batch, then the change: the same order as for the acts of people."""
    batch_id = BulkChange.objects.values_list("batch_id", flat=True).get(pk=pk)
    batch = Batch.objects.select_for_update(of=("self",)).select_related("plan").get(pk=batch_id)
    claim.extend([pk], progress=progress)
    return batch, BulkChange.objects.select_related("user").get(pk=pk)


def _change(batch: Batch, bulk: BulkChange, where: Q) -> dict[str, Any]:
    """Change the matching decisions among these rows; return the batch's new counts and reasons.

    Sums are updated by differences: counting a million rows after each piece would cost more than changing them.
    """
    why = {"reason": bulk.reason, "action": bulk.action} if bulk.by_reason else {}
    found = Decision.objects.filter(where, verdict=bulk.before, **why)
    if bulk.before != DecisionVerdict.ACCEPTED:
        # This condition lets the database use the index on decisions that are not accepted.
        found = found.exclude(verdict=DecisionVerdict.ACCEPTED)
    if bulk.before == DecisionVerdict.UNDECIDED and not bulk.by_reason:
        found = found.filter(unread=False)
    stays = Q(answer=Answer.NONE)
    if bulk.before == DecisionVerdict.REJECTED:
        bulk.sent += found.exclude(stays).count()
        found = found.filter(stays)
    if bulk.verdict == DecisionVerdict.REJECTED:
        bulk.no_address += found.filter(uri=b"").count()
        found = found.exclude(uri=b"")
    else:
        bulk.unread += found.filter(unread=True).count()
        found = found.filter(unread=False)
    groups = list(found.values_list("unread", "reason", "text", "action").annotate(Count("pk")).order_by())
    text = bulk.note[:500]
    rows = found.update(verdict=bulk.verdict, decided_by=bulk.user, reason=DecisionReason.PERSON, text=text, action="")
    bulk.changed += rows
    before = DecisionVerdict(bulk.before)
    gone = [[int(before), code, said, action, -count] for _unread, code, said, action, count in groups]
    unread = sum(count for was_unread, *_rest, count in groups if was_unread and before == DecisionVerdict.UNDECIDED)
    counts = {"accepted": batch.accepted, "rejected": batch.rejected, "undecided": batch.undecided}
    counts[before.name.lower()] -= rows - unread
    counts[DecisionVerdict(bulk.verdict).name.lower()] += rows
    come = [[int(bulk.verdict), DecisionReason.PERSON, text, "", rows]]
    return {**counts, "unread": batch.unread - unread, "reasons": sum_reasons([batch.reasons, gone, come])}


def _end(batch: Batch, bulk: BulkChange, state: State, now: datetime, user: User | None = None, note: str = "") -> None:
    """End a change in the caller's transaction, which has locked the batch: recount, and set `due_at` again."""
    bulk.state = state
    done = {name: getattr(bulk, name) for name in ("next_row", "changed", *_LEFT)}
    free = {"due_at": None, "claim_id": None, "claimed_until": None, "ended_at": now}
    BulkChange.objects.filter(pk=bulk.pk).update(state=state, **done, **free)
    data = _data(bulk) | ({"state": state.value} if state != State.DONE else {})
    if batch.status != Status.IN_REVIEW or state == State.OVERTAKEN:
        lifecycle.record([batch.pk], EventWord.CHANGE_ENDED, now=now, data={batch.pk: data})
    else:
        columns = recount(batch, now)
        if state != State.DONE and columns["due_at"] is not None and columns["due_at"] <= now:
            # A change that stopped half-way was not part of the declared acceptance: a person must look at it first.
            columns["due_at"] = None
        who = user if user is not None else bulk.user
        lifecycle.change(batch, EventWord.CHANGE_ENDED, now=now, user=who, note=note, data=data, **columns)
    log.info("change_ended", batch=batch.pk, state=state.value, changed=bulk.changed)
