"""Batches for which each verb is possible, and helpers for the pages of the verbs."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from actions.catalog.shared.http import ServiceFailure
from sendouts.lifecycle import record
from sendouts.models import (
    AllowedHost,
    Answer,
    Attention,
    Batch,
    BulkChange,
    Decision,
    DecisionVerdict,
    EffectRun,
    Event,
    EventWord,
    Status,
)
from sendouts.verbs import PutOnHold
from tests.factories import CONSENT, batch, offer, page_url, plan, user_in, verb_url
from tests.gate import carry_out


def held(**values: Any) -> Batch:
    return batch(**({"accepted": 3, "rejected": 2} | values))


def unconfirmed() -> Batch:
    made = batch(
        Status.ACCEPTED,
        accepted=3,
        rejected=2,
        confirmed=1,
        decided_at=timezone.now(),
        attention="unconfirmed",
        attention_data={"rows": 1},
    )
    Decision.objects.filter(pk=made.first_decision).update(answer=Answer.CONFIRMED)
    Decision.objects.filter(pk=made.first_decision + 1).update(answer=Answer.REFUSED)
    return made


def with_effect(made: Batch, phase: str, **values: Any) -> Batch:
    """An action of the batch that writes, and has done so for nobody yet."""
    names = {"identifier": "crm", "kind": "transfer_http", "on_failure": "hold"}
    made.plan = plan(CONSENT, {**CONSENT, **names, "phase": phase})
    made.save(update_fields=["plan"])
    EffectRun.objects.create(batch=made, step=1, phase=phase, total=3, **names, **values)
    return made


def not_written() -> Batch:
    data = {"identifier": "crm", "rows": 3, "text": ServiceFailure.ANSWERED(host="crm.example.com", code=401)}
    made = batch(
        Status.ACCEPTED,
        accepted=3,
        rejected=2,
        confirmed=2,
        decided_at=timezone.now(),
        attention="effect_failed",
        attention_data=data,
        enrichments=1,
    )
    return with_effect(made, "enrich")


def not_told() -> Batch:
    made = batch(
        Status.FINISHED,
        accepted=3,
        rejected=2,
        confirmed=2,
        outcome="released",
        finish_sent_at=timezone.now(),
        ended_at=timezone.now(),
    )
    return with_effect(made, "transfer", error=ServiceFailure.ANSWERED(host="crm.example.com", code=401))


def on_hold(**values: Any) -> Batch:
    """A batch that the clock would accept, if a colleague had not put it on hold."""
    made = held(**({"at_deadline": "accept", "due_at": timezone.now() + timedelta(minutes=25)} | values))
    colleague = user_in("Administrator")
    carry_out(PutOnHold(), made, colleague, revision=None, note="waiting for the shop")
    made.refresh_from_db()
    return made


def changing_many(**values: Any) -> Batch:
    """A batch of which a colleague puts all back that were rejected, and half of it is done."""
    made = held(**({"revision": 2} | values))
    colleague = user_in("Administrator")
    BulkChange.objects.create(
        batch=made,
        user=colleague,
        note="they called",
        verdict=DecisionVerdict.ACCEPTED,
        before=DecisionVerdict.REJECTED,
        expected=2,
        changed=1,
        next_row=1,
        begun_at=timezone.now(),
    )
    record([made.pk], EventWord.CHANGE_BEGUN, now=timezone.now(), user=colleague, revisions={made.pk: 2})
    return made


def waiting_for_host() -> Batch:
    hosts = ["a.example.com", "b.example.com"]
    data = {"rows": 2, "code": "host_not_listed", "host": hosts[0], "hosts": hosts}
    return held(attention=Attention.HOST_NOT_LISTED, attention_data=data)


def broken_off() -> Batch:
    return held(attention=Attention.NO_PROVEN_END, file_complete=False)


def with_other_file() -> Batch:
    made = held(attention=Attention.NO_PROVEN_END, file_complete=False)
    offer(made)
    return made


# Each verb: a batch for which it is possible, what is given, and what must be true afterwards.
VERBS: dict[str, tuple[Callable[[], Batch], dict[str, str], Callable[[Batch], bool]]] = {
    "accept": (held, {}, lambda b: b.status == Status.ACCEPTED and b.accepted == 3),
    "refuse": (held, {"note": "wrong picture"}, lambda b: b.status == Status.REFUSED and b.rejected == 5),
    "run-again": (held, {}, lambda b: b.status == Status.PLANNED and b.due_at is not None),
    "allow-host": (waiting_for_host, {}, lambda b: b.status == Status.PLANNED and AllowedHost.objects.count() == 2),
    "use-file": (with_other_file, {}, lambda b: b.status == Status.PLANNED and not b.attention),
    "retry": (unconfirmed, {}, lambda b: not b.attention and b.due_at is not None),
    "take-on": (unconfirmed, {"note": "known"}, lambda b: b.taken_on == 1 and not b.attention),
    "whole-file": (broken_off, {"note": "counted"}, lambda b: b.file_complete and not b.attention),
    "go-without": (not_written, {"note": "known"}, lambda b: b.enrichments == 0 and not b.attention),
    "send-again": (not_told, {}, lambda b: b.effect_runs.get().due_at is not None),
    "undo": (unconfirmed, {}, lambda b: b.status == Status.IN_REVIEW and b.final == 2),
    "hold": (held, {"note": "ask the shop"}, lambda b: b.hold.note == "ask the shop"),
    "lift-hold": (on_hold, {}, lambda b: b.at_deadline == "accept" and b.due_at is not None),
    "cancel-change": (changing_many, {}, lambda b: b.bulk_changes.get().state == "cancelled"),
    "give-up": (held, {"note": "wrong one"}, lambda b: b.status == Status.ABANDONED),
}


def give(client: Client, made: Batch, verb: str, *more: Any, **given: Any) -> Any:
    """Post what the page of a verb would, with the revision that the batch has now unless told otherwise."""
    made.refresh_from_db()
    return client.post(verb_url(made, verb, *more), {"revision": made.revision, "note": "", **given})


def state(made: Batch) -> tuple[Any, ...]:
    made.refresh_from_db()
    return made.status, made.revision, made.accepted, made.rejected, Event.objects.filter(batch=made).count()


def offered(client: Client, made: Batch) -> set[str]:
    return {verb.name for verb in client.get(page_url(made)).context["page"].verbs}
