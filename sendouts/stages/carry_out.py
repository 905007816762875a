"""Carry out one run: pass its pending effects to their kind, in pages or as a whole, and store each answer.

A pass carries out what is possible now. A later pass retries the rest; no worker sleeps.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from django.db import Error, transaction
from django.db.models import F, QuerySet

from actions.contract import Context, Permanent, Retryable, Word
from actions.effect import Applied, Effect, Pending, Preparing, Run, WholeEffect
from actions.plan.build import build
from actions.plan.failures import PlanFailure
from actions.plan.merge import from_data
from actions.sentences import write
from sendouts.models import Batch, Decision, DecisionVerdict, EffectRun, PendingEffect
from sendouts.services.context import Contexts, own_pool
from work.claims import ClaimLost
from work.retry import backoff

log = structlog.get_logger(__name__)
# Seconds between two extensions of the claim while a page is pending.
TICK_SECONDS = 1.0
# End the pass after this many failed pages in a row: the other system is not reachable.
FAILED_PAGES = 4
_WORDS = {
    DecisionVerdict.ACCEPTED: Word.ACCEPT,
    DecisionVerdict.REJECTED: Word.REJECT,
    DecisionVerdict.UNDECIDED: Word.UNDECIDED,
}


@dataclass(slots=True)
class Passed:
    """The result of a pass.

    `through`: no effect is pending; else `again_in`: seconds until a retry, None for no retry.
    """

    through: bool
    error: str = ""
    again_in: float | None = None
    # The other system is still working on it; nothing has failed.
    working: bool = False

    def pause(self, attempts: int) -> timedelta:
        """Return how long to wait after this many attempts: at least as long as the other system asked for."""
        return max(backoff(attempts), timedelta(seconds=self.again_in or 0.0))


@dataclass(slots=True)
class EffectWork:
    """The state needed to carry out a run.

    `store(progress)` extends the claim inside a transaction, or raises ClaimLost.
    """

    run: EffectRun
    batch: Batch
    contexts: Contexts
    store: Callable[[bool], None]
    tick: Callable[[], None]
    failures: int = 0
    _pauses: list[float] = field(default_factory=list)
    _error: str = ""

    def carry_out(self) -> Passed:
        """Carry out as many pending effects as possible now."""
        planned = from_data(self.batch.plan.content).actions[self.run.step]
        try:
            kind = build(planned.kind, planned.config)
            context = self.contexts.of(planned)
            if isinstance(kind, WholeEffect) and kind.takes(self.run.total):
                return self._as_a_whole(kind, context)
            elif isinstance(kind, Effect):
                self._by_pages(kind, context)
            else:
                raise Permanent(PlanFailure.CANNOT_ACT(name=planned.kind))
        except Permanent as error:
            return Passed(False, error.text)
        if self._pauses:
            return Passed(False, self._error, max(self._pauses))
        # The time ran out between two pages.
        return Passed(False, PlanFailure.NO_TIME(), 0.0) if self._waiting().exists() else Passed(True)

    def _waiting(self) -> QuerySet[PendingEffect]:
        return self.run.pending().filter(state=PendingEffect.State.WAITING)

    def _by_pages(self, kind: Effect, context: Context) -> None:
        flying: dict[Future[Sequence[Applied]], Sequence[Pending]] = {}
        try:
            for page in self.pages(kind, kind.apply_size or kind.page_size):
                with transaction.atomic():
                    self.store(False)
                    kind.starting(page, context)
                flying[own_pool().submit(_applied, kind, context, page)] = page
                while len(flying) >= kind.parallel:
                    self._settle_next(flying)
                if self.failures >= FAILED_PAGES or context.time_left() <= 0:
                    break
            while flying:
                self._settle_next(flying)
        finally:
            for left in flying:
                left.cancel()
            wait(flying)

    def _settle_next(self, flying: dict[Future[Sequence[Applied]], Sequence[Pending]]) -> None:
        done = wait(flying, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED).done
        self.tick()
        for each in done:
            page = flying.pop(each)
            try:
                answers = each.result()
            except Retryable as error:
                self.failures += 1
                self._pauses.append(error.retry_after or 0.0)
                self._error = error.text
                continue
            again = [answer for answer in answers if answer.again_in is not None]
            self.failures = self.failures + 1 if len(again) == len(answers) else 0
            if again:
                self._pauses.append(max(answer.again_in or 0.0 for answer in again))
                self._error = again[0].text
            self._settle(page, answers)

    def _settle(self, page: Sequence[Pending], answers: Sequence[Applied]) -> None:
        """Store the results of a page: delete the effects that are done, keep the refused ones with their reason."""
        done: list[int] = []
        refused: list[tuple[int, str]] = []
        for pending, answer in zip(page, answers, strict=True):
            pk = self.batch.first_decision + pending.row
            if answer.done:
                done.append(pk)
            elif answer.again_in is None:
                refused.append((pk, answer.text))
        with transaction.atomic():
            self.store(True)
            rows = PendingEffect.objects.filter(step=self.run.step)
            rows.filter(decision_id__in=done).delete()
            for text in {text for _, text in refused}:
                ids = [pk for pk, why in refused if why == text]
                rows.filter(decision_id__in=ids).update(state=PendingEffect.State.REFUSED, text=text[:500])
            counts = {"done": F("done") + len(done), "refused": F("refused") + len(refused)}
            EffectRun.objects.filter(pk=self.run.pk).update(**counts)

    def _as_a_whole(self, kind: WholeEffect, context: Context) -> Passed:
        whole = _Whole(self, kind)
        try:
            pause = kind.work(whole, context)
        except Retryable as error:
            return Passed(False, error.text, error.retry_after or 0.0)
        except Permanent:
            raise
        except Exception as error:
            if isinstance(error, ClaimLost | Error):
                raise
            raise Permanent(PlanFailure.RAISED(name=kind.name, error=type(error).__name__)) from error
        if pause is not None:
            return Passed(False, again_in=pause.seconds, working=True)
        while page := next(self.pages(kind, 2_000), None):
            self._settle(page, [Applied(True)] * len(page))
        return Passed(True)

    def pages(self, kind: Preparing, size: int) -> Iterator[Sequence[Pending]]:
        """Yield pages of pending effects in the order of the contact file; drop those that the kind no longer wants."""
        last = -1
        while True:
            waiting = self._waiting().filter(decision_id__gt=last).order_by("decision_id")
            found = list(waiting.values_list("decision_id", "payload")[:size])
            if not found:
                return
            last = found[-1][0]
            decided = {
                pk: (contact, _WORDS[DecisionVerdict(verdict)], reason, text)
                for pk, contact, verdict, reason, text in Decision.objects.filter(
                    pk__gte=found[0][0], pk__lte=last, pk__in=[pk for pk, _ in found]
                ).values_list("pk", "contact_id", "verdict", "reason", "text")
            }
            page = [
                self._pending(pk, json.loads(payload), *decided[pk])
                for pk, payload in found
                if pk in decided and kind.wants(decided[pk][1])
            ]
            wanted = {self.batch.first_decision + pending.row for pending in page}
            if unwanted := [pk for pk, _ in found if pk not in wanted]:
                self._leave_out(unwanted)
            if page:
                yield page

    def _pending(self, pk: int, payload: Any, contact: str, verdict: Word, reason: str, text: str) -> Pending:
        key, row = f"{pk}-{self.run.step}", pk & 0xFFFF_FFFF
        # Texts for other systems are in English.
        return Pending(key, row, contact, verdict, payload, self.batch.pk, reason, write(text))

    def _leave_out(self, ids: Sequence[int]) -> None:
        with transaction.atomic():
            self.store(True)
            PendingEffect.objects.filter(step=self.run.step, decision_id__in=ids).delete()
            EffectRun.objects.filter(pk=self.run.pk).update(left_out=F("left_out") + len(ids))


class _Whole(Run):
    """A run as presented to a kind that acts on the whole batch at once."""

    def __init__(self, work: EffectWork, kind: WholeEffect) -> None:
        self._work, self._kind = work, kind
        self.key = f"{work.run.batch_id}-{work.run.step}"
        self.total = work.run.waiting
        self.state = work.run.state

    def pages(self, size: int) -> Iterator[Sequence[Pending]]:
        for page in self._work.pages(self._kind, size):
            self._work.tick()
            yield page

    def tick(self) -> None:
        self._work.tick()

    def keep(self, **state: Any) -> None:
        self.state = {**self.state, **state}
        with transaction.atomic():
            self._work.store(True)
            EffectRun.objects.filter(pk=self._work.run.pk).update(state=self.state)


def _applied(kind: Effect, context: Context, page: Sequence[Pending]) -> Sequence[Applied]:
    """Carry out one page; raise nothing but Retryable or Permanent."""
    if context.time_left() <= 0:
        raise Retryable(PlanFailure.NO_TIME())
    try:
        answers = kind.apply(page, context)
    except (Retryable, Permanent):
        raise
    except Exception as error:
        if isinstance(error, Error):
            # The gateway's own database: the caller handles it.
            raise
        # The text of an unforeseen error may hold contact data, so only its class is named.
        raise Permanent(PlanFailure.RAISED(name=kind.name, error=type(error).__name__)) from error
    if not isinstance(answers, Sequence) or len(answers) != len(page):
        raise Permanent(PlanFailure.WRONG_COUNT())
    if not all(type(answer) is Applied for answer in answers):
        raise Permanent(PlanFailure.WRONG_TYPE())
    return answers
