"""Runs a plan over a chunk of contacts, in pages; several pages are in flight if a kind waits for other systems.

The checks run first, then the effects prepare. Rules:

- The first rejection of a contact is its reason, and a rejected contact is not asked again.
- Any rejection overrides undecided; the first reason for undecided is kept.
- An accepted contact keeps the evidence of the last check that gave some.
- An effect is prepared for the contacts that its verdict may still include.
- A page that fails for good is treated by the action's `on_failure`, and reported.
- No error of a kind ends the run.
- With `patience`, contacts whose service does not answer are left for another run, instead of asking until it does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

from actions.contract import (
    ACCEPT,
    Check,
    Contact,
    Context,
    Permanent,
    Phase,
    Verdict,
    Word,
    accept,
)
from actions.plan.build import build
from actions.plan.failures import FAILED, PlanFailure
from actions.plan.merge import PlannedAction, canonical
from actions.plan.questions import TICK_SECONDS, Answer, Asking, Page, Stopped, Waits

_ON_FAILURE = {"hold": Word.UNDECIDED, "reject": Word.REJECT, "accept": Word.ACCEPT}
_PASSED = Verdict(Word.ACCEPT, FAILED, PlanFailure.LET_PASS())


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
    `payloads` are (position of the contact, position of the effect in the plan, JSON text). The contacts at `waiting`
    have no verdict: ask again in `again_in` seconds.
    """

    verdicts: list[Verdict]
    steps: list[int]
    action: list[str]
    failures: tuple[Failure, ...] = ()
    payloads: Sequence[tuple[int, int, str]] = ()
    waiting: frozenset[int] = frozenset()
    again_in: float = 0.0


@dataclass(slots=True)
class _Run:
    """The state of one chunk."""

    contacts: Sequence[Contact]
    pool: ThreadPoolExecutor
    stop: Event
    tick: Callable[[], None]
    verdicts: list[Verdict]
    steps: list[int]
    patience: float | None
    failed: dict[tuple[int, str, Word], int] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)
    again_in: float = 0.0
    payloads: list[tuple[int, int, str]] = field(default_factory=list)


def run_plan(
    actions: Sequence[PlannedAction],
    contacts: Sequence[Contact],
    make_context: Callable[[PlannedAction], Context],
    *,
    pool: ThreadPoolExecutor,
    stop: Event | None = None,
    tick: Callable[[], None] = lambda: None,
    patience: float | None = None,
) -> Result:
    """Judge a chunk of contacts; raise Stopped once `stop` is set.

    The pool serves the pages of kinds that wait; it must not be the one that runs this call. `make_context` is called
    once for each action, `tick` about once a second during a wait; an error from `tick` ends the run. `patience`: how
    many seconds a page is asked again, if its service does not answer; None: while the time lasts.
    """
    total = len(contacts)
    run = _Run(contacts, pool, stop or Event(), tick, [ACCEPT] * total, [-1] * total, patience)
    everybody: Sequence[int] = range(total)
    remaining = everybody
    for step, planned in enumerate(actions):
        if run.stop.is_set():
            raise Stopped
        # A transfer may include rejected contacts too; it prepares nothing for contacts that it does not include.
        places = everybody if planned.phase == Phase.TRANSFER else remaining
        if places and _run_one(run, step, planned, places, make_context):
            verdicts, rejecting = run.verdicts, Word.REJECT
            remaining = [
                place for place in remaining if verdicts[place].word is not rejecting and place not in run.waiting
            ]
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
    waiting = frozenset(run.waiting), run.again_in
    return Result(run.verdicts, run.steps, [names[step] for step in run.steps], failures, payloads, *waiting)


def _run_one(
    run: _Run,
    step: int,
    planned: PlannedAction,
    places: Sequence[int],
    make_context: Callable[[PlannedAction], Context],
) -> bool:
    """Run one action over the contacts at these places; return whether it rejected any, or left any waiting."""
    try:
        kind = build(planned.kind, planned.config)
        context = make_context(planned)
    except Permanent as error:
        return _fail(run, step, planned, places, error.text)
    size = kind.page_size
    pages = (places[start : start + size] for start in range(0, len(places), size))
    rejected = False
    asking = Asking(run.contacts, run.stop, run.tick, run.patience, kind, context)
    inline = ((page, asking.ask(page)) for page in pages)
    for page, answer in _in_pool(run, asking, pages) if kind.waits else inline:
        if isinstance(answer, Waits):
            run.waiting.update(page)
            run.again_in = max(run.again_in, answer.seconds)
            rejected = True
        elif isinstance(answer, str):
            rejected |= _fail(run, step, planned, page, answer)
        else:
            answers: Sequence[Any] = answer
            rejected |= _apply(run, step, page, answers if isinstance(kind, Check) else _keep(run, step, page, answers))
    return rejected


def _in_pool(run: _Run, asking: Asking, pages: Iterator[Page]) -> Iterator[tuple[Page, Answer]]:
    """Ask pages in the pool, at most `parallel` at a time; if the run ends early, wait for those in flight."""
    kind = asking.kind
    flying: dict[Future[Answer], Page] = {}
    given_up = Event()
    try:
        for page in pages:
            flying[run.pool.submit(asking.ask, page, given_up)] = page
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


def _next(run: _Run, flying: Mapping[Future[Answer], Page]) -> set[Future[Answer]]:
    """Return the answered pages, as soon as there are any, or after a second."""
    done = wait(flying, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED).done
    run.tick()
    return done


def _keep(run: _Run, step: int, page: Page, answers: Sequence[Any]) -> Sequence[Verdict]:
    """Store prepared data of an effect, pass its results to later actions, and return its verdicts."""
    for place, answer in zip(page, answers, strict=True):
        if answer.payload is not None:
            run.payloads.append((place, step, canonical(answer.payload)))
        if answer.given:
            contact = run.contacts[place]
            contact.given = {**contact.given, **answer.given}
    return [answer.verdict for answer in answers]


def _apply(run: _Run, step: int, page: Page, answer: Sequence[Verdict]) -> bool:
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


def _fail(run: _Run, step: int, planned: PlannedAction, page: Page, sentence: str) -> bool:
    """Apply the action's `on_failure` to a failed page, and record the failure."""
    word = _ON_FAILURE.get(planned.on_failure, Word.UNDECIDED)
    key = (step, sentence, word)
    run.failed[key] = run.failed.get(key, 0) + len(page)
    verdict = _PASSED if word is Word.ACCEPT else Verdict(word, FAILED, sentence)
    return _apply(run, step, page, [verdict] * len(page))
