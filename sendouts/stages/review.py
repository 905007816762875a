"""Review: decide which batches wait for a person, and carry out decisions and the declared deadline action."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q

from actions.contract import Word
from actions.models import AtDeadline, Review
from sendouts import lifecycle, rules
from sendouts.models import Attention, Batch, Decision, DecisionVerdict, Status
from sendouts.models.counts import sum_reasons
from sendouts.models.decision import DecisionReason, rows_of
from sendouts.models.hold_reason import KEPT, HoldReason
from sendouts.outlook import anomalies, forecast
from sendouts.outlook.history import earlier, screened
from sendouts.stages.screening import shared_uris
from work import claims

# Attention that no acceptance can lift: contacts missing from the file would be released without a check.
BLOCKS_ACCEPTANCE = frozenset({Attention.NO_PROVEN_END})
_REASONS = ("verdict", "reason", "text", "action")
# Columns to change, by batch id.
Columns = dict[int, dict[str, Any]]


def reasons_to_hold(batch: Batch) -> list[str]:
    """Return the codes of why a screened batch waits for a person; empty if none.

    The table is in docs/architecture/stages.md, “Who waits for a person”.
    `batch.anomalies` must hold the comparison with earlier batches.
    """
    held: list[str] = []
    if not batch.project.declared or batch.project.archived:
        held.append(HoldReason.UNKNOWN_PROJECT)
    if batch.plan.content["unknown"]:
        held.append(HoldReason.UNKNOWN_ACTION)
    elif not batch.plan.content["actions"]:
        held.append(HoldReason.EMPTY_PLAN)
    if batch.undecided:
        held.append(HoldReason.UNDECIDED)
    if any(code == DecisionReason.SHARED_URI for _verdict, code, *_rest in batch.reasons):
        held.append(HoldReason.SHARED_URI)
    if not batch.total:
        held.append(HoldReason.NO_CONTACTS)
    if batch.review != Review.NEVER:
        if any(failure["became"] != Word.UNDECIDED for failure in batch.failures):
            held.append(HoldReason.ACTION_FAILED)
        if not batch.is_single and batch.total and batch.rejected == batch.total:
            held.append(HoldReason.EVERYBODY_REJECTED)
        held += dict.fromkeys(each["code"] for each in batch.anomalies)
    if batch.review == Review.ALWAYS:
        held.append(HoldReason.ALWAYS)
    # Keep the hold of a batch from a backup, or that a person stopped or put on hold, whatever the checks find.
    held += [code for code in batch.held_for if code in KEPT]
    if not held and rules.changed_by_people(batch):
        # The checks ran again and people's decisions were applied again: a person must accept those, too.
        held.append(HoldReason.CHANGED)
    return held


def settle(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Accept screened batches, or hold them for a person."""
    going, held = sort(batches, now)
    with transaction.atomic():
        lifecycle.move(going, Status.SCREENED, Status.ACCEPTED, now=now, claim=claim)
        lifecycle.move(held, Status.SCREENED, Status.IN_REVIEW, now=now, claim=claim)


def sort(batches: Sequence[Batch], now: datetime) -> tuple[Columns, Columns]:
    """Return the columns of the screened batches that go on, and of those that wait for a person, by batch id."""
    going: Columns = {}
    held: Columns = {}
    known = forecast.lately(now) if any(batch.at_deadline != AtDeadline.LEAVE for batch in batches) else None
    _compare(batches)
    for batch in batches:
        batch.held_for = reasons_to_hold(batch)
        if batch.held_for or batch.attention:
            due_at = forecast.acts_at(batch, known, now) if known else None
            held[batch.pk] = {"held_for": batch.held_for, "anomalies": batch.anomalies, "due_at": due_at}
        else:
            going[batch.pk] = {"decided_at": now, "due_at": now}
    return going, held


def _compare(batches: Sequence[Batch]) -> None:
    """Set `anomalies` from a comparison with earlier batches; skip batches that are never reviewed."""
    before = earlier([batch for batch in batches if batch.review != Review.NEVER])
    for batch in batches:
        batch.anomalies = []
        if (known := before.get(batch.pk)) is None:
            continue
        found = anomalies.find(screened(batch.total, batch.plan.content, batch.reasons), known.project, known.sendout)
        batch.anomalies = [asdict(each) for each in found]


def at_deadline(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Carry out the declared deadline action of held batches that nobody decided on in time."""
    # A process with a wrong clock must not act at another moment than the declared one.
    moment = claims.database_now() + claims.SLACK
    for found in batches:
        with transaction.atomic():
            claim.extend([found.pk])
            # Read the row again under a lock: people may have decided, or changed a contact, since it was found due.
            batch = Batch.objects.select_for_update().get(pk=found.pk)
            if batch.status != Status.IN_REVIEW or batch.due_at is None or batch.due_at > moment:
                continue
            accepts = batch.at_deadline == AtDeadline.ACCEPT
            if batch.attention or batch.at_deadline == AtDeadline.LEAVE or (accepts and _clock_waits(batch)):
                Batch.objects.filter(pk=batch.pk).update(due_at=None)
            elif accepts:
                release(batch, now=now, undecided=DecisionVerdict.REJECTED)
            else:
                reject_all(batch, now=now)


def _clock_waits(batch: Batch) -> bool:
    """Return whether the clock must leave the acceptance to a person."""
    return rules.clock_waits(batch) or bool(shared_uris.count_mixed(batch.pk, DecisionVerdict.REJECTED))


def unread_without_address(batch: Batch) -> int:
    if not batch.unread:
        return 0
    return Decision.objects.filter(rows_of(batch.pk), unread=True, verdict=DecisionVerdict.UNDECIDED, uri=b"").count()


def release(
    batch: Batch,
    *,
    now: datetime,
    user: User | None = None,
    note: str = "",
    undecided: DecisionVerdict,
    taken_on: int = 0,
    persons: Mapping[str, Any] = rules.NOBODY,
) -> None:
    """Settle the undecided contacts and accept the batch; the caller holds the row's lock.

    user: None for the declared deadline action. persons: the columns that record the two people who accepted.
    """
    open_rows = Decision.objects.filter(rows_of(batch.pk), verdict=DecisionVerdict.UNDECIDED)
    reason = DecisionReason.PERSON if user else DecisionReason.AT_DEADLINE
    settled = {"decided_by": user, "reason": reason, "text": "", "action": ""}
    # Rows without an address cannot be rejected; the person answers for their release.
    let_through = open_rows.filter(uri=b"").update(verdict=DecisionVerdict.ACCEPTED, decided_by=user)
    chosen = open_rows.exclude(uri=b"").update(verdict=undecided, **settled)
    accepted = batch.accepted + let_through + (chosen if undecided == DecisionVerdict.ACCEPTED else 0)
    columns: dict[str, Any] = {
        "accepted": accepted,
        "rejected": batch.total - accepted,
        "unread": 0,
        "unread_taken_on": taken_on,
    }
    if let_through or chosen:
        columns["reasons"] = count_reasons(batch.pk)
    data: dict[str, Any] = {"undecided": undecided.name.lower(), "contacts": chosen} if chosen else {}
    if taken_on:
        data["taken_on"] = taken_on
    if persons["second_accepted_by"]:
        data["first_by"] = batch.first_accepted_by_id
    _decide(batch, Status.ACCEPTED, {**columns, **persons}, data, now=now, user=user, note=note)


def reject_all(batch: Batch, *, now: datetime, user: User | None = None, note: str = "") -> None:
    """Reject the whole batch, as `release` accepts it.

    Delivery turns the decisions to rejected, chunk by chunk, before it sends them.
    """
    unreachable = unread_without_address(batch)
    # No contact is left to enrich.
    columns = {"accepted": 0, "rejected": batch.total - unreachable, "unread": unreachable, "enrichments": 0}
    _decide(batch, Status.REFUSED, columns, {}, now=now, user=user, note=note)


def _decide(
    batch: Batch,
    new: Status,
    columns: Mapping[str, Any],
    data: dict[str, Any],
    *,
    now: datetime,
    user: User | None,
    note: str,
) -> None:
    columns = {**lifecycle.CALM, "undecided": 0, "decided_at": now, "due_at": now, **columns}
    if user is None:
        data["by"] = "at_deadline"
    if batch.attention:
        # Kept for undoing the decision.
        data["lifted"] = {"attention": batch.attention, "data": batch.attention_data}
    lifecycle.move({batch.pk: columns}, Status.IN_REVIEW, new, now=now, user=user, note=note, data={batch.pk: data})


def recount(batch: Batch, now: datetime) -> dict[str, Any]:
    """Return the columns that update a held batch's counts, attention, hold and due time from its decisions."""
    sums = count_decisions(batch.pk)
    for name, value in sums.items():
        setattr(batch, name, value)
    return {**sums, **standing(batch, now)}


def count_decisions(batch_id: int) -> dict[str, Any]:
    """Count the decisions of a batch anew, and their reasons."""
    sums = Decision.objects.filter(rows_of(batch_id)).aggregate(
        accepted=Count("pk", filter=Q(verdict=DecisionVerdict.ACCEPTED)),
        rejected=Count("pk", filter=Q(verdict=DecisionVerdict.REJECTED)),
        undecided=Count("pk", filter=Q(verdict=DecisionVerdict.UNDECIDED, unread=False)),
        unread=Count("pk", filter=Q(verdict=DecisionVerdict.UNDECIDED, unread=True)),
    )
    return {**sums, "reasons": count_reasons(batch_id)}


def standing(batch: Batch, now: datetime) -> dict[str, Any]:
    """Return the columns that update a held batch's attention, hold and due time from its counts."""
    if batch.attention == Attention.UNREAD_ROWS and not batch.unread:
        batch.attention, batch.attention_data = "", {}
    if not batch.undecided and HoldReason.UNDECIDED in batch.held_for:
        left = [code for code in batch.held_for if code not in {HoldReason.UNDECIDED, HoldReason.SHARED_URI}]
        batch.held_for = left or [HoldReason.CHANGED]
    held = {name: getattr(batch, name) for name in ("attention", "attention_data", "held_for")}
    return {**held, "due_at": forecast.acts_at(batch, forecast.lately(now), now)}


def count_reasons(batch_id: int) -> list[list[Any]]:
    """Recount the reasons of a batch: [verdict, code, text, action, count].

    Accepted contacts without a reason are left out.
    """
    rows = (
        Decision.objects.filter(rows_of(batch_id))
        .exclude(verdict=DecisionVerdict.ACCEPTED, reason="")
        .values_list(*_REASONS)
        .annotate(count=Count("pk"))
        .order_by()
    )
    return sum_reasons([[list(row) for row in rows]])
