"""How many calls may be under way at once: grows while the other side is quick, shrinks when it is in trouble."""

from collections.abc import Callable

from outbound.waiting import MAX_WAIT

# A round trip that takes less than this many times the best one seen means that there is room for twice as many.
QUICK = 2.0


class Pace:
    """The limit on calls at once, learnt from answers.

    Calls carry rising numbers. A window is one limit's worth of good answers, about one round trip. After each window
    that filled the limit it doubles while answers stay quick, then grows by one. Trouble halves it, at most once per
    round trip: calls begun before the last halving tell nothing new. Times are seconds of `clock`.
    """

    def __init__(self, start: int, highest: int, clock: Callable[[], float]) -> None:
        self.highest = max(1, highest)
        self.limit = min(max(1, start), self.highest)
        self.paused_until = 0.0
        self._clock = clock
        self._doubling = True
        self._halved_at = -1
        self._best: float | None = None
        self._begin_window()

    def _begin_window(self) -> None:
        self._good = 0
        self._latencies = 0.0
        self._samples = 0
        self._was_full = False

    def full(self) -> None:
        """As many calls as allowed are under way: the limit is what holds us back."""
        self._was_full = True

    def good(self, latency: float | None) -> None:
        """An answer came; `latency` is None where our own caller kept us from measuring it."""
        self._good += 1
        if latency is not None:
            self._latencies += latency
            self._samples += 1
        if self._good >= self.limit:
            self._end_window()

    def _end_window(self) -> None:
        if self._samples:
            # The mean of a window, not the quickest single answer, which one lucky call would set out of reach.
            mean = self._latencies / self._samples
            if self._best is None or mean < self._best:
                self._best = mean
            elif mean >= QUICK * self._best:
                self._doubling = False
        if self._was_full:
            self.limit = min(self.highest, self.limit * 2 if self._doubling else self.limit + 1)
        self._begin_window()

    def bad(self, number: int, begun: int, *, gently: bool) -> None:
        """Call `number` met trouble when calls up to `begun` had been started; `gently` ends the doubling for good."""
        if gently:
            self._doubling = False
        if number > self._halved_at:
            self._halved_at = begun
            self.limit = max(1, self.limit // 2)
            self._begin_window()

    def pause(self, seconds: float) -> None:
        """Nothing new is begun for so long, an hour at most."""
        self.paused_until = max(self.paused_until, self._clock() + min(seconds, MAX_WAIT))

    def pause_left(self) -> float:
        """Seconds until calls may begin again, 0 when they may."""
        return max(0.0, self.paused_until - self._clock())
