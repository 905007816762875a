"""Adaptive limit on concurrent calls: it grows while the remote side is fast, and shrinks when calls fail."""

from collections.abc import Callable
from typing import Final

from outbound.retry_after import MAX_WAIT

# A round trip below this multiple of the best one means that the limit may grow.
QUICK: Final = 2.0
# Failures up to this share of a round say nothing about load: one broken machine behind a balancer causes as many.
TOLERATED: Final = 0.1
# A round in which everything failed keeps a quarter of the limit: 256 concurrent calls fall to one after four rounds.
LEAST_KEPT: Final = 0.25
# From this share of failures on the round always counts as trouble.
CROWDED: Final = 0.5
# After this many failures in a round, or a CROWDED share, remember the reduced limit for a while as the ceiling. Fewer
# failures may be chance.
MANY: Final = 8
# If halving the limit leaves more than this part of the failure share, our calls do not cause the failures.
UNCHANGED: Final = 0.7
# Seconds until a ceiling, or a failure share with another cause, is forgotten; the limit then doubles again.
TROUBLE_FADES: Final = 10.0
# Seconds until the best round trip is measured again, since the remote side changes over time.
BEST_FADES: Final = 30.0


class Strays:
    """Failure share that our calls do not cause: a small one, or one that stayed when the limit was halved.

    Without this, a platform that fails every fifth call whatever the load would be called one by one.
    """

    def __init__(self) -> None:
        self._share = TOLERATED
        self._share_until = 0.0
        self._limit = 0  # limit when the failures began
        self._failing = 0.0  # failure share at that time
        self._began = -TROUBLE_FADES

    def explain(self, share: float, limit: int, now: float) -> bool:
        """Return whether a failure share at this limit is no reason to reduce it."""
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
        # Add half, since rounds differ by chance.
        self._share, self._share_until = min(1.5 * share, CROWDED), now + TROUBLE_FADES
        return True


class Pace:
    """The limit on concurrent calls, learnt from answers.

    1. A round has as many answers as the limit, about one round trip.
    2. A round that filled the limit, with only stray failures, doubles it; from a ceiling on it grows by one.
    3. A round with more failures, or with any 429, reduces the limit to its share of good answers. Calls that began
      earlier no longer count, since they carry no new information.
    4. Answers that take twice the best round trip freeze the limit: more calls would only queue.
    5. Learnt values expire: the ceiling, the best round trip, and after a pause everything. The best round trip is
      measured with half the limit, so that our own queue does not count as latency of the remote side.

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
        self._restart_round()

    def _restart_round(self) -> None:
        """Begin a round that counts only calls that begin from now on."""
        self._since = self._begun
        self._begin_round()

    def _begin_round(self) -> None:
        self._good = self._slowed = self._failed = 0
        self._latencies = 0.0
        self._samples = 0
        self._was_full = False

    def begin(self) -> int:
        """Register the start of a call; return its number, to be passed with its answer."""
        now = self._clock()
        if now - self._used_at > BEST_FADES:
            self._start_over()
        self._used_at = now
        self._begun += 1
        return self._begun

    def full(self) -> None:
        """Record that the limit is reached, so that the limit is what slows us down."""
        self._was_full = True

    def good(self, number: int, latency: float | None) -> None:
        """Record an answer to call `number`; `latency` is None if our own caller distorted the measurement."""
        if number <= self._since:
            return
        self._good += 1
        if latency is not None:
            self._latencies += latency
            self._samples += 1
        self._end_round_if_full()

    def bad(self, number: int, *, slowed: bool) -> None:
        """Record a failure of call `number`; `slowed` if the remote side asked for fewer calls (429)."""
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
        self._restart_round()

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
        """Return whether a round's mean latency lets the limit grow; a minimum would depend on one lucky answer."""
        if self._best is None or mean <= self._best:
            self._best, self._best_at = mean, now
            return True
        if now - self._best_at > BEST_FADES:
            self._best = None
            self.limit = max(1, self.limit // 2)
            self._restart_round()
            return False
        if mean < QUICK * self._best:
            return True
        self._remember_ceiling(now)
        return False

    def _remember_ceiling(self, now: float) -> None:
        self._ceiling = self.limit
        self._ceiling_until = now + TROUBLE_FADES

    def pause(self, seconds: float) -> None:
        """Begin no call for this many seconds, an hour at most."""
        self.paused_until = max(self.paused_until, self._clock() + min(seconds, MAX_WAIT))

    def pause_left(self) -> float:
        """Return the seconds until calls may begin again, 0 if they may now."""
        return max(0.0, self.paused_until - self._clock())
