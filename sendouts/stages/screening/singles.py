"""Screen singles: judge and store many hooks with one or two contacts each together."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from actions.plan.merge import words_of
from actions.plan.run import Failure
from actions.secrets.keys import CannotOpen, keyring
from sendouts import lifecycle
from sendouts.deadlines import screening_ends
from sendouts.models import Attention, Batch, Chunk, Webhook
from sendouts.models.decision import DecisionReason
from sendouts.privacy import sealing
from sendouts.stages import callers, review
from sendouts.stages.screening import addresses, own_decisions, shared_uris
from sendouts.stages.screening.judge import PATIENCE, Judge, Judged, Sums, complete
from sendouts.stages.storage import NewDecision, insert_decisions, insert_effects
from sendouts.symplify.items import Row
from sendouts.symplify.payload import Hook, parse
from work import claims

log = structlog.get_logger(__name__)


def screen_items(claim: claims.Claim, batches: Sequence[Batch], now: datetime) -> None:
    """Move planned singles to `screened` in one transaction; judge those that share a plan together."""
    hooks, shut = _hooks(batches)
    rows = {pk: hook.items for pk, hook in hooks.items()}
    for pk in shut:
        lifecycle.cannot_open(pk, now=now, claim=claim)
    batches = [batch for batch in batches if batch.pk not in shut]
    judged = judge(batches, rows, now, claim.keep)
    own: dict[int, own_decisions.Reapplied] = {}
    for pk in own_decisions.batches_with(judged):
        own[pk] = own_decisions.apply(pk, judged[pk].decisions)
        judged[pk] = judged[pk]._replace(decisions=own[pk].decisions)
    # Those whose service does not answer wait for it; the others go on.
    if waiting := [batch for batch in batches if judged[batch.pk].waiting]:
        callers.put_off(waiting, max(judged.pop(batch.pk).again_in for batch in waiting), claim)
        log.info("service_silent", singles=len(waiting), first=waiting[0].pk)
        batches = [batch for batch in batches if batch.pk in judged]
        own = {pk: applied for pk, applied in own.items() if pk in judged}
        hooks = {pk: hook for pk, hook in hooks.items() if pk in judged}
    if not batches:
        return
    columns: dict[int, dict[str, Any]] = {}
    chunks = []
    for batch in batches:
        decisions, sums = judged[batch.pk].decisions, judged[batch.pk].sums()
        columns[batch.pk] = find_columns(batch, decisions, sums)
        if decisions:
            chunks.append(chunk_of(batch, len(decisions), sums))
    with transaction.atomic():
        claim.extend([batch.pk for batch in batches], progress=True)
        Chunk.objects.bulk_create(chunks)
        insert_decisions(decision for result in judged.values() for decision in result.decisions)
        insert_effects([effect for result in judged.values() for effect in result.effects])
        for pk, result in judged.items():
            marks = [row.uri_mark for row in result.decisions if row.uri_mark is not None]
            if len(set(marks)) < len(marks) and shared_uris.record(pk):
                columns[pk] |= review.count_decisions(pk)
        for applied in own.values():
            own_decisions.store(applied)
        prepared = {pk: Counter(effect.step for effect in result.effects) for pk, result in judged.items()}
        invisible = {pk: hook.invisible for pk, hook in hooks.items()}
        complete(claim, batches, columns, prepared, now, decided=own, invisible=invisible)


def _hooks(batches: Sequence[Batch]) -> tuple[dict[int, Hook], set[int]]:
    """Return the hook of each batch, read again, and the batches with a hook that no key opens."""
    found: dict[int, Hook] = {}
    shut: set[int] = set()
    keys = keyring()
    words = {batch.pk: words_of(batch.plan.content) for batch in batches}
    hooks = Webhook.objects.filter(batch__in=batches, outcome=Webhook.Outcome.PLANNED)
    for batch_id, uuid, body in hooks.values_list("batch_id", "uuid", "body"):
        try:
            hook = parse(keys.open(body, sealing.of_hook(uuid)), words[batch_id])
        except CannotOpen:
            shut.add(batch_id)
            continue
        if isinstance(hook, Hook):
            found[batch_id] = hook
    return found, shut


def judge(
    batches: Iterable[Batch], rows: Mapping[int, Sequence[Row]], now: datetime, tick: Callable[[], None]
) -> dict[int, Judged]:
    """Judge the items of singles; return the result of each, by batch id. rows: their items; tick: as for Judge."""
    alike: dict[tuple[int, int, bool], list[Batch]] = defaultdict(list)
    for batch in batches:
        soon = callers.ends_soon(screening_ends(batch.received_at, batch.deadline), now)
        alike[batch.plan_id, batch.sendout_id, soon].append(batch)
    return {pk: result for group in alike.values() for pk, result in _judge(group, rows, tick).items()}


def _judge(group: list[Batch], rows: Mapping[int, Sequence[Row]], tick: Callable[[], None]) -> dict[int, Judged]:
    """Judge the items of several batches as one page."""
    ends = min(screening_ends(batch.received_at, batch.deadline) for batch in group)
    judge = Judge(group[0], ends, tick=tick, patience=PATIENCE)
    flat = [row for batch in group for row in rows.get(batch.pk, ())]
    ids = [batch.first_decision + place for batch in group for place in range(len(rows.get(batch.pk, ())))]
    screened = judge.judge(flat, ids)
    parts = {batch.pk: Judged([], [], []) for batch in group}
    for decision in screened.decisions:
        parts[decision.id >> 32].decisions.append(decision)
    for effect in screened.effects:
        parts[effect.decision_id >> 32].effects.append(effect)
    for pk in {pk >> 32 for pk in screened.waiting}:
        parts[pk] = parts[pk]._replace(waiting=screened.waiting, again_in=screened.again_in)
    for part in parts.values():
        part.failures.extend(_failures(part.decisions, screened.failures))
    return parts


def _failures(decisions: list[NewDecision], failures: Iterable[Failure]) -> list[Failure]:
    """Return the failures of these contacts, out of those of the whole page."""
    failed = Counter(decision.action for decision in decisions if decision.reason == DecisionReason.ACTION_FAILED)
    return [replace(each, contacts=failed[each.identifier]) for each in failures if each.identifier in failed]


def chunk_of(batch: Batch, rows: int, sums: Sums) -> Chunk:
    """Return the only chunk of a single."""
    return Chunk(batch=batch, number=0, rows=rows, digest=b"", **sums)


def find_columns(batch: Batch, decisions: list[NewDecision], sums: Sums) -> dict[str, Any]:
    """Return the columns of a screened single."""
    refused = [(row.id, row.uri) for row in decisions if row.uri_mark is None and row.uri]
    attention, data = addresses.find_trouble(batch, len(refused), refused[: addresses.LOOKED_AT])
    if not attention:
        attention, data = lifecycle.found_in_hook(batch)
    if not attention and sums["unread"]:
        first = next(decision for decision in decisions if decision.unread)
        place = json.loads(first.kept or "{}").get("place", 0)
        attention = Attention.UNREAD_ROWS
        data = {"rows": sums["unread"], "code": first.reason, "text": first.text, "place": place, "format": "hook"}
    return {
        **sums,
        "total": len(decisions),
        "file_complete": True,  # a parsed hook is always complete
        "attention": attention,
        "attention_data": data,
        "chunk_rows": max(1, len(decisions)),
    }
