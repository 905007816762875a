"""How many calls may be under way at once: grows while the other side is quick, shrinks when it is in trouble."""

from collections.abc import Callable
from typing import Final

from outbound.retry_after import MAX_WAIT

# A round trip that takes less than this many times the best one seen means that there is room for more.
QUICK: Final = 2.0
# Stray failures up to this share of a round say nothing about load: one broken machine behind a balancer makes as many.
TOLERATED: Final = 0.1
# A round in which everything failed keeps a quarter: 256 calls at once are down to one after four rounds.
LEAST_KEPT: Final = 0.25
# From this share on it is trouble, whatever it was before.
CROWDED: Final = 0.5
# After a round with so many failures, or so large a share, what is kept of the limit is remembered for a while as the
# ceiling; fewer may be chance.
MANY: Final = 8
# Failures that half the limit leaves above this part of their share are not made by our calls.
UNCHANGED: Final = 0.7
# Seconds after which a ceiling, or a share that is not ours, is forgotten: the limit doubles again, and finds out anew.
TROUBLE_FADES: Final = 10.0
# Seconds after which the best round trip is measured anew: the other side of an hour ago is not that of now.
BEST_FADES: Final = 30.0


class Strays:
    """Which share of failures is not made by our calls: a small one, or one that did not fall when the calls were halved.

    Without this, a platform of which every fifth answer fails whatever the load would be called one by one.
    """

    def __init__(self) -> None:
        self._share = TOLERATED
        self._share_until = 0.0
        self._limit = 0  # at which the failures began
        self._failing = 0.0  # their share then
        self._began = -TROUBLE_FADES

    def explain(self, share: float, limit: int, now: float) -> bool:
        """Whether a share of failures at this limit is no reason to shrink it."""
        if now >= self._share_until:
            self._share = TOLERATED
        if share <= self._share:
            return True
        if share >= CROWDED:
            return False
        if now - self._began > TROUBLE_FADES or limit > self._limit:
            self._limit, self._failing, self._began = limit, share, now
            return False
        if limit > self._limit / 2 or share < UNCHANGED * self._failing:
            return False
        # Half as much again, since rounds differ by chance.
        self._share, self._share_until = min(1.5 * share, CROWDED), now + TROUBLE_FADES
        return True


class Pace:
    """The limit on calls at once, learnt from answers.

    1. A round is one limit's worth of answers, about one round trip.
    2. A round that filled the limit, with no failures but strays, doubles it; from a ceiling on it grows by one.
    3. A round with more failures, or with any 429, keeps as large a part of the limit as was answered well. Calls begun
       before that count no more: they tell nothing new.
    4. Answers that take twice the best round trip hold the limit where it is: more calls would only queue.
    5. What was learnt fades: the ceiling, the best round trip (measured with half the limit, so that our own queue is
       not taken for the other side's latency), and after a rest everything.

    Times are seconds of `clock`.
    """

    def __init__(self, start: int, highest: int, clock: Callable[[], float]) -> None:
        self.highest = max(1, highest)
        self.paused_until = 0.0
        self._start = min(max(1, start), self.highest)
        self._clock = clock
        self._begun = 0
        self._used_at = clock()
        self._start_over()

    def _start_over(self) -> None:
        self.limit = self._start
        self._ceiling: int | None = None
        self._ceiling_until = 0.0
        self._best: float | None = None
        self._best_at = 0.0
        self._strays = Strays()
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Begin a round for which only calls count that begin from now on."""
        self._since = self._begun
        self._begin_round()

    def _begin_round(self) -> None:
        self._good = self._slowed = self._failed = 0
        self._latencies = 0.0
        self._samples = 0
        self._was_full = False

    def begin(self) -> int:
        """A call begins; its number comes back with its answer."""
        now = self._clock()
        if now - self._used_at > BEST_FADES:
            self._start_over()
        self._used_at = now
        self._begun += 1
        return self._begun

    def full(self) -> None:
        """As many calls as allowed are under way: the limit is what holds us back."""
        self._was_full = True

    def good(self, number: int, latency: float | None) -> None:
        """Call `number` was answered; `latency` is None where our own caller kept us from measuring it."""
        if number <= self._since:
            return
        self._good += 1
        if latency is not None:
            self._latencies += latency
            self._samples += 1
        self._end_round_if_full()

    def bad(self, number: int, *, slowed: bool) -> None:
        """Call `number` failed; `slowed` where the other side asked for fewer calls (429)."""
        if number <= self._since:
            return
        if slowed:
            self._slowed += 1
        else:
            self._failed += 1
        self._end_round_if_full()

    def _end_round_if_full(self) -> None:
        bad = self._slowed + self._failed
        answers = self._good + bad
        if answers < self.limit:
            return
        now = self._used_at = self._clock()
        share = bad / answers
        if self._slowed or not self._strays.explain(share, self.limit, now):
            crowded = bool(self._slowed) or bad >= MANY or (share >= CROWDED and bad > 1)
            self._shrink(share, crowded=crowded, now=now)
        elif self._samples and not self._is_quick(self._latencies / self._samples, now):
            self._begin_round()
        else:
            if share > TOLERATED:
                self._ceiling = None
            if self._was_full:
                self._grow(now)
            self._begin_round()

    def _shrink(self, share: float, *, crowded: bool, now: float) -> None:
        self.limit = max(1, int(self.limit * max(LEAST_KEPT, 1 - share)))
        if crowded:
            self._remember_ceiling(now)
        self._begin_anew()

    def _grow(self, now: float) -> None:
        if self._ceiling is not None and now >= self._ceiling_until:
            self._ceiling = None
        if self._ceiling is None:
            grown = self.limit * 2
        elif self.limit < self._ceiling:
            grown = min(self.limit * 2, self._ceiling)
        else:
            grown = self.limit + 1
        self.limit = min(grown, self.highest)

    def _is_quick(self, mean: float, now: float) -> bool:
        """Whether a round's mean latency leaves room; the mean, since one lucky answer would set the best out of reach."""
        if self._best is None or mean <= self._best:
            self._best, self._best_at = mean, now
            return True
        if now - self._best_at > BEST_FADES:
            self._best = None
            self.limit = max(1, self.limit // 2)
            self._begin_anew()
            return False
        if mean < QUICK * self._best:
            return True
        self._remember_ceiling(now)
        return False

    def _remember_ceiling(self, now: float) -> None:
        self._ceiling = self.limit
        self._ceiling_until = now + TROUBLE_FADES

    def pause(self, seconds: float) -> None:
        """Nothing new is begun for so long, an hour at most."""
        self.paused_until = max(self.paused_until, self._clock() + min(seconds, MAX_WAIT))

    def pause_left(self) -> float:
        """Seconds until calls may begin again, 0 when they may."""
        return max(0.0, self.paused_until - self._clock())
