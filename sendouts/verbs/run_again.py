"""Run the checks of a batch again, or plan a hook again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext, ngettext

from actions.secrets.keys import CannotOpen
from sendouts import lifecycle
from sendouts.deadlines import screening_ends
from sendouts.models import (
    AllowedHost,
    Answer,
    Attention,
    Batch,
    Decision,
    DecisionVerdict,
    EventWord,
    Hold,
    Status,
    Webhook,
)
from sendouts.models.decision import rows_of
from sendouts.models.hold_reason import HoldReason
from sendouts.services.hosts import FRESH_SECONDS, forget_known
from sendouts.stages.planning import Catalog, read_hook
from sendouts.stages.screening import own_decisions
from sendouts.symplify.payload import Hook
from sendouts.verbs import base
from sendouts.verbs.base import Act, NotDone, NotDoneCode, Verb
from work import claims

log = structlog.get_logger(__name__)


class RunAgain(Verb[None]):
    """Merge the plan again from today's definitions, and screen the batch from the start.

    People's decisions on contacts are kept, and applied to the new results.
    """

    name = "run-again"
    statuses = frozenset({Status.IN_REVIEW, Status.PLANNED})

    def carry_out(self, batch: Batch, act: Act) -> None:
        _require_nothing_sent(batch)
        webhook = Webhook.objects.filter(batch=batch, outcome=Webhook.Outcome.PLANNED).first()
        hook = _read_again(webhook) if webhook is not None else None
        if batch.status == Status.IN_REVIEW:
            own_decisions.keep(batch.pk)
        else:
            own_decisions.mark_unapplied(batch.pk)
        lifecycle.forget_screening(batch.pk)
        columns: dict[str, Any] = dict.fromkeys(
            ("total", "accepted", "rejected", "undecided", "unread", "attempts", "restarts", "chunk_rows"), 0
        )
        columns |= {
            "held_for": still_held(batch),
            "anomalies": [],
            "reasons": [],
            "failures": [],
            "file_complete": False,
            "due_at": act.now,
        }
        # A worker still on the old plan loses its claim, and with it its uncommitted work.
        columns |= {"attention": "", "attention_data": {}, "claim_id": None, "claimed_until": None}
        if hook is not None:
            again = Catalog([hook]).batch(hook, batch.received_at, act.now, batch.finish_key, Attention.NONE)
            ends = screening_ends(batch.received_at, batch.deadline) if again.service else None
            columns |= {"plan": again.plan, "service": again.service, "asks_until": ends}
            if hook.problems:
                columns |= {"attention": Attention.HOOK_UNCLEAR, "attention_data": {"problems": list(hook.problems)}}
        if batch.status == Status.PLANNED:
            lifecycle.change(batch, EventWord.RESTARTED, deaths=0, **act.by, **columns)
        else:
            lifecycle.move({batch.pk: columns}, Status.IN_REVIEW, Status.PLANNED, **act.by)


@dataclass(frozen=True)
class AllowHost(RunAgain):
    """Put the hosts of a batch's addresses on the list of allowed hosts, and run its checks again."""

    name = "allow-host"
    permission = "sendouts.add_allowedhost"

    def carry_out(self, batch: Batch, act: Act) -> None:
        base.check_permission(act.user, base.REVIEW)
        hosts = allowable(batch)
        if not hosts:
            raise NotDone(NotDoneCode.NOTHING, gettext("There is nothing to allow: this batch waits for no host."))
        for host in hosts:
            note = gettext("For batch %(batch)s") % {"batch": batch.pk}
            AllowedHost.objects.get_or_create(use=AllowedHost.Use.PLATFORM, entry=host, defaults={"note": note})
        log.warning("hosts_allowed", batch=batch.pk, user=act.user.pk, hosts=len(hosts))
        super().carry_out(batch, act)
        # Every process knows the hosts by then.
        due_at = act.now + timedelta(seconds=FRESH_SECONDS + 1)
        Batch.objects.filter(pk=batch.pk).update(due_at=due_at)
        transaction.on_commit(forget_known)


def allowable(batch: Batch) -> list[str]:
    """Return the hosts that a person may allow, so that the batch goes on."""
    if batch.attention != Attention.HOST_NOT_LISTED:
        return []
    data = batch.attention_data
    return list(data.get("hosts") or ([data["host"]] if data.get("code") == "host_not_listed" else []))


def plan_again(webhook_id: int, *, user: User) -> None:
    """Plan a failed or unreadable hook again: a newer version may read it. Raises NotDone."""
    base.check_permission(user, base.REVIEW)
    failed = Webhook.objects.filter(pk=webhook_id, outcome__in=Webhook.UNPLANNED).exclude(body=b"")
    again = {"outcome": Webhook.Outcome.WAITING, "detail": "", "attempts": 0, "deaths": 0}
    if not failed.update(due_at=claims.due_in(), **again):
        raise NotDone(NotDoneCode.MOVED_ON, gettext("This hook is not waiting for anybody. Nothing was changed."))
    log.warning("hook_planned_again", webhook=webhook_id, user=user.pk)


def still_held(batch: Batch) -> list[str]:
    """Return the hold reasons that keep a batch in review whatever its checks find now."""
    found = [code for code in batch.held_for if code in {HoldReason.RESTORED, HoldReason.STOPPED}]
    return found + ([HoldReason.WAS_ON_HOLD] if Hold.objects.filter(batch=batch).exists() else [])


def _read_again(webhook: Webhook) -> Hook | None:
    """Read a hook again for a person. Raises NotDone if its key is missing."""
    try:
        return read_hook(webhook)
    except CannotOpen:
        sentence = gettext("The hook is encrypted with a key that the gateway no longer has. Nothing was changed.")
        raise NotDone(NotDoneCode.KEY_MISSING, sentence) from None


def _require_nothing_sent(batch: Batch) -> None:
    """Raise NotDone if a rejection was sent: it is final, and new checks would forget it."""
    sent = (
        Decision.objects.filter(rows_of(batch.pk), verdict=DecisionVerdict.REJECTED).exclude(answer=Answer.NONE).count()
    )
    if sent:
        sentence = ngettext(
            "%(n)d rejection was sent before the release was stopped, and stays: the checks cannot run again.",
            "%(n)d rejections were sent before the release was stopped, and stay: the checks cannot run again.",
            sent,
        )
        raise NotDone(NotDoneCode.SENT, sentence % {"n": sent})
