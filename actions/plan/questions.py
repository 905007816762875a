"""Questions about one page of contacts: asked again while there is time, or while the caller has patience."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, NamedTuple, TypeVar

from django.db import Error

from actions.contract import Blocked, Check, Contact, Context, Kind, Later, Permanent, Retryable, Verdict
from actions.effect import Preparing, Rendered
from actions.plan.failures import PlanFailure

FIRST_DELAY = 0.2
LONGEST_DELAY = 10.0
# With `patience`: ask no further pages after this many in a row that were not answered.
SILENT_PAGES = 4
# Interval in seconds of the caller's progress reports during a wait.
TICK_SECONDS = 1.0
_A = TypeVar("_A", Verdict, Rendered)


class Stopped(Exception):
    """The process must stop, and the chunk is not fully judged."""


class Waits(NamedTuple):
    """The service did not answer; ask again in so many seconds."""

    seconds: float


# Places of the contacts of a page.
Page = Sequence[int]
# Verdicts of a check, prepared data of an effect, the reason for a failure, or none yet.
Answer = Sequence[Any] | str | Waits


@dataclass(slots=True)
class Asking:
    """One action of a run. `silent`: pages in a row that its service did not answer.

    `patience`: seconds for which a page is asked again; None: while there is time.
    """

    contacts: Sequence[Contact]
    stop: Event
    tick: Callable[[], None]
    patience: float | None
    kind: Kind
    context: Context
    silent: int = 0

    def ask(self, page: Page, given_up: Event | None = None) -> Answer:
        """Ask about one page, with retries while there is time; return verdicts, or the reason for a failure.

        `given_up` is set once no caller waits for the answer.
        """
        stop, kind, context = self.stop, self.kind, self.context
        contacts = [self.contacts[place] for place in page]
        delay, began = FIRST_DELAY, time.monotonic()
        patience = self.patience if kind.waits else None
        given_up = given_up or stop
        # Outside the pool, this thread must report progress itself.
        tick = (lambda: None) if kind.waits else self.tick
        while True:
            if stop.is_set() or given_up.is_set():
                raise Stopped
            if kind.waits and context.time_left() <= 0:
                return PlanFailure.NO_TIME()
            if self.silent >= SILENT_PAGES:
                return Waits(0.0)
            try:
                answer = _answer(kind, contacts, context)
                self.silent = 0
                return answer
            except Error:
                raise  # the gateway's own database: the caller handles it
            except Permanent as error:
                return error.text
            except Later as error:
                if (pause := error.retry_after or 0.0) >= context.time_left():
                    return PlanFailure.NO_TIME()
                _pause(pause, stop, given_up, tick=tick)
            except Retryable as error:
                pause = max(delay * random.uniform(0.5, 1.0), error.retry_after or 0.0)
                if pause >= context.time_left():
                    return PlanFailure.NO_TIME_AGAIN(why=error.text)
                blocked = isinstance(error, Blocked)
                if patience is not None and (blocked or time.monotonic() + pause - began > patience):
                    self.silent += SILENT_PAGES if blocked else 1
                    return Waits(pause)
                _pause(pause, stop, given_up, tick=tick)
                delay = min(delay * 2, LONGEST_DELAY)
            except Exception as error:
                # The text of an unexpected error may contain contact data, so name only its class.
                return PlanFailure.RAISED(name=kind.name, error=type(error).__name__)


def _answer(kind: Kind, contacts: Sequence[Contact], context: Context) -> Answer:
    if isinstance(kind, Preparing):
        return _checked(kind.render(contacts, context), Rendered, len(contacts))
    if isinstance(kind, Check):
        return _checked(kind.check(contacts, context), Verdict, len(contacts))
    return PlanFailure.USELESS(name=kind.name)


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
