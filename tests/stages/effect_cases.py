"""Batches whose plan acts on contacts, and the sweep after their end."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from actions.effect import DONE, Applied, Pending, failed
from sendouts.models import Batch, EffectRun
from tests.gate import Gate
from tests.lanes import work_on

ACTIONS = ["consent-check", "write"]
Page = Sequence[Pending]


def fire(gate: Gate, *, kind: str = "written", on_failure: str = "hold", review: str = "never", **wanted: Any) -> Any:
    """Hold 100 contacts, of which 10 do not consent, for a project that also writes."""
    project = gate.project(review=review)
    gate.define(project, "write", kind=kind, config={}, on_failure=on_failure, position=1)
    return gate.fire(actions=ACTIONS, **wanted)


def follow(gate: Gate) -> None:
    """What the sweep does once a batch has ended."""
    EffectRun.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
    work_on("effects", list(EffectRun.objects.filter(due_at__isnull=False).values_list("pk", flat=True)))


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
