"""Runs a plan over a chunk of contacts, in pages; several pages are in flight if a kind waits for other systems.

The checks run first, then the effects prepare. Rules:

- The first rejection of a contact is its reason, and a rejected contact is not asked again.
- Any rejection overrides undecided; the first reason for undecided is kept.
- An accepted contact keeps the evidence of the last check that gave some.
- An effect is prepared for the contacts that its verdict may still include.
- A page that fails for good is treated by the action's `on_failure`, and reported.
- No error of a kind ends the run.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any, TypeVar

from django.db import Error

from actions.contract import (
    ACCEPT,
    Check,
    Contact,
    Context,
    Kind,
    Later,
    Permanent,
    Phase,
    Retryable,
    Verdict,
    Word,
    accept,
)
from actions.effect import Preparing, Rendered
from actions.plan.build import build
from actions.plan.failures import FAILED, PlanFailure
from actions.plan.merge import PlannedAction, canonical

FIRST_DELAY = 0.2
LONGEST_DELAY = 10.0
# Interval in seconds of the caller's progress reports during a wait.
TICK_SECONDS = 1.0
_ON_FAILURE = {"hold": Word.UNDECIDED, "reject": Word.REJECT, "accept": Word.ACCEPT}
_PASSED = Verdict(Word.ACCEPT, FAILED, PlanFailure.LET_PASS())
_A = TypeVar("_A", Verdict, Rendered)


class Stopped(Exception):
    """The process must stop, and the chunk is not fully judged."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that could not judge some contacts: the stored reason, their number, and their outcome (a Word)."""

    identifier: str
    kind: str
    step: int
    sentence: str
    contacts: int
    became: Word


@dataclass(frozen=True, slots=True)
class Result:
    """Verdicts, as parallel lists in the order of the contacts, and the payloads of the effects.

    `steps` has the position in the plan of the action that gave the verdict, -1 without objection or evidence.
    `payloads` are (position of the contact, position of the effect in the plan, JSON text).
    """

    verdicts: list[Verdict]
    steps: list[int]
    action: list[str]
    failures: tuple[Failure, ...] = ()
    payloads: Sequence[tuple[int, int, str]] = ()


@dataclass(slots=True)
class _Run:
    """The state of one chunk."""

    contacts: Sequence[Contact]
    pool: ThreadPoolExecutor
    stop: Event
    tick: Callable[[], None]
    verdicts: list[Verdict]
    steps: list[int]
    failed: dict[tuple[int, str, Word], int] = field(default_factory=dict)
    payloads: list[tuple[int, int, str]] = field(default_factory=list)


def run_plan(
    actions: Sequence[PlannedAction],
    contacts: Sequence[Contact],
    make_context: Callable[[PlannedAction], Context],
    *,
    pool: ThreadPoolExecutor,
    stop: Event | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Result:
    """Judge a chunk of contacts; raise Stopped once `stop` is set.

    The pool serves the pages of kinds that wait; it must not be the one that runs this call. `make_context` is called
    once for each action, `tick` about once a second during a wait; an error from `tick` ends the run.
    """
    total = len(contacts)
    run = _Run(contacts, pool, stop or Event(), tick, [ACCEPT] * total, [-1] * total)
    everybody: Sequence[int] = range(total)
    remaining = everybody
    for step, planned in enumerate(actions):
        if run.stop.is_set():
            raise Stopped
        # A transfer may include rejected contacts too; it prepares nothing for contacts that it does not include.
        places = everybody if planned.phase == Phase.TRANSFER else remaining
        if places and _run_one(run, step, planned, places, make_context):
            verdicts, rejecting = run.verdicts, Word.REJECT
            remaining = [place for place in remaining if verdicts[place].word is not rejecting]
    names = [planned.identifier for planned in actions] + [""]
    failures = tuple(
        Failure(actions[step].identifier, actions[step].kind, step, sentence, contacts_failed, became)
        for (step, sentence, became), contacts_failed in run.failed.items()
    )
    # Drop payloads prepared before a later action rejected the contact.
    rejected, checks = Word.REJECT, {Phase.CHECK, Phase.ENRICH}
    payloads = [
        each
        for each in run.payloads
        if not (actions[each[1]].phase in checks and run.verdicts[each[0]].word is rejected)
    ]
    return Result(run.verdicts, run.steps, [names[step] for step in run.steps], failures, payloads)


def _run_one(
    run: _Run,
    step: int,
    planned: PlannedAction,
    places: Sequence[int],
    make_context: Callable[[PlannedAction], Context],
) -> bool:
    """Run one action over the contacts at these places; return whether it rejected any."""
    try:
        kind = build(planned.kind, planned.config)
        context = make_context(planned)
    except Permanent as error:
        return _fail(run, step, planned, places, error.text)
    size = kind.page_size
    pages = (places[start : start + size] for start in range(0, len(places), size))
    rejected = False
    inline = ((page, _ask(run, kind, context, page)) for page in pages)
    for page, answer in _in_pool(run, kind, context, pages) if kind.waits else inline:
        if isinstance(answer, str):
            rejected |= _fail(run, step, planned, page, answer)
        else:
            answers: Sequence[Any] = answer
            rejected |= _apply(run, step, page, answers if isinstance(kind, Check) else _keep(run, step, page, answers))
    return rejected


_Page = Sequence[int]
# Verdicts of a check, prepared data of an effect, or the reason for a failure.
_Answer = Sequence[Any] | str


def _in_pool(run: _Run, kind: Kind, context: Context, pages: Iterator[_Page]) -> Iterator[tuple[_Page, _Answer]]:
    """Ask pages in the pool, at most `parallel` at a time; if the run ends early, wait for those in flight."""
    flying: dict[Future[_Answer], _Page] = {}
    given_up = Event()
    try:
        for page in pages:
            flying[run.pool.submit(_ask, run, kind, context, page, given_up)] = page
            while len(flying) >= kind.parallel:
                for done in _next(run, flying):
                    yield flying.pop(done), done.result()
        while flying:
            for done in _next(run, flying):
                yield flying.pop(done), done.result()
    finally:
        given_up.set()
        for left in flying:
            left.cancel()
        wait(flying)


def _next(run: _Run, flying: Mapping[Future[_Answer], _Page]) -> set[Future[_Answer]]:
    """Return the answered pages, as soon as there are any, or after a second."""
    done = wait(flying, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED).done
    run.tick()
    return done


def _ask(run: _Run, kind: Kind, context: Context, page: _Page, given_up: Event | None = None) -> _Answer:
    """Ask about one page, with retries while there is time; return verdicts, or the reason for a failure.

    `given_up` is set once no caller waits for the answer.
    """
    contacts = [run.contacts[place] for place in page]
    delay = FIRST_DELAY
    given_up = given_up or run.stop
    # Outside the pool, this thread must report progress itself.
    tick = (lambda: None) if kind.waits else run.tick
    while True:
        if run.stop.is_set() or given_up.is_set():
            raise Stopped
        if kind.waits and context.time_left() <= 0:
            return PlanFailure.NO_TIME()
        try:
            if isinstance(kind, Preparing):
                return _checked(kind.render(contacts, context), Rendered, len(contacts))
            if isinstance(kind, Check):
                return _checked(kind.check(contacts, context), Verdict, len(contacts))
            return PlanFailure.USELESS(name=kind.name)
        except Error:
            raise  # the gateway's own database: the caller handles it
        except Permanent as error:
            return error.text
        except Later as error:
            if (pause := error.retry_after or 0.0) >= context.time_left():
                return PlanFailure.NO_TIME()
            _pause(pause, run.stop, given_up, tick=tick)
        except Retryable as error:
            pause = max(delay * random.uniform(0.5, 1.0), error.retry_after or 0.0)
            if pause >= context.time_left():
                return PlanFailure.NO_TIME_AGAIN(why=error.text)
            _pause(pause, run.stop, given_up, tick=tick)
            delay = min(delay * 2, LONGEST_DELAY)
        except Exception as error:
            # The text of an unexpected error may contain contact data, so name only its class.
            return PlanFailure.RAISED(name=kind.name, error=type(error).__name__)


def _pause(seconds: float, *ends: Event, tick: Callable[[], None]) -> None:
    """Wait this long, or until an event is set; the first event ends it at once, the others within a tick."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not any(end.is_set() for end in ends):
        ends[0].wait(min(left, TICK_SECONDS))
        tick()


def _checked(answers: Any, wanted: type[_A], expected: int) -> Sequence[_A]:
    """Return the answers of a kind if they meet the contract; raise Permanent."""
    if not isinstance(answers, Sequence) or len(answers) != expected:
        raise Permanent(PlanFailure.WRONG_COUNT())
    if not all(type(answer) is wanted for answer in answers):
        raise Permanent(PlanFailure.WRONG_TYPE())
    return answers


def _keep(run: _Run, step: int, page: _Page, answers: Sequence[Any]) -> Sequence[Verdict]:
    """Store prepared data of an effect, pass its results to later actions, and return its verdicts."""
    for place, answer in zip(page, answers, strict=True):
        if answer.payload is not None:
            run.payloads.append((place, step, canonical(answer.payload)))
        if answer.given:
            contact = run.contacts[place]
            contact.given = {**contact.given, **answer.given}
    return [answer.verdict for answer in answers]


def _apply(run: _Run, step: int, page: _Page, answer: Sequence[Verdict]) -> bool:
    """Store a page's verdicts if they override earlier ones; return whether any contact is rejected."""
    rejected = False
    for place, verdict in zip(page, answer, strict=True):
        # The first rejection is the reason, even if a transfer that reports it cannot be prepared.
        if verdict is ACCEPT or run.verdicts[place].word is Word.REJECT:
            continue
        word = verdict.word
        if word is Word.REJECT:
            rejected = True
        elif word is Word.ACCEPT:
            before = run.verdicts[place]
            if before.word is not Word.ACCEPT or (verdict.code != FAILED and verdict.evidence_at is None):
                continue
            verdict = _accepted(before, verdict)
            if before.code == FAILED:
                run.verdicts[place] = verdict
                continue
        elif run.verdicts[place].word is Word.UNDECIDED:
            continue
        run.verdicts[place] = verdict
        run.steps[place] = step
    return rejected


def _accepted(before: Verdict, verdict: Verdict) -> Verdict:
    """Combine two acceptances: keep a failure of an action, and the last evidence."""
    if before is ACCEPT and verdict.code in ("", FAILED):
        return verdict
    evidence = verdict.evidence_at or before.evidence_at
    failed = FAILED in (before.code, verdict.code)
    return replace(_PASSED, evidence_at=evidence) if failed else accept(evidence)


def _fail(run: _Run, step: int, planned: PlannedAction, page: _Page, sentence: str) -> bool:
    """Apply the action's `on_failure` to a failed page, and record the failure."""
    word = _ON_FAILURE.get(planned.on_failure, Word.UNDECIDED)
    key = (step, sentence, word)
    run.failed[key] = run.failed.get(key, 0) + len(page)
    verdict = _PASSED if word is Word.ACCEPT else Verdict(word, FAILED, sentence)
    return _apply(run, step, page, [verdict] * len(page))
