"""Batches whose plan acts on contacts, and the sweep after their end."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.utils import timezone

from actions.catalog import kinds
from actions.effect import DONE, Applied, Pending, failed
from actions.plan.merge import canonical
from sendouts.models import Batch, EffectRun, PendingEffect, Status
from tests.factories import CONSENT, batch, plan
from tests.gate import Gate
from tests.lanes import work_on
from work import claims

ACTIONS = ["consent-check", "write"]
Page = Sequence[Pending]


def fire(gate: Gate, *, kind: str = "written", on_failure: str = "hold", review: str = "never", **wanted: Any) -> Any:
    """Hold 100 contacts, of which 10 do not consent, for a project that also writes."""
    project = gate.project(review=review)
    gate.define(project, "write", kind=kind, config={}, on_failure=on_failure, position=1)
    return gate.fire(actions=ACTIONS, **wanted)


def follow(rounds: int = 1) -> EffectRun:
    """What the sweep does once a batch has ended, and when it comes to what must be tried again; gives the last run."""
    for _ in range(rounds):
        EffectRun.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
        work_on("effects", list(EffectRun.objects.filter(due_at__isnull=False).values_list("pk", flat=True)))
    return EffectRun.objects.latest("pk")


def run_of(batch: Batch) -> EffectRun:
    return EffectRun.objects.get(batch=batch)


def only_first(calls: list[Page], error: Exception) -> Any:
    """An answer that fails once."""

    def answer(page: Page) -> list[Applied]:
        calls.append(page)
        if len(calls) == 1:
            raise error
        return [DONE] * len(page)

    return answer


def refuse_some(page: Page) -> list[Applied]:
    return [failed("Nobody has this id.") if pending.row % 10 == 1 else DONE for pending in page]


def ended(kind: str, *, contacts: int = 100, payload: Mapping[str, Any] | None = None, **config: Any) -> EffectRun:
    """A released batch of which one contact in ten was rejected, and its transfer, which has not begun yet."""
    names = {"identifier": "tell", "kind": kind, "on_failure": "hold", "phase": "transfer"}
    stored = canonical(kinds()[kind].normal_config(config))
    action = {**names, "config": stored, "details": "{}", "origins": []}
    now, rejected = timezone.now(), contacts // 10
    over = {"confirmed": rejected, "outcome": "released", "finish_sent_at": now, "ended_at": now}
    accepted = contacts - rejected
    made = batch(Status.FINISHED, accepted=accepted, rejected=rejected, plan=plan(CONSENT, action), **over)
    rows = range(made.first_decision, made.first_decision + contacts)
    text = json.dumps({name: value for name, value in (payload or {}).items() if name in config.get("fields", ())})
    PendingEffect.objects.bulk_create(PendingEffect(decision_id=pk, step=1, payload=text) for pk in rows)
    return EffectRun.objects.create(batch=made, step=1, total=contacts, due_at=now, **names)


def transfer(kind: str, **more: Any) -> EffectRun:
    """Carry a transfer out once."""
    ended(kind, **more)
    return follow()


@contextmanager
def killed_when_settling(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker that is killed before it stores an answer; afterwards its claim is free."""

    def killed(*args: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("sendouts.stages.carry_out.EffectWork._settle", killed)
        with pytest.raises(SystemExit):
            yield
    claims.drop_all(EffectRun)
