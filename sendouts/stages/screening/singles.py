"""Screen singles: judge and store many hooks with one or two contacts each together."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from actions.secrets.encrypted import CannotOpen
from sendouts import lifecycle
from sendouts.deadlines import screening_ends
from sendouts.models import Attention, Batch, Chunk, EventWord, Status, Webhook
from sendouts.models.decision import DecisionReason
from sendouts.privacy import sealing
from sendouts.stages import effects
from sendouts.stages.screening import own_decisions
from sendouts.stages.screening.judge import Judge, Judged, Screened
from sendouts.stages.storage import NewDecision, insert_decisions, insert_effects
from sendouts.symplify.items import Row
from sendouts.symplify.payload import Hook, parse
from work import claims


def screen_items(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Move planned singles to `screened` in one transaction; judge those that share a plan together."""
    rows, shut = _items(batches)
    for pk in shut:
        lifecycle.cannot_open(pk, now=now, claim=claim)
    batches = [batch for batch in batches if batch.pk not in shut]
    alike: dict[tuple[int, int], list[Batch]] = defaultdict(list)
    for batch in batches:
        alike[batch.plan_id, batch.sendout_id].append(batch)
    own: dict[int, own_decisions.Reapplied] = {}
    judged = {batch.pk: result for group in alike.values() for batch, result in _judge(claim, group, rows, own)}
    columns: dict[int, dict[str, Any]] = {}
    chunks = []
    for batch in batches:
        result = judged[batch.pk]
        columns[batch.pk] = _columns(batch, result, now)
        if result.decisions:
            counts = {name: columns[batch.pk][name] for name in ("accepted", "rejected", "undecided", "unread")}
            chunks.append(
                Chunk(batch=batch, number=0, rows=len(result.decisions), digest=b"", reasons=result.reasons, **counts)
            )
    with transaction.atomic():
        claim.extend([batch.pk for batch in batches], progress=True)
        Chunk.objects.bulk_create(chunks)
        insert_decisions(decision for result in judged.values() for decision in result.decisions)
        insert_effects([effect for result in judged.values() for effect in result.effects])
        for applied in own.values():
            own_decisions.store(applied)
        prepared = {pk: Counter(effect.step for effect in result.effects) for pk, result in judged.items()}
        for pk, enrichments in effects.begin(batches, prepared, now).items():
            columns[pk]["enrichments"] = enrichments
        lifecycle.move(columns, Status.PLANNED, Status.SCREENED, now=now, claim=claim)
        for pk, changed in columns.items():
            if changed["attention"]:
                data = {pk: {"code": changed["attention"], **changed["attention_data"]}}
                lifecycle.record([pk], EventWord.ATTENTION, now=now, data=data)
        for pk in own:
            lifecycle.record([pk], EventWord.KEPT, now=now, data={pk: own_decisions.end(pk)})


def _items(batches: Sequence[Batch]) -> tuple[dict[int, tuple[Row, ...]], set[int]]:
    """Return the items of each batch, read again from its hook, and the batches with a hook that no key opens."""
    found: dict[int, tuple[Row, ...]] = {}
    shut: set[int] = set()
    keys = sealing.keyring()
    hooks = Webhook.objects.filter(batch__in=batches, outcome=Webhook.Outcome.PLANNED)
    for batch_id, uuid, body in hooks.values_list("batch_id", "uuid", "body"):
        try:
            hook = parse(keys.open(body, sealing.of_hook(uuid)))
        except CannotOpen:
            shut.add(batch_id)
            continue
        if isinstance(hook, Hook):
            found[batch_id] = hook.items
    return found, shut


def _judge(
    claim: claims.Claim, group: list[Batch], rows: dict[int, tuple[Row, ...]], own: dict[int, own_decisions.Reapplied]
) -> list[tuple[Batch, Judged]]:
    """Judge the items of several batches as one page, and split the result by batch.

    own: filled with the decisions that people had made.
    """
    ends = min(screening_ends(batch.received_at, batch.deadline) for batch in group)
    judge = Judge(group[0], ends, tick=claim.keep)
    flat = [row for batch in group for row in rows.get(batch.pk, ())]
    ids = [batch.first_decision + place for batch in group for place in range(len(rows.get(batch.pk, ())))]
    screened = judge.judge(flat, ids)
    parts = {batch.pk: Screened([], [], []) for batch in group}
    for decision in screened.decisions:
        parts[decision.id >> 32].decisions.append(decision)
    for effect in screened.effects:
        parts[effect.decision_id >> 32].effects.append(effect)
    for part in parts.values():
        part.failures.extend(_failures(part.decisions, screened.failures))
    for pk in own_decisions.batches_with(parts):
        own[pk] = own_decisions.apply(pk, parts[pk].decisions)
        parts[pk] = parts[pk]._replace(decisions=own[pk].decisions)
    return [(batch, Judged.of(parts[batch.pk])) for batch in group]


def _failures(decisions: list[NewDecision], failures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the failures of these contacts, out of those of the whole page."""
    failed = Counter(decision.action for decision in decisions if decision.reason == DecisionReason.ACTION_FAILED)
    return [{**each, "contacts": failed[each["identifier"]]} for each in failures if each["identifier"] in failed]


def _columns(batch: Batch, judged: Judged, now: datetime) -> dict[str, Any]:
    attention, data = lifecycle.found_in_hook(batch)
    if not attention and judged.unread:
        first = next(decision for decision in judged.decisions if decision.unread)
        place = json.loads(first.kept or "{}").get("place", 0)
        attention, data = (
            Attention.UNREAD_ROWS,
            {"rows": judged.unread, "code": first.reason, "place": place, "format": "hook"},
        )
    return {
        "total": len(judged.decisions),
        "accepted": judged.accepted,
        "rejected": judged.rejected,
        "undecided": judged.undecided,
        "unread": judged.unread,
        "reasons": judged.reasons,
        "failures": judged.failures,
        "file_complete": True,  # a parsed hook is always complete
        "attention": attention,
        "attention_data": data,
        "chunk_rows": max(1, len(judged.decisions)),
        "attempts": 0,
        "due_at": now,
    }
