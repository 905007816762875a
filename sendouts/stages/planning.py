"""Plan a stored hook: find its project and sendout, merge its actions and set its deadline."""

import hashlib
import json
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from actions.catalog import kinds
from actions.models import Policy, Project, Sendout, definitions_for, normal_name, policy
from actions.plan import merge
from actions.plan.services import services_of
from actions.secrets.keys import CannotOpen, keyring
from sendouts import lifecycle
from sendouts.deadlines import screening_ends
from sendouts.models import Attention, Batch, EventWord, Plan, Spool, Status, Webhook
from sendouts.models.webhook import in_sets
from sendouts.privacy import sealing
from sendouts.stages.plain import direct
from sendouts.symplify.envelopes import why_unreadable
from sendouts.symplify.payload import Hook, OtherEvent, Unreadable, parse
from sendouts.wording.sentences import HookDetail
from work import claims, outages
from work.nudges import nudge
from work.retry import backoff

log = structlog.get_logger(__name__)
# Ignore a difference up to this between this process's clock and the database's.
CLOCK_DOUBT = timedelta(seconds=60)
# Retry a hook at least this often.
LONGEST_PAUSE = timedelta(minutes=1)
# Time for long hooks in one turn; their batches go on afterwards.
LONG_SECONDS = 2.0
_one_long = threading.Lock()
# Pause after which a batch looks for its download, even if nothing else makes it due.
WAITING_FOR_FILE = timedelta(minutes=1)
# One statement for the hooks of a set. Both databases name the columns of VALUES so.
_SETTLE = f"""
    UPDATE {Webhook._meta.db_table}
    SET batch_id = found.column3, outcome = found.column2, detail = '',
        due_at = NULL, claim_id = NULL, claimed_until = NULL
    FROM (VALUES {{rows}}) AS found WHERE {Webhook._meta.db_table}.id = found.column1
"""
_DONE: dict[str, Any] = {"due_at": None, "claim_id": None, "claimed_until": None}


def plan(claim: claims.Claim, webhook_ids: Sequence[int]) -> list[int]:
    """Plan claimed hooks; return the ids of the new open batches.

    Long hooks are planned one by one, by one thread of a process, and after the others. So memory stays flat, and short
    hooks wait for none of them.
    """
    # After a failure the set comes again in halves: without the hooks that are planned already.
    sets, long = in_sets(Webhook.objects.filter(pk__in=webhook_ids, due_at__isnull=False))
    came = [pk for ids in sets for pk in _plan_set(claim, ids)]
    if long:
        came += _plan_long(claim, long, others_first=bool(sets))
    return came


def _plan_long(claim: claims.Claim, ids: Sequence[int], *, others_first: bool) -> list[int]:
    came: list[int] = []
    until = time.monotonic() + LONG_SECONDS
    done = 0
    if not others_first and _one_long.acquire(blocking=False):
        try:
            while done < len(ids) and time.monotonic() < until:
                came += _plan_set(claim, ids[done : done + 1])
                done += 1
        finally:
            _one_long.release()
    if left := ids[done:]:
        claim.give_back(left)
        if done or others_first:
            nudge("hooks", left)
    return came


def _plan_set(claim: claims.Claim, webhook_ids: Sequence[int]) -> list[int]:
    """Plan some hooks in one transaction, and release the singles among them that nothing holds."""
    if claim.deaths:
        # If a check kills workers, its batch must exist: people see it there.
        return _store_plans(claim, webhook_ids, carries=False)[0]
    try:
        came, releasing = _store_plans(claim, webhook_ids, carries=True)
    except claims.ClaimLost:
        raise
    except Exception as error:
        if outages.is_outage(error):
            raise
        # So it is if a check fails.
        log.warning("direct_failed", first=webhook_ids[0], hooks=len(webhook_ids), error=type(error).__name__)
        return _store_plans(claim, webhook_ids, carries=False)[0]
    if releasing is not None:
        came += direct.release(releasing)
    return came


def _store_plans(
    claim: claims.Claim, webhook_ids: Sequence[int], *, carries: bool
) -> tuple[list[int], direct.Releasing | None]:
    """Store the plans of some hooks in one transaction. carries: whether plain singles go further in it.

    Return the new open batches that the lanes take on, and the singles to release.
    """
    with transaction.atomic():
        planned, came, releasing = _plan_in_transaction(claim, webhook_ids, carries=carries)
    claim.note_freed(planned)
    return came, releasing


def _plan_in_transaction(
    claim: claims.Claim, webhook_ids: Sequence[int], *, carries: bool
) -> tuple[list[int], list[int], direct.Releasing | None]:
    claim.extend(webhook_ids)
    now = timezone.now()
    hooks: dict[int, Hook] = {}
    received: dict[int, datetime] = {}
    for webhook in Webhook.objects.filter(pk__in=webhook_ids).order_by("pk"):
        try:
            read = read_hook(webhook)
        except CannotOpen:
            _wait_for_key(webhook)
            continue
        if read is not None:
            hooks[webhook.pk] = read
            received[webhook.pk] = webhook.received_at
    finishes = {pk: finish_key(hook) for pk, hook in hooks.items()}
    fresh, known, same_finish = _tell_duplicates(hooks, finishes)
    catalog = Catalog(hooks[pk] for pk in fresh)
    batches = []
    for pk in fresh:
        hook, finish, attention = hooks[pk], finishes[pk], Attention.NONE
        if hook.problems:
            attention = Attention.HOOK_UNCLEAR
        elif finish in same_finish and hook.download_uri:
            attention = Attention.SAME_FINISH
        batches.append(catalog.batch(hook, received[pk], now, finish, attention))
        same_finish.add(finish)
    Batch.objects.bulk_create(batches)
    files = [batch.pk for batch in batches if batch.is_open and not batch.is_single]
    Spool.objects.bulk_create(Spool(pk=pk, batch_id=pk, due_at=claims.due_in()) for pk in files)
    by_key = known | {batch.delivery_key: batch.pk for batch in batches}
    hook_of = {batch.pk: hooks[pk] for pk, batch in zip(fresh, batches, strict=True)}
    plain = direct.select(hook_of, batches) if carries else []
    carried = {batch.pk for batch in plain}
    _record([batch for batch in batches if batch.pk not in carried], now)
    _settle_hooks(hooks, set(fresh), by_key, now)
    releasing = direct.carry(hook_of, plain, now) if plain else None
    released = set(releasing.claim.ids) if releasing is not None else set()
    return list(hooks), [batch.pk for batch in batches if batch.is_open and batch.pk not in released], releasing


def escalate(claim: claims.Claim, webhook_id: int, error: Exception | None) -> None:
    """Escalate a hook that has killed several workers; it is kept, and staff can plan it again."""
    detail = HookDetail.GIVEN_UP(times=claim.deaths)
    ended = {"outcome": Webhook.Outcome.FAILED, "detail": detail, **_DONE}
    Webhook.objects.filter(pk=webhook_id, claim_id=claim.id).update(**ended)


def describe_failure(attempts: int, error: Exception) -> dict[str, str]:
    """Return the columns that describe why a hook could not be planned yet."""
    return {"detail": HookDetail.TRIED_AGAIN(times=attempts, error=type(error).__name__)}


def read_hook(webhook: Webhook) -> Hook | None:
    """Parse a stored body; set the outcome here if the hook is not a held delivery. Raises CannotOpen."""
    try:
        read = parse(keyring().open(webhook.body, sealing.of_hook(webhook.uuid)))
    except Unreadable as problem:
        outcome, detail = Webhook.Outcome.UNREADABLE, why_unreadable(problem, webhook.content_type)
    else:
        if not isinstance(read, OtherEvent):
            return read
        outcome, detail = Webhook.Outcome.OTHER, HookDetail.OTHER_EVENT(keys=", ".join(read.keys))
    Webhook.objects.filter(pk=webhook.pk).update(outcome=outcome, detail=detail, **_DONE)
    log.info("hook_read", webhook=webhook.pk, outcome=outcome.value)
    return None


def _wait_for_key(webhook: Webhook) -> None:
    """Keep a hook that no key opens, and schedule a retry: only the key is missing."""
    attempts = webhook.attempts + 1
    due_at = claims.due_in(backoff(attempts, longest=LONGEST_PAUSE.total_seconds()))
    waits = {"attempts": attempts, "due_at": due_at, "detail": HookDetail.KEY_MISSING()}
    Webhook.objects.filter(pk=webhook.pk).update(**waits)
    log.error("hook_cannot_be_opened", webhook=webhook.pk, attempts=attempts)


def _tell_duplicates(hooks: dict[int, Hook], finishes: dict[int, str]) -> tuple[list[int], dict[str, int], set[str]]:
    """Return the new deliveries in order of arrival, the batches of known ones, and the finish keys that are known."""
    keys = {hook.delivery_key for hook in hooks.values()}
    stored = Batch.objects.filter(Q(delivery_key__in=keys) | Q(finish_key__in=set(finishes.values())))
    rows = list(stored.values_list("delivery_key", "finish_key", "pk"))
    known = {delivery: pk for delivery, _, pk in rows if delivery in keys}
    fresh, seen = [], set(known)
    for pk, hook in hooks.items():
        if hook.delivery_key not in seen:
            seen.add(hook.delivery_key)
            fresh.append(pk)
    return fresh, known, {finish for _, finish, _ in rows}


def finish_key(hook: Hook) -> str:
    """Return the SHA-256 of the finishUri: the URI is a secret, and too long for an index."""
    return hashlib.sha256(hook.finish_uri.encode()).hexdigest()


def _record(batches: list[Batch], now: datetime) -> None:
    for status in {batch.status for batch in batches}:
        found = [batch.pk for batch in batches if batch.status == status]
        lifecycle.record(found, EventWord.MOVED, now=now, new=status)
        if status == Status.EXPIRED:
            log.error("arrived_after_deadline", batches=found)
    for batch in batches:
        if batch.attention:
            lifecycle.record([batch.pk], EventWord.ATTENTION, now=now, data={batch.pk: {"code": batch.attention}})


def _settle_hooks(hooks: dict[int, Hook], fresh: set[int], by_key: dict[str, int], now: datetime) -> None:
    values: list[Any] = []
    for pk, hook in hooks.items():
        outcome = Webhook.Outcome.PLANNED if pk in fresh else Webhook.Outcome.DUPLICATE
        values += [pk, outcome.value, by_key[hook.delivery_key]]
        if pk not in fresh:
            lifecycle.record([by_key[hook.delivery_key]], EventWord.DUPLICATE, now=now, data={})
    if values:
        with connection.cursor() as cursor:
            cursor.execute(_SETTLE.format(rows=", ".join(["(%s, %s, %s)"] * len(hooks))), values)


class Catalog:
    """Projects, sendouts, policies and plans of one group of hooks, each looked up once."""

    def __init__(self, hooks: Iterable[Hook]) -> None:
        self._phases = {name: kind.phase for name, kind in kinds().items()}
        self._plans: dict[tuple[int, tuple[merge.Asked, ...]], tuple[Plan, str | None]] = {}
        names = {(normal_name(h.project), normal_name(h.journey), normal_name(h.sendout)) for h in hooks}
        self._sendouts = {
            (sendout.project.name, sendout.journey, sendout.name): sendout
            for sendout in Sendout.objects.select_related("project").filter(
                project__name__in={name[0] for name in names}, name__in={name[2] for name in names}
            )
        }
        for project_name, journey, name in names - set(self._sendouts):
            # Store a project that only a hook names as not declared: its batches wait for review by a person.
            project, _ = Project.objects.get_or_create(name=project_name, defaults={"declared": False})
            sendout, _ = Sendout.objects.get_or_create(project=project, journey=journey, name=name)
            self._sendouts[project_name, journey, name] = sendout
        self._database_now = claims.database_now()
        self._policies: dict[int, Policy] = {
            sendout.pk: policy(sendout.project, sendout) for sendout in self._sendouts.values()
        }

    def batch(self, hook: Hook, received_at: datetime, now: datetime, finish: str, attention: Attention) -> Batch:
        sendout = self._sendouts[normal_name(hook.project), normal_name(hook.journey), normal_name(hook.sendout)]
        rules = self._policies[sendout.pk]
        behind = self._database_now - now
        if behind > CLOCK_DOUBT:
            # Our clock is behind: a deadline counted from it would have passed once the clock is corrected.
            received_at += behind
        # If the door's clock was ahead, the deadline would be late: no hook comes after its planning.
        received_at = min(received_at, max(now, self._database_now))
        deadline = received_at + rules.answer_within
        # If our clock is ahead, a hook must not expire that is in time by the database's clock.
        late = deadline <= min(now, self._database_now)
        keys = keyring()
        plan, service = self._plan(hook, sendout)
        return Batch(
            source=Batch.Source.BATCH if hook.download_uri else Batch.Source.SINGLE,
            delivery_key=hook.delivery_key,
            finish_key=finish,
            finish_uri=keys.seal(hook.finish_uri.encode(), sealing.of_finish(hook.delivery_key)),
            download_uri=keys.seal(hook.download_uri.encode(), sealing.of_download(hook.delivery_key)),
            project=sendout.project,
            sendout=sendout,
            plan=plan,
            service=service,
            asks_until=screening_ends(received_at, deadline) if service else None,
            review=rules.review,
            at_deadline=rules.at_deadline,
            second_person_from=sendout.project.second_person_from,
            no_own_changes=sendout.project.no_own_changes,
            status=Status.EXPIRED if late else Status.PLANNED,
            attention=attention,
            attention_data={"problems": list(hook.problems)} if attention == Attention.HOOK_UNCLEAR else {},
            received_at=received_at,
            deadline=deadline,
            # The download of its file makes it due.
            due_at=None if late else self._database_now + (WAITING_FOR_FILE if hook.download_uri else timedelta()),
            ended_at=now if late else None,
            tell_at=now if late or attention else None,
        )

    def _plan(self, hook: Hook, sendout: Sendout) -> tuple[Plan, str | None]:
        asked = tuple(merge.Asked.of(each.identifier, each.details) for each in hook.asked)
        key = sendout.pk, asked
        if key not in self._plans:
            definitions = definitions_for(sendout.project, sendout)
            merged = merge.merge(definitions, asked, self._phases, sendout.project.empty_words)
            text = merge.to_json(merged)
            plan, _ = Plan.objects.get_or_create(digest=merge.digest(text), defaults={"content": json.loads(text)})
            self._plans[key] = plan, services_of(merged.actions)
        return self._plans[key]
